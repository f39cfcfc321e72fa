"""For who runs the site: how the engine is, pausing a queue, trying the whole machinery, and a
probe for supervisors.

Staff who may view jobs see all of it. Pausing and resuming needs the right to change jobs, a
wake-up the right to add them.
"""

import hashlib
import time
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import Error, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from jobs import health, queues, reports, stuck, tallies, wakeups
from jobs.lifecycle import NotPossible
from jobs.models import Job, QueuePause, sees_all_jobs
from jobs.views import NOTHING_NEW
from provena.http import HtmxRequest, wants_fragment

FORMER = 10  # pauses of a queue that its page lists


@require_safe
def workers(request: HtmxRequest) -> HttpResponse:
    """For staff: clusters, queues, what runs, what is stuck and why, and how it went. Two parts
    ask for themselves: what is now often, what has been now and then."""
    _need(sees_all_jobs(request.user))
    if wants_fragment(request):
        return _news(request)
    context = {"parts": [_now(request), _charts()], "may_wake": wakeups.may_launch(request.user)}
    return render(request, "jobs/workers.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def queue(request: HtmxRequest, name: str) -> HttpResponse:
    """One queue: pausing and resuming it, and who did so before."""
    _need(sees_all_jobs(request.user))
    paused = queues.paused().get(name)
    if name not in queues.names() and not paused:
        raise Http404
    if request.method == "POST":
        return _set(request, name)
    pauses = QueuePause.objects.filter(queue=name).select_related("by", "ended_by")
    context = {
        "name": name,
        "pause": paused,
        "reason": stuck.standstills([name]).get(name),
        "former": pauses.exclude(ended_at=None)[:FORMER],
        "may_pause": queues.may_pause(request.user),
    }
    return render(request, "jobs/queue.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def wake_up(request: HtmxRequest) -> HttpResponse:
    """Launch jobs that do nothing, and see how long they take from here to done."""
    _need(wakeups.may_launch(request.user))
    if request.method == "POST":
        chosen = [kind for kind in request.POST.getlist("kind") if kind]
        wanted = chosen or [kind.sub_type for kind in wakeups.kinds()]
        try:
            made = wakeups.launch(wanted, by=request.user, reason=request.POST.get("reason", ""))
        except NotPossible as refused:
            messages.error(request, str(refused))
            return redirect("wake-up")
        asked = urlencode({"job": [str(job.session_id) for job in made]}, doseq=True)
        return redirect(f"{request.path}?{asked}")
    jobs = _asked_for(request)
    reasons = stuck.explain(jobs)
    context = {
        "kinds": wakeups.kinds(),
        "rows": [(job, reasons.get(job.pk)) for job in jobs],
        "is_done": all(job.is_finished for job in jobs),
    }
    fragment = wants_fragment(request)
    return render(request, f"jobs/{'_wake_ups' if fragment else 'wake_up'}.html", context)


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


def _need(right: bool) -> None:
    if not right:
        raise PermissionDenied


@dataclass(frozen=True)
class Part:
    """A part of the workers page as HTML, and a mark by which the browser names it when it asks for
    news. `told` is announced when it
    changes."""

    name: str
    seconds: int
    html: str
    told: str = ""

    @property
    def seen(self) -> str:
        return f"{_mark(self.told)}-{_mark(self.html)}"


def _news(request: HtmxRequest) -> HttpResponse:
    """A part of the page, if it would look different from what the browser has."""
    part = _charts() if request.GET.get("part") == "charts" else _now(request)
    before = request.GET.get("seen", "")
    if before == part.seen:
        return HttpResponse(status=NOTHING_NEW)
    is_told = part.told and before.partition("-")[0] != part.seen.partition("-")[0]
    return render(request, "jobs/_workers_part.html", {"part": part, "is_told": is_told})


def _now(request: HtmxRequest) -> Part:
    now = health.look()
    context = {"health": now, "may_pause": queues.may_pause(request.user)}
    html = render_to_string("jobs/_workers_now.html", context)
    return Part("now", 2, html, now.told)


def _charts() -> Part:
    return _charts_of(tallies.counted_upto(), int(time.time()) // 60)


@lru_cache(maxsize=1)
def _charts_of(upto: datetime | None, minute: int) -> Part:
    """The charts look the same to everybody, until more is counted or a minute begins."""
    html = render_to_string("jobs/_workers_charts.html", {"reports": reports.both()})
    return Part("charts", 10, html)


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _set(request: HtmxRequest, name: str) -> HttpResponse:
    """Pause or resume the queue, as the form says."""
    try:
        if request.POST.get("do") == "resume":
            queues.resume(name, by=request.user)
            messages.success(request, f"Queue {name} is resumed.")
        else:
            queues.pause(name, by=request.user, reason=request.POST.get("reason", ""))
            messages.success(request, f"Queue {name} is paused. Jobs that run now still end.")
    except NotPossible as refused:
        messages.error(request, str(refused))
    return redirect("workers")


def _asked_for(request: HtmxRequest) -> list[Job]:
    """The wake-ups that the address names, in its order."""
    wanted = []
    for text in request.GET.getlist("job")[: len(wakeups.kinds())]:
        try:
            wanted.append(UUID(text))
        except ValueError:
            continue
    found = {job.session_id: job for job in wakeups.launched().filter(session_id__in=wanted)}
    return [found[one] for one in wanted if one in found]
