"""The rows of a table of runs as its pages print them, and one of them as a form."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import QueryDict

from registry import moments, references, services
from registry.forms import Field
from registry.kinds.shape import Shape
from registry.model_runs import explained, sheets
from registry.model_runs.columns import MARKER, OWN, ROW, SYSTEM, TABLE, Columns, Key
from registry.model_runs.explained import OPTIONAL, REQUIRED, Column
from registry.model_runs.rows import SEPARATOR
from registry.models import HANDLE, RunSheet, SheetRow

JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LOOKED_AT = 1_000  # faulty rows, to see which columns have faults
TIMES = {("start_time",), ("end_time",)}
SIDES = {("inputs",), ("outputs",)}


@dataclass
class Entry:
    """A cell of a row as its form prints it."""

    field: Field
    place: int
    group: Key
    is_system: bool

    @property
    def is_list(self) -> bool:
        """True where several ids may stand."""
        return self.field.shape.of == "DATASET"


def shown(sheet: RunSheet, user: User) -> list[tuple[int, str]]:
    """The columns that people look at, each with its title. If the workflow has changed so that the
    table no longer fits, all have their headers."""
    return _shown(sheet, _columns(sheet, user))


def _columns(sheet: RunSheet, user: User) -> Columns | None:
    """What its columns hold; None if its workflow no longer has them."""
    try:
        return sheets.columns_of(sheet, user)
    except services.Refused:
        return None


def _shown(sheet: RunSheet, columns: Columns | None) -> list[tuple[int, str]]:
    if columns is None:
        return list(enumerate(sheet.columns))
    hidden = {(MARKER,), (ROW,), (TABLE,), *((name,) for name in SYSTEM[1:]), ()}
    return [
        (place, column.title)
        for place, column in enumerate(explained.of(columns))
        if columns.keys[place] not in hidden
    ]


def marked_first(
    shown: list[tuple[int, str]], rows: "QuerySet[SheetRow]", marked: str
) -> list[tuple[int, str]]:
    """The columns with the first one, which names the row, and then those with faults (or warnings,
    as `marked` says): a wide table would hide them."""
    some = rows.values_list(marked, flat=True)[:LOOKED_AT]
    places = {place for found in some for place, _ in found or ()}
    return shown[:1] + sorted(shown[1:], key=lambda column: column[0] not in places)


def printed(row: SheetRow, shown: list[tuple[int, str]]) -> dict[str, Any]:
    """A row as the table prints it: its cells with what was found in them, and what was found in
    the whole."""
    places = dict(shown)
    told: dict[str, list[Any]] = {"faults": row.faults, "warnings": row.warnings or []}
    return {
        "row": row,
        "cells": [
            {"text": _cell(row, place), "breaks": _breaks(_cell(row, place))}
            | {name: [text for at, text in found if at == place] for name, found in told.items()}
            for place, _ in shown
        ],
        "whole": [text for place, text in row.faults if place not in places],
        "where": {
            name: [(title, text) for place, title in shown for at, text in found if at == place]
            for name, found in told.items()
        },
    }


def _breaks(cell: str) -> str:
    """Where a line may break in it, as a class of the style sheet: an id or a time cut in two is
    none any more."""
    ids = cell.split(SEPARATOR)
    if all(HANDLE.fullmatch(part.strip()) for part in ids):
        return "whole" if len(ids) == 1 else "ids"
    return "whole" if moments.look(cell).utc or JOB_ID.fullmatch(cell) else ""


@dataclass
class RowForm:
    """A row as a form: what is to be mended comes first. `system` are the cells that the site fills
    in: they can at most be cleared."""

    to_mend: list[Entry]
    rest: list[Entry]
    system: list[Entry]

    @property
    def entries(self) -> list[Entry]:
        """All in the order of the page."""
        return [*self.to_mend, *self.system, *self.rest]


def form_of(sheet: RunSheet, row: SheetRow, user: User) -> RowForm:
    """The form of a row: a field for each of its columns that the table shows, or that is wrong."""
    entries = list(_entries(sheet, row, user))
    named_ids = [entry.field for entry in entries if entry.field.shape.of]
    right = [field for field in named_ids if HANDLE.fullmatch(field.value) and not field.errors]
    named = references.named({field.value for field in right}, user)
    for field in right:
        field.named = named[field.value]
    system = [entry for entry in entries if entry.is_system]
    own = [entry for entry in entries if not entry.is_system]
    # What belongs together stays so: a dataset and its files, the start and the end.
    wrong = {entry.group for entry in own if entry.field.errors}
    form = RowForm(
        to_mend=[entry for entry in own if entry.group in wrong],
        rest=[entry for entry in own if entry.group not in wrong],
        system=[entry for entry in system if entry.field.value],
    )
    first = next((entry.field for entry in form.entries if entry.field.errors), None)
    if first:
        first.is_first_wrong = True
    return form


def posted(sheet: RunSheet, row: SheetRow, data: QueryDict) -> list[str]:
    """The cells of a row as its form was sent. What it has no field for stays as it is, and what
    the site fills in can only be cleared."""
    cells = [_cell(row, place) for place in range(len(sheet.columns))]
    for place, header in enumerate(sheet.columns):
        if not explained.is_of_system(header):
            cells[place] = data.get(f"c{place}", cells[place])
        elif f"clear{place}" in data:
            cells[place] = ""
    return cells


def name_of(sheet: RunSheet, row: SheetRow) -> str:
    """What the run of a row is called, as far as the table says so."""
    headers = [header.casefold() for header in sheet.columns]
    own = OWN["display_name"]
    return _cell(row, headers.index(own)).strip() if own in headers else ""


def _entries(sheet: RunSheet, row: SheetRow, user: User) -> Iterator[Entry]:
    columns = _columns(sheet, user)
    keys = columns.keys if columns else [()] * len(sheet.columns)
    told = explained.of(columns) if columns else [None] * len(sheet.columns)
    shown = {place for place, _ in _shown(sheet, columns)}
    wrong = {place for place, _ in row.faults}
    for place, header in enumerate(sheet.columns):
        is_system = explained.is_of_system(header)
        if place in shown or place in wrong or is_system:
            title = header or f"Column {place + 1}"
            shape = _shape(keys[place], f"c{place}", told[place] or Column(title, "", OPTIONAL))
            field = Field(shape, shape.name, _cell(row, place))
            field.errors = [text for at, text in row.faults if at == place]
            field.warnings = [text for at, text in row.warnings or () if at == place]
            yield Entry(field, place, _group(keys[place], place), is_system)


def _shape(key: Key, name: str, column: Column) -> Shape:
    """The form of a cell."""
    required = column.need == REQUIRED
    form = "item" if column.of else "moment" if key[:1] in TIMES else "line"
    return Shape(name, column.title, column.what, form, required, of=column.of)


def _group(key: Key, place: int) -> Key:
    """What a column belongs to."""
    if key[:1] in TIMES:
        return ("times",)
    return key[:2] if key[:1] in SIDES else (str(place),)


def _cell(row: SheetRow, place: int) -> str:
    return str(row.cells[place]) if place < len(row.cells) else ""
