"""The life of a job: the only place, with the broker's claim, that writes `Job.status`.

Each change is one conditional statement, so two deliveries of a job, a worker thought dead and a
late finish may race, and exactly one of them wins.
"""

import random
import traceback
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from jobs import definitions, wakeup
from jobs.definitions import Payload, PermanentError
from jobs.models import Batch, Job, JobEvent, Status, Workflow

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LEASE_MARGIN = 15  # seconds beyond a job's timeout
BACKOFF_FIRST, BACKOFF_LONGEST = 2.0, 300.0  # seconds
TABLE = Job._meta.db_table

# MATERIALIZED, because PostgreSQL may else run the inner SELECT once for each outer row: each run
# skips the rows that the one before has locked, and LIMIT no longer limits.
CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM {table}
    WHERE status = 'PENDING' AND queue = %s AND run_after <= %s
    ORDER BY run_after, id LIMIT %s {locking}
)
UPDATE {table} SET status = 'DEQUEUED', dequeued_at = %s, lease_until = %s
WHERE id IN (SELECT id FROM due) AND status = 'PENDING'
RETURNING id, attempt, sub_type, run_after
"""
START = """
UPDATE {table} SET status = 'IN_PROGRESS', attempt = attempt + 1, started_at = %s, lease_until = %s
WHERE id = %s AND attempt = %s AND status = 'DEQUEUED'
RETURNING *
"""


class Fenced(Exception):
    """This attempt is no longer the job's current one: all it did must be rolled back."""


class TimedOut(Exception):
    """The job ran longer than its kind allows."""


def submit(
    *,
    sub_type: str,
    payload: Payload | Mapping[str, Any],
    owner: "User",
    subject: str = "",
    workflow: Workflow | None = None,
    step: int | None = None,
    batch: Batch | None = None,
    batch_index: int | None = None,
) -> Job:
    """Add a PENDING job, as one INSERT in the caller's transaction: both are there, or neither.

    Raises UnknownKind, or InvalidPayload naming every fault of the payload.
    """
    kind = definitions.job_kind(sub_type)
    job = Job.objects.create(
        owner=owner,
        type=kind.type,
        sub_type=kind.sub_type,
        queue=kind.queue,
        subject=subject,
        payload=kind.check_payload(payload).model_dump(mode="json", exclude_none=True),
        max_attempts=kind.max_attempts,
        workflow=workflow,
        step=step,
        batch=batch,
        batch_index=batch_index,
    )
    wakeup.announce()
    return job


def start_workflow(
    *, kind: str, payload: Payload | Mapping[str, Any], owner: "User", subject: str
) -> Workflow:
    """Begin a workflow: its row and its first step, in the caller's transaction."""
    steps = definitions.workflow_kind(kind).steps
    workflow = Workflow.objects.create(kind=kind, subject=subject, owner=owner)
    submit(
        sub_type=steps[0], payload=payload, owner=owner, subject=subject, workflow=workflow, step=0
    )
    return workflow


def submit_next(job: Job, payload: Payload | Mapping[str, Any]) -> Job:
    """Add the step after `job` in its workflow, in the transaction that finishes `job`."""
    if job.workflow is None or job.step is None:
        raise PermanentError(f"Job {job.session_id} is no step of a workflow.")
    step = job.step + 1
    return submit(
        sub_type=definitions.workflow_kind(job.workflow.kind).steps[step],
        payload=payload,
        owner=job.owner,
        subject=job.subject,
        workflow=job.workflow,
        step=step,
    )


def claim(queue: str, limit: int) -> list[tuple[int, int, str]]:
    """Take at most `limit` due jobs off the queue, oldest first, for the calling broker.

    Returns (job id, attempt, sub type) of each. No two brokers get the same job: on PostgreSQL
    rows that another one is taking are skipped; on SQLite one statement writes at a time.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # An UPDATE takes the only write lock even if it finds nothing; a look does not.
            waiting = Job.objects.filter(status=Status.PENDING, queue=queue, run_after__lte=now)
            if not waiting.exists():
                return []
        locking = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
        lease = _lease(now, 60)
        cursor.execute(
            CLAIM.format(table=TABLE, locking=locking),
            [queue, _sql(now), limit, _sql(now), _sql(lease)],
        )
        rows = cursor.fetchall()
    return [(job, attempt, sub_type) for job, attempt, sub_type, _ in sorted(rows, key=_age)]


def start(job_id: int, attempt: int, timeout: int) -> Job | None:
    """Begin the next attempt of a dequeued job.

    None means that the message is stale, a duplicate, or about a job that was cancelled.
    """
    now = timezone.now()
    started = Job.objects.raw(
        START.format(table=TABLE),
        [_sql(now), _sql(_lease(now, timeout)), job_id, attempt],
    )
    return next(iter(list(started)), None)


def succeed(job: Job, result: Payload | None) -> None:
    """Finish the attempt, as the last statement of the handler's own transaction.

    Raises Fenced if the attempt was lost meanwhile, so that the handler's work rolls back.
    """
    updated = _held(job).update(
        status=Status.SUCCEEDED,
        result=(result or definitions.Nothing()).model_dump(mode="json", exclude_none=True),
        info="",
        traceback="",
        lease_until=None,
        finished_at=timezone.now(),
    )
    if not updated:
        raise Fenced(f"Attempt {job.attempt} of job {job.session_id} has lost its lease.")


def fail(job: Job, error: BaseException) -> None:
    """End the attempt after an error: to the queue again while that can help, else FAILED."""
    message = explain(error)
    details = "".join(traceback.format_exception(error))
    now = timezone.now()
    final = isinstance(error, PermanentError) or job.attempt >= job.max_attempts
    with transaction.atomic():
        if final:
            updated = _held(job).update(
                status=Status.FAILED,
                info=message,
                traceback=details,
                lease_until=None,
                finished_at=now,
            )
        else:
            updated = _held(job).update(
                status=Status.PENDING,
                info=message,
                traceback=details,
                lease_until=None,
                run_after=now + backoff(job.attempt),
            )
        if updated:
            JobEvent.objects.create(
                job=job,
                kind=JobEvent.Kind.ATTEMPT_FAILED,
                attempt=job.attempt,
                message=message,
                traceback=details,
                at=now,
            )


def explain(error: BaseException) -> str:
    """What an error means to the owner of the job."""
    if isinstance(error, (PermanentError, TimedOut)):
        return str(error)
    summary = f"{type(error).__name__}: {error}".strip(": ")
    return (
        f"An unexpected error stopped it: {summary}. Nothing of it was recorded. "
        "An administrator finds the details under the id of this job."
    )


def backoff(attempt: int) -> timedelta:
    """How long to wait after that many failed attempts: doubling, with half of it by chance, so
    that jobs which failed together do not come back together."""
    longest = min(BACKOFF_FIRST * 2 ** (attempt - 1), BACKOFF_LONGEST)
    return timedelta(seconds=longest * random.uniform(0.5, 1))  # noqa: S311 - no secret


def _held(job: Job) -> "QuerySet[Job]":
    """The job's row while this attempt holds it."""
    return Job.objects.filter(pk=job.pk, attempt=job.attempt, status=Status.IN_PROGRESS)


def _lease(now: datetime, seconds: int) -> datetime:
    return now + timedelta(seconds=seconds + LEASE_MARGIN)


def _sql(moment: datetime) -> Any:
    """A datetime as a parameter of raw SQL on this database."""
    return connection.ops.adapt_datetimefield_value(moment)


def _age(row: tuple[int, int, str, Any]) -> tuple[Any, int]:
    return row[3], row[0]
