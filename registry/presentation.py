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
    shape: str  # see Kind.formats


def overview(item: Item) -> list[Row]:
    """The fields of an item in the order of its kind, those left out omitted."""
    fields = item.kind.model_fields
    return [
        Row(label=fields[name].title or name, value=item.info[name], shape=shape)
        for name, shape in item.kind.formats().items()
        if name in item.info
    ]


def subjects(user: User, handles: Iterable[str]) -> Mapping[str, Subject]:
    """What jobs are about, as far as `user` may read it: one query for all of them."""
    found = Item.objects.readable_by(user).filter(handle__in=set(handles))
    return {
        item.handle: Subject(item.display_name, item.get_absolute_url())
        for item in found.only("handle", "display_name")
    }
