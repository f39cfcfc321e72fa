"""The Jobs tab: the jobs that concern a user, filtered, kept up to date, and as a file."""

import re
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from jobs import bulk, definitions, exports, filter_values, job_rows, search
from jobs.filters import JobFilter
from jobs.job_rows import Row
from jobs.models import Batch, Job, Status, sees_all_jobs
from jobs.places import Origin, Place, address
from jobs.search import Found
from jobs.stuck import Standing
from provena.http import HtmxRequest, csv_file, lines_file, wants_fragment
from provena.paging import PAGE_SIZE

MOST_AT_ONCE = 1_000  # rows that come back by the back button
FURTHER_BACK = 10  # times as many rows may be looked at for these as for a page
ID = re.compile(r"[0-9a-fA-F-]{8,36}")
SHORT_ID, WHOLE_ID = 8, 32  # digits


@require_safe
def job_list(request: HtmxRequest) -> HttpResponse:
    """The jobs that concern the user, newest first. Where more are asked for, only their rows are
    sent, and the address then tells which are shown, so that the back button leads to them."""
    wanted, faults = JobFilter.from_query(request.GET)
    place = Place.of(request.GET)
    if not wants_fragment(request):
        if faults:
            return _refused(request, wanted, faults)
        if elsewhere := _better_address(request, wanted):
            return redirect(elsewhere)
    found = Found([]) if faults else _found(request, wanted, place)
    is_vain = not found.jobs and found.next is None and place.below is not None
    if is_vain and place.top is None and not wants_fragment(request):
        return redirect(address(wanted))  # nothing is left there; the newest jobs are of more use
    context = _listed(request, wanted, place, found)
    if not wants_fragment(request):
        return render(request, "jobs/job_list.html", context | _form(request, wanted, found))
    if not request.GET.get("after"):
        return render(request, "jobs/_job_list.html", context | _form(request, wanted, found))
    response = render(request, "jobs/_job_rows.html", context | {"is_further": "on" in request.GET})
    if place.top is not None:
        response["HX-Replace-Url"] = address(wanted, f"rows={place.top}-{found.next or 0}")
    return response


@require_safe
def job_export(request: HtmxRequest, form: str) -> HttpResponseBase:
    """All jobs that are wanted, as CSV or as lines of JSON, sent as they are read."""
    wanted, faults = JobFilter.from_query(request.GET)
    if faults:
        return _refused(request, wanted, faults)
    if form == "csv":
        return csv_file("jobs.csv", exports.table(wanted, request.user))
    return lines_file("jobs.jsonl", exports.lines(wanted, request.user))


def _found(request: HtmxRequest, wanted: JobFilter, place: Place) -> Found:
    if place.last is not None:
        return search.page(
            wanted,
            request.user,
            below=place.below,
            down_to=place.last,
            limit=MOST_AT_ONCE,
            look=FURTHER_BACK * search.LOOK,
        )
    return search.page(wanted, request.user, below=place.below, limit=PAGE_SIZE)


def _listed(request: HtmxRequest, wanted: JobFilter, place: Place, found: Found) -> dict[str, Any]:
    """The context of the rows."""
    rows = job_rows.rows(request.user, found.jobs, wanted)
    top = place.top
    if top is None:
        newest = Job.objects.order_by("-pk").values_list("pk", flat=True)
        top = max((job.pk for job in found.jobs), default=0) or newest.first() or 0
    more = address(wanted, f"after={found.next}") if found.next else ""
    return {
        "rows": rows,
        "found": found,
        "wanted": wanted,
        "after": request.GET.get("after"),
        "top": top,
        "more": more,
        "origin": Origin(wanted, top, found.next or 0),
        "here": address(wanted),
        "deeds": _deeds(request, wanted, rows),
        "sees_all": sees_all_jobs(request.user),
        "standing": Standing.of(_waited_for(rows)),
    }


def _deeds(request: HtmxRequest, wanted: JobFilter, rows: list[Row]) -> list[dict[str, Any]]:
    """What can be done to some of the jobs that match, as the rows that are shown tell, and the
    indexes of those that are not."""
    found = {status for row in rows for status in row.statuses}
    if rows and wanted.is_plain:
        found |= search.states(wanted, request.user)
    return [
        {"deed": bulk.worded(deed, wanted), "url": reverse(f"jobs-{deed.name}")}
        for deed in bulk.DEEDS
        if bulk.fits(deed, wanted, found)
    ]


def _form(request: HtmxRequest, wanted: JobFilter, found: Found) -> dict[str, Any]:
    """The context of the filters, and of the page where nothing is found."""
    labels = {"item": _item(request, wanted.item), "sub_type": ""}
    return {
        "chips": [
            {
                "part": part,
                "words": labels.get(part.name) or part.words,
                "without": address(wanted.without(part)),
            }
            for part in wanted.parts()
        ],
        "statuses": filter_values.STATES,
        "types": filter_values.types(),
        "kinds": _kinds(),
        "batches": filter_values.BATCHES,
        "windows": filter_values.WINDOWS,
        "query": wanted.to_query(),
        "site_zone": timezone.get_default_timezone_name(),
        "news": f"{reverse('job-news')}?{wanted.to_query()}",
        "no_such_user": bool(wanted.user)
        and not found.jobs
        and sees_all_jobs(request.user)
        and not get_user_model().objects.filter(username=wanted.user).exists(),
    }


def _item(request: HtmxRequest, item: str) -> str:
    """What the item of a filter is called, as far as the user may know."""
    if not item:
        return ""
    subject = definitions.subjects(request.user, [item]).get(item)
    return subject.label if subject else f"{item}, none that you may read"


def _kinds() -> dict[str, list[definitions.JobKind]]:
    """The job kinds by their type."""
    kinds: dict[str, list[definitions.JobKind]] = {}
    for kind in definitions.job_kinds():
        kinds.setdefault(kind.type, []).append(kind)
    return dict(sorted(kinds.items()))


def _refused(request: HtmxRequest, wanted: JobFilter, faults: list[str]) -> HttpResponse:
    """The page that says which values of its address make no sense; it lists nothing."""
    found = Found([])
    context = _listed(request, wanted, Place(), found) | _form(request, wanted, found)
    return render(request, "jobs/job_list.html", context | {"faults": faults}, status=400)


def _better_address(request: HtmxRequest, wanted: JobFilter) -> str:
    """Where a shorter address says the same, or the text is the id of a job or of a batch, or its
    beginning, as the list shows it."""
    if ID.fullmatch(wanted.text) and (found := _by_id(request, wanted.text.replace("-", ""))):
        return found.get_absolute_url()
    return address(wanted) if "" in request.GET.dict().values() else ""


def _by_id(request: HtmxRequest, digits: str) -> Job | Batch | None:
    """The only job or batch whose id begins with these digits."""
    if not SHORT_ID <= len(digits) <= WHOLE_ID:
        return None
    span = tuple(UUID(digits.ljust(WHOLE_ID, end)) for end in "0f")
    jobs = Job.objects.visible_to(request.user).filter(session_id__range=span)
    batches = Batch.objects.visible_to(request.user).filter(pk__range=span)
    found = [*jobs.only("session_id").order_by()[:2], *batches.order_by()[:2]]
    return found[0] if len(found) == 1 else None


def _waited_for(rows: list[Row]) -> set[str]:
    """The queues in which jobs that are shown wait."""
    return {row.job.queue for row in rows if row.status == Status.PENDING}
