"""The rows of a table of runs as its pages print them, and one of them as a form."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from registry import moments, references, services
from registry.forms import Field, MomentInput
from registry.kinds.shape import Shape
from registry.model_runs import sheets
from registry.model_runs.columns import MARKER, ORGANISATION, OWN, ROW, SYSTEM, Columns, Key
from registry.models import HANDLE, RunSheet, SheetRow

LOOKED_AT = 1_000  # faulty rows, to see which columns have faults
ITEMS = {"modeller_id": "PERSON", "study_id": "STUDY", ORGANISATION: "ORGANISATION"}
TIMES = ("start_time", "end_time")


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
    hidden = {(MARKER,), (ROW,), *((name,) for name in SYSTEM[1:]), ()}
    return [
        (place, _title(columns, place))
        for place, key in enumerate(columns.keys)
        if key not in hidden
    ]


def marked_first(
    shown: list[tuple[int, str]], rows: "QuerySet[SheetRow]", marked: str
) -> list[tuple[int, str]]:
    """The columns with the first one, which names the row, and then those with faults (or warnings,
    as `marked` says): a wide table would hide them."""
    some = rows.values_list(marked, flat=True)[:LOOKED_AT]
    places = {place for found in some for place, _ in found or ()}
    return shown[:1] + sorted(shown[1:], key=lambda column: column[0] not in places)


def _title(columns: Columns, place: int) -> str:
    """A column in few words: the header tells all, and is too long for a table."""
    key = columns.keys[place]
    names = {use.template.handle: use.template.display_name for use in columns.layout.uses}
    if key[0] in {"inputs", "outputs"}:
        return f"{key[0].capitalize()[:-1]}: {names[key[1]]}" if len(key) == 2 else key[2]
    if key[0] == "annotations":
        return key[1]
    if key[0] in OWN:
        plain = OWN[key[0]].partition("(")[0].strip()
        return plain.removeprefix("execution ").capitalize()
    return columns.headers[place].strip("_").replace("_", " ").capitalize()


def printed(row: SheetRow, shown: list[tuple[int, str]]) -> dict[str, Any]:
    """A row as the table prints it: its cells with what was found in them, and what was found in
    the whole."""
    places = dict(shown)
    told: dict[str, list[Any]] = {"faults": row.faults, "warnings": row.warnings or []}
    return {
        "row": row,
        "cells": [
            {"text": row.cells[place] if place < len(row.cells) else ""}
            | {name: [text for at, text in found if at == place] for name, found in told.items()}
            for place, _ in shown
        ],
        "whole": [text for place, text in row.faults if place not in places],
        "where": {
            name: [(places[place], text) for place, text in found if place in places]
            for name, found in told.items()
        },
    }


def fields(sheet: RunSheet, row: SheetRow, user: User) -> list[dict[str, Any]]:
    """The columns of a row as inputs: `field`, whether it is hidden, and for a time what a calendar
    begins with."""
    found = list(_fields(sheet, row, user))
    named_ids = [one["field"] for one in found if one["field"].shape.of]
    right = [field for field in named_ids if HANDLE.fullmatch(field.value) and not field.errors]
    named = references.named({field.value for field in right}, user)
    for field in right:
        field.named = named[field.value]
    return found


def _fields(sheet: RunSheet, row: SheetRow, user: User) -> Iterator[dict[str, Any]]:
    columns = _columns(sheet, user)
    keys = columns.keys if columns else [()] * len(sheet.columns)
    titles = dict(_shown(sheet, columns))
    wrong = {place for place, _ in row.faults}
    for place, header in enumerate(sheet.columns):
        title = titles.get(place, "")
        own = _shape(keys[place]) | {
            "name": f"c{place}",
            "title": title or header or f"Column {place + 1}",
            "help": "" if header.casefold() == title.casefold() else header,
        }
        value = row.cells[place] if place < len(row.cells) else ""
        field = Field(Shape(required=False, **own), own["name"], value)
        field.errors = [text for at, text in row.faults if at == place]
        field.warnings = [text for at, text in row.warnings or () if at == place]
        yield {
            "field": field,
            "is_hidden": place not in titles and place not in wrong,
            "is_list": keys[place][:1] in (("inputs",), ("outputs",)),
            "calendar": _calendar(value) if own["form"] == "moment" else None,
        }


def _shape(key: Key) -> dict[str, str]:
    """The form of a cell, and of which kind the item is that it names."""
    match key:
        case ("inputs" | "outputs", _):
            return {"form": "item", "of": "DATASET"}
        case (name,) if name in ITEMS:
            return {"form": "item", "of": ITEMS[name]}
        case (name,) if name in TIMES:
            return {"form": "moment"}
    return {"form": "line"}


def _calendar(cell: str) -> str:
    """A time as a calendar of the browser takes it, in UTC; empty for what is none."""
    try:
        return MomentInput().format_value(moments.read(cell))
    except ValueError:
        return ""
