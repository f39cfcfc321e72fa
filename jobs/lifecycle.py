"""The life of a job: the only place that writes `Job.status`.

Each change is one conditional statement, so two deliveries of a job, a worker thought dead and a
late finish may race, and exactly one of them wins. `jobs.batches` does to many jobs at once what
`retry` and `cancel` do to one.
"""

import itertools
import logging
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import F, Max, QuerySet
from django.utils import timezone

from jobs import definitions, mail, outcomes, statements, wakeup
from jobs.definitions import Payload, PermanentError
from jobs.models import (
    UNFINISHED,
    Batch,
    Job,
    JobEvent,
    QueuePause,
    Status,
    Workflow,
    sees_all_jobs,
)
from provena import rows
from provena.words import counted

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

LEASE_MARGIN = 15  # seconds beyond a job's timeout
DEQUEUED_LEASE = 60  # seconds from the queue to the start; a dead pusher's jobs come back sooner
BACKOFF_FIRST, BACKOFF_LONGEST = 2.0, 300.0  # seconds
BATCH_CHUNK = 500  # jobs in memory at once
SWEEP_LIMIT = 200  # jobs in one transaction
BY_OPERATOR = " It was an operator's command."
CANCELLED = "Cancelled by"  # who, in the info of a job that was
TABLE = Job._meta.db_table
PAUSES = QueuePause._meta.db_table
OWN = ("session_id", "payload", "batch_index")  # what jobs of a batch do not share
SHARED = tuple(
    field.attname
    for field in Job._meta.concrete_fields
    if not field.primary_key and field.attname not in OWN
)

# The pause is one look into a table that is nearly always empty, whatever the number of jobs.
DUE = f"""
dequeued_at IS NULL AND finished_at IS NULL AND queue = %s AND run_after <= %s
AND NOT EXISTS (SELECT 1 FROM {PAUSES} WHERE queue = %s AND ended_at IS NULL)
"""  # noqa: S608 - our own table's name
# An UPDATE takes SQLite's only write lock even if it finds nothing; a look does not.
LOOK = "SELECT 1 FROM {table} WHERE {due} LIMIT 1"
# MATERIALIZED, because PostgreSQL may else run the inner SELECT once for each outer row: each run
# skips the rows that the one before has locked, and LIMIT no longer limits. No second condition on
# the status: it would make both planners walk all waiting rows, and the rows are ours by then.
CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM {table}
    WHERE {due} ORDER BY run_after, id LIMIT %s {locking}
)
UPDATE {table} SET status = 'DEQUEUED', dequeued_at = %s, lease_until = %s, worker = %s
WHERE id IN (SELECT id FROM due)
RETURNING id, attempt, sub_type, run_after
"""
# What a handler needs; the rest of the row is read when it is asked for.
STARTED = (
    "id",
    "session_id",
    "owner_id",
    "sub_type",
    "subject",
    "payload",
    "attempt",
    "max_attempts",
    "workflow_id",
    "step",
)
START = """
UPDATE {table}
SET status = 'IN_PROGRESS', attempt = attempt + 1, started_at = %s, lease_until = %s, worker = %s
WHERE id = %s AND attempt = %s AND status = 'DEQUEUED'
RETURNING {columns}
"""
FINISH = """
UPDATE {table}
SET status = 'SUCCEEDED', result = %s, info = '', traceback = '', lease_until = NULL,
    finished_at = %s
WHERE id = %s AND attempt = %s AND status = 'IN_PROGRESS'
RETURNING id
"""


class Fenced(Exception):
    """This attempt is no longer the job's current one: all it did must be rolled back."""


class NotPossible(Exception):
    """The job's state, or who asks, does not allow it; the text says why."""


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
    session_id: UUID | None = None,
    ahead: bool = False,
) -> Job:
    """Add a PENDING job, as one INSERT in the caller's transaction: both are there, or neither. If
    there is a job of the `session_id` that the caller has chosen, that is returned instead. One
    that goes `ahead` comes before all that waits.

    Raises UnknownKind, or InvalidPayload naming every fault of the payload.
    """
    kind = definitions.job_kind(sub_type)
    fields: dict[str, Any] = {
        "owner": owner,
        "type": kind.type,
        "sub_type": kind.sub_type,
        "queue": kind.queue,
        "subject": subject,
        "payload": kind.check_payload(payload).model_dump(mode="json", exclude_none=True),
        "max_attempts": kind.max_attempts,
        "run_after": _before_all(kind.queue) if ahead else timezone.now(),
        "workflow": workflow,
        "step": step,
        "batch": batch,
        "batch_index": batch_index,
    }
    if session_id:
        job, _ = Job.objects.get_or_create(session_id=session_id, defaults=fields)
    else:
        job = Job.objects.create(**fields)
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


