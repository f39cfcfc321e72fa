"""Sheets of model runs: an uploaded table is checked as a whole, mended row by row, and submitted
as far as it is right. Nothing is registered before it is submitted, and no row twice.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef

from jobs import lifecycle
from jobs.models import Batch, Job, Status
from registry.access import Level
from registry.model_runs import columns as headers
from registry.model_runs import fingerprints, records, rows, spreadsheet
from registry.model_runs.columns import ERROR, JOB, RUN, STATUS, Columns
from registry.model_runs.fingerprints import Same
from registry.model_runs.records import Lookup
from registry.model_runs.spreadsheet import Readable
from registry.models import RunSheet, SheetRow
from registry.services import rules
from registry.services.rules import Refused

State = SheetRow.State
CHUNK = 500  # rows that are checked and written together
LODGE = "MODEL_RUN_PROV_LODGE"


@dataclass(frozen=True)
class Submission:
    """What was done with the rows of a sheet: the job that launches the new ones as a batch, if
    there are any, and how many failed jobs were put back into the queue."""

    job: Job | None
    new: int
    retried: int


def load(*, stream: Readable, file_name: str, owner: User) -> RunSheet:
    """Read a table and check all its rows. Returns the sheet, with what was found in each.

    Raises NotAllowed, or Refused for a file that is no table of model runs: each with one message.
    """
    rules.need_level(owner, Level.WRITE)
    table = spreadsheet.read(
        stream, settings.RUN_SHEET_ROWS, settings.RUN_SHEET_MEGABYTES * 1024**2
    )
    _, header = next(table, (0, []))
    if not header:
        raise Refused("The file is empty.")
    lookup = Lookup(owner)
    layout = headers.layout_for(headers.marked_template(header), owner, lookup)
    columns = headers.read_header(header, layout)
    sheet = RunSheet.objects.create(
        owner=owner,
        template=layout.template,
        file_name=file_name[:200] or "a file without a name",
        columns=header,
        warnings=columns.warnings,
    )
    try:
        _keep_rows(sheet, table, _Checker(columns, owner, lookup))
    except BaseException:
        sheet.delete()
        raise
    return sheet


def columns_of(sheet: RunSheet, user: User) -> Columns:
    """What its columns hold today. Raises Refused if its workflow template no longer has them."""
    return headers.read_header(sheet.columns, headers.layout_for(sheet.template.handle, user))


def mend(*, sheet: RunSheet, number: int, cells: Sequence[str], by: User) -> SheetRow:
    """Write a row anew and check it again. Raises Refused if it was submitted already."""
    if any("\0" in cell for cell in cells):
        raise Refused("A cell holds the character U+0000, which no text has. Remove it.")
    lookup = Lookup(by)
    layout = headers.layout_for(sheet.template.handle, by, lookup)
    columns = headers.read_header(sheet.columns, layout)
    with transaction.atomic():
        row = sheet.rows.select_for_update().get(number=number)
        if row.state == State.SUBMITTED:
            raise Refused(f"Row {number} was submitted meanwhile. Its job tells what became of it.")
        checker = _Checker(columns, by, lookup)
        checker.know(sheet.rows.exclude(pk=row.pk).exclude(fingerprint=""))
        [checked] = checker.check([(number, [cell.strip() for cell in cells])])
        checked.pk, checked.sheet = row.pk, sheet
        checked.save()
    return checked


def force(*, sheet: RunSheet) -> int:
    """Take the rows that exist already as new ones, because the user says so. Returns how many."""
    found = sheet.rows.filter(state=State.EXISTING)
    return found.update(state=State.NEW, job=None)


def submit(*, sheet: RunSheet, by: User) -> Submission:
    """Register what is right in a sheet: new rows by a job that launches them as a batch, and those
    whose job has failed by trying that again. Done twice, it does nothing the second time.

    Raises NotAllowed, or Refused if no row is left to register.
    """
    rules.need_level(by, Level.WRITE)
    job = None
    with transaction.atomic():
        # Held, so that of two submissions at once the second finds the rows of the first taken: the
        # user, because the same rows may be in two sheets.
        User.objects.select_for_update(no_key=True).get(pk=sheet.owner_id)
        RunSheet.objects.select_for_update().get(pk=sheet.pk)
        retried = _retry(sheet, by)
        _leave_out_submitted(sheet)
        new = sheet.rows.filter(state=State.NEW)
        count = new.count()
        if count:
            job = lifecycle.submit(
                sub_type="MODEL_RUN_BATCH_SUBMIT",
                payload={"records": [], "sheet": sheet.pk},
                owner=by,
                subject=sheet.template.handle,
            )
            new.update(state=State.SUBMITTED, submission=job.session_id, job=None)
    if not count and not retried:
        raise Refused("No row of this sheet is left to register.")
    return Submission(job, count, retried)


def take_back(*, sheet: RunSheet) -> int:
    """Make the rows new again whose launch failed or was cancelled, so that they can be mended,
    submitted or discarded. Returns how many. Should such a launch be tried again, it finds none."""
    with transaction.atomic():
        RunSheet.objects.select_for_update().get(pk=sheet.pk)
        submitted = sheet.rows.filter(submission__isnull=False)
        ids = [one for one in set(submitted.values_list("submission", flat=True)) if one]
        # Held, so that nobody tries one again meanwhile.
        failed = Job.objects.select_for_update().filter(session_id__in=ids, status=Status.FAILED)
        taken = list(failed.values_list("session_id", flat=True))
        return submitted.filter(submission__in=taken).update(state=State.NEW, submission=None)


def submitted_records(submission: UUID) -> Iterator[dict[str, Any]]:
    """The records of the rows that were submitted together, in the order of the sheet."""
    found = SheetRow.objects.filter(submission=submission).order_by("number")
    for record in found.values_list("record", flat=True).iterator(CHUNK):
        yield record or {}


def faulty(sheet: RunSheet) -> Iterator[list[str]]:
    """The header and the faulty rows as they were written, each with what is wrong, as a table to
    mend and upload again."""
    header = list(sheet.columns)
    at = next((n for n, text in enumerate(header) if text.strip().casefold() == ERROR), len(header))
    yield [*header[:at], ERROR, *header[at + 1 :]]
    for row in sheet.rows.filter(state=State.FAULTY).iterator(CHUNK):
        cells = (list(row.cells) + [""] * len(header))[: len(header)]
        yield [*cells[:at], " ".join(told(row, header)), *cells[at + 1 :]]


def told(row: SheetRow, header: Sequence[str]) -> list[str]:
    """What is wrong with a row, a sentence each, with the column."""
    return [
        f"{header[column]}: {text}" if 0 <= column < len(header) else text
        for column, text in row.faults
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
    found = jobs.values_list("session_id", "status", "info", "result", "payload__record")
    for session_id, status, info, result, record in found.iterator(CHUNK):
        system = {
            JOB: str(session_id),
            STATUS: status,
            RUN: result["record"]["id"] if result else "",
            ERROR: info if status == Status.FAILED else "",
        }
        yield rows.cells(record, columns, system)


def _keep_rows(
    sheet: RunSheet, table: Iterator[tuple[int, list[str]]], checker: "_Checker"
) -> None:
    """Check and write the rows in pieces, so that nobody waits long for the database."""
    count = 0
    while chunk := list(itertools.islice(table, CHUNK)):
        checked = checker.check(chunk)
        for row in checked:
            row.sheet = sheet
        SheetRow.objects.bulk_create(checked)
        count += len(checked)
    if not count:
        raise Refused("The file has a header and no row below it.")
    sheet.is_ready = True
    sheet.save(update_fields=["is_ready"])


def _retry(sheet: RunSheet, by: User) -> int:
    """Put the failed jobs of its rows back into the queue. One that no longer is failed was tried
    again by somebody else, and needs nothing."""
    found = list(sheet.rows.filter(state=State.RETRY))
    for job in Job.objects.filter(session_id__in=[row.job for row in found], status=Status.FAILED):
        lifecycle.retry(job, by=by)
    sheet.rows.filter(pk__in=[row.pk for row in found]).update(
        state=State.SUBMITTED, note="Its job was put back into the queue."
    )
    return len(found)


def _leave_out_submitted(sheet: RunSheet) -> None:
    """Find the new rows that were submitted with another sheet since this one was checked. Those
    that the user has forced have a note, and go."""
    submitted = SheetRow.objects.filter(submission__isnull=False, sheet__owner=sheet.owner_id)
    same = submitted.filter(fingerprint=OuterRef("fingerprint"))
    found = list(sheet.rows.filter(Exists(same), state=State.NEW, note=""))
    earlier = fingerprints.earlier(
        {row.fingerprint: row.record or {} for row in found}, sheet.owner
    )
    left_out = [row for row in found if row.fingerprint in earlier]
    for row in left_out:
        _mark_same(row, earlier[row.fingerprint])
    SheetRow.objects.bulk_update(left_out, ["state", "note", "job"], batch_size=CHUNK)


class _Checker:
    """Checks the rows of one file, in pieces, and knows those that it has seen."""

    def __init__(self, columns: Columns, user: User, lookup: Lookup) -> None:
        self._columns = columns
        self._user = user
        self._lookup = lookup
        self._seen: dict[str, int] = {}  # fingerprint -> number of the row

    def know(self, others: Iterable[SheetRow]) -> None:
        """Rows that are there already."""
        self._seen |= {row.fingerprint: row.number for row in others}

    def check(self, chunk: Sequence[tuple[int, list[str]]]) -> list[SheetRow]:
        """These rows with what was found about them, not yet saved."""
        read = [(number, cells, rows.read(cells, self._columns)) for number, cells in chunk]
        self._lookup.fetch(
            handle for _, _, row in read for handle in records.mentioned(row.data) if handle
        )
        named = self._named_jobs([row.job for _, _, row in read if row.job])
        checked = [self._examined(number, cells, row, named) for number, cells, row in read]
        self._compare([row for row in checked if row.state == State.NEW], named)
        return checked

    def _examined(
        self, number: int, cells: list[str], row: rows.Row, named: Mapping[str, Job]
    ) -> SheetRow:
        faults = list(row.faults)
        record = None
        if row.data:
            record, findings = records.examine(row.data, self._lookup)
            written = {column for column, _ in faults}
            placed = [(rows.place(one, row.data, self._columns), one.text) for one in findings]
            # What cannot be read at all is told so, and not what it then lacks.
            faults += [fault for fault in placed if fault[0] not in written or fault[0] < 0]
        if row.job and row.job not in named:
            text = f"You have no job {row.job}. Clear this cell to register the row as a new run."
            faults.append((self._columns.at((JOB,)), text))
        checked = SheetRow(number=number, cells=cells, faults=faults, state=State.FAULTY)
        if record is not None and not faults:
            checked.state = State.NEW
            checked.record = records.stored(record)
            checked.fingerprint = fingerprints.of(checked.record)
            checked.job = named[row.job].session_id if row.job else None
        return checked

    def _named_jobs(self, ids: Iterable[str]) -> dict[str, Job]:
        """The user's jobs that rows name, by the text that names them."""
        uuids = {text: parsed for text in ids if (parsed := _uuid(text))}
        found = Job.objects.filter(owner=self._user, session_id__in=set(uuids.values()))
        jobs = {job.session_id: job for job in found.defer("traceback")}
        return {text: jobs[parsed] for text, parsed in uuids.items() if parsed in jobs}

    def _compare(self, good: list[SheetRow], named: Mapping[str, Job]) -> None:
        """Tell the rows that exist already from the new ones (domain reference, 7.3)."""
        jobs = {job.session_id: job for job in named.values()}
        same = fingerprints.earlier({row.fingerprint: row.record or {} for row in good}, self._user)
        for row in good:
            job = jobs.get(row.job) if row.job else None
            row.job = None
            if job and _record_of(job) == row.fingerprint:
                _mark(row, f"job {job.session_id}", job)
            elif row.fingerprint in self._seen:
                _mark(row, f"row {self._seen[row.fingerprint]} of this file")
            elif found := same.get(row.fingerprint):
                _mark_same(row, found)
            self._seen.setdefault(row.fingerprint, row.number)


def _mark(row: SheetRow, what: str, job: Job | None = None) -> None:
    """Note what a row is the same as; one whose job has failed is to be tried again."""
    is_failed = job is not None and job.status == Status.FAILED
    row.state = State.RETRY if is_failed else State.EXISTING
    row.note = f"The same as {what}{', which failed' if is_failed else ''}."
    row.job = job.session_id if job else None


def _mark_same(row: SheetRow, found: Same) -> None:
    """Note what a row says again; where that failed it is to be tried again."""
    row.state = State.RETRY if found.failed else State.EXISTING
    row.note = f"The same as {found.what}."
    row.job = found.failed


def _record_of(job: Job) -> str:
    """The fingerprint of the record that a job registers; empty for a job of another sort."""
    record = records.normal(job.payload["record"]) if job.sub_type == LODGE else None
    return fingerprints.of(record) if record else ""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
