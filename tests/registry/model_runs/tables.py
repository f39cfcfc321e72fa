"""Tables of runs as people upload them: a good row of the workflow, and files that hold it."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User

from registry.model_runs import columns, rows, sheets
from registry.model_runs.columns import Columns
from registry.models import RunSheet, SheetRow
from tests.registry.runs import Workflow


def columns_for(flow: Workflow, user: User, *annotations: str) -> Columns:
    layout = columns.layout_for(flow.template.handle, user)
    return layout.columns(organisation=True, annotations=annotations)


def row_of(
    flow: Workflow, user: User, *, cells: dict[str, str] | None = None, **changed: Any
) -> Any:
    """A good row, with another record, or other cells in the columns that begin so."""
    all_columns = columns_for(flow, user)
    row = rows.cells(flow.record(**changed), all_columns)
    for header, text in (cells or {}).items():
        [place] = [n for n, one in enumerate(all_columns.headers) if one.startswith(header)]
        row[place] = text
    return row


def text_of(table: Sequence[Sequence[str]]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(table)
    return written.getvalue()


def table(flow: Workflow, user: User, *more: Sequence[str]) -> str:
    """A file of these rows below the header of the workflow."""
    return text_of([list(columns_for(flow, user).headers), *more])


def load(file: str | bytes, user: User, name: str = "runs.csv", *, aside: bool = False) -> RunSheet:
    data = file.encode() if isinstance(file, str) else file
    return sheets.load(stream=io.BytesIO(data), file_name=name, owner=user, aside=aside)


def load_rows(flow: Workflow, user: User, *more: Sequence[str]) -> RunSheet:
    return load(table(flow, user, *more), user)


def found(sheet: RunSheet) -> list[tuple[int, str]]:
    """The number and the state of each row."""
    return list(sheet.rows.values_list("number", "state"))


def only(sheet: RunSheet) -> SheetRow:
    return sheet.rows.get()