def submit_batch(
    *,
    sub_type: str,
    payloads: Sequence[Payload | Mapping[str, Any]],
    owner: "User",
    title: str,
    session_ids: Sequence[UUID] | None = None,
    key: UUID | None = None,
) -> Batch:
    """Add a batch and one PENDING job for each payload, in order and in the caller's transaction:
    all are there, or none. The batch gets the `key`, and jobs the `session_ids`, that the caller
    has chosen, if any.

    Raises UnknownKind, InvalidPayload naming every fault of the first payload that does not fit, or
    PermanentError for no payload at all.
    """
    if not payloads:
        raise PermanentError("A batch needs at least one record.")
    kind = definitions.job_kind(sub_type)
    batch = Batch.objects.create(pk=key or uuid4(), owner=owner, title=title, total=len(payloads))
    first = of_batch(sub_type, batch)
    shared = {column: getattr(first, column) for column in SHARED}
    jobs = (
        (session_id, kind.check_payload(payload).model_dump(mode="json", exclude_none=True), index)
        for index, (session_id, payload) in enumerate(
            zip(session_ids or [uuid4() for _ in payloads], payloads, strict=True)
        )
    )
    while chunk := list(itertools.islice(jobs, BATCH_CHUNK)):
        # Each with its own time: in the order of ids, times may be behind by little only.
        shared["created_at"] = timezone.now()
        rows.add(Job, OWN, chunk, anew=True, shared=shared)
    wakeup.announce()
    return batch


def of_batch(sub_type: str, batch: Batch) -> Job:
    """A PENDING job of the batch as all of them are, not saved. Raises UnknownKind."""
    kind = definitions.job_kind(sub_type)
    return Job(
        owner=batch.owner,
        type=kind.type,
        sub_type=kind.sub_type,
        queue=kind.queue,
        max_attempts=kind.max_attempts,
        batch=batch,
    )


def submit_next(job: Job, payload: Payload | Mapping[str, Any]) -> Job:
    """Add the step after `job` in its workflow, in the transaction that finishes `job`.

    Raises PermanentError if there is none.
    """
    if job.workflow is None or job.step is None:
        raise PermanentError(f"Job {job.session_id} is no step of a workflow.")
    steps = definitions.workflow_kind(job.workflow.kind).steps
    step = job.step + 1
    if step >= len(steps):
        raise PermanentError(f"{job.sub_type} is the last step of {job.workflow.kind}.")
    return submit(
        sub_type=steps[step],
        payload=payload,
        owner=job.owner,
        subject=job.subject,
        workflow=job.workflow,
        step=step,
    )


def claim(queue: str, limit: int, holder: str = "") -> list[tuple[int, int, str]]:
    """Take at most `limit` due jobs off the queue, oldest first, for the calling broker; none off
    a queue that is paused.

    Returns (job id, attempt, sub type) of each. No two brokers get the same job: on PostgreSQL
    rows that another one is taking are skipped; on SQLite one statement writes at a time.
    """
    now = timezone.now()
    due = [queue, _sql(now), queue]
    if connection.vendor == "sqlite" and not statements.fetch(
        LOOK.format(table=TABLE, due=DUE), due
    ):
        return []
    locking = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    lease = now + timedelta(seconds=DEQUEUED_LEASE)
    claimed = statements.fetch(
        CLAIM.format(table=TABLE, due=DUE, locking=locking),
        [*due, limit, _sql(now), _sql(lease), holder],
    )
    return [(job, attempt, sub_type) for job, attempt, sub_type, _ in sorted(claimed, key=_age)]


def start(job_id: int, attempt: int, timeout: int, holder: str = "") -> Job | None:
    """Begin the next attempt of a dequeued job.

    None means that the message is stale, a duplicate, or about a job that was cancelled.
    """
    now = timezone.now()
    parameters = [_sql(now), _sql(_lease(now, timeout)), holder, job_id, attempt]
    started = statements.fetch(START.format(table=TABLE, columns=", ".join(STARTED)), parameters)
    return statements.instance(Job, STARTED, started[0]) if started else None


