"""What an open list of jobs asks for now and then: what has changed in the rows that it shows."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs import job_rows, places, search
from jobs.filters import JobFilter
from jobs.job_rows import Row
from jobs.models import Job, Status, sees_all_jobs, shown_state
from jobs.places import Origin
from jobs.stuck import Standing
from jobs.views import NOTHING_NEW
from provena.http import HtmxRequest

MOST_NEW = 25  # new jobs that are counted
MOST_WATCHED = 300  # rows whose changes are told; an address must not get too long


@dataclass(frozen=True)
class _Shown:
    """The rows that a page shows: those that have changed since, and the queues in which any of all
    of them waits."""

    changed: list[Row]
    queues: set[str]


@require_safe
def job_news(request: HtmxRequest) -> HttpResponse:
    """What has changed in the rows that are shown (`watch`), why they stand still (`standing`), and
    how many new ones there are above the first (`top`). Nothing is sent while all that is as the
    page says it is."""
    wanted, faults = JobFilter.from_query(request.GET)
    top = places.key(request.GET.get("top", ""))
    new = 0 if faults or top is None else search.newer(wanted, request.user, top, MOST_NEW + 1)
    marks = dict(job_rows.read_marks(request.GET.get("watch", "").split("_")[:MOST_WATCHED]))
    shown = _look(request, marks, wanted)
    standing, before = Standing.of(shown.queues), request.GET.get("standing", "")
    is_new = str(new) != request.GET.get("new", "0")
    if not (shown.changed or is_new or standing.seen != before):
        return HttpResponse(status=NOTHING_NEW)
    context = {
        "rows": shown.changed,
        "new": new,
        "more_new": new > MOST_NEW,
        "is_new": is_new,
        "told": [row for row in shown.changed if row.mark[0] != marks[row.job.pk][0]],
        "standing": standing,
        "is_standing_new": standing.seen != before,
        "is_standing_told": standing.kinds != before.partition(".")[0],
        "here": places.address(wanted),
        "origin": Origin(wanted, top or max(marks, default=0), min(marks, default=0)),
        "sees_all": sees_all_jobs(request.user),
    }
    return render(request, "jobs/_job_news.html", context)


def _look(request: HtmxRequest, marks: dict[int, str], wanted: JobFilter) -> _Shown:
    """The rows with these marks as they are now. While none has changed, this is one query."""
    jobs = Job.objects.visible_to(request.user)
    columns = ("attempt", "batch__resumed_at", "status", "cancelled_at", "mended_by")
    watched = jobs.filter(pk__in=marks).order_by().values_list("pk", "queue", *columns)
    now = list(watched) if marks else []
    queues = {pk: queue for pk, queue, *_ in now}
    maybe = [
        pk
        for pk, _, attempt, resumed_at, *state in now
        if not job_rows.is_same(marks[pk], shown_state(*state), attempt, resumed_at)
    ]
    found = list(jobs.filter(pk__in=maybe).for_lists()) if maybe else []
    rows = job_rows.rows(request.user, found, wanted)
    latest = {pk: marks[pk] for pk in queues} | {row.job.pk: row.mark for row in rows}
    return _Shown(
        changed=[row for row in rows if row.mark != marks[row.job.pk]],
        queues={queues[pk] for pk, mark in latest.items() if mark[0] == Status.PENDING[0]},
    )
