"""How far workflows and batches are, read from their jobs; nothing of it is stored."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.db.models import Count, F, QuerySet, Value
from django.db.models.expressions import Combinable

from jobs import definitions
from jobs.models import Batch, Job, JobQuerySet, Status, Workflow

LATER = "LATER"  # a step whose job does not exist yet


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
    def word(self) -> str:
        return self.job.status if self.job else "not started yet"


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
            f"{step.status}{step.job.attempt if step.job else ''}" for step in self.steps
        )

    @property
    def sentence(self) -> str:
        """The state in words, for the announcement to screen readers."""
        done = sum(step.status == Status.SUCCEEDED for step in self.steps)
        word = {Status.SUCCEEDED: "succeeded", Status.FAILED: "failed"}.get(
            Status(self.status), "under way"
        )
        return f"{self.title} {word}: {done} of {len(self.steps)} steps done."


def of_workflow(workflow: Workflow, *, open_jobs: bool) -> Progress:
    """The progress of a workflow, in one query. Steps come from its definition, so those that do
    not exist yet are there from the start; a workflow whose kind is gone shows the jobs it has."""
    jobs = {job.step: job for job in workflow.jobs.order_by("step")}
    try:
        kind = definitions.workflow_kind(workflow.kind)
        sub_types, title, purpose = kind.steps, kind.title, kind.purpose
    except definitions.UnknownKind as gone:
        sub_types = tuple(job.sub_type for job in jobs.values())
        title, purpose = workflow.kind, str(gone)
    steps = [
        Step(number=index + 1, title=definitions.title_of(sub_type), job=jobs.get(index))
        for index, sub_type in enumerate(sub_types)
    ]
    return Progress(title, purpose, steps, open_jobs)


def of_job(job: Job, *, purpose: str, open_jobs: bool) -> Progress:
    """A job that is no step of a workflow, shown as one of a single step."""
    return Progress(job.title, purpose, [Step(1, job.title, job)], open_jobs)


def of_batches(batches: Iterable[Batch]) -> dict[UUID, Counter[str]]:
    """For each batch, how many of its jobs are in which state, in one query.

    What succeeded is not counted: it is what remains of the total. So the cost is that of the jobs
    that have not finished and of those that failed, by their indexes, and never that of all.
    """
    totals = {batch.pk: batch.total for batch in batches}
    if not totals:
        return {}
    jobs = Job.objects.filter(batch__in=totals)
    # Few jobs of all batches are held by workers, so these are counted without asking for a batch.
    rows = _tally(jobs.unfinished(), Value("UNFINISHED")).union(
        _tally(jobs.failed(), Value(Status.FAILED.value)),
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
    tally[Status.SUCCEEDED] = total - unfinished - tally[Status.FAILED]
    return +tally


def combined(statuses: Iterable[str]) -> str:
    """One state for many jobs: failed if any failed and none is left to do, succeeded if all did,
    waiting if nothing has begun, in progress otherwise."""
    present = set(statuses)
    if present == {Status.SUCCEEDED}:
        return Status.SUCCEEDED
    if Status.FAILED in present and present <= {Status.FAILED, Status.SUCCEEDED, LATER}:
        return Status.FAILED
    if present <= {Status.PENDING, LATER}:
        return Status.PENDING
    if present <= {Status.PENDING, Status.DEQUEUED, LATER}:
        return Status.DEQUEUED
    return Status.IN_PROGRESS
