"""Rows of uploaded tables that wait for their check, and the check of a whole table: in pieces,
each a short transaction, so that nobody waits long for the database. What was interrupted goes on
where it was."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction

from jobs import lifecycle
from jobs.lifecycle import NotPossible
from jobs.models import Job, Status
from provena import rows as database_rows
from registry.access import Level
from registry.model_runs import columns as headers
from registry.model_runs import keeping, origins
from registry.model_runs.checking import Checker
from registry.model_runs.records import Lookup
from registry.models import RunSheet, SheetPart, SheetRow
from registry.models.sheets import WAITING, WARNED
from registry.services import rules
from registry.services.rules import Refused

AT_ONCE = 2_000  # rows at most that are checked while their user waits, for about a second
PIECE = 1_000  # rows that are checked and written together
COLUMNS = tuple(field.attname for field in SheetRow._meta.concrete_fields if not field.primary_key)

Piece = Callable[..., AbstractContextManager[None]]
"""The transaction of a piece, of how many rows are `done` after it, `of` how many."""


class Gone(Exception):
    """The table is no longer there, or somebody else checks it."""


def parts_of(table: Iterator[tuple[int, list[str]]]) -> tuple[list[SheetPart], int]:
    """The rows of a file as parts that can be kept, and how many rows they are. Raises what reading
    the file raises."""
    parts, count = [], 0
    while chunk := list(itertools.islice(table, PIECE)):
        parts.append(SheetPart.holding(chunk))
        count += len(chunk)
    return parts, count


def keep(sheet: RunSheet, parts: list[SheetPart], count: int) -> None:
    """Keep a new sheet with the rows that wait, in the caller's transaction."""
    sheet.tally = {WAITING: count}
    sheet.save()
    for part in parts:
        part.sheet = sheet
    SheetPart.objects.bulk_create(parts, batch_size=100)


def start(sheet: RunSheet, owner: User) -> None:
    """Queue the job that checks a sheet, in the caller's transaction."""
    job = lifecycle.submit(
        sub_type="MODEL_RUN_SHEET_CHECK",
        payload={"sheet": sheet.pk, "file_name": sheet.file_name},
        owner=owner,
        subject=str(sheet.pk),
    )
    sheet.check_job = job.session_id
    sheet.save(update_fields=["check_job"])


def start_again(*, sheet: RunSheet, by: User) -> None:
    """Go on with a check that has failed. One that goes on already needs nothing.

    Raises NotAllowed, or Refused.
    """
    rules.need_level(by, Level.WRITE)
    with transaction.atomic():
        held = keeping.hold(sheet)
        if held.is_ready:
            return
        job = job_of(held)
        if job is None:  # it is no longer kept
            start(held, by)
        elif job.status == Status.FAILED:
            try:
                lifecycle.retry(job, by=by)
            except NotPossible as reason:
                raise Refused(str(reason)) from None


def job_of(sheet: RunSheet) -> Job | None:
    """The job that checks a sheet, if there is one and it is still kept."""
    return Job.objects.filter(session_id=sheet.check_job).first() if sheet.check_job else None


@contextmanager
def alone(done: int, *, of: int) -> Iterator[None]:
    """A piece of a check that is no job's."""
    with transaction.atomic():
        yield


def check(sheet: RunSheet, owner: User, piece: Piece = alone) -> None:
    """Check the rows that wait, with the rights that `owner` has, until the sheet is ready.

    Raises Refused if the table or its user no longer may; what is checked by then stays. Raises
    Gone.
    """
    is_known = False
    while part := sheet.parts.first():
        if sheet.checked and not is_known:
            _make_known()
            is_known = True
        rules.need_level(owner, Level.WRITE)
        found = _checked(sheet, part, owner)
        with piece(sheet.checked + len(found), of=sheet.total):
            _write(sheet, part, found)


def _make_known() -> None:
    """PostgreSQL looks at what a table holds about once a minute. Until then it would read all rows
    for the few that say the same as one, for each piece of a large table."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {SheetRow._meta.db_table} (fingerprint, submission, sheet_id)")


def _checked(sheet: RunSheet, part: SheetPart, owner: User) -> list[SheetRow]:
    """The rows of a part with what was found about them. All is looked up anew for each part: what
    is named may go meanwhile, and a large table may name more than fits into memory."""
    lookup = Lookup(owner)
    layout = headers.layout_for(sheet.template.handle, owner, lookup)
    checker = Checker(headers.read_header(sheet.columns, layout), owner, lookup, sheet)
    return checker.check(part.rows())


def _write(sheet: RunSheet, part: SheetPart, found: list[SheetRow]) -> None:
    """Put the checked rows in the place of the part. Raises Gone if that is not there any more."""
    if not RunSheet.objects.select_for_update().filter(pk=sheet.pk).exists():
        raise Gone
    if not SheetPart.objects.filter(pk=part.pk).delete()[0]:
        raise Gone
    for row in found:
        row.sheet = sheet
    origins.move(sheet, found)
    values: list[tuple[Any, ...]] = [
        tuple(getattr(row, column) for column in COLUMNS) for row in found
    ]
    database_rows.add(SheetRow, COLUMNS, values, anew=True)
    tally = Counter(sheet.tally)
    tally.update(row.state for row in found)
    tally[WARNED] += sum(row.warnings is not None for row in found)
    tally[WAITING] -= len(found)
    sheet.tally = dict(tally)
    sheet.is_ready = not tally[WAITING]
    sheet.save(update_fields=["tally", "is_ready"])
