"""What all kinds share: the common fields, the facts about a kind, and the list of kinds."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

SHORT, LONG = 300, 20_000  # characters
MOST_NOTES = 100


class Category(StrEnum):
    """The W3C PROV class of an item."""

    AGENT = "AGENT"
    ENTITY = "ENTITY"
    ACTIVITY = "ACTIVITY"


def _printable(text: str) -> str:
    """Refuse what no database, form or PROV document carries through unchanged, and text that
    only looks empty."""
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t":
            raise ValueError(f"the character U+{ord(character):04X} cannot be stored; remove it")
    if not any(unicodedata.category(character)[0] not in "CZ" for character in text):
        raise ValueError("this holds only invisible characters")
    return text


def _one_line(text: str) -> str:
    """Names and addresses: no line breaks, and nothing that makes text read backwards."""
    for character in text:
        if character in "\n\t" or unicodedata.bidirectional(character) in _REORDERING:
            raise ValueError(f"the character U+{ord(character):04X} cannot be part of one line")
    return text


def _unix_lines(text: Any) -> Any:
    """Browsers send line breaks as CR LF; one text must not become two by where it was typed."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if isinstance(text, str) else text


_REORDERING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
_http_url = TypeAdapter(HttpUrl)


def _is_http_url(text: str) -> str:
    """Checked as a URL but kept as it was typed: clients compare it with what they sent."""
    try:
        _http_url.validate_python(text)
        if not re.match("https?://[^/]", text, re.IGNORECASE):  # pydantic mends "http:example.org"
            raise ValueError
    except ValueError:
        raise ValueError("write a whole web address, such as https://example.org/page") from None
    return text


_Checked = (BeforeValidator(_unix_lines), AfterValidator(_printable))
Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=SHORT),
    *_Checked,
    AfterValidator(_one_line),
]
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONG),
    *_Checked,
    Field(json_schema_extra={"format": "textarea"}),
]
WebAddress = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000),
    *_Checked,
    AfterValidator(_one_line),
    AfterValidator(_is_http_url),
    Field(json_schema_extra={"format": "uri"}),
]
ItemId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9._-]+/[0-9]+$"),
    Field(json_schema_extra={"format": "item"}),
]


def _distinct_keys(notes: Any) -> Any:
    """Keys that differ only by blanks around them would overwrite each other."""
    if isinstance(notes, Mapping):
        keys = [str(key).strip() for key in notes]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"each key may occur once; more than once: {', '.join(twice)}")
    return notes


Notes = Annotated[dict[Line, Text], Field(max_length=MOST_NOTES), BeforeValidator(_distinct_keys)]


class Findings(Exception):
    """Item content was refused; `faults` has (field path, what is wrong) for every reason.

    The path is a tuple as in pydantic, such as ("user_metadata", "team"); () is the whole item.
    """

    def __init__(self, faults: list[tuple[tuple[str | int, ...], str]]) -> None:
        self.faults = faults
        super().__init__("; ".join(self.lines()))

    def lines(self) -> list[str]:
        """Each fault as a line of text."""
        return [f"{'.'.join(map(str, path)) or 'item'}: {text}" for path, text in self.faults]


