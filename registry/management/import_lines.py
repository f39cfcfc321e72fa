"""The lines of a file to import, each seen for itself: from bytes to checked content."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import Any, NoReturn

from django.core.management.base import CommandError
from pydantic import TypeAdapter, ValidationError

from registry import access, kinds
from registry.kinds import Findings, Kind
from registry.kinds.base import Fault
from registry.kinds.shape import Path
from registry.kinds.values import LONG, Text
from registry.management.exporting import KEYS
from registry.models import HANDLE, Item

_text = TypeAdapter(Text)


@dataclass
class Line:
    """A line that can become an item. Ids in it are those of the file, its former ids."""

    number: int
    former: str  # its own id; empty if it has none
    kind: type[Kind]
    content: dict[str, Any]  # as it is stored
    previous: str  # id of the version before it
    reason: str  # for being a version
    access: dict[str, Any] | None
    needs: set[str] = field(default_factory=set)  # ids of the file that must be there before it
    present: Item | None = None  # the item that it is already


@dataclass
class File:
    """What was read. `places` tells of each id its line and kind (empty if that is unknown), also
    of lines that cannot become items."""

    lines: list[Line] = field(default_factory=list)
    places: dict[str, tuple[int, str]] = field(default_factory=dict)
    faults: list[tuple[int, Path, str]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)  # lines of kinds that jobs make

    def blame(self, number: int, path: Path, text: str) -> None:
        """Note what is wrong in a line."""
        self.faults.append((number, path, text))

    def told(self) -> list[str]:
        """Each fault as a line of text, in the order of the file."""
        told = []
        for number, path, text in sorted(self.faults, key=lambda fault: fault[0]):
            field = f"{'.'.join(map(str, path))}: " if path else ""
            told.append(f"line {number}: {field}{text}")
        return told


def read(rows: Iterable[bytes], name: str, groups: Set[str]) -> File:
    """All lines of a file, blank ones passed over; `groups` are the ids of those that exist.

    Raises CommandError for a file of another format; what is wrong in a line is noted instead.
    """
    file = File()
    for number, row in written(rows, name):
        try:
            found = entry(row)
        except ValueError as error:
            file.blame(number, (), str(error))
        else:
            _add(file, number, found, groups)
    return file


def written(rows: Iterable[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    """The rows that are not blank, by number. Raises CommandError if the first tells that this
    is no file of JSON lines: else each of its rows would be called a fault."""
    is_first = True
    for number, row in enumerate(rows, 1):
        bare = row.removeprefix(b"\xef\xbb\xbf").strip()
        if is_first and bare:
            is_first = False
            if fault := _other_format(bare):
                raise CommandError(f"{name} {fault}")
        if bare:
            yield number, bare


def _other_format(first: bytes) -> str:
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16. Save it as UTF-8."
    if first.startswith(b"["):
        return "holds a JSON list. Write one object a line: jq -c '.[]' FILE does that."
    if first == b"{":
        return "spreads an object over several lines. Write one a line: jq -c . FILE does that."
    return ""


def entry(row: bytes) -> Any:
    """What a row holds. Raises ValueError with a sentence."""
    try:
        return json.loads(row.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise ValueError(f"Byte {error.start + 1} is not UTF-8. Save the file as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"This is not JSON: {error.msg} at character {error.colno}.") from None
    except RecursionError:
        raise ValueError("This is nested too deep for JSON of an item.") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"This is not JSON: {name} is no number there.")


def _add(file: File, number: int, entry: Any, groups: Set[str]) -> None:
    """Note the line as one that can become an item, or what is wrong with it."""
    if not isinstance(entry, dict):
        example = '{"subtype": "MODEL", "content": {...}}'
        file.blame(number, (), f"This must be one JSON object, such as {example}.")
        return
    faults: list[Fault] = [((key,), "There is no such field here.") for key in entry.keys() - KEYS]
    kind = _kind(entry, faults)
    former = _id(entry, "id", faults)
    if former in file.places:
        faults.append((("id",), f"Line {file.places[former][0]} has this id, too."))
    elif former:
        file.places[former] = (number, kind.subtype if kind else "")
    previous, reason = _id(entry, "previous_version", faults), _reason(entry, faults)
    if kind and not kind.user_made:
        file.left_out[kind.subtype] += 1
        return
    settings = entry.get("access")
    if kind and settings is not None:
        faults += _under("access", _access_faults(settings, kind, groups))
    content = _content(entry, kind, faults)
    file.faults += [(number, path, text) for path, text in sorted(faults, key=_first)]
    if kind and content and not faults:
        file.lines.append(Line(number, former, kind, content, previous, reason, settings))


def _kind(entry: dict[str, Any], faults: list[Fault]) -> type[Kind] | None:
    subtype = entry.get("subtype")
    if not isinstance(subtype, str):
        text = "This field is required." if subtype is None else "This must be text."
        faults.append((("subtype",), text))
        return None
    try:
        return kinds.kind(subtype)
    except KeyError:
        names = ", ".join(kind.subtype for kind in kinds.user_made_kinds())
        faults.append((("subtype",), f"There is no item kind {subtype!r}. Choose one of {names}."))
        return None


def _id(entry: dict[str, Any], key: str, faults: list[Fault]) -> str:
    value = entry.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or not HANDLE.fullmatch(value):
        faults.append(((key,), "This must be an item id, such as 10378.1/1000001."))
        return ""
    return value


def _reason(entry: dict[str, Any], faults: list[Fault]) -> str:
    value = entry.get("version_reason")
    if value is None:
        return ""
    try:
        return _text.validate_python(value)
    except ValidationError:
        faults.append((("version_reason",), f"This must be text of at most {LONG:,} characters."))
        return ""


def _content(
    entry: dict[str, Any], kind: type[Kind] | None, faults: list[Fault]
) -> dict[str, Any] | None:
    """The content as it would be stored; None where it is not valid, or cannot be told to be."""
    given = entry.get("content")
    if not isinstance(given, dict):
        text = "This field is required." if given is None else "This must be an object."
        faults.append((("content",), text))
    elif kind:
        try:
            return kind.parse(given).stored()
        except Findings as findings:
            faults += _under("content", findings.faults)
    return None


def _access_faults(settings: Any, kind: type[Kind], groups: Set[str]) -> list[Fault]:
    """What is wrong with access settings; paths begin there."""
    of_groups = settings.get("groups", {}) if isinstance(settings, dict) else None
    if not isinstance(of_groups, dict) or settings.keys() - {"general", "groups"}:
        example = '{"general": ["metadata-read"], "groups": {}}'
        return [((), f"This must be an object such as {example}.")]
    faults: list[Fault] = _role_faults(("general",), settings.get("general", []), kind)
    for slug, roles in of_groups.items():
        path: Path = ("groups", slug)
        if slug not in groups:
            text = "There is no such group here. Make it in Django admin, or take it out."
            faults.append((path, text))
        faults += _role_faults(path, roles, kind)
    return faults


def _role_faults(path: Path, roles: Any, kind: type[Kind]) -> list[Fault]:
    possible = access.roles_of(kind)
    if not isinstance(roles, list):
        return [(path, "This must be a list of roles.")]
    if strange := [str(role) for role in roles if role not in possible]:
        has = ", ".join(possible)
        return [(path, f"{kind.plural} have no role {', '.join(strange)}; they have {has}.")]
    return []


def _under(key: str, faults: Iterable[Fault]) -> list[Fault]:
    return [((key, *path), text) for path, text in faults]


def _first(fault: Fault) -> int:
    """Where a fault's key stands in a line, unknown ones last."""
    path, _ = fault
    return KEYS.index(str(path[0])) if path[0] in KEYS else len(KEYS)
