"""Forms made from shapes: what a kind, or a workflow template, declares is declared nowhere else.

Django's widgets draw the inputs; pydantic is the only judge of what they hold, so that page,
command and API refuse the same things in the same words. The form works without JavaScript: rows
are added and removed by submit buttons, and blank rows are dropped.

Names of inputs are paths with dots, such as `input_templates.0.template_id`. Each row of a list
sends its number under the list's own name, so that rows can be removed in any order.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django import forms
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString

from registry import moments
from registry.kinds import Findings, Kind
from registry.kinds.shape import Path, Shape
from registry.presentation import words_of
from registry.references import Named


class DayInput(forms.DateInput):
    """The browser's own calendar; it sends YYYY-MM-DD."""

    input_type = "date"


WIDGETS: dict[str, type[forms.Widget]] = {
    "textarea": forms.Textarea,
    "uri": forms.URLInput,
    "email": forms.EmailInput,
    "date": DayInput,
    "boolean": forms.CheckboxInput,
    "hidden": forms.HiddenInput,
    "choice": forms.Select,
}
SPARE_NOTES = 1
TOKEN = re.compile("[0-9]{1,6}")  # of a row
MOST_POSTED_ROWS = 2_000  # of one list; content itself may hold fewer, and says so


@dataclass
class Pair:
    """One row of key and value."""

    key: str
    value: str
    errors: list[str] = field(default_factory=list)


class Told(NamedTuple):
    """Something about a field, as the summary above the form tells it: the id to lead to, where
    that is in words, and what is told there."""

    id: str
    label: str
    text: str


