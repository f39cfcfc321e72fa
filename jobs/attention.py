"""What of a user's jobs wants a look: those that failed and those under way, a batch as one row.
What somebody cancelled wants none."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from jobs import definitions, progress, stuck
from jobs.definitions import Subject
from jobs.models import CANCELLED, Batch, Job, JobQuerySet, Status
from jobs.stuck import Reason

if TYPE_CHECKING:
    from collections import Counter

    from django.contrib.auth.models import User

SHOWN = 6  # rows of each sort
LOOKED_AT = 100  # unfinished jobs, most of which may be of one batch
BATCHES = 10  # latest ones that are looked at


@dataclass(frozen=True)
class Row:
    """A job, a step of a workflow, or a batch. `name` is what its owner calls it. `retry` is where
    it can be tried again: at once, or, for a batch, after a question."""

    title: str
    url: str
    status: str
    at: datetime
    told: str
    name: str = ""
    subject: Subject | None = None
    reason: Reason | None = None
    retry: str = ""
    is_batch: bool = False


@dataclass(frozen=True)
class Attention:
    """Failed ones first. `more` says that there are others that failed."""

    failed: list[Row]
    under_way: list[Row]
    more: bool

    @property
    def seen(self) -> str:
        """Changes whenever a reader would see a change."""
        rows = [*self.failed, *self.under_way]
        texts = (f"{row.url}{row.status}{row.told}{row.reason or ''}" for row in rows)
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def of_user(user: "User") -> Attention:
    """Both, in a number of queries that depends on neither how many jobs there are nor how many of
    them are shown."""
    own = Job.objects.filter(owner=user)
    batches = list(Batch.objects.filter(owner=user)[:BATCHES])
    counts = progress.of_batches(batches)
    failed = list(_light(own.failed_by_itself().filter(batch=None))[: SHOWN + 1])
    under_way = list(alone(own))
    subjects = definitions.subjects(user, [job.subject for job in [*failed, *under_way]])
    reasons = stuck.explain(under_way)

    def of_jobs(jobs: list[Any]) -> list[Row]:
        return [
            _of_job(job, subjects.get(job.subject), reasons.get(job.pk)) for job in jobs[:SHOWN]
        ]

    rows = [_of_batch(batch, counts[batch.pk]) for batch in batches]
    ill = [row for row in rows if row.retry]
    busy = [row for row in rows if not row.retry and row.status not in _ENDED]
    return Attention(
        failed=_latest(ill + of_jobs(failed)),
        under_way=_latest(busy + of_jobs(under_way)),
        more=len(failed) + len(ill) > SHOWN,
    )


def alone(own: JobQuerySet) -> JobQuerySet:
    """The newest of the jobs that are under way and in no batch, of the last LOOKED_AT that are."""
    latest = own.unfinished().values("pk")[:LOOKED_AT]
    return _light(Job.objects.filter(pk__in=latest, batch=None))[:SHOWN]


_ENDED = (Status.SUCCEEDED, Status.FAILED, CANCELLED)


def _of_job(job: Any, subject: Subject | None, reason: Reason | None) -> Row:
    is_failed = job.status == Status.FAILED
    return Row(
        title=job.title,
        url=job.get_absolute_url(),
        status=job.status,
        at=job.finished_at or job.created_at,
        told=job.info if is_failed else _workflow(job),
        name=job.named or "",
        subject=subject,
        reason=reason,
        retry=reverse("job-retry", args=[job.session_id]) if is_failed else "",
    )


def _of_batch(batch: Batch, counts: "Counter[str]") -> Row:
    return Row(
        title=batch.title,
        url=batch.get_absolute_url(),
        status=progress.combined(counts),
        at=batch.created_at,
        told=progress.told(counts),
        retry=reverse("batch-retry", args=[batch.pk]) if counts[Status.FAILED] else "",
        is_batch=True,
    )


def _workflow(job: Job) -> str:
    """Which step of which workflow it is, if it is one."""
    if job.workflow is None or job.step is None:
        return ""
    try:
        kind = definitions.workflow_kind(job.workflow.kind)
    except definitions.UnknownKind:
        return ""
    return f"step {job.step + 1} of {len(kind.steps)}, {kind.title}"


def _latest(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.at, reverse=True)[:SHOWN]


def _light(jobs: JobQuerySet) -> JobQuerySet:
    light = jobs.select_related("workflow").defer("payload", "result", "traceback")
    return light.with_names()
