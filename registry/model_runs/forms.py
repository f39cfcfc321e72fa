"""The form of a model run, laid out by its workflow template (domain reference, 1.3 and 6).

Each dataset template has a list of its own, with the files that it defers; each annotation that the
workflow knows has a field.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.http import QueryDict

from registry.forms import ShapeForm
from registry.kinds import Findings
from registry.kinds.runs import ModelRun, RunRecord
from registry.kinds.shape import Path, Shape
from registry.model_runs import oddities, records
from registry.model_runs.columns import Layout, Use
from registry.model_runs.records import SIDES, Lookup

OWN = (
    "display_name",
    "description",
    "study_id",
    "associations",
    "model_version",
    "start_time",
    "end_time",
)
HOW_TIMES = {
    "start_time": "When the run began, as 2024-03-31 14:00:00+10:00. Without an offset it is UTC.",
    "end_time": "When it ended, written likewise.",
}
MORE = "more"  # annotations that the workflow does not know
MORE_HELP = "Facts that the workflow does not ask for, each under a key of your choice."
HELP = {
    "inputs": "The data that the run used, for each template of the workflow.",
    "outputs": "The data that the run made, for each template of the workflow.",
}


class RunForm(ShapeForm):
    """The form of a run of one workflow template; `record` is what was filled in.

    `initial` is a record. What of it the form has no field for, because the templates have changed
    since, is in `dropped`.
    """

    def __init__(
        self,
        layout: Layout,
        user: User,
        data: QueryDict | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        self._layout = layout
        self._user = user
        self._places: dict[Path, Path] = {}  # of a dataset in the record -> of its row in the form
        self.stored: dict[str, Any] = {}  # the record as it would be stored, once checked
        self.odd = ""  # what looks odd in it, as one text
        self.dropped = list(_without_field(initial, layout)) if initial else []
        values = _values(initial or {}, layout)
        super().__init__(_shapes(layout, values), data, values)

    def check(self) -> None:
        """See that the record can be registered. Raises Findings, at the fields of the form."""
        record, found = records.examine(self.record, Lookup(self._user))
        self.stored = records.stored(record) if record else {}
        self._warn(record or records.legible(self.record))
        read = {path for path, field in self._at.items() if field.errors}
        faults = [(self._place(one.path), one.text) for one in found]
        if faults := [fault for fault in faults if fault[0] not in read]:
            raise Findings(faults)

    def _warn(self, record: RunRecord | None) -> None:
        """Tell what looks odd at its fields."""
        odd = oddities.of(record) if record else []
        for one in odd:
            if near := self._near(self._place(one.path)):
                near.warnings.append(one.text)
        self.odd = " ".join(f"{'.'.join(map(str, one.path))}: {one.text}" for one in odd)

    @property
    def record(self) -> dict[str, Any]:
        """The record that was filled in, not checked."""
        record = {name: self.content[name] for name in OWN if name in self.content}
        record["workflow_template_id"] = self._layout.template.handle
        for side in SIDES:
            record[side] = list(self._datasets(side))
        filled = dict(self.content.get("annotations", {}))
        annotations = {key: filled[name] for name, key in _keys(self._layout) if name in filled}
        annotations |= filled.get(MORE, {})
        return record | ({"annotations": annotations} if annotations else {})

    def _datasets(self, side: str) -> Iterator[dict[str, Any]]:
        count = 0
        for number, use in enumerate(self._layout.side(side)):
            rows = self.content.get(side, {}).get(f"t{number}") or []
            for index, row in enumerate(rows):
                self._places[side, count] = (side, f"t{number}", index)
                count += 1
                yield _dataset(use, row)

    def _place(self, path: Path) -> Path:
        """Where in the form a finding of the record belongs."""
        match path:
            case ("inputs" | "outputs" as side, str(handle)):
                uses = [use.template.handle for use in self._layout.side(str(side))]
                return (str(side), f"t{uses.index(handle)}")
            case ("inputs" | "outputs" as side, int(index), *inner):
                return self._place_of_dataset(str(side), index, tuple(inner))
            case ("annotations", str(key), *_):
                names = {known: name for name, known in _keys(self._layout)}
                return ("annotations", names[key]) if key in names else ("annotations", MORE, key)
        return path

    def _place_of_dataset(self, side: str, index: int, inner: Path) -> Path:
        row = self._places[side, index]
        use = self._layout.side(side)[int(str(row[1])[1:])]
        if inner[:1] == ("resources",):
            keys = [one.key for one in use.resources]
            key = str(inner[1]) if len(inner) > 1 else ""
            return (*row, f"r{keys.index(key)}") if key in keys else row
        return (*row, *inner)


def _shapes(layout: Layout, values: Mapping[str, Any]) -> Iterator[Shape]:
    record = next(part for part in ModelRun.shape().parts if part.name == "record")
    own = {part.name: part for part in record.parts}
    for name in OWN:
        shape = own[name]
        if shape.form == "moment":
            shape = dataclasses.replace(shape, help=HOW_TIMES[name])
        yield _unframed(shape) if shape.parts else shape
    dataset = next(part for part in _each(own["inputs"]).parts if part.name == "dataset_id")
    for side in SIDES:
        parts = tuple(
            _shape_of(use, f"t{number}", dataset) for number, use in enumerate(layout.side(side))
        )
        if parts:
            yield Shape(side, own[side].title, HELP[side], "group", required=True, parts=parts)
    yield _annotations(layout, own["annotations"], values.get("annotations") or {})


def _shape_of(use: Use, name: str, dataset: Shape) -> Shape:
    """The list of datasets of one template."""
    about = use.template.info.get("description") or ""
    told = f"{about} Template {use.template.handle}{', optional' if use.is_optional else ''}."
    files = tuple(
        Shape(f"r{number}", one.key, one.about, "line", required=not one.is_optional)
        for number, one in enumerate(use.resources)
    )
    each = Shape("", "", "", "group", required=True, parts=(dataset, *files))
    required = not use.is_optional
    return Shape(name, use.template.display_name, told.strip(), "list", required, each=each)


def _annotations(layout: Layout, notes: Shape, filled: Mapping[str, Any]) -> Shape:
    parts = tuple(
        Shape(
            name,
            key,
            "",
            "textarea" if "\n" in str(filled.get(name, "")) else "line",
            required=key in layout.required,
        )
        for name, key in _keys(layout)
    )
    more = Shape(MORE, "Other annotations", MORE_HELP, "pairs", required=False)
    return Shape(
        "annotations", notes.title, notes.help, "group", required=True, parts=(*parts, more)
    )


def _values(record: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """A record as the form holds it. A template that must be used begins with a row."""
    values: dict[str, Any] = {name: record.get(name) for name in OWN}
    for side in SIDES:
        values[side] = {
            f"t{number}": [
                _row(use, one)
                for one in record.get(side) or []
                if one["dataset_template_id"] == use.template.handle
            ]
            or ([] if use.is_optional else [{}])
            for number, use in enumerate(layout.side(side))
        }
    left = dict(record.get("annotations") or {})
    known = {name: left.pop(key) for name, key in _keys(layout) if key in left}
    return values | {"annotations": known | {MORE: left}}


def _row(use: Use, dataset: Mapping[str, Any]) -> dict[str, Any]:
    paths = dataset.get("resources") or {}
    files = {f"r{number}": paths.get(one.key) for number, one in enumerate(use.resources)}
    return {"dataset_id": dataset["dataset_id"]} | files


def _dataset(use: Use, row: Mapping[str, Any]) -> dict[str, Any]:
    files = {
        one.key: row[f"r{number}"]
        for number, one in enumerate(use.resources)
        if row.get(f"r{number}")
    }
    dataset = {
        "dataset_template_id": use.template.handle,
        "dataset_id": row.get("dataset_id", ""),
        "dataset_type": "DATA_STORE",
    }
    return dataset | ({"resources": files} if files else {})


def _without_field(record: Mapping[str, Any], layout: Layout) -> Iterator[str]:
    """What of a record the form cannot show, in words."""
    for side, word in SIDES.items():
        known = {use.template.handle: use for use in layout.side(side)}
        for one in record.get(side) or []:
            handle = one["dataset_template_id"]
            if handle not in known:
                yield f"the {word} {one['dataset_id']} for {handle}, which is not used any more"
                continue
            keys = {resource.key for resource in known[handle].resources}
            for key in one.get("resources") or {}:
                if key not in keys:
                    yield f"the path of {key} of the {word} {one['dataset_id']}"


def _keys(layout: Layout) -> list[tuple[str, str]]:
    """The names of the fields of annotations, each with its key."""
    return [(f"a{number}", key) for number, key in enumerate((*layout.required, *layout.optional))]


def _unframed(shape: Shape) -> Shape:
    return Shape(
        shape.name, shape.title, "", "group", required=True, parts=shape.parts, is_unframed=True
    )


def _each(shape: Shape) -> Shape:
    if shape.each is None:
        raise TypeError(f"{shape.name} is no list.")
    return shape.each