def succeed(job: Job, result: Payload | None) -> None:
    """Finish the attempt, as the last statement of the handler's own transaction.

    Raises Fenced if the attempt was lost meanwhile, so that the handler's work rolls back, and
    PermanentError if the result does not fit the job's kind.
    """
    parameters = [outcomes.result_text(job, result), _sql(timezone.now()), job.pk, job.attempt]
    if not statements.fetch(FINISH.format(table=TABLE), parameters):
        raise Fenced(f"Attempt {job.attempt} of job {job.session_id} has lost its lease.")


def fail(job: Job, error: BaseException, *, log: str = "") -> None:
    """End the attempt after an error: to the queue again while that can help, else FAILED. `log`
    is what it logged."""
    message, remedy = outcomes.explain(job, error)
    is_permanent = isinstance(error, PermanentError)
    _end_attempt(
        job,
        kind=JobEvent.Kind.ATTEMPT_FAILED,
        message=message,
        remedy=remedy,
        details=outcomes.details(error),
        log=outcomes.storable(log),
        is_final=is_permanent or job.attempt >= job.max_attempts,
        is_permanent=is_permanent,
        wait=backoff(job.attempt),
    )


def advance(job: Job, seconds: int, **progress: int) -> None:
    """Say that `done` of `total` are done, in the transaction that did the last of them, and ask
    for `seconds` more; without them, only that.

    Raises Fenced if the attempt was lost or cancelled meanwhile, so that the piece rolls back.
    """
    lease = _lease(timezone.now(), seconds)
    if not _held(job).update(lease_until=lease, **progress):
        raise Fenced(f"Attempt {job.attempt} of job {job.session_id} has lost its lease.")


def extend_lease(job: Job, seconds: int) -> None:
    """Ask for `seconds` more from now, for a handler that knows it needs them.

    Raises Fenced if the attempt was lost or cancelled meanwhile. On PostgreSQL the extension is
    seen at once, because it goes over a connection of its own; on SQLite nobody else can write
    while the handler's transaction is open, so it is seen when it matters.
    """
    lease = _lease(timezone.now(), seconds)
    if connection.vendor == "sqlite":
        updated = _held(job).update(lease_until=lease)
    else:
        aside = connection.copy()
        try:
            with aside.cursor() as cursor:
                cursor.execute(
                    f"UPDATE {TABLE} SET lease_until = %s "  # noqa: S608 - our own table's name
                    "WHERE id = %s AND attempt = %s AND status = 'IN_PROGRESS'",
                    [_sql(lease), job.pk, job.attempt],
                )
                updated = cursor.rowcount
        finally:
            aside.close()
    if not updated:
        raise Fenced(f"Attempt {job.attempt} of job {job.session_id} has lost its lease.")


def sweep() -> int:
    """Give back the jobs whose lease has passed, at most SWEEP_LIMIT. Returns how many."""
    return _give_back(Job.objects.leased().filter(lease_until__lt=timezone.now()))


def give_back_unstarted(queue: str) -> int:
    """Put the jobs back into a queue that a worker has taken off it and not begun. Returns how
    many. What a worker still knows of them is stale then, and is dropped."""
    taken = Job.objects.leased().filter(queue=queue, status=Status.DEQUEUED)
    total = 0
    while given := _give_back(taken):
        total += given
    return total


def release(holder: str) -> int:
    """Give back the jobs of a process that is known to be dead, or of all processes of a cluster.

    `holder` is `cluster id:process id`, or the cluster id alone. Returns how many.
    """
    name = {"worker": holder} if ":" in holder else {"worker__startswith": f"{holder}:"}
    held = Job.objects.leased().filter(**name)
    total = 0
    while given := _give_back(held):
        total += given
    return total


def retry(job: Job, *, by: "User | None") -> None:
    """Put a FAILED job back into the queue: the same job, its next attempt, its history kept. What
    comes after it in its workflow goes on from there. `by` None is an operator's command.

    Raises NotPossible.
    """
    _demand_right(job, by, "retried")
    with transaction.atomic():
        if job.batch_id:
            resume(job.batch_id)
        updated = _unmended(job).update(**queued_again(job.sub_type))
        if not updated:
            raise NotPossible(_why_not(job, "retried"))
        _note(job, JobEvent.Kind.RETRIED, retry_note(by), by=by)
        wakeup.announce()


