"""How far workflows and batches are, read from their jobs; nothing of it is stored."""

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.db.models import Count, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable
from django.utils import timezone

from jobs import definitions
from jobs.models import (
    CANCELLED,
    FAILED_AS,
    MENDED,
    UNFINISHED,
    Batch,
    Job,
    JobQuerySet,
    Status,
    Workflow,
)

COUNTED = (*Status.values, CANCELLED, MENDED)  # what jobs of a batch are counted as
LATER = "LATER"  # a step whose job does not exist yet
DRAWN = (
    *(Status.SUCCEEDED, MENDED, CANCELLED, Status.FAILED),
    *(Status.IN_PROGRESS, Status.DEQUEUED),
)
THINNEST = 4  # thousandths of a bar: what a few jobs of very many are drawn as
RATE_OVER = timedelta(minutes=10)
RATE_SAMPLE = 200  # jobs
# From fewer jobs, or less time, nobody can tell how fast a batch goes: (jobs, seconds).
ENOUGH = ((5, 2), (2, 60))


@dataclass(frozen=True)
class Step:
    """A step of a workflow, whether or not its job exists."""

    number: int  # from 1
    title: str
    job: Job | None

    @property
    def status(self) -> str:
        return self.job.status if self.job else LATER

    @property
    def shown(self) -> str:
        """The state in the word that people see."""
        return self.job.shown if self.job else LATER

    @property
    def word(self) -> str:
        return self.job.shown if self.job else "not started yet"


@dataclass(frozen=True)
class Progress:
    """A workflow as its panel shows it. `open_jobs` is False for readers who may see that the
    workflow is there, but not open its jobs."""

    title: str
    purpose: str
    steps: list[Step]
    open_jobs: bool

    @cached_property
    def status(self) -> str:
        return combined(step.status for step in self.steps)

    @property
    def shown(self) -> str:
        """The state in the word that people see: that of the step that failed, if one has."""
        if self.status != Status.FAILED:
            return self.status
        seen = {step.shown for step in self.steps}
        return next(state for state in FAILED_AS if state in seen)

    @property
    def is_finished(self) -> bool:
        return self.status in (Status.SUCCEEDED, Status.FAILED)

    @property
    def is_waiting(self) -> bool:
        """True while a job waits for a worker."""
        return any(step.status == Status.PENDING for step in self.steps)

    @property
    def finished_at(self) -> datetime | None:
        """When its last job ended; None while it is unfinished."""
        ends = [step.job.finished_at for step in self.steps if step.job and step.job.finished_at]
        return max(ends, default=None) if self.is_finished else None

    @property
    def fingerprint(self) -> str:
        """Changes whenever a reader would see a change."""
        return "-".join(
            f"{step.shown}{step.job.attempt if step.job else ''}" for step in self.steps
        )

    @property
    def sentence(self) -> str:
        """The state in words, for the announcement to screen readers."""
        done = sum(step.status == Status.SUCCEEDED for step in self.steps)
        word = self.shown.lower() if self.is_finished else "under way"
        return f"{self.title} {word}: {done} of {len(self.steps)} steps done."


@dataclass(frozen=True)
class Segment:
    """A part of a progress bar, in thousandths of its length."""

    status: str
    start: float
    length: float


