"""What people do to many jobs at once: the same as `jobs.lifecycle` does to one of them, with the
start of a batch whose payloads are in the database already.

Each act is one transaction. It locks the jobs that it is about, so each of them changes once and
has one event, whatever workers and other people do at the same moment: on PostgreSQL row by row, in
one order, and looking at each again when its lock is there; on SQLite one transaction writes at a
time. The statements work on sets, because a batch may have 200,000 jobs.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import DateTimeField, F, IntegerField, QuerySet, Value, Window
from django.db.models.expressions import Expression
from django.db.models.functions import RowNumber
from django.utils import timezone

from jobs import lifecycle, outcomes, wakeup
from jobs.definitions import PermanentError
from jobs.lifecycle import NotPossible
from jobs.models import Batch, Job, JobEvent, JobQuerySet, Status

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CHUNK = 5_000  # ids in one statement; SQLite takes at most 32,766 parameters
NOTE = (
    f"INSERT INTO {JobEvent._meta.db_table} "
    "(job_id, kind, attempt, message, remedy, traceback, log, by_id, at) {jobs}"
)

LAUNCH = f"INSERT INTO {lifecycle.TABLE} ({{columns}}) {{rows}}"

Fields = Callable[[str], dict[str, Any]]


def launch(
    *,
    sub_type: str,
    rows: "QuerySet[Any, Any]",
    payload: Expression,
    owner: "User",
    title: str,
    subject: str = "",
    key: UUID | None = None,
) -> Batch:
    """Add a batch with one PENDING job for each of these rows, in their order and in the caller's
    transaction, by one statement: all are there, or none, and nobody waits long for the lock.

    `rows` have a unique order and the `session_id` that their job is to have; `payload` is an
    expression on them that gives its payload as JSON. Only its own attempt will check that it fits.
    `subject` is the id of what they came from, `key` that of the batch, if the caller chose it.

    Raises UnknownKind, or PermanentError for no row at all.
    """
    total = rows.count()
    if not total:
        raise PermanentError("A batch needs at least one record.")
    batch = Batch.objects.create(
        pk=key or uuid4(), owner=owner, title=title, subject=subject, total=total
    )
    order: Any = list(rows.query.order_by)
    columns: dict[str, Any] = {
        "session_id": F("session_id"),
        "payload": payload,
        "batch_index": Window(RowNumber(), order_by=order) - 1,
    }
    like = lifecycle.of_batch(sub_type, batch)
    for field in Job._meta.concrete_fields:
        value = getattr(like, field.attname)
        if field.attname in lifecycle.SHARED and value is not None:
            kept_as = getattr(field, "target_field", field)
            columns[field.attname] = Value(value, output_field=kept_as)
    sql, parameters = rows.values_list(*columns.values()).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(LAUNCH.format(columns=", ".join(columns), rows=sql), parameters)
    wakeup.announce()
    return batch


def retry_failed(batch: Batch, *, by: "User | None") -> int:
    """Put all jobs of the batch that failed by themselves back into the queue, as `lifecycle.retry`
    does with one, but for those that were mended. Returns how many. `by` None is an operator's
    command.

    Raises NotPossible for who has no right to.
    """
    _need_right(batch, by)
    return retry_all(batch.jobs.failed_by_itself(), by=by)


def retry_cancelled(batch: Batch, *, by: "User | None") -> int:
    """The same with those that somebody cancelled, and with these only."""
    _need_right(batch, by)
    return retry_all(batch.jobs.cancelled(), by=by)


def retry_all(jobs: JobQuerySet, *, by: "User | None") -> int:
    """Put those of these jobs that are FAILED back into the queue, but for those that were mended.
    Returns how many. The caller has seen that `by` may do it."""
    return _change(
        jobs.unmended(),
        fields=lifecycle.queued_again,
        kind=JobEvent.Kind.RETRIED,
        texts=(lifecycle.retry_note(by), ""),
        by=by,
    )


def mend(places: Mapping[UUID, UUID], *, by: "User") -> set[UUID]:
    """Say which jobs take the places of failed ones, as `lifecycle.mend` does of one, in the
    caller's transaction, which adds those jobs. Session ids of the former by
    those of the latter.
    Returns whose places were taken: those that are of `by`, and FAILED and not mended yet."""
    taken: set[UUID] = set()
    keys = iter(sorted(places))
    while chunk := list(itertools.islice(keys, lifecycle.BATCH_CHUNK)):
        own = Job.objects.unmended().filter(owner=by, session_id__in=chunk)
        jobs = list(own.select_for_update().order_by("pk").only("session_id", "attempt"))
        for job in jobs:
            job.mended_by = places[job.session_id]
        Job.objects.bulk_update(jobs, ["mended_by"])
        kind = JobEvent.Kind.MENDED
        JobEvent.objects.bulk_create(
            JobEvent(
                job=job,
                kind=kind,
                attempt=job.attempt,
                message=lifecycle.mend_note(places[job.session_id]),
                by=by,
            )
            for job in jobs
        )
        taken |= {job.session_id for job in jobs}
    return taken


def cancel_waiting(batch: Batch, *, by: "User | None") -> int:
    """End all jobs of the batch that no worker has begun: those PENDING and DEQUEUED, as
    `lifecycle.cancel` does with one. Returns how many. `by` None is an operator's command.

    Raises NotPossible for who has no right to.
    """
    _need_right(batch, by)
    return cancel_all(batch.jobs.all(), by=by)


def cancel_all(jobs: JobQuerySet, *, by: "User | None") -> int:
    """End those of these jobs that no worker has begun. Returns how many. The caller has seen that
    `by` may do it."""
    return _change(
        jobs.unfinished().filter(status__in=(Status.PENDING, Status.DEQUEUED)),
        fields=lambda sub_type: lifecycle.cancelled(by),
        kind=JobEvent.Kind.CANCELLED,
        texts=(lifecycle.cancel_note(by), outcomes.CANCELLED),
        by=by,
    )


def _need_right(batch: Batch, by: "User | None") -> None:
    if by is not None and not lifecycle.may_operate(batch, by):
        raise NotPossible("Only the owner of this batch or an administrator can do that.")


def _change(
    jobs: "QuerySet[Job]",
    *,
    fields: Fields,
    kind: JobEvent.Kind,
    texts: tuple[str, str],
    by: "User | None",
) -> int:
    """Write into each of the jobs what `fields` says for its sub type, and an event for each with
    these texts: its message, and what can be done about it."""
    with transaction.atomic():
        if kind == JobEvent.Kind.RETRIED:
            _resume(jobs)
        locked = jobs.select_for_update().order_by("pk").values_list("sub_type", "pk")
        found = sorted(locked)  # by sub type; nearly always there is one
        for sub_type, keys in _chunks(found):
            same = Job.objects.filter(pk__in=keys)
            _note(same, kind, texts, by)
            same.update(**fields(sub_type))
        if found:
            wakeup.announce()
    return len(found)


def _resume(jobs: "QuerySet[Job]") -> None:
    """Of each batch that some of the jobs are of, note how long it was idle; in one order, so that
    nobody who does the same waits for us while we wait for them."""
    of = jobs.filter(batch__isnull=False).order_by("batch").values_list("batch", flat=True)
    for batch_id in of.distinct():
        if batch_id:
            lifecycle.resume(batch_id)


def _note(
    jobs: "QuerySet[Job]", kind: JobEvent.Kind, texts: tuple[str, str], by: "User | None"
) -> None:
    """Add an event to each of the jobs, in one statement."""
    message, remedy = texts
    values = jobs.order_by().values_list(
        "pk",
        Value(kind.value),
        "attempt",
        Value(message),
        Value(remedy),
        Value(""),
        Value(""),
        Value(by.pk if by else None, output_field=IntegerField()),
        Value(timezone.now(), output_field=DateTimeField()),
    )
    sql, parameters = values.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(NOTE.format(jobs=sql), parameters)


def _chunks(found: list[tuple[str, int]]) -> Iterator[tuple[str, list[int]]]:
    """Sub type and keys, at most CHUNK at a time, of (sub type, key) pairs that are in order."""
    for sub_type, same in itertools.groupby(found, key=lambda pair: pair[0]):
        keys = (key for _, key in same)
        while chunk := list(itertools.islice(keys, CHUNK)):
            yield sub_type, chunk
