"""Items as people read them: the rows of an item's overview, and labels of what jobs are about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from jobs.definitions import Subject
from registry.models import Item


@dataclass(frozen=True)
class Row:
    """One field of an item's overview; `shape` tells the template how to print the value."""

    label: str
    value: Any
    shape: str  # text, link, email, flag, item, notes


def overview(item: Item) -> list[Row]:
    """The fields of an item in the order of its kind, those left out omitted."""
    fields = item.kind.model_fields
    names = [name for name in fields if name != "user_metadata"] + ["user_metadata"]
    return [
        Row(
            label=fields[name].title or name,
            value=item.info[name],
            shape=_shape(name, item.info[name]),
        )
        for name in names
        if name in item.info
    ]


def subjects(user: User, handles: Iterable[str]) -> Mapping[str, Subject]:
    """What jobs are about, as far as `user` may read it: one query for all of them."""
    found = Item.objects.readable_by(user).filter(handle__in=set(handles))
    return {
        item.handle: Subject(item.display_name, item.get_absolute_url())
        for item in found.only("handle", "display_name")
    }


def _shape(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return "notes"
    if isinstance(value, bool):
        return "flag"
    if name.endswith("_item_id"):
        return "item"
    if name == "email":
        return "email"
    if isinstance(value, str) and value.lower().startswith(("http://", "https://")):
        return "link"
    return "text"
