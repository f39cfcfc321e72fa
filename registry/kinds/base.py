"""What all kinds share: the common fields, the facts about a kind, and the list of kinds."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from registry.kinds import shape
from registry.kinds.shape import Path, Shape
from registry.kinds.values import Line, Notes

Fault = tuple[Path, str]


class Category(StrEnum):
    """The W3C PROV class of an item."""

    AGENT = "AGENT"
    ENTITY = "ENTITY"
    ACTIVITY = "ACTIVITY"


class Findings(Exception):
    """Item content was refused; `faults` has (field path, what is wrong) for every reason.

    The path is a tuple as in pydantic, such as ("user_metadata", "team"); () is the whole item.
    `misshapen` is False where the content has its proper shape, and only what it says is wrong.
    """

    def __init__(self, faults: list[Fault], *, misshapen: bool = False) -> None:
        self.faults = faults
        self.misshapen = misshapen
        super().__init__("; ".join(self.lines()))

    def lines(self) -> list[str]:
        """Each fault as a line of text."""
        return [f"{'.'.join(map(str, path)) or 'item'}: {text}" for path, text in self.faults]


class Mention(NamedTuple):
    """An item id in the content of another item: where it stands, what it is there, and of which
    kind that item must be (empty: any)."""

    path: Path
    role: str
    of: str
    handle: str


class Part(BaseModel):
    """Base of what a kind's field may hold beside single values. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="after")
    def _must_fit(self) -> Self:
        """So pydantic tells these together with all other faults."""
        if found := self.misfits():
            raise PydanticCustomError(MISFITS, "it does not fit", {"faults": found})
        if found := self.faults():
            raise PydanticCustomError(FAULTS, "it is not right", {"faults": found})
        return self

    def misfits(self) -> list[Fault]:
        """What is wrong with its shape beyond what types can say; paths begin here."""
        return []

    def faults(self) -> list[Fault]:
        """What is wrong with what it says, its shape being right; paths begin here."""
        return []


P = TypeVar("P", bound=Part)


class Kind(Part):
    """Base of all kinds: subclasses add their fields. The class is the kind; an instance is the
    content of one item.

    Raises Findings from `parse`, and only there.
    """

    # Facts about the kind (domain reference, section 1).
    subtype: ClassVar[str]
    category: ClassVar[Category]
    label: ClassVar[str]
    plural: ClassVar[str]
    mark: ClassVar[str]
    explanation: ClassVar[str]
    examples: ClassVar[str] = ""
    user_made: ClassVar[bool] = True
    versioned: ClassVar[bool] = False
    needs_person: ClassVar[bool] = True
    has_files: ClassVar[bool] = False  # then there are roles for its data, too
    derived: ClassVar[frozenset[str]] = frozenset()  # fields that follow from others: no input
    follows: ClassVar[str] = ""  # of an activity: the field with the item whose access it shares
    afresh: ClassVar[frozenset[str]] = frozenset()  # fields that a clone must not carry over
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
            return parsed_part(cls, data)
        except Findings as found:
            raise Findings(cls._shown(found.faults), misshapen=found.misshapen) from None

    @classmethod
    def _shown(cls, faults: list[Fault]) -> list[Fault]:
        """Without those of derived fields, which stand at their source, too."""
        return [fault for fault in faults if fault[0][:1] not in {(n,) for n in cls.derived}]

    def stored(self) -> dict[str, Any]:
        """The content as JSON; what was left out stays absent."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def system(cls, handle: str) -> dict[str, Any]:
        """What the system keeps beside the content of a new item of that id; none of it is the
        user's to change, nor part of the history."""
        return {}

    @classmethod
    def fingerprint(cls, info: Mapping[str, Any]) -> str | None:
        """What tells stored content that says the same from all other, for kinds of which nothing
        should be registered twice by mistake."""
        return None

    @classmethod
    @functools.cache
    def shape(cls) -> Shape:
        """All fields as one group, in the order of the class, the notes last."""
        parts = shape.parts_of(cls.model_json_schema())
        ordered = sorted(parts, key=lambda part: part.name == "user_metadata")
        return Shape("", cls.label, "", "group", required=True, parts=tuple(ordered))

    @classmethod
    @functools.cache
    def inputs(cls) -> tuple[Shape, ...]:
        """The fields that a person fills in."""
        return tuple(part for part in cls.shape().parts if part.name not in cls.derived)

    @classmethod
    def mentions(cls, info: Mapping[str, Any]) -> list[Mention]:
        """The items that stored content refers to."""
        return [
            Mention(path, leaf.title, leaf.of, str(value))
            for leaf, path, value in shape.leaves(cls.shape(), info)
            if leaf.form == "item"
        ]

    @classmethod
    def words(cls, info: Mapping[str, Any]) -> str:
        """The text of stored content by which it is found: of what is shown."""
        hidden = {part.name for part in cls.shape().parts if part.form == "hidden"}
        shown = {name: value for name, value in info.items() if name not in hidden}
        return " ".join(_texts(shown))


