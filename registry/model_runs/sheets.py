"""Sheets of model runs: an uploaded table is checked as a whole, mended row by row, and submitted
as far as it is right. Nothing is registered before it is submitted, and no row twice.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Func, IntegerField, Max

from jobs import lifecycle
from jobs.models import Batch, Job, Status
from registry.access import Level
from registry.model_runs import columns as headers
from registry.model_runs import keeping, launching, origins, records, rows, spreadsheet, waiting
from registry.model_runs.checking import LODGE, Checker
from registry.model_runs.columns import ERROR, JOB, ROW, RUN, STATUS, TABLE, Columns
from registry.model_runs.records import Lookup
from registry.model_runs.spreadsheet import Readable
from registry.models import RunSheet, SheetRow
from registry.services import rules
from registry.services.rules import Refused

State = SheetRow.State
CHUNK = 500  # rows that are checked and written together
Found = Sequence[tuple[int, str]]
"""Of a row: pairs of a column (-1: none) and what is found there."""


@dataclass(frozen=True)
class Submission:
    """What was done with the rows of a sheet: the job that launches the new ones as a batch, if
    there are any, and how many failed jobs were put back into the queue. Of a large table its job
    does that, too."""

    job: Job | None
    new: int
    retried: int


def load(*, stream: Readable, file_name: str, owner: User, aside: bool = False) -> RunSheet:
    """Read a table and check all its rows; if `aside` and they are many, by a job. Returns the
    sheet, with what was found in each row by then.

    Raises NotAllowed, or Refused for a file that is no table of model runs: each with one message.
    """
    rules.need_level(owner, Level.WRITE)
    table = spreadsheet.read(
        stream, settings.RUN_SHEET_ROWS, settings.RUN_SHEET_MEGABYTES * 1024**2
    )
    _, header = next(table.rows, (0, []))
    if not header:
        raise Refused("The file is empty.")
    layout = headers.layout_for(headers.marked_template(header), owner)
    sheet = RunSheet(
        owner=owner,
        template=layout.template,
        file_name=file_name[:200] or "a file without a name",
        separator=table.separator,
        columns=header,
        warnings=headers.read_header(header, layout).warnings,
    )
    parts, count = waiting.parts_of(table.rows)
    if not count:
        raise Refused("The file has a header and no row below it.")
    with transaction.atomic():
        waiting.keep(sheet, parts, count)
        if aside and count > waiting.AT_ONCE:
            waiting.start(sheet, owner)
            return sheet
    try:
        waiting.check(sheet, owner)
    except BaseException:
        sheet.delete()
        raise
    return sheet


def columns_of(sheet: RunSheet, user: User) -> Columns:
    """What its columns hold today. Raises Refused if its workflow template no longer has them."""
    return headers.read_header(sheet.columns, headers.layout_for(sheet.template.handle, user))


def mend(*, sheet: RunSheet, number: int, cells: Sequence[str], by: User) -> SheetRow:
    """Write a row anew and check it again, with those that were left out because they said what it
    said. Raises NotAllowed, or Refused if it was submitted already."""
    rules.need_level(by, Level.WRITE)
    if any("\0" in cell for cell in cells):
        raise Refused("A cell holds the character U+0000, which no text has. Remove it.")
    lookup = Lookup(by)
    layout = headers.layout_for(sheet.template.handle, by, lookup)
    checker = Checker(headers.read_header(sheet.columns, layout), by, lookup, sheet)
    with transaction.atomic():
        held = _held(sheet)
        row = sheet.rows.select_for_update().get(number=number)
        if row.state == State.SUBMITTED:
            raise Refused(f"Row {number} was submitted meanwhile. Its job tells what became of it.")
        former = row.fingerprint
        if row.state == State.MOVED:
            raise Refused(f"Row {number} goes on in another table. Mend it there.")
        checked = _checked_again(held, row, [cell.strip() for cell in cells], checker)
        if former and former != checked.fingerprint:
            for twin in sheet.rows.filter(fingerprint=former, state=State.EXISTING)[:CHUNK]:
                _checked_again(held, twin, twin.cells, checker)
        keeping.recount(held)
    return checked


def force(*, sheet: RunSheet, by: User, number: int | None = None) -> int:
    """Take rows that exist already as new ones, because the user says so: that one, or all. Returns
    how many. Raises NotAllowed, or Refused."""
    rules.need_level(by, Level.WRITE)
    with transaction.atomic():
        held = _held(sheet)
        found = sheet.rows.filter(state=State.EXISTING)
        if number is not None:
            found = found.filter(number=number)
        count = found.update(state=State.NEW, is_forced=True)
        keeping.recount(held)
    return count


def leave_out(*, sheet: RunSheet, by: User) -> int:
    """Take back what `force` said. Returns of how many rows. Raises NotAllowed, or Refused."""
    rules.need_level(by, Level.WRITE)
    with transaction.atomic():
        held = _held(sheet)
        found = sheet.rows.filter(state=State.NEW, is_forced=True)
        count = found.update(state=State.EXISTING, is_forced=False)
        keeping.recount(held)
    return count


def discard(*, sheet: RunSheet, by: User) -> bool:
    """Forget a sheet, or of one that was submitted the rows that were not. True if it is gone. If
    a job checks it, that ends. Raises NotAllowed, or Refused."""
    rules.need_level(by, Level.WRITE)
    with transaction.atomic():
        held = keeping.hold(sheet)
        _need_settled(held)
        origins.move_back(held)
        sheet.rows.exclude(state=State.SUBMITTED).delete()
        if sheet.rows.exists():
            keeping.recount(held)
            return False
        held.delete()
        return True


def submit(*, sheet: RunSheet, by: User) -> Submission:
    """Register what is right in a sheet: new rows by a job that launches them as a batch, and those
    whose job has failed by trying that again. Done twice, it does nothing the second time.

    Raises NotAllowed, or Refused if no row is left to register.
    """
    rules.need_level(by, Level.WRITE)
    job, count = None, 0
    with transaction.atomic():
        held = _held(sheet)
        new, failed = (sheet.rows.filter(state=state) for state in (State.NEW, State.RETRY))
        is_small = new.count() + failed.count() <= waiting.AT_ONCE
        retried = launching.try_again(failed, by=by) if is_small else 0
        count = new.count()
        if count and is_small:
            count -= launching.leave_out_submitted(new, held)
        if count or not is_small:
            job = lifecycle.submit(
                sub_type="MODEL_RUN_BATCH_SUBMIT",
                payload={"records": [], "sheet": sheet.pk, "name": sheet.file_name},
                owner=by,
                subject=sheet.template.handle,
            )
            if is_small:
                new.update(state=State.SUBMITTED, submission=job.session_id)
            else:  # its job does that
                held.launching = job.session_id
            held.launches.append(str(job.session_id))
        keeping.recount(held)
    if not job and not retried:
        raise Refused("No row of this sheet is left to register.")
    return Submission(job, count, retried)


def take_back(*, sheet: RunSheet, by: User) -> int:
    """Make the rows new again whose launch failed or was cancelled, so that they can be mended,
    submitted or discarded. Returns how many. Should such a launch be tried again, it finds none.
    Raises NotAllowed."""
    rules.need_level(by, Level.WRITE)
    with transaction.atomic():
        held = _ready(sheet)
        # Held, so that nobody tries one again meanwhile.
        launches = Job.objects.select_for_update().filter(session_id__in=held.launches)
        taken = list(launches.failed().values_list("session_id", flat=True))
        if held.launching and not launches.unfinished().filter(session_id=held.launching).exists():
            held.launching = None
        rows_of = sheet.rows.filter(submission__isnull=False, submission__in=taken)
        count = rows_of.update(state=State.NEW, submission=None)
        held.launches = [one for one in held.launches if UUID(one) not in taken]
        keeping.recount(held)
    return count


def faulty(sheet: RunSheet) -> Iterator[list[str]]:
    """The header and the faulty rows as they were written, each with its number and what is wrong,
    as a table to mend and upload again. Cells beyond the header keep a column without one."""
    found = sheet.rows.filter(state=State.FAULTY)
    length = f"JSON{'B' if connection.vendor == 'postgresql' else ''}_ARRAY_LENGTH"
    cells_of = Func("cells", function=length, output_field=IntegerField())
    widest = found.order_by().aggregate(most=Max(cells_of))["most"] or 0
    header = list(sheet.columns) + [""] * (widest - len(sheet.columns))
    names = [text.strip().casefold() for text in header]
    first, last = ([one for one in some if one not in names] for some in ((ROW,), (TABLE, ERROR)))
    yield [*first, *header, *last]
    for row in found.defer("record").iterator(CHUNK):
        filled = {
            ROW: str(row.number),
            TABLE: str(sheet.pk),
            ERROR: " ".join(told(row.faults, header)),
        }
        cells = itertools.zip_longest(names, row.cells, fillvalue="")
        own = [filled.get(name, cell) for name, cell in cells]
        yield [filled[name] for name in first] + own + [filled[name] for name in last]


def told(found: Found | None, header: Sequence[str]) -> list[str]:
    """The faults or warnings of a row, a sentence each, with the column."""
    return [
        f"{header[column]}: {text}" if 0 <= column < len(header) else text
        for column, text in found or ()
    ]


def of_batch(batch: Batch, user: User) -> Iterator[list[str]]:
    """A batch as a table again: the header, and each run with the state of its job, its id and its
    error (domain reference, 7.4). Read again it gives the same records.

    Raises Refused, before the first row, for a batch of something else or of several workflows.
    """
    jobs = batch.jobs.order_by("batch_index")
    payloads = jobs.values_list("sub_type", "payload__record")
    workflows: set[str] = set()
    annotations: dict[str, None] = {}
    organisation = False
    for number, (sub_type, record) in enumerate(payloads.iterator(CHUNK), 1):
        if sub_type != LODGE:
            raise Refused("This batch does not register model runs, so it is no table of them.")
        if records.normal(record) is None:
            raise Refused(f"Run {number} of this batch lacks what each row of a table has.")
        workflows.add(record["workflow_template_id"])
        annotations |= dict.fromkeys(record.get("annotations") or {})
        organisation |= bool(record["associations"].get("requesting_organisation_id"))
    if len(workflows) != 1:
        raise Refused(
            f"The runs of this batch follow {len(workflows)} workflow templates "
            f"({', '.join(sorted(workflows))}); a table has the columns of one."
        )
    layout = headers.layout_for(workflows.pop(), user)
    columns = layout.columns(organisation=organisation, annotations=annotations)
    return itertools.chain([list(columns.headers)], _job_rows(jobs, columns))


def _job_rows(jobs: Any, columns: Columns) -> Iterator[list[str]]:
    found = jobs.values_list(
        "session_id", "status", "info", "result", "mended_by", "payload__record"
    )
    for session_id, status, info, result, mended_by, record in found.iterator(CHUNK):
        mended = f"Mended: job {mended_by} took its place. It had failed: " if mended_by else ""
        system = {
            JOB: str(session_id),
            STATUS: status,
            RUN: result["record"]["id"] if result else "",
            ERROR: f"{mended}{info}" if status == Status.FAILED else "",
        }
        yield rows.cells(record, columns, system)


def _held(sheet: RunSheet) -> RunSheet:
    """A sheet that is ready, and of which nothing is being submitted, so that of two who act on it
    at once the second finds what the first has done. Raises Refused."""
    held = _ready(sheet)
    _need_settled(held)
    return held


def _ready(sheet: RunSheet) -> RunSheet:
    held = keeping.hold(sheet)
    if not held.is_ready:
        raise Refused("This table is still being checked. Wait until that is done.")
    return held


def _need_settled(held: RunSheet) -> None:
    if held.launching:
        raise Refused(
            "What is right in this table is being submitted. Wait until that is done; if it "
            "failed, retry its job or take its rows back."
        )


def _checked_again(sheet: RunSheet, row: SheetRow, cells: list[str], checker: Checker) -> SheetRow:
    [checked] = checker.check([(row.number, cells)])
    checked.pk, checked.sheet, checked.session_id = row.pk, sheet, row.session_id
    origins.move(sheet, [checked])
    checked.save()
    return checked
