"""Checking the rows of a table: what is wrong in each, and what exists already (domain reference,
7.2 and 7.3)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from jobs.models import Job, Status
from provena.ids import uuid_of
from registry.kinds.runs import RunRecord, fingerprint_of
from registry.model_runs import fingerprints, oddities, origins, records, rows
from registry.model_runs.columns import JOB, Columns
from registry.model_runs.fingerprints import Same
from registry.model_runs.records import Lookup
from registry.models import RunSheet, SheetRow

State = SheetRow.State
LODGE = "MODEL_RUN_PROV_LODGE"


class Checker:
    """Checks the rows of one table, in pieces, and knows those that it has seen; of a `sheet` that
    is there already, all its other rows.

    By the numbers of rows it tells what says the `same` as they do, and which have a job of their
    `own`: they name it, and it registers what they say.
    """

    def __init__(
        self, columns: Columns, user: User, lookup: Lookup, sheet: RunSheet | None = None
    ) -> None:
        self._columns = columns
        self._user = user
        self._lookup = lookup
        self._sheet = sheet
        self._seen: dict[str, int] = {}  # fingerprint -> number of the row
        self.same: dict[int, Same] = {}
        self.own: dict[int, UUID] = {}

    def check(self, chunk: Sequence[tuple[int, list[str]]]) -> list[SheetRow]:
        """These rows with what was found about them, not yet saved."""
        read = [(number, cells, rows.read(cells, self._columns)) for number, cells in chunk]
        self._lookup.fetch(
            handle for _, _, row in read for handle in records.mentioned(row.data) if handle
        )
        named = self._named_jobs([row.job for _, _, row in read if row.job])
        checked = [self._examined(number, cells, row, named) for number, cells, row in read]
        good = [
            (one, named.get(row.job))
            for one, (_, _, row) in zip(checked, read, strict=True)
            if one.state == State.NEW
        ]
        self._compare(good)
        self._find_former(checked, [row for _, _, row in read])
        return checked

    def _find_former(self, checked: Sequence[SheetRow], read: Sequence[rows.Row]) -> None:
        """Tell the rows that stood in another table before: they go on here, unless they were
        submitted there."""
        places = [origins.place(*row.former) if any(row.former) else None for row in read]
        there = origins.find({place for place in places if place}, self._user)
        for row, place in zip(checked, places, strict=True):
            former = there.get(place) if place else None
            if former is None or (self._sheet and former.sheet_id == self._sheet.pk):
                continue
            row.former = (former.sheet_id, former.number)
            why = origins.settled(former, self._sheet)
            if why and row.state == State.NEW and row.failed_job is None:
                row.failed_job = origins.failed_job(former)
                if row.failed_job is None:
                    self._mark(row, Same(why))

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
        job = named.get(row.job)
        if row.job and not job:
            text = f"You have no job {row.job}. Clear this cell to register the row as a new run."
            faults.append((self._columns.at((JOB,)), text))
        checked = SheetRow(number=number, cells=cells, faults=faults, state=State.FAULTY)
        if row.data:
            checked.warnings = _warnings(record, row.data, self._columns)
        if record is not None and not faults:
            checked.state = State.NEW
            checked.record = records.stored(record)
            checked.fingerprint = fingerprint_of(checked.record)
            if job and job.sub_type == LODGE and not _of_job(job, checked.fingerprint):
                self._mend(checked, job)
        return checked

    def _mend(self, row: SheetRow, job: Job) -> None:
        """Of a row that names a job and says something else than that: it takes the place of the
        job if that failed, once."""
        if job.mended_by:
            row.state, row.record, row.fingerprint = State.FAULTY, None, None
            text = f"Job {job.session_id} was mended by job {job.mended_by} already. "
            text += "Clear this cell to register the row as a new run."
            row.faults = [*row.faults, (self._columns.at((JOB,)), text)]
        elif job.status == Status.FAILED:
            row.failed_job = job.session_id

    def _named_jobs(self, ids: Iterable[str]) -> dict[str, Job]:
        """The user's jobs that rows name, by the text that names them."""
        uuids = {text: parsed for text in ids if (parsed := uuid_of(text))}
        found = Job.objects.filter(owner=self._user, session_id__in=set(uuids.values()))
        jobs = {job.session_id: job for job in found.defer("traceback")}
        return {text: jobs[parsed] for text, parsed in uuids.items() if parsed in jobs}

    def _compare(self, good: Sequence[tuple[SheetRow, Job | None]]) -> None:
        """Tell the rows that exist already from the new ones."""
        wanted = {row.fingerprint for row, _ in good if row.fingerprint}
        same = fingerprints.earlier(wanted, self._user)
        if self._sheet:
            self._seen = self._others(wanted, {row.number for row, _ in good})
        for row, job in good:
            fingerprint = row.fingerprint or ""
            named, exists = _of_job(job, fingerprint), same.get(fingerprint)
            if named and named.job:
                self.own[row.number] = named.job
            if fingerprint in self._seen:
                self._mark(row, Same(f"row {self._seen[fingerprint]} of this file"))
            elif found := named or exists:
                # What failed is no reason to leave out what exists by another way.
                self._mark(row, exists if exists and not exists.failed else found)
            self._seen.setdefault(fingerprint, row.number)

    def _mark(self, row: SheetRow, same: Same) -> None:
        mark(row, same)
        self.same[row.number] = same

    def _others(self, wanted: set[str], numbers: set[int]) -> dict[str, int]:
        """The other rows of the sheet that say the same, the first of each."""
        # Of all sheets, for of one SQLite would read all its rows instead of those few.
        same = SheetRow.objects.filter(fingerprint__in=wanted).order_by("-number")
        return {
            fingerprint or "": number
            for fingerprint, number, sheet in same.values_list("fingerprint", "number", "sheet")
            if self._sheet and sheet == self._sheet.pk and number not in numbers
        }


def _warnings(
    record: RunRecord | None, data: Mapping[str, Any], columns: Columns
) -> list[tuple[int, str]] | None:
    """What is odd in a row, by column; None if nothing is."""
    legible = record or records.legible(data)
    odd = oddities.of(legible) if legible else []
    return [(rows.place(one, data, columns), one.text) for one in odd] or None


def mark(row: SheetRow, same: Same) -> None:
    """Note what a row says again; where that failed it is to be tried again."""
    row.state = State.RETRY if same.failed else State.EXISTING
    row.note = f"The same as {same.what}{', which failed' if same.failed else ''}."
    row.failed_job = same.failed


def _of_job(job: Job | None, fingerprint: str) -> Same | None:
    """The job that a row names, if it registers the same record."""
    if job is None or job.sub_type != LODGE:
        return None
    record = records.normal(job.payload["record"])
    if record is None or fingerprint_of(record) != fingerprint:
        return None
    what = f"job {job.session_id}{', mended since' if job.mended_by else ''}"
    if job.status != Status.FAILED:
        return Same(what, job=job.session_id)
    return Same(what, job.session_id if job.is_unmended else None)