class Kind(BaseModel):
    """Base of all kinds: subclasses add their fields. The class is the kind; an instance is the
    content of one item.

    Raises Findings from `parse`, and only there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Facts about the kind (domain reference, section 1).
    subtype: ClassVar[str]
    category: ClassVar[Category]
    label: ClassVar[str]
    plural: ClassVar[str]
    mark: ClassVar[str]
    explanation: ClassVar[str]
    user_made: ClassVar[bool] = True
    versioned: ClassVar[bool] = False
    needs_person: ClassVar[bool] = True
    do_not_call_in_templates: ClassVar[bool] = True  # the class itself is what templates print

    display_name: Line = Field(
        title="Display name",
        description="The short name by which lists and drawings show this item.",
    )
    user_metadata: Notes | None = Field(
        default=None,
        title="Notes",
        description="Anything else worth keeping, each note under a key of your choice.",
    )

    @classmethod
    def a_label(cls) -> str:
        """The label with its article, such as "an organisation"."""
        return f"{'an' if cls.label[0] in 'AEIOU' else 'a'} {cls.label.lower()}"

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Kind":
        """Validate content for this kind. Raises Findings with every fault at once."""
        try:
            content = cls.model_validate(data)
        except ValidationError as error:
            raise Findings([_readable(dict(fault)) for fault in error.errors()]) from None
        if faults := content.faults():
            raise Findings(faults)
        return content

    def faults(self) -> list[tuple[tuple[str | int, ...], str]]:
        """What is wrong with content of the right shape: rules that types cannot say."""
        return []

    @classmethod
    def field_names(cls) -> list[str]:
        """The fields as forms and pages show them: in the order of the class, the notes last."""
        return [name for name in cls.model_fields if name != "user_metadata"] + ["user_metadata"]

    def stored(self) -> dict[str, Any]:
        """The content as JSON; what was left out stays absent."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def formats(cls) -> dict[str, str]:
        """How each field is written: `line`, `textarea`, `uri`, `email`, `boolean`, `integer`,
        `item` (a persistent id) or `pairs` (keys and texts), from the JSON schema."""
        properties = cls.model_json_schema()["properties"]
        return {name: _format(properties[name]) for name in cls.field_names()}

    @classmethod
    def words(cls, info: Mapping[str, Any]) -> str:
        """The text of stored content by which it is found."""
        return " ".join(_texts(info))


K = TypeVar("K", bound=type[Kind])


@dataclass
class _Kinds:
    by_subtype: dict[str, type[Kind]]


_kinds = _Kinds({})


def register(cls: K) -> K:
    """Add a kind to the list of kinds."""
    if cls.subtype in _kinds.by_subtype:
        raise ValueError(f"Kind {cls.subtype} is registered twice.")
    _kinds.by_subtype[cls.subtype] = cls
    return cls


def kind(subtype: str) -> type[Kind]:
    """The kind of that subtype, whatever its case. Raises KeyError."""
    return _kinds.by_subtype[subtype.upper()]


def all_kinds() -> list[type[Kind]]:
    """All kinds, in the order of the domain reference."""
    order = list(Category)
    return sorted(_kinds.by_subtype.values(), key=lambda cls: order.index(cls.category))


def user_made_kinds() -> list[type[Kind]]:
    """The kinds that a person may register."""
    return [cls for cls in all_kinds() if cls.user_made]


_SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda about: "This field is required.",
    "string_too_short": lambda about: "This field is required.",
    "extra_forbidden": lambda about: "There is no such field for this kind of item.",
    "string_type": lambda about: "This must be text.",
    "bool_parsing": lambda about: "This must be true or false.",
    "bool_type": lambda about: "This must be true or false.",
    "dict_type": lambda about: "This must be an object of keys and texts.",
    "string_too_long": lambda about: f"At most {about['max_length']:,} characters.",
    "too_long": lambda about: f"At most {about['max_length']} entries.",
    "string_pattern_mismatch": lambda about: "This must be an item id, such as 10378.1/1000001.",
}


def _readable(fault: dict[str, Any]) -> tuple[tuple[str | int, ...], str]:
    """A fault that pydantic found, in words for a person."""
    sentence = _SENTENCES.get(fault["type"])
    text = sentence(fault.get("ctx", {})) if sentence else str(fault["msg"])
    text = text.removeprefix("Value error, ").removeprefix("value is not a valid email address: ")
    text = text[:1].upper() + text[1:]
    path = tuple(part for part in fault["loc"] if part != "[key]")
    return path, text if text.endswith(".") else f"{text}."


def _format(schema: Mapping[str, Any]) -> str:
    """How a field is written; an optional one is in its schema a choice between it and null."""
    options = schema.get("anyOf", [schema])
    chosen = next(option for option in options if option.get("type") != "null")
    if chosen["type"] == "object":
        return "pairs"
    if chosen["type"] in {"boolean", "integer"}:
        return str(chosen["type"])
    return str(chosen.get("format") or schema.get("format") or "line")


def _texts(value: Any) -> list[str]:
    """All texts in stored content, in order."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for key, part in value.items() for text in [str(key), *_texts(part)]]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return []
