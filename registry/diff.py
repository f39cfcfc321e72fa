"""What changed between two contents of an item, as a person reads it."""

import difflib
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry.kinds import Kind, shape
from registry.presentation import labels, words_of

Segment = tuple[str, bool]  # a piece of text, and whether it differs
MOST_WORDS = 300  # of a text that is compared word by word; a longer one is shown whole
MOST_CHANGES = 400


@dataclass(frozen=True)
class Change:
    """One value that differs: `before` or `after` is empty where it was added or removed."""

    label: str
    before: list[Segment]
    after: list[Segment]


def changes(kind: type[Kind], before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every value that differs, in the order of the fields; at most MOST_CHANGES.

    Rows of lists are matched by what they hold, so a row added at the top is one change and not a
    change of every row below it.
    """
    old, new = _flat(kind, before), _flat(kind, after)
    pairs = (
        (label, *pair)
        for label in dict.fromkeys([*old, *new])
        for pair in _pairs(old.get(label, []), new.get(label, []))
    )
    # Compared as far as they are shown, because comparing is what costs.
    return [
        Change(label, *_segments(removed, added))
        for label, removed, added in itertools.islice(pairs, MOST_CHANGES)
    ]


def _pairs(left: list[str], right: list[str]) -> Iterator[tuple[str, str]]:
    """What was removed and what stands in its place, row by row."""
    if left == right:
        return
    if len(left) <= 1 and len(right) <= 1:
        yield "".join(left), "".join(right)
        return
    for tag, a, b, c, d in difflib.SequenceMatcher(a=left, b=right).get_opcodes():
        if tag != "equal":
            yield from itertools.zip_longest(left[a:b], right[c:d], fillvalue="")


def _flat(kind: type[Kind], info: Mapping[str, Any]) -> dict[str, list[str]]:
    """Each field's label with its texts: one, or one for each row of a list."""
    flat: dict[str, list[str]] = {}
    whole = kind.shape()
    for part in kind.inputs():
        _add(part, info.get(part.name), (part.name,), flat, whole)
    return flat


def _add(
    part: shape.Shape, value: Any, path: shape.Path, flat: dict[str, list[str]], whole: shape.Shape
) -> None:
    if value is None or part.form == "hidden":
        return
    if part.form == "group":
        for inner in part.parts:
            _add(inner, value.get(inner.name), (*path, inner.name), flat, whole)
    elif part.form == "list" and part.each:
        if value:
            flat[labels(whole, path)] = [_row(part.each, row) for row in value]
    elif part.form == "pairs":
        for key, text in value.items():
            flat[f"{labels(whole, path)}, {key}"] = [text]
    else:
        flat[labels(whole, path)] = [_text(part, value)]


def _row(each: shape.Shape, row: Any) -> str:
    """A row of a list as one text."""
    if each.form != "group":
        return _text(each, row)
    told = []
    for inner in each.parts:
        value = row.get(inner.name)
        if value is None or value is False:
            continue
        if inner.form == "pairs":
            told += [f"{key}: {text}" for key, text in value.items()]
        else:
            told.append(inner.title if value is True else _text(inner, value))
    return " · ".join(told)


def _text(part: shape.Shape, value: Any) -> str:
    if part.form == "boolean":
        return "yes" if value else "no"
    return words_of(value) if part.form == "choice" else str(value)


def _segments(before: str, after: str) -> tuple[list[Segment], list[Segment]]:
    """Two texts cut into what they share and what they do not, by words."""
    left, right = re.findall(r"\S+\s*|\s+", before), re.findall(r"\S+\s*|\s+", after)
    if not left or not right or max(len(left), len(right)) > MOST_WORDS:
        return _whole(before), _whole(after)
    matcher = difflib.SequenceMatcher(a=left, b=right)
    if matcher.quick_ratio() < 0.3 or matcher.ratio() < 0.3:  # nothing that would help a reader
        return _whole(before), _whole(after)
    old: list[Segment] = []
    new: list[Segment] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        differs = tag != "equal"
        if a < b:
            old.append(("".join(left[a:b]), differs))
        if c < d:
            new.append(("".join(right[c:d]), differs))
    return old, new


def _whole(text: str) -> list[Segment]:
    return [(text, True)] if text else []
