"""Jobs by a filter as tables and as lines of JSON: the same columns, for pages and commands."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jobs import definitions, job_rows, search
from jobs.definitions import Subject
from jobs.filters import JobFilter

if TYPE_CHECKING:
    from django.contrib.auth.models import User

COLUMNS = (
    "session_id",
    "type",
    "sub_type",
    "title",
    "status",
    "created_at",
    "dequeued_at",
    "started_at",
    "finished_at",
    "cancelled_at",
    "attempt",
    "max_attempts",
    "username",
    "subject",
    "name",  # of the run, or of the item that it is about
    "batch_id",
    "batch_row",  # its number in the batch
    "file_row",  # the row of the file that the batch was made of
    "info",
    "made",
    "mended_by",
)


def table(wanted: JobFilter, user: "User | None") -> Iterator[list[Any]]:
    """Header and rows for a file of CSV."""
    yield list(COLUMNS)
    yield from (cells(record) for record in records(wanted, user))


def cells(record: dict[str, Any]) -> list[Any]:
    """A record as a row of a table."""
    return ["" if value is None else value for value in record.values()]


def lines(wanted: JobFilter, user: "User | None") -> Iterator[str]:
    """A JSON object a line."""
    for record in records(wanted, user):
        yield json.dumps(record, ensure_ascii=False) + "\n"


def records(
    wanted: JobFilter, user: "User | None", limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Each job that is wanted, newest first, by COLUMNS: None where there is no value, or none that
    `user` may see. None as user is an operator, who may see all."""
    left = limit
    for jobs in search.walk(wanted, user, at_once=min(limit or search.CHUNK, search.CHUNK)):
        some = jobs[:left]
        yield from told(some, user)
        if left is not None:
            left -= len(some)
            if not left:
                return


def told(jobs: list[Any], user: "User | None") -> Iterator[dict[str, Any]]:
    """The records of these jobs of `for_lists`; what they name is looked up for all at once."""
    ids = {one for job in jobs for one in (job.subject, job.made) if one}
    found = definitions.subjects(user, ids) if user else {}
    readable = ids if user is None else set(found)
    for job in jobs:
        yield _record(job, user, readable, found.get(job.subject))


def _record(
    job: Any, user: "User | None", readable: set[str], subject: Subject | None
) -> dict[str, Any]:
    is_open = user is None or job_rows.is_open(job, subject, user)
    label = subject.label if subject else None
    values = (
        str(job.session_id),
        job.type,
        job.sub_type,
        job.title,
        job.status,
        *map(_moment, (job.created_at, job.dequeued_at, job.started_at, job.finished_at)),
        _moment(job.cancelled_at),
        job.attempt,
        job.max_attempts,
        job.owner.get_username(),
        job.subject if job.subject in readable else None,
        (job.named if is_open and job.named else label) or None,
        str(job.batch_id) if job.batch_id else None,
        job.batch_index + 1 if job.batch_index is not None else None,
        int(job.row) if job.row else None,
        job.info or None,
        job.made if job.made in readable else None,
        str(job.mended_by) if job.mended_by else None,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
