"""The fields of a kind as a tree, for whatever walks over content: forms, pages, diffs, references.

It is read from the JSON schema that pydantic makes of the kind, so a field is declared only once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Shape:
    """A field of a kind, or a part of one.

    `form` is how it is written: `line`, `textarea`, `uri`, `email`, `date`, `boolean`, `integer`,
    `moment` (Unix seconds), `choice` (one of `choices`), `item` (the persistent id of an item of
    kind `of`, or of any),
    `hidden` (kept, not shown), `pairs` (keys and texts), `group` (of `parts`) or `list` (of
    `each`). `suggestions` are values that are often used.
    """

    name: str
    title: str
    help: str
    form: str
    required: bool
    choices: tuple[str, ...] = ()
    of: str = ""
    suggestions: tuple[str, ...] = ()
    parts: tuple["Shape", ...] = ()
    each: "Shape | None" = None
    default: Any = None
    is_unframed: bool = False  # a group whose parts are shown as if there were no group

    @property
    def is_compact(self) -> bool:
        """True for a group of ticks and days, which fits on one line."""
        return self.form == "group" and all(part.form in {"boolean", "date"} for part in self.parts)


def parts_of(schema: Mapping[str, Any]) -> tuple[Shape, ...]:
    """The fields of a kind, from the JSON schema of its model."""
    return _parts(schema, schema.get("$defs", {}))


def leaves(shape: Shape, value: Any, path: Path = ()) -> Iterator[tuple[Shape, Path, Any]]:
    """Each single value in stored content, with its shape and where it stands. Keys and texts of
    `pairs` are one value; what is absent is left out."""
    if value is None:
        return
    if shape.form == "group":
        for part in shape.parts:
            yield from leaves(part, value.get(part.name), (*path, part.name))
    elif shape.form == "list" and shape.each:
        for index, row in enumerate(value):
            yield from leaves(shape.each, row, (*path, index))
    else:
        yield shape, path, value


def _parts(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> tuple[Shape, ...]:
    required = schema.get("required", [])
    return tuple(
        _shape(name, about, parts, is_required=name in required)
        for name, about in schema.get("properties", {}).items()
    )


def _shape(
    name: str, about: Mapping[str, Any], parts: Mapping[str, Any], *, is_required: bool
) -> Shape:
    chosen = _resolved(about, parts)
    form = _form(about, chosen)
    each = None
    if form == "list":
        each = _shape(name, chosen["items"], parts, is_required=True)
    return Shape(
        name=name,
        title=about.get("title") or chosen.get("title") or name,
        help=about.get("description") or "",
        form=form,
        required=is_required,
        choices=tuple(chosen.get("enum", ())),
        of=str(chosen.get("of") or about.get("of") or ""),
        suggestions=tuple(about.get("suggestions", ())),
        parts=_parts(chosen, parts) if form == "group" else (),
        each=each,
        default=about.get("default"),
        is_unframed=bool(about.get("unframed")),
    )


def _resolved(about: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself: without the choice of null of an optional field, and not by name."""
    options = about.get("anyOf") or about.get("allOf") or [about]
    chosen: Mapping[str, Any] = next(part for part in options if part.get("type") != "null")
    if "$ref" in chosen:
        named: Mapping[str, Any] = parts[chosen["$ref"].rpartition("/")[2]]
        return named
    return chosen


def _form(about: Mapping[str, Any], chosen: Mapping[str, Any]) -> str:
    if about.get("format") == "hidden":
        return "hidden"
    if "enum" in chosen:
        return "choice"
    if chosen["type"] == "object":
        return "group" if "properties" in chosen else "pairs"
    if chosen["type"] in {"boolean", "integer"}:
        return str(chosen.get("format") or about.get("format") or chosen["type"])
    if chosen["type"] == "array":
        return "list"
    return str(chosen.get("format") or about.get("format") or "line")