@dataclass
class Field:
    """A field of the form as the template prints it: a value, or what is in a group or a list."""

    shape: Shape
    name: str
    value: Any = ""
    parts: list["Field"] = field(default_factory=list)  # of a group
    rows: list["Field"] = field(default_factory=list)  # of a list
    pairs: list[Pair] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    number: int = 0  # of a row, counted from 1 as people do
    named: Named | None = None  # the item whose id it holds, as the user may see it
    is_first_wrong: bool = False
    is_new: bool = False
    is_next: bool = False  # gets the focus of what was removed

    @property
    def id(self) -> str:
        return f"id_{self.name}".replace(".", "-")

    @property
    def label(self) -> str:
        return self.shape.title

    @property
    def is_in_row(self) -> bool:
        """True for what is inside a row of a list, where room is scarce."""
        return any(part.isdecimal() for part in self.name.split("."))

    @property
    def token(self) -> str:
        """What tells this row of a list from the others."""
        return self.name.rpartition(".")[2]

    @property
    def list_name(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def text(self) -> str:
        """A time as it is typed: what was, or else what the content holds, in UTC."""
        return moments.written(self.value) if isinstance(self.value, int) else str(self.value)

    @property
    def look(self) -> moments.Look:
        """What a time means."""
        return moments.look(self.text)

    @property
    def html(self) -> SafeString:
        """The input element, tied to its help and its errors for screen readers."""
        widget = WIDGETS.get(self.shape.form, forms.TextInput)()
        described = [f"{self.id}_help"] if self.shape.help else []
        described += [f"{self.id}_errors"] if self.errors else []
        described += [f"{self.id}_warnings"] if self.warnings else []
        attributes: dict[str, Any] = {"id": self.id}
        if described:
            attributes["aria-describedby"] = " ".join(described)
        if self.shape.required and self.shape.form != "boolean":
            attributes["required"] = True
        if self.errors:
            attributes["aria-invalid"] = "true"
        if self.is_first_wrong or self.is_new:
            attributes["autofocus"] = True
        if self.shape.form == "textarea":
            attributes["rows"] = 5 if self.shape.required else 2
        if self.shape.suggestions:
            attributes["list"] = f"{self.id}_suggestions"
        if isinstance(widget, forms.Select):
            options = [(choice, words_of(choice)) for choice in self.shape.choices]
            widget.choices = [("", "Choose …"), *options]
        return widget.render(self.name, self.value, attrs=attributes)

    @property
    def is_blank(self) -> bool:
        """True where nothing was filled in, so that a row or an optional group is left out."""
        if self.shape.form == "group":
            return all(part.is_blank for part in self.parts)
        if self.shape.form == "list":
            return all(row.is_blank for row in self.rows)
        if self.shape.form == "pairs":
            return not any(pair.key.strip() or pair.value.strip() for pair in self.pairs)
        if self.shape.form == "boolean":
            return bool(self.value) == bool(self.shape.default)
        return not str(self.value).strip()

    def told(self, around: str = "") -> Iterator[tuple[str, Told]]:
        """What is told of this field and of all inside it, in the order of the page, each with
        "error" or "warning" before it. `around` says in words what it is in."""
        own = f"row {self.number}" if self.number else self.label
        label = around if self.shape.is_unframed else ", ".join(filter(None, (around, own)))
        yield from (("error", Told(self.id, label, text)) for text in self.errors)
        yield from (("warning", Told(self.id, label, text)) for text in self.warnings)
        for number, pair in enumerate(self.pairs, start=1):
            where = f"{self.id}_{number}", f"{label}, row {number}"
            yield from (("error", Told(*where, text)) for text in pair.errors)
        for inner in (*self.parts, *self.rows):
            yield from inner.told(label)

    def walk(self) -> Iterator["Field"]:
        """This field and all inside it, in the order of the page."""
        yield self
        for inner in (*self.parts, *self.rows):
            yield from inner.walk()


class ShapeForm:
    """A form of some shapes.

    `data` is what was posted; `initial` is the content that fills a form that was not. After
    `is_valid()` the content is in `content`, or each fault stands at its field and `faults` holds
    the rest.
    """

    def __init__(
        self,
        shapes: Iterable[Shape],
        data: QueryDict | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        self.checked = False
        self.faults: list[str] = []
        self.content: dict[str, Any] = {}
        self._at: dict[Path, Field] = {}
        self.fields = [
            _posted(shape, shape.name, data)
            if data is not None
            else _filled(shape, shape.name, (initial or {}).get(shape.name))
            for shape in shapes
        ]

    def check(self) -> None:
        """See that the content is right. Raises Findings."""

    def walk(self) -> Iterator[Field]:
        """All fields, at any depth."""
        for top in self.fields:
            yield from top.walk()

    def field(self, name: str) -> Field | None:
        """The field of that name."""
        return next((found for found in self.walk() if found.name == name), None)

    def is_valid(self) -> bool:
        """Read what was posted and put every fault at its field."""
        self.checked = True
        self.read()
        try:
            self.check()
        except Findings as findings:
            self.add(findings)
        self._mark_first()
        return not self.error_count

    def read(self) -> dict[str, Any]:
        """The content as it was filled in, not checked."""
        self._at = {}
        self.content = {}
        for top in self.fields:
            value = self._value(top, (top.shape.name,))
            if value is not None:
                self.content[top.shape.name] = value
        return self.content

    def add(self, findings: Findings) -> None:
        """Put findings at their fields, or as near to them as there is one."""
        for path, text in findings.faults:
            near = self._near(path)
            if near is None:
                self.faults.append(text)
                continue
            pair = next((pair for pair in near.pairs if pair.key.strip() in path), None)
            (pair or near).errors.append(text)
        self._mark_first()

    def _mark_first(self) -> None:
        """Lead to what is wrong first."""
        first = next((found for found in self.walk() if found.errors), None)
        for found in self.walk():
            found.is_first_wrong = found is first

    def _near(self, path: Path) -> Field | None:
        """The field there, or the nearest one around it."""
        ends = range(len(path), 0, -1)
        return next((self._at[path[:end]] for end in ends if path[:end] in self._at), None)

    def name_items(self, named: Mapping[str, Named]) -> None:
        """Say which items the ids in the form are of."""
        for found in self.walk():
            if found.shape.form == "item":
                found.named = named.get(str(found.value).strip())

    def item_ids(self) -> set[str]:
        """The ids that are filled in."""
        ids = {str(found.value).strip() for found in self.walk() if found.shape.form == "item"}
        return ids - {""}

    def change_rows(self, command: str) -> Field | None:
        """Add or remove a row: `add:NAME` of a list or of notes, `remove:NAME` of a row.

        Returns the list, or None if there is no such.
        """
        verb, _, name = command.partition(":")
        if verb == "add":
            target = self.field(name)
            if target is None or target.shape.form not in {"list", "pairs"}:
                return None
            _add_row(target)
            return target
        row = self.field(name)
        target = self.field(row.list_name) if row else None
        if verb != "remove" or row is None or target is None or row not in target.rows:
            return None
        at = target.rows.index(row)
        target.rows.remove(row)
        _count(target)
        (target.rows[at] if at < len(target.rows) else target).is_next = True
        return target

    @property
    def problems(self) -> list[Told]:
        """What is wrong at fields, in the order of the page."""
        return [told for sort, told in self._told() if sort == "error"]

    @property
    def doubts(self) -> list[Told]:
        """What is odd at fields, likewise."""
        return [told for sort, told in self._told() if sort == "warning"]

    def _told(self) -> Iterator[tuple[str, Told]]:
        for top in self.fields:
            yield from top.told()

    @property
    def error_count(self) -> int:
        """How many faults the form shows."""
        return len(self.problems) + len(self.faults)

    def _value(self, found: Field, path: Path) -> Any:
        """The content of a field; None leaves it out. Notes where it stands, for faults."""
        self._at[path] = found
        if found.shape.form == "group":
            if found.is_blank and not found.shape.required:
                return None
            values = {
                part.shape.name: self._value(part, (*path, part.shape.name)) for part in found.parts
            }
            return {name: value for name, value in values.items() if value is not None}
        if found.shape.form == "list":
            filled = [row for row in found.rows if not row.is_blank]
            return [self._value(row, (*path, index)) for index, row in enumerate(filled)] or None
        read = READERS.get(found.shape.form)
        if read:
            return read(found)
        return found.value if str(found.value).strip() else None


class KindForm(ShapeForm):
    """A form for the content of one kind."""

    def __init__(
        self,
        kind: type[Kind],
        data: QueryDict | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind = kind
        super().__init__(kind.inputs(), data, initial)

    def check(self) -> None:
        """See that the content is right. Raises Findings."""
        self.kind.parse(self.content)


def _posted(shape: Shape, name: str, data: QueryDict) -> Field:
    """A field as it was posted."""
    found = Field(shape, name)
    if shape.form == "group":
        found.parts = [_posted(part, f"{name}.{part.name}", data) for part in shape.parts]
    elif shape.form == "list" and shape.each:
        tokens = [token for token in dict.fromkeys(data.getlist(name)) if TOKEN.fullmatch(token)]
        found.rows = [
            _posted(shape.each, f"{name}.{token}", data) for token in tokens[:MOST_POSTED_ROWS]
        ]
        _count(found)
    elif shape.form == "pairs":
        keys, values = data.getlist(f"{name}-key"), data.getlist(f"{name}-value")
        found.pairs = [Pair(key, value) for key, value in zip(keys, values, strict=False)]
    elif shape.form == "boolean":
        found.value = forms.CheckboxInput().value_from_datadict(data, MultiValueDict(), name)
    else:
        found.value = data.get(name, "")
    return found


def _filled(shape: Shape, name: str, value: Any) -> Field:
    """A field that shows content, or what a new item begins with."""
    found = Field(shape, name)
    if shape.form == "group":
        inner = value or {}
        found.parts = [
            _filled(part, f"{name}.{part.name}", inner.get(part.name)) for part in shape.parts
        ]
    elif shape.form == "list" and shape.each:
        found.rows = [
            _filled(shape.each, f"{name}.{index}", row) for index, row in enumerate(value or [])
        ]
        _count(found)
    elif shape.form == "pairs":
        found.pairs = [Pair(key, text) for key, text in (value or {}).items()]
        found.pairs += [Pair("", "") for _ in range(SPARE_NOTES)]
    elif shape.form == "boolean":
        found.value = bool(shape.default if value is None else value)
    else:
        found.value = "" if value is None else value
    return found


def _add_row(target: Field) -> None:
    """One more blank row, which gets the focus."""
    if target.shape.form == "pairs":
        target.pairs.append(Pair("", ""))
        target.is_new = True
        return
    token = max((int(row.token) for row in target.rows), default=-1) + 1
    assert target.shape.each is not None  # noqa: S101 - it is a list
    row = _filled(target.shape.each, f"{target.name}.{token}", None)
    first = row.parts[0] if row.parts else row
    first.is_new = True
    target.rows.append(row)
    _count(target)


def _count(target: Field) -> None:
    for number, row in enumerate(target.rows, start=1):
        row.number = number


def _read_pairs(found: Field) -> dict[str, str] | None:
    """The notes that were filled in; what is wrong with a row stands at it."""
    notes: dict[str, str] = {}
    for pair in found.pairs:
        key = pair.key.strip()
        if not key and not pair.value.strip():
            continue
        if not key:
            pair.errors.append("Give this note a key.")
        elif not pair.value.strip():
            pair.errors.append("Give this note a value, or clear its key.")
            continue
        elif key in notes:
            pair.errors.append(f"The key {key} is used above already.")
        notes[key] = pair.value
    notes.pop("", None)
    return notes or None


def _read_moment(found: Field) -> int | str | None:
    """Unix seconds; what is no time stays as it is, with its fault at the field."""
    text = str(found.value).strip()
    try:
        return moments.read(text) if text else None
    except ValueError as error:
        found.errors.append(str(error))
        return None


READERS = {
    "pairs": _read_pairs,
    "boolean": lambda found: bool(found.value),
    "moment": _read_moment,
}
