"""For who runs the site: how the engine is, and a probe for supervisors."""

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs import health
from jobs.models import sees_all_jobs
from provena.http import HtmxRequest


@require_safe
def workers(request: HtmxRequest) -> HttpResponse:
    """For staff: clusters, queues, what runs, and what is stuck and why."""
    if not sees_all_jobs(request.user):
        raise PermissionDenied
    return render(request, "jobs/workers.html", {"health": health.look()})


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """For probes: 200 while this server and its database answer, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        connection.close()
        return JsonResponse({"web": "ok", "database": "does not answer"}, status=503)
    return JsonResponse({"web": "ok", "database": "ok"})
