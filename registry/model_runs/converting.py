"""A table of model runs as records, for programs: nothing of it is kept, and nothing registered."""

import itertools
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User

from registry.model_runs import columns as headers
from registry.model_runs import sheets, spreadsheet
from registry.model_runs.checking import Checker
from registry.model_runs.fingerprints import Same
from registry.model_runs.records import Lookup
from registry.model_runs.spreadsheet import Readable
from registry.models import SheetRow
from registry.services.rules import Refused

MOST_ROWS = 10_000  # which are checked in some seconds
CHUNK = 500  # rows that are checked together


@dataclass(frozen=True)
class Converted:
    """What a table holds: the records that are to be registered, the jobs of the rows that are
    registered already or on the way to it, and what is to be told."""

    records: list[dict[str, Any]]
    existing: list[UUID]
    warnings: list[str]


def convert(*, stream: Readable, user: User) -> Converted:
    """Check all rows of a table with the rights of `user` (domain reference, 7.2 and 7.3).

    A row that names its job is left out unless that has failed. One that says the same as something
    else is kept, with a warning that names both.

    Raises Refused: for a file that is no table of model runs, or with all faults of all rows.
    """
    most_bytes = settings.RUN_SHEET_MEGABYTES * 1024**2
    table = spreadsheet.read(stream, MOST_ROWS, most_bytes)
    _, header = next(table.rows, (0, []))
    if not header:
        raise Refused("The file is empty.")
    lookup = Lookup(user)
    layout = headers.layout_for(headers.marked_template(header), user, lookup)
    columns = headers.read_header(header, layout)
    checker = Checker(columns, user, lookup)
    converted = Converted([], [], list(columns.warnings))
    faults: list[str] = []
    count = 0
    while chunk := list(itertools.islice(table.rows, CHUNK)):
        count += len(chunk)
        for row in checker.check(chunk):
            faults += _placed(row, row.faults, header)
            _sort(row, checker, converted)
            converted.warnings.extend(_placed(row, row.warnings or [], header))
    if not count:
        raise Refused("The file has a header and no row below it.")
    if faults:
        raise Refused("\n".join(faults))
    return converted


def _sort(row: SheetRow, checker: Checker, converted: Converted) -> None:
    """Put a row where it belongs. A faulty one belongs nowhere."""
    if row.number in checker.own:
        converted.existing.append(checker.own[row.number])
        return
    if row.record is not None:
        converted.records.append(row.record)
    if same := checker.same.get(row.number):
        converted.warnings.append(f"Row {row.number} says the same as {_told(same)}")


def _told(same: Same) -> str:
    if same.failed:
        failed = "" if str(same.failed) in same.what else f" Its job is {same.failed}."
        return f"{same.what}, which failed.{failed} Retry that job, or register the row anew."
    job = f" (job {same.job})" if same.job and str(same.job) not in same.what else ""
    return f"{same.what}{job}. It is among the new records; leave it out unless you want it twice."


def _placed(row: SheetRow, found: sheets.Found, header: list[str]) -> list[str]:
    """What was found in a row, a line each, with its number and column."""
    return [f"Row {row.number}, {text}" for text in sheets.told(found, header)]
