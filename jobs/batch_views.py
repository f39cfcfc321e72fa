"""The page of a batch: how far it is, its jobs, and what can be done to all of them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import trigger_client_event

from jobs import deeds, definitions, progress, stuck
from jobs.deeds import Deed
from jobs.details import are_refused
from jobs.models import FAILED_AS, MENDED, Batch, Job, JobQuerySet, Status
from jobs.progress import BatchProgress
from jobs.views import NOTHING_NEW
from provena.http import HtmxRequest, wants_fragment
from provena.paging import PAGE_SIZE, Page, keyset_in_turn

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECONDS = re.compile(r"[0-9]{1,16}")
ROW_NUMBER = re.compile(r"(?:job *|row *|#)?([0-9]{1,9})", re.IGNORECASE)
SHOWN_ROW = re.compile(r"([0-9]{1,9})([A-Z])")  # row from 0, first letter of its state
LONGEST_SEARCH = 200  # characters
UNHURRIED = 50_000  # unfinished jobs that make the page look a second less often
TICK = 10  # seconds after which the time that a batch has taken is news
CHANGED = "batch-changed"  # what the rows of the page wait for


@dataclass(frozen=True)
class Wanted:
    """What the address asks for: one state, a text, and a place in the list.

    `as_of` is when the list was begun. What failed by then comes first, what failed since stays in
    its place: so a walk from page to page meets each job once while jobs go on failing.
    """

    status: str
    text: str
    after: str
    as_of: datetime

    @classmethod
    def by(cls, request: HtmxRequest) -> "Wanted":
        given = request.GET
        status, begun = given.get("status", ""), given.get("at", "")
        is_moment = MICROSECONDS.fullmatch(begun)
        return cls(
            status=status if status in progress.COUNTED else "",
            text=given.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH],
            after=given.get("after", ""),
            as_of=EPOCH + timedelta(microseconds=int(begun)) if is_moment else timezone.now(),
        )

    def query(self, **changed: Any) -> str:
        """The address of this list with something changed, from its first page on."""
        wanted = {"status": self.status, "q": self.text} | changed
        return "?" + urlencode({name: value for name, value in wanted.items() if value})

    @property
    def filtered(self) -> str:
        return self.query()

    @property
    def is_filtered(self) -> bool:
        return bool(self.status or self.text)

    def next(self, page: Page[Job]) -> str:
        """The address of the page after that one; empty at the end."""
        if not page.next:
            return ""
        return self.query(after=page.next, at=(self.as_of - EPOCH) // timedelta(microseconds=1))


@dataclass(frozen=True)
class BatchJobs:
    """The jobs of a batch. Sub type and queue are the same for all: those of the first."""

    batch: Batch
    sub_type: str
    queue: str

    def shown(self) -> JobQuerySet:
        """The jobs with what a row shows of them; `made` is the id of what each made, `named` how
        it is called in what was submitted, and `row` its number in the file that it came from."""
        at = {
            "made": ("result", definitions.made_at(self.sub_type)),
            "named": ("payload", definitions.named_at(self.sub_type)),
            "row": ("payload", definitions.numbered_at(self.sub_type)),
        }
        columns = self.batch.jobs.only(
            *("session_id", "status", "info", "batch", "batch_index", "mended_by"),
            *("dequeued_at", "started_at", "finished_at", "cancelled_at"),
        )
        return columns.annotate(
            **{name: _text_at(of, path) for name, (of, path) in at.items()},
        )


@require_safe
def batch_detail(request: HtmxRequest, batch_id: UUID) -> HttpResponse:
    """A batch and its jobs, those that failed first. Parts of it ask for themselves: the progress
    while it is unfinished, the rows that are shown when it has changed, and more rows."""
    batch = _batch_for(request, batch_id)
    jobs, wanted = _jobs(batch), Wanted.by(request)
    if not wants_fragment(request):
        context = _progress(request, jobs, wanted) | _listed(request, jobs, wanted)
        return render(request, "jobs/batch.html", context)
    if shown := request.GET.get("rows"):
        return _as_shown(request, jobs, shown)
    if wanted.after:
        return render(request, "jobs/_batch_rows.html", _listed(request, jobs, wanted))
    return _news(request, jobs, wanted)


@require_http_methods(["GET", "HEAD", "POST"])
def batch_deed(request: HtmxRequest, batch_id: UUID, deed: Deed) -> HttpResponse:
    """Ask, and then do it to all jobs of the batch that are in its states."""
    batch = _batch_for(request, batch_id)
    if request.method != "POST":
        counts = progress.of_batches([batch])[batch.pk]
        if number := sum(counts[state] for state in deed.states):
            context = {"batch": batch, "deed": deed, "number": number}
            context["question"] = deed.question(number)
            if deed is deeds.RETRY:
                context["is_refused"] = are_refused(batch.jobs.failed_by_itself())
            return render(request, "jobs/batch_confirm.html", context)
        messages.warning(request, f"No job of this batch is {deed.which} any more.")
        return redirect(batch)
    number = deed.to_batch(batch, by=request.user)
    if number:
        messages.success(request, f"{deed.told(number)}.")
    else:
        messages.warning(request, f"No job of this batch was {deed.which} any more.")
    return redirect(batch)


def _batch_for(request: HtmxRequest, batch_id: UUID) -> Batch:
    visible = Batch.objects.visible_to(request.user).select_related("owner")
    return get_object_or_404(visible, pk=batch_id)


def _jobs(batch: Batch) -> BatchJobs:
    first = batch.jobs.filter(batch_index=0).values_list("sub_type", "queue")
    sub_type, queue = next(iter(first), ("", definitions.DEFAULT_QUEUE))
    return BatchJobs(batch, sub_type, queue)


def _news(request: HtmxRequest, jobs: BatchJobs, wanted: Wanted) -> HttpResponse:
    """The progress, if there is anything new; the rows that are shown are told if jobs changed."""
    context = _progress(request, jobs, wanted)
    before = request.GET.get("seen", "").split("-")
    now = context["seen"].split("-")
    if before == now:
        return HttpResponse(status=NOTHING_NEW)
    context["is_news"] = before[0] != now[0]
    response = render(request, "jobs/_batch.html", context)
    if before[1:2] != now[1:2]:
        trigger_client_event(response, CHANGED)
    return response


def _progress(request: HtmxRequest, jobs: BatchJobs, wanted: Wanted) -> dict[str, Any]:
    """The context of `jobs/_batch.html`."""
    now = progress.of_batch(jobs.batch)
    standing = None if now.is_finished else stuck.standstills([jobs.queue]).get(jobs.queue)
    tick = 0 if now.is_finished else int(now.took.total_seconds()) // TICK
    # As many had failed when the rows were listed, which have them first.
    first = request.GET.get("first", "") if wants_fragment(request) else str(now.failed)
    is_below = request.htmx and now.is_finished and not wanted.is_filtered
    seen = f"{now.milestone}-{now.fingerprint}-{tick}{standing.code if standing else ''}"
    return {
        "batch": jobs.batch,
        "title": definitions.title_of(jobs.sub_type),
        "progress": now,
        "legend": _legend(now, wanted),
        "source": definitions.subjects(request.user, [jobs.batch.subject]).get(jobs.batch.subject),
        "is_refused": bool(now.failed) and are_refused(jobs.batch.jobs.failed_by_itself()),
        "links": definitions.batch_links(request.user, jobs.sub_type, jobs.batch),
        "standing": standing,
        "wanted": wanted,
        "seen": seen,
        "poll": wanted.query(seen=seen, first=first),
        "are_below": is_below and _are_below(jobs.batch, now.failed, first),
        "seconds": 1 + now.unfinished // UNHURRIED,
    }


def _are_below(batch: Batch, failed: int, first: str) -> bool:
    """Whether jobs have failed that the list, which began with the `first` ones, has further down:
    not where it is the first rows of the batch that failed."""
    if first.isdecimal() and failed <= int(first):
        return False
    return batch.jobs.failed_by_itself().filter(batch_index__gte=failed).exists()


def _legend(now: BatchProgress, wanted: Wanted) -> list[dict[str, Any]]:
    """The states that jobs of the batch are in, each with the address that shows these only."""
    order = (*progress.DRAWN, Status.PENDING)
    return [
        {
            "status": status,
            "number": now.counts[status],
            "query": wanted.query(status="" if status == wanted.status else status),
            "is_on": status == wanted.status,
        }
        for status in order
        if now.counts[status] or status == wanted.status
    ]


def _listed(request: HtmxRequest, jobs: BatchJobs, wanted: Wanted) -> dict[str, Any]:
    """A page of the batch's jobs as the address wants them."""
    found = jobs.shown()
    if wanted.text:
        matches = Q(info__icontains=wanted.text) | Q(named__icontains=wanted.text)
        matches |= Q(made=wanted.text)
        if number := ROW_NUMBER.fullmatch(wanted.text):
            wanted_row = int(number[1])
            matches |= Q(row=str(wanted_row)) | Q(row=None, batch_index=wanted_row - 1)
        found = found.filter(matches)
    page = keyset_in_turn(in_turn(found, wanted), wanted.after, key="batch_index")
    return _rows(request, page.rows) | {
        "batch": jobs.batch,
        "wanted": wanted,
        "after": wanted.after,
        "more": wanted.next(page),
        "statuses": progress.COUNTED,
    }