@dataclass(frozen=True)
class BatchProgress:
    """A batch as its page shows it.

    `took` is the time from its submission to its end, or to now, without that in which nothing was
    left to do before a retry. `rate` is in jobs a second; None while nothing can be said about it.
    """

    batch: Batch
    counts: Counter[str]
    took: timedelta
    rate: float | None

    @cached_property
    def status(self) -> str:
        return combined(self.counts)

    @property
    def is_finished(self) -> bool:
        return not self.unfinished

    @property
    def failed(self) -> int:
        """How many jobs failed by themselves and were not mended."""
        return self.counts[Status.FAILED]

    @property
    def cancelled(self) -> int:
        """How many jobs somebody cancelled."""
        return self.counts[CANCELLED]

    @property
    def done(self) -> int:
        return done(self.counts)

    @property
    def unfinished(self) -> int:
        return sum(self.counts[status] for status in UNFINISHED)

    @property
    def waiting(self) -> int:
        """How many jobs no worker has begun."""
        return self.counts[Status.PENDING] + self.counts[Status.DEQUEUED]

    @property
    def left(self) -> timedelta | None:
        """About how long it will still take; None if that cannot be told."""
        return timedelta(seconds=self.unfinished / self.rate) if self.rate else None

    @property
    def told(self) -> str:
        return told(self.counts)

    @property
    def per_time(self) -> str:
        """The rate in the unit that a person would choose."""
        if not self.rate:
            return ""
        if self.rate >= 1:
            return f"{self.rate:.0f} jobs/s"
        each_minute = self.rate * 60
        return f"{each_minute:.0f} jobs/min" if each_minute >= 2 else "less than 2 jobs/min"

    @property
    def segments(self) -> list[Segment]:
        """The bar, from its left end; what is missing to its right end waits. Each part can be
        seen, however few of however many jobs it stands for."""
        parts = [(status, self.counts[status]) for status in DRAWN if self.counts[status]]
        lengths = [max(1000 * number / self.batch.total, THINNEST) for _, number in parts]
        excess = max(sum(lengths) - 1000, 0)
        if excess:
            lengths[lengths.index(max(lengths))] -= excess
        starts = itertools.accumulate(lengths, initial=0.0)
        return [
            Segment(status, round(start, 2), round(length, 2))
            for (status, _), start, length in zip(parts, starts, lengths, strict=False)
        ]

    @property
    def fingerprint(self) -> str:
        """Changes whenever the state of a job does."""
        return ".".join(str(self.counts[status]) for status in COUNTED)

    @property
    def milestone(self) -> str:
        """Changes when there is news worth announcing: the state, the first failure, a quarter."""
        return f"{self.status}{bool(self.failed):d}{4 * self.done // self.batch.total}"


def done(counts: Counter[str]) -> int:
    """How many jobs of a batch have ended."""
    return counts[Status.SUCCEEDED] + sum(counts[state] for state in FAILED_AS)


def told(counts: Counter[str]) -> str:
    """How far a batch is, in words."""
    parts = [f"{counts[state]:,} {state.lower()}" for state in FAILED_AS if counts[state]]
    return ", ".join([f"{done(counts):,} of {counts.total():,} done", *parts])


def of_batch(batch: Batch) -> BatchProgress:
    """The progress of a batch."""
    counts = of_batches([batch])[batch.pk]
    is_finished = not any(counts[status] for status in UNFINISHED)
    took = lengths([batch]).get(batch.pk) if is_finished else None
    took = took or timezone.now() - batch.created_at - batch.idle
    return BatchProgress(batch, counts, took, None if is_finished else _rate(batch))


def lengths(batches: Iterable[Batch]) -> dict[UUID, timedelta]:
    """How long each of these batches, which have ended, took; in one query that looks at the last
    job of each, by its index."""
    known = {batch.pk: batch for batch in batches}
    if not known:
        return {}
    ended = Job.objects.ended_in_batch().filter(batch=OuterRef("pk"))
    latest = Subquery(ended.order_by("-finished_at").values("finished_at")[:1])
    found = Batch.objects.filter(pk__in=known).order_by().annotate(ended=latest)
    return {
        pk: at - known[pk].created_at - known[pk].idle
        for pk, at in found.values_list("pk", "ended")
        if at
    }


def _rate(batch: Batch) -> float | None:
    """Jobs of the batch that are done in a second, judged by the latest that were: from the start
    of the first of them until now, or of the first since a retry. None if there were too few."""
    now = timezone.now()
    lately = Job.objects.filter(finished_at__isnull=False, finished_at__gt=now - RATE_OVER)
    lately = lately.filter(started_at__isnull=False)  # not cancelled before a worker began
    sample = lately.order_by("-finished_at").values_list("batch", "started_at")[:RATE_SAMPLE]
    starts = [start for of, start in sample if of == batch.pk and start]
    if batch.resumed_at:
        starts = [start for start in starts if start >= batch.resumed_at]
    seconds = (now - min(starts)).total_seconds() if starts else 0
    is_enough = any(len(starts) >= jobs and seconds >= least for jobs, least in ENOUGH)
    return len(starts) / seconds if is_enough else None


