"""The home page: what concerns a user, and ways to begin."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs import attention, health
from jobs.models import sees_all_jobs
from jobs.views import NOTHING_NEW
from provena.http import HtmxRequest, wants_fragment
from registry import access, services
from registry.access import Level
from registry.models import Item, RunSheet, SheetRow

RECENT = 6
SHEETS = 3  # tables of runs that wait for their user
State = SheetRow.State
TO_DO = SheetRow.TO_DO


@require_safe
def home(request: HtmxRequest) -> HttpResponse:
    """What concerns the user: their jobs, which ask for news of themselves while any is under way,
    their latest items, their unfinished tables, how the system is, which asks for news of itself
    at any time, and ways to begin."""
    if wants_fragment(request) and "system" in request.GET:
        return _system(request)
    jobs = attention.of_user(request.user)
    if wants_fragment(request):
        if request.GET.get("seen") == jobs.seen:
            return HttpResponse(status=NOTHING_NEW)
        return render(request, "registry/_home_jobs.html", {"jobs": jobs})
    own = Item.objects.readable_by(request.user).filter(owner=request.user)
    items = list(own.made_by_people().defer("info", "search_text")[:RECENT])
    person = services.person_of(request.user)
    has_begun = any(item.subtype != "PERSON" for item in items)
    may_write = access.level(request.user) >= Level.WRITE
    context = {
        "jobs": jobs,
        "items": items,
        "person": person,
        "has_begun": has_begun,
        "may_write": may_write,
        "first_steps": may_write and not (person and has_begun),
        "sheets": _sheets(request.user),
    }
    return render(request, "registry/home.html", context | _how_it_is(request))


def _how_it_is(request: HtmxRequest) -> dict[str, Any]:
    is_operator = sees_all_jobs(request.user)
    return {"system": health.brief(lately=is_operator), "is_operator": is_operator}


def _system(request: HtmxRequest) -> HttpResponse:
    """The line about the system, if it would look different from what the browser has."""
    context, before = _how_it_is(request), request.GET["system"]
    if before == context["system"].seen:
        return HttpResponse(status=NOTHING_NEW)
    kinds = context["system"].standing.kinds
    context["is_told"] = kinds != before.partition(".")[0]
    return render(request, "registry/_home_system.html", context)


def _sheets(user: User) -> list[dict[str, Any]]:
    """The user's latest tables of runs with rows to mend or to register, and how many. The same two
    queries for however many tables."""
    to_do = SheetRow.objects.filter(sheet=OuterRef("pk"), state__in=TO_DO)
    own = RunSheet.objects.filter(Exists(to_do), owner=user, is_ready=True)
    sheets = list(own.defer("columns", "warnings")[:SHEETS])
    rows = SheetRow.objects.filter(sheet__in=sheets, state__in=TO_DO).order_by()
    counts: dict[Any, dict[str, int]] = {sheet.pk: {} for sheet in sheets}
    for sheet, state, number in rows.values_list("sheet", "state").annotate(Count("pk")):
        counts[sheet][state] = number
    return [
        {
            "sheet": sheet,
            "faulty": counts[sheet.pk].get(State.FAULTY, 0),
            "good": counts[sheet.pk].get(State.NEW, 0) + counts[sheet.pk].get(State.RETRY, 0),
        }
        for sheet in sheets
    ]
