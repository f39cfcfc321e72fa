"""Forms made from a kind's pydantic model: the kind is the only place that declares a field.

Django's widgets draw the inputs; pydantic is the only judge of what they hold, so that page,
command and API refuse the same things in the same words. The form works without JavaScript: rows
of notes are added by a submit button, and blank rows are dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString

from registry.kinds import Findings, Kind

WIDGETS: dict[str, type[forms.Widget]] = {
    "textarea": forms.Textarea,
    "uri": forms.URLInput,
    "email": forms.EmailInput,
    "boolean": forms.CheckboxInput,
}
SPARE_ROWS = 1


@dataclass
class Pair:
    """One row of key and value."""

    key: str
    value: str
    errors: list[str] = field(default_factory=list)


@dataclass
class Input:
    """One field of the form, as the template prints it."""

    name: str
    label: str
    help: str
    required: bool
    shape: str  # see Kind.formats
    value: Any
    errors: list[str] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    is_first_wrong: bool = False

    @property
    def id(self) -> str:
        return f"id_{self.name}"

    @property
    def widget(self) -> forms.Widget:
        return WIDGETS.get(self.shape, forms.TextInput)()

    @property
    def html(self) -> SafeString:
        """The input element, tied to its help and its errors for screen readers."""
        described = [f"{self.id}_help"] + ([f"{self.id}_errors"] if self.errors else [])
        attributes: dict[str, Any] = {"id": self.id, "aria-describedby": " ".join(described)}
        if self.required:
            attributes["required"] = True
        if self.errors:
            attributes["aria-invalid"] = "true"
        if self.is_first_wrong:
            attributes["autofocus"] = True
        if self.shape == "textarea":
            attributes["rows"] = 5
        return self.widget.render(self.name, self.value, attrs=attributes)


class KindForm:
    """A form for the content of one kind.

    `data` is what was posted; `initial` prefills a form that was not. After `is_valid()` the
    content is in `content`, or each fault stands at its field and `faults` holds the rest.
    """

    def __init__(
        self,
        kind: type[Kind],
        data: QueryDict | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind = kind
        self.faults: list[str] = []
        self.content: dict[str, Any] = {}
        self.inputs = [
            self._input(name, shape, data, initial or {}) for name, shape in kind.formats().items()
        ]

    def input(self, name: str) -> Input:
        """The input of that name."""
        return next(found for found in self.inputs if found.name == name)

    def is_valid(self) -> bool:
        """Read what was posted and put every fault at its field."""
        self.content = {}
        for shown in self.inputs:
            if shown.shape == "pairs":
                self._read_pairs(shown)
            elif shown.shape == "boolean":
                self.content[shown.name] = bool(shown.value)
            elif shown.value.strip():
                self.content[shown.name] = shown.value
        try:
            self.kind.parse(self.content)
        except Findings as findings:
            self.add(findings)
        for wrong in [shown for shown in self.inputs if shown.errors][:1]:
            wrong.is_first_wrong = True
        return not self.error_count

    def add(self, findings: Findings) -> None:
        """Put findings at their fields."""
        for path, text in findings.faults:
            known = next((shown for shown in self.inputs if path and shown.name == path[0]), None)
            if known is None:
                self.faults.append(text)
                continue
            row = next((pair for pair in known.pairs if pair.key.strip() in path[1:]), None)
            (row or known).errors.append(text)

    def add_row(self) -> None:
        """One more row for notes."""
        self.input("user_metadata").pairs.append(Pair("", ""))

    @property
    def error_count(self) -> int:
        """How many faults the form shows."""
        at_fields = sum(
            len(shown.errors) + sum(len(pair.errors) for pair in shown.pairs)
            for shown in self.inputs
        )
        return at_fields + len(self.faults)

    def _input(
        self,
        name: str,
        shape: str,
        data: QueryDict | None,
        initial: Mapping[str, Any],
    ) -> Input:
        about = self.kind.model_fields[name]
        shown = Input(
            name=name,
            label=about.title or name,
            help=about.description or "",
            required=about.is_required(),
            shape=shape,
            value=initial.get(name, ""),
        )
        if data is not None:
            shown.value = shown.widget.value_from_datadict(data, MultiValueDict(), name) or ""
        if shape == "pairs":
            shown.pairs = _pairs(name, data, initial.get(name) or {})
        return shown

    def _read_pairs(self, shown: Input) -> None:
        notes: dict[str, str] = {}
        for pair in shown.pairs:
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
        if notes:
            self.content[shown.name] = notes


def _pairs(name: str, data: QueryDict | None, initial: Mapping[str, str]) -> list[Pair]:
    if data is None:
        filled = [Pair(key, value) for key, value in initial.items()]
        return filled + [Pair("", "") for _ in range(SPARE_ROWS)]
    keys, values = data.getlist(f"{name}-key"), data.getlist(f"{name}-value")
    return [Pair(key, value) for key, value in zip(keys, values, strict=False)]