def of_workflow(workflow: Workflow, *, open_jobs: bool) -> Progress:
    """The progress of a workflow, in one query. Steps come from its definition, so those that do
    not exist yet are there from the start; a workflow whose kind is gone shows the jobs it has."""
    jobs = {job.step: job for job in workflow.jobs.order_by("step")}
    try:
        kind = definitions.workflow_kind(workflow.kind)
        sub_types, title, purpose = kind.steps, kind.title, kind.purpose
    except definitions.UnknownKind as gone:
        sub_types = tuple(job.sub_type for job in jobs.values())
        title, purpose = workflow.kind.replace("_", " ").capitalize(), str(gone)
    steps = [
        Step(number=index + 1, title=definitions.title_of(sub_type), job=jobs.get(index))
        for index, sub_type in enumerate(sub_types)
    ]
    return Progress(title, purpose, steps, open_jobs)


def failed_workflows(workflows: Iterable[UUID | None]) -> set[UUID]:
    """Those of these workflows in which a job has failed, and nobody cancelled or mended it, in one
    query."""
    wanted = {workflow for workflow in workflows if workflow}
    if not wanted:
        return set()
    failed = Job.objects.failed_by_itself().filter(workflow__in=wanted).order_by()
    return {workflow for workflow in failed.values_list("workflow", flat=True) if workflow}


def of_job(job: Job, *, purpose: str, open_jobs: bool) -> Progress:
    """A job that is no step of a workflow, shown as one of a single step."""
    return Progress(job.title, purpose, [Step(1, job.title, job)], open_jobs)


def of_batches(batches: Iterable[Batch]) -> dict[UUID, Counter[str]]:
    """For each batch, how many of its jobs are in which state, in one query. Failed jobs that
    somebody cancelled or that were mended count as that, and not as failed.

    What succeeded is not counted: it is what remains of the total. So the cost is that of the jobs
    that have not finished and of those that failed, by their indexes, and never that of all.
    """
    totals = {batch.pk: batch.total for batch in batches}
    if not totals:
        return {}
    jobs = Job.objects.filter(batch__in=totals)
    # Few jobs of all batches are held by workers, so these are counted without asking for a batch.
    rows = _tally(jobs.unfinished(), Value("UNFINISHED")).union(
        *(_tally(jobs.filter(told), Value(state)) for state, told in FAILED_AS.items()),
        _tally(Job.objects.leased(), F("status")),
        all=True,
    )
    tally: dict[UUID, Counter[str]] = {batch: Counter() for batch in totals}
    for batch, state, number in rows:
        if batch in tally:
            tally[batch][state] = number
    return {batch: _states(totals[batch], tally[batch]) for batch in totals}


def _tally(jobs: JobQuerySet, state: Combinable) -> "QuerySet[Job, tuple[UUID, str, int]]":
    """(batch, state, number of jobs) of these jobs."""
    named = jobs.order_by().annotate(state=state).values("batch", "state")
    return named.annotate(number=Count("*")).values_list("batch", "state", "number")


def _states(total: int, tally: Counter[str]) -> Counter[str]:
    """The number of jobs in each state that has any, from what was counted of a batch."""
    unfinished = tally.pop("UNFINISHED", 0)
    tally[Status.PENDING] = unfinished - tally[Status.DEQUEUED] - tally[Status.IN_PROGRESS]
    tally[Status.SUCCEEDED] = total - unfinished - sum(tally[state] for state in FAILED_AS)
    return +tally


def combined(statuses: Iterable[str]) -> str:
    """One state for many jobs. When none is left to do: failed if any failed, else cancelled if any
    was, else succeeded; what was mended counts for nothing, unless that is all: then nothing is
    left to do. Before: waiting if nothing has begun, in progress otherwise."""
    present = set(statuses)
    if MENDED in present:
        present = present - {MENDED} or {Status.SUCCEEDED}
    if present == {Status.SUCCEEDED}:
        return Status.SUCCEEDED
    for ill in (Status.FAILED, CANCELLED):
        if ill in present and present <= {Status.FAILED, CANCELLED, Status.SUCCEEDED, LATER}:
            return ill
    if present <= {Status.PENDING, LATER}:
        return Status.PENDING
    if present <= {Status.PENDING, Status.DEQUEUED, LATER}:
        return Status.DEQUEUED
    return Status.IN_PROGRESS