def in_turn(jobs: JobQuerySet, wanted: Wanted) -> list[JobQuerySet]:
    """What is listed first, and then, each in the order of its rows."""
    if not wanted.status:
        failed = FAILED_AS[Status.FAILED] & Q(finished_at__lte=wanted.as_of)
        return [jobs.filter(failed), jobs.exclude(failed)]
    if wanted.status in FAILED_AS:
        return [jobs.filter(FAILED_AS[wanted.status])]
    return [
        {
            Status.PENDING: jobs.waiting(),
            Status.SUCCEEDED: jobs.filter(finished_at__isnull=False, result__isnull=False),
        }.get(Status(wanted.status), jobs.leased().filter(status=wanted.status))
    ]


def _as_shown(request: HtmxRequest, jobs: BatchJobs, shown: str) -> HttpResponse:
    """The rows that are shown as they are now, in their places; 204 if none has changed."""
    before = {int(row): state for row, state in SHOWN_ROW.findall(shown)[:PAGE_SIZE]}
    now = {job.batch_index: job for job in jobs.shown().filter(batch_index__in=before)}
    rows = [now[row] for row in before if row in now]
    if all(_letter(now[row]) == state for row, state in before.items() if row in now):
        return HttpResponse(status=NOTHING_NEW)
    return render(request, "jobs/_batch_rows.html", {"batch": jobs.batch} | _rows(request, rows))


def _rows(request: HtmxRequest, jobs: list[Any]) -> dict[str, Any]:
    """What is printed of some jobs: links and labels are found for all of them at once."""
    subjects = definitions.subjects(request.user, [job.made or "" for job in jobs])
    return {
        "rows": [{"job": job, "subject": subjects.get(job.made or "")} for job in jobs],
        "shown": "-".join(f"{job.batch_index}{_letter(job)}" for job in jobs),
        "are_final": all(job.shown in (Status.SUCCEEDED, MENDED) for job in jobs),
        "changed": CHANGED,
    }


def _text_at(column: str, path: str) -> Combinable:
    """The text there in a column of JSON, and no JSON any more: SQLite would read what it is
    compared with as JSON, too, and fail. NULL where there is no path."""
    text = TextField()
    return Cast(KT(f"{column}__{path}"), text) if path else Value(None, output_field=text)


def _letter(job: Job) -> str:
    return job.shown[0]