def mend(job: Job, *, by_job: Job, by: "User") -> None:
    """Say that `by_job` takes the place of a FAILED job, in the transaction that submits it: from
    then on nobody can retry that one, so what it was to do is not done twice. Of a retry and this
    at the same moment one wins.

    Raises NotPossible.
    """
    _demand_right(job, by, "mended")
    with transaction.atomic():
        if not _unmended(job).update(mended_by=by_job.session_id):
            raise NotPossible(_why_not(job, "mended"))
        _note(job, JobEvent.Kind.MENDED, mend_note(by_job.session_id), by=by)


def resume(batch_id: UUID) -> None:
    """Note, before jobs of a batch are put back into the queue, how long nothing of it was left to
    do: that is no part of the time it takes. Until the transaction ends nobody else resumes it."""
    batch = Batch.objects.select_for_update().get(pk=batch_id)
    if batch.jobs.unfinished().exists():
        return
    now = timezone.now()
    ended = batch.jobs.ended_in_batch().aggregate(at=Max("finished_at"))["at"] or now
    batch.idle += max(now - ended, timedelta(0))
    batch.resumed_at = now
    batch.save(update_fields=["idle", "resumed_at"])


def cancel(job: Job, *, by: "User | None") -> None:
    """End a job that has not finished: at once if no worker has begun, and by fencing if one has,
    which then rolls back. It is FAILED, and says by whom. `by` None is an operator's command.

    Raises NotPossible.
    """
    _demand_right(job, by, "cancelled")
    with transaction.atomic():
        unfinished = Job.objects.filter(pk=job.pk, status__in=UNFINISHED)
        updated = unfinished.update(**cancelled(by, outcomes.remains(job)))
        if not updated:
            raise NotPossible(
                f"Only a job that has not finished can be cancelled; this one is "
                f"{_status_now(job)}."
            )
        job.refresh_from_db(fields=["attempt"])  # it may have begun since it was looked at
        note, remedy = cancel_note(by, outcomes.remains(job)), outcomes.CANCELLED
        _note(job, JobEvent.Kind.CANCELLED, note, remedy=remedy, by=by, **_times(job))


def queued_again(sub_type: str) -> dict[str, Any]:
    """What a retry writes into a FAILED job of that sub type."""
    return {
        "status": Status.PENDING,
        "info": "",
        "traceback": "",
        "max_attempts": F("attempt") + _attempts_of(sub_type),
        "run_after": timezone.now(),
        "dequeued_at": None,
        "finished_at": None,
        "cancelled_at": None,
        "cancelled_by": None,
    }


def cancelled(by: "User | None", remains: str = outcomes.NOTHING) -> dict[str, Any]:
    """What a cancel writes into a job that has not finished."""
    who, now = by.get_username() if by else "an operator", timezone.now()
    return {
        "status": Status.FAILED,
        "info": f"{CANCELLED} {who}. {remains}",
        "traceback": "",
        "cancelled_at": now,
        "cancelled_by": by,
        "lease_until": None,
        "finished_at": now,
    }


def retry_note(by: "User | None") -> str:
    """What the event of a retry says."""
    return f"Put back into the queue.{'' if by else BY_OPERATOR}"


def mend_note(session_id: UUID) -> str:
    """What the event of a job says whose place that job took."""
    return f"Job {session_id} took its place."


def cancel_note(by: "User | None", remains: str = outcomes.NOTHING) -> str:
    """What the event of a cancel says."""
    return f"{remains}{'' if by else BY_OPERATOR}"


def may_operate(what: Job | Batch, user: "User") -> bool:
    """True for who may retry and cancel a job or a batch: its owner, and staff who see all jobs."""
    return what.owner_id == user.pk or sees_all_jobs(user)


def backoff(attempt: int) -> timedelta:
    """How long to wait after that many failed attempts: doubling, with half of it by chance, so
    that jobs which failed together do not come back together."""
    longest = min(BACKOFF_FIRST * 2 ** (attempt - 1), BACKOFF_LONGEST)
    return timedelta(seconds=longest * random.uniform(0.5, 1))  # noqa: S311 - no secret


def _unmended(job: Job) -> "QuerySet[Job]":
    """The job's row while it is FAILED and no other job has taken its place."""
    return Job.objects.filter(pk=job.pk, status=Status.FAILED, mended_by=None)


def _why_not(job: Job, what: str) -> str:
    """Why a job cannot be retried or mended that is not as `_unmended` wants it."""
    now = Job.objects.only("status", "mended_by").get(pk=job.pk)
    if now.mended_by:
        return f"This job was mended: job {now.mended_by} took its place, so it cannot be {what}."
    return f"Only a failed job can be {what}, and this one is {now.status}."


