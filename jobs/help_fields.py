"""What a job takes and gives, field by field and in words, read from its pydantic models."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from jobs.definitions import Payload

FORMS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "nothing",
}
FORMATS = {"uuid": "UUID", "date": "date", "date-time": "date and time", "email": "email address"}
Schema = dict[str, Any]


class Field(NamedTuple):
    """A field of a payload or result. `name` is its key, after those it stands under."""

    name: str
    form: str
    is_required: bool
    explanation: str


def fields_of(model: type[Payload]) -> list[Field]:
    """All fields of a model, those of a part after the part."""
    schema = model.model_json_schema()
    return list(_fields(schema, schema.get("$defs", {}), ""))


def _fields(schema: Schema, parts: dict[str, Schema], above: str) -> Iterator[Field]:
    required = schema.get("required", [])
    for key, described in schema.get("properties", {}).items():
        name = f"{above}{key}"
        yield Field(
            name=name,
            form=_form(described, parts),
            is_required=key in required,
            explanation=described.get("description", ""),
        )
        part = _part(described, parts)
        if part.get("properties") and above.count(".") < len(parts):  # a part may contain itself
            yield from _fields(part, parts, f"{name}.")


def _form(described: Schema, parts: dict[str, Schema]) -> str:
    """The type in words."""
    if "$ref" in described:
        described = _part(described, parts)
    if "anyOf" in described:
        return " or ".join(_form(option, parts) for option in described["anyOf"])
    if choices := described.get("enum"):
        return f"one of {', '.join(map(str, choices))}"
    if described.get("type") == "array":
        return f"list of: {_form(described.get('items', {}), parts)}"
    named = FORMATS.get(described.get("format", ""))
    return named or FORMS.get(described.get("type", ""), "anything")


def _part(described: Schema, parts: dict[str, Schema]) -> Schema:
    """The model that a field holds, or a list of which it holds; empty if it is none of ours."""
    address = described.get("items", described).get("$ref", "")
    return parts.get(address.rpartition("/")[2], {})