def parsed_part(part: type[P], data: Mapping[str, Any]) -> P:
    """Validate what a part holds. Raises Findings with every fault at once."""
    try:
        return part.model_validate(data)
    except ValidationError as error:
        misshapen = any(fault["type"] != FAULTS for fault in error.errors())
        raise Findings(_readable_faults(error), misshapen=misshapen) from None


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
    "extra_forbidden": lambda about: "There is no such field here.",
    "string_type": lambda about: "This must be text.",
    "bool_parsing": lambda about: "This must be true or false.",
    "bool_type": lambda about: "This must be true or false.",
    "dict_type": lambda about: "This must be an object of keys and texts.",
    "model_type": lambda about: "This must be an object with the fields of this part.",
    "model_attributes_type": lambda about: "This must be an object with the fields of this part.",
    "list_type": lambda about: "This must be a list.",
    "enum": lambda about: f"Choose one of {about['expected']}.",
    "greater_than_equal": lambda about: f"This must be at least {about['ge']:,}.",
    "less_than_equal": lambda about: f"This must be at most {about['le']:,}.",
    "string_too_long": lambda about: f"At most {about['max_length']:,} characters.",
    "too_long": lambda about: (
        f"At most {about['max_length']:,} entries; these are {about['actual_length'] or 'more'}."
    ),
    "string_pattern_mismatch": lambda about: "This must be an item id, such as 10378.1/1000001.",
}
MISFITS, FAULTS = "misfits", "faults"
MOST_FAULTS = 200  # told at once: more help nobody


def _readable_faults(error: ValidationError) -> list[Fault]:
    """What pydantic found, in words for a person."""
    found = error.errors(include_url=False, include_input=False)
    faults = [text for fault in found[:MOST_FAULTS] for text in _readable(dict(fault))]
    if len(found) > MOST_FAULTS:
        faults.append(((), f"There are {len(found) - MOST_FAULTS:,} more faults of this sort."))
    return faults


def _readable(fault: dict[str, Any]) -> list[Fault]:
    path = tuple(part for part in fault["loc"] if part != "[key]")
    if fault["type"] in {MISFITS, FAULTS}:
        return _under(path, fault["ctx"]["faults"])
    sentence = _SENTENCES.get(fault["type"])
    text = sentence(fault.get("ctx", {})) if sentence else str(fault["msg"])
    text = text.removeprefix("Value error, ").removeprefix("value is not a valid email address: ")
    text = text[:1].upper() + text[1:]
    return [(path, text if text.endswith(".") else f"{text}.")]


def _under(path: Path, faults: list[Fault]) -> list[Fault]:
    return [((*path, *inner), text) for inner, text in faults]


def _texts(value: Any) -> list[str]:
    """All texts in stored content, in order."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for key, part in value.items() for text in [str(key), *_texts(part)]]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return []