def _held(job: Job) -> "QuerySet[Job]":
    """The job's row while this attempt holds it."""
    return Job.objects.filter(pk=job.pk, attempt=job.attempt, status=Status.IN_PROGRESS)


def _end_attempt(
    job: Job,
    *,
    kind: str,
    message: str,
    remedy: str,
    is_final: bool,
    wait: timedelta,
    is_permanent: bool = False,
    details: str = "",
    log: str = "",
) -> bool:
    """End an attempt without success, if it is still the current one. True if it was."""
    now = timezone.now()
    outcome: dict[str, Any] = {"info": message, "traceback": details, "lease_until": None}
    if is_final:
        outcome |= {"status": Status.FAILED, "finished_at": now}
    else:
        outcome |= {"status": Status.PENDING, "run_after": now + wait, "dequeued_at": None}
    with transaction.atomic():
        times = _times(job)
        updated = _held(job).update(**outcome)
        if updated:
            told = {"remedy": remedy, "traceback": details, "log": log}
            _note(job, kind, message, is_permanent=is_permanent, at=now, **told, **times)
            wakeup.announce()
            if is_final and (letter := mail.about_failure(job, message, remedy)):
                submit(**letter)
    return bool(updated)


def _give_back(candidates: "QuerySet[Job]") -> int:
    """Give back leased jobs whose holder is gone, each only as it was when it was looked at."""
    if not candidates.exists():  # which takes no lock, and is nearly always so
        return 0
    returned = 0
    with transaction.atomic():
        held = candidates.select_for_update(skip_locked=True, of=("self",)).order_by("dequeued_at")
        for job in held.defer("payload", "result", "traceback")[:SWEEP_LIMIT]:
            returned += _take_back(job)
        if returned:
            logger.warning("Given back to the queue: %s.", counted(returned, "job"))
            wakeup.announce()
    return returned


def _take_back(job: Job) -> bool:
    """One of them: a job that had begun has lost an attempt, one that had not has lost nothing."""
    if job.status == Status.DEQUEUED:
        same = Job.objects.filter(pk=job.pk, attempt=job.attempt, status=Status.DEQUEUED)
        return bool(same.update(status=Status.PENDING, lease_until=None, dequeued_at=None))
    is_final = job.attempt >= job.max_attempts
    message = f"Its worker ended in the middle of it. {outcomes.remains(job)}"
    if is_final:
        message += (
            f" It was given up after {counted(job.attempt, 'attempt')}, because it may be what "
            "ends them."
        )
    return _end_attempt(
        job,
        kind=JobEvent.Kind.LOST,
        message=message,
        remedy=outcomes.LOST,
        is_final=is_final,
        wait=timedelta(0),
    )


def _demand_right(job: Job, by: "User | None", what: str) -> None:
    if by is not None and not may_operate(job, by):
        raise NotPossible(f"This job can be {what} by its owner or an administrator only.")


def _before_all(queue: str) -> datetime:
    """A time that makes a job the next one of that queue."""
    waiting = Job.objects.waiting().filter(queue=queue).order_by("run_after", "id")
    first = waiting.values_list("run_after", flat=True).first()
    now = timezone.now()
    return min(now, first - timedelta(microseconds=1)) if first else now


def _attempts_of(sub_type: str) -> int:
    try:
        return definitions.job_kind(sub_type).max_attempts
    except definitions.UnknownKind:
        return 1


def _status_now(job: Job) -> str:
    return Job.objects.values_list("status", flat=True).get(pk=job.pk)


def _times(job: Job) -> dict[str, datetime | None]:
    """When the attempt at hand was taken off the queue and when it began, if it did: the next one
    puts its own times in their place."""
    row = Job.objects.filter(pk=job.pk).only("dequeued_at", "started_at").first()
    if row is None:  # pruned
        return {}
    return {"dequeued_at": row.dequeued_at, "started_at": row.attempt_started_at}


def _note(job: Job, kind: str, message: str, **fields: Any) -> None:
    JobEvent.objects.create(job=job, kind=kind, attempt=job.attempt, message=message, **fields)


def _lease(now: datetime, seconds: int) -> datetime:
    return now + timedelta(seconds=seconds + LEASE_MARGIN)


def _sql(moment: datetime) -> Any:
    """A datetime as a parameter of raw SQL on this database."""
    return connection.ops.adapt_datetimefield_value(moment)


def _age(row: tuple[int, int, str, Any]) -> tuple[Any, int]:
    return row[3], row[0]
