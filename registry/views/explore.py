"""Finding items: the home page and the list of all items."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs import definitions
from jobs.models import Job, no_worker
from provena.http import HtmxRequest, wants_fragment
from provena.paging import keyset
from registry import kinds, services
from registry.models import Item

RECENT = 6


@require_safe
def home(request: HtmxRequest) -> HttpResponse:
    """What concerns the user: their latest items, their jobs that need a look, a way to begin."""
    own_jobs = Job.objects.filter(owner=request.user).defer("payload", "result", "traceback")
    unfinished = list(own_jobs.unfinished()[:RECENT])
    jobs = [*own_jobs.failed()[:RECENT], *unfinished]
    subjects = definitions.subjects(request.user, [job.subject for job in jobs])
    context = {
        "person": services.person_of(request.user),
        "items": Item.objects.readable_by(request.user)
        .filter(owner=request.user)
        .exclude(subtype__in=_system_made())[:RECENT],
        "jobs": [{"job": job, "subject": subjects.get(job.subject)} for job in jobs],
        "no_worker": bool(unfinished) and no_worker(),
    }
    return render(request, "registry/home.html", context)


@require_safe
def explore(request: HtmxRequest) -> HttpResponse:
    """All readable items, newest first, by kind."""
    subtype = request.GET.get("kind", "").upper()
    chosen = next((kind for kind in kinds.all_kinds() if kind.subtype == subtype), None)
    items = Item.objects.readable_by(request.user).select_related("owner")
    if chosen:
        items = items.of_kind(chosen.subtype)
    after = request.GET.get("after")
    context = {
        "page": keyset(items.defer("info", "search_text"), after),
        "after": after,
        "chosen": chosen,
        "kinds": kinds.all_kinds(),
    }
    if not wants_fragment(request):
        return render(request, "registry/explore.html", context)
    return render(request, "registry/_item_rows.html", context)


def _system_made() -> list[str]:
    return [kind.subtype for kind in kinds.all_kinds() if not kind.user_made]
