"""Between the cells of a row and the record of a run, both ways (domain reference, 7.1 to 7.4)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry import moments
from registry.kinds.shape import Path
from registry.model_runs.columns import MARKER, ORGANISATION, ROW, SYSTEM, TABLE, Columns, Key, Use
from registry.model_runs.records import SIDES, Finding

NO_COLUMN = -1
ASTRAY = "Is there a separator in a text?"
SEPARATOR = "|"
_BAR = re.compile(r"(\\*)\|")

Faults = list[tuple[int, str]]
"""Pairs of a column (NO_COLUMN for the whole row) and what is wrong."""


@dataclass(frozen=True)
class Row:
    """What a row says: the data of a record, whose shape and content nobody has checked yet, and
    what is wrong with how it is written."""

    data: dict[str, Any]
    faults: Faults
    job: str = ""
    former: tuple[str, str] = ("", "")  # the table and the row where it stood before


def read(cells: Sequence[str], columns: Columns) -> Row:
    """What a row of a file says."""
    if len(cells) > len(columns.keys) and any(cells[len(columns.keys) :]):
        more = cells[len(columns.keys) :]
        told = ", ".join(f'"{cell[:40]}"' for cell in more if cell)
        text = f"The row has {len(more)} more cells than the header: {told}. {ASTRAY}"
        return Row({}, [(NO_COLUMN, text)])
    astray = [place for place in columns.nameless if place < len(cells) and cells[place]]
    if astray:
        text = f"This column has no header. Clear the cell. {ASTRAY}"
        return Row({}, [(place, text) for place in astray])
    reader = _Reader(cells, columns)
    former = reader.cell((TABLE,)), reader.cell((ROW,))
    return Row(reader.data(), reader.faults, reader.cell(("_job_id",)), former)


def place(finding: Finding, data: Mapping[str, Any], columns: Columns) -> int:
    """The column in which a finding is to be mended."""
    key: Key = ()
    match finding.path:
        case ("inputs" | "outputs" as side, str(handle)):
            key = (str(side), handle)
        case ("inputs" | "outputs" as side, int(index), *inner):
            key = _dataset_key(str(side), data[str(side)][index], tuple(inner), columns)
        case ("associations", "modeller_id"):
            key = ("modeller_id",)
        case ("associations", "requesting_organisation_id"):
            key = (ORGANISATION,)
        case ("annotations", str(name), *_):
            key = ("annotations", name)
        case ("workflow_template_id",):
            key = (MARKER,)
        case (str(name),):
            key = (name,)
    return columns.at(key)


def cells(
    record: Mapping[str, Any], columns: Columns, system: Mapping[str, str] | None = None
) -> list[str]:
    """A record as a row: what `read` reads from it is the record again. `system` holds what the
    system fills in, by column."""
    return [_cell(record, key, system or {}) for key in columns.keys]


class _Reader:
    """Reads the cells of one row, and collects what is wrong."""

    def __init__(self, cells: Sequence[str], columns: Columns) -> None:
        self._cells = cells
        self._columns = columns
        self.faults: Faults = []

    def cell(self, key: Key) -> str:
        """The text in a column; empty if the row or the file does not reach so far."""
        at = self._columns.at(key)
        return self._cells[at] if 0 <= at < len(self._cells) else ""

    def data(self) -> dict[str, Any]:
        layout = self._columns.layout
        if self.cell((MARKER,)) not in ("", layout.template.handle):
            self.blame((MARKER,), "This column stays blank: its header says which workflow it is.")
        who = {
            "modeller_id": self.cell(("modeller_id",)),
            "requesting_organisation_id": self.cell((ORGANISATION,)),
        }
        annotations = {
            key[1]: text
            for key in self._columns.keys
            if key[:1] == ("annotations",) and (text := self.cell(key))
        }
        found: dict[str, Any] = {
            "workflow_template_id": layout.template.handle,
            "display_name": self.cell(("display_name",)),
            "description": self.cell(("description",)),
            "model_version": self.cell(("model_version",)) or None,
            "study_id": self.cell(("study_id",)) or None,
            "associations": {name: handle for name, handle in who.items() if handle},
            "annotations": annotations or None,
            "start_time": self._moment(("start_time",)),
            "end_time": self._moment(("end_time",)),
        }
        for side in SIDES:
            found[side] = [one for use in layout.side(side) for one in self._datasets(use)]
        return {name: value for name, value in found.items() if value is not None}

    def blame(self, key: Key, text: str) -> None:
        self.faults.append((self._columns.at(key), text))

    def _moment(self, key: Key) -> int | None:
        text = self.cell(key)
        if not text:
            return None  # which is then told as missing
        try:
            return moments.read(text)
        except ValueError as error:
            self.blame(key, str(error))
            return 0

    def _datasets(self, use: Use) -> Iterator[dict[str, Any]]:
        """The datasets of one template: none, one, or several with a bar between."""
        side, template = use.side, use.template.handle
        handles = [part.strip() for part in self.cell((side, template)).split(SEPARATOR)]
        if handles == [""]:
            self._need_nothing(use)
            return
        paths = {
            one.key: self._parts((side, template, one.key), len(handles)) for one in use.resources
        }
        for index, handle in enumerate(handles):
            resources = {key: texts[index] for key, texts in paths.items() if texts[index]}
            dataset: dict[str, Any] = {
                "dataset_template_id": template,
                "dataset_id": handle,
                "dataset_type": "DATA_STORE",
            }
            yield dataset | ({"resources": resources} if resources else {})

    def _need_nothing(self, use: Use) -> None:
        """A template that is not used has no files."""
        for one in use.resources:
            key = (use.side, use.template.handle, one.key)
            if self.cell(key):
                self.blame(key, "A path is given, but no dataset for its template.")

    def _parts(self, key: Key, count: int) -> list[str]:
        """The path for each of so many datasets."""
        text = self.cell(key)
        parts = _split(text) if text and count > 1 else [text] * count
        if len(parts) != count:
            self.blame(key, f"{len(parts)} paths are given for {count} datasets.")
            return [""] * count
        return parts


def _dataset_key(side: str, dataset: Mapping[str, Any], inner: Path, columns: Columns) -> Key:
    """The column of a file of a dataset, or else that of the dataset itself."""
    template = str(dataset.get("dataset_template_id", ""))
    if inner[:1] == ("resources",) and len(inner) > 1:
        key = (side, template, str(inner[1]))
        if columns.at(key) != NO_COLUMN:
            return key
    return side, template


def _cell(record: Mapping[str, Any], key: Key, system: Mapping[str, str]) -> str:
    text: Any = ""
    match key:
        case ("inputs" | "outputs" as side, template):
            text = SEPARATOR.join(one["dataset_id"] for one in _used(record, side, template))
        case ("inputs" | "outputs" as side, template, resource):
            text = _paths(_used(record, side, template), resource)
        case ("annotations", name):
            text = (record.get("annotations") or {}).get(name)
        case ("modeller_id",):
            text = record["associations"]["modeller_id"]
        case ("start_time" | "end_time" as name,):
            text = moments.written(record[name])
        case (name,) if name == ORGANISATION:
            text = record["associations"].get("requesting_organisation_id")
        case (name,) if name in SYSTEM:
            text = system.get(name)
        case (name,) if name != MARKER:
            text = record.get(name)
    return str(text or "")


def _used(record: Mapping[str, Any], side: str, template: str) -> list[Mapping[str, Any]]:
    return [one for one in record[side] if one["dataset_template_id"] == template]


def _paths(used: Sequence[Mapping[str, Any]], resource: str) -> str:
    """The paths of one file for each dataset, with a bar between.

    A bar that is part of a path has a backslash before it. Other backslashes stay as they are, for
    people write such paths; only those right before a bar are doubled.
    """
    paths = [str((one.get("resources") or {}).get(resource, "")) for one in used]
    if len(paths) < 2 or not any(paths):
        return "".join(paths)
    escaped = [_BAR.sub(lambda bar: rf"{bar[1] * 2}\|", path) for path in paths]
    before = [path + path[len(path.rstrip("\\")) :] for path in escaped[:-1]]
    return SEPARATOR.join([*before, escaped[-1]])


def _split(text: str) -> list[str]:
    """What `_paths` has joined."""
    parts, start = [""], 0
    for bar in _BAR.finditer(text):
        backslashes = len(bar[1])
        parts[-1] += text[start : bar.start()] + "\\" * (backslashes // 2)
        start = bar.end()
        if backslashes % 2:
            parts[-1] += "|"
        else:
            parts.append("")
    parts[-1] += text[start:]
    return [part.strip() for part in parts]
