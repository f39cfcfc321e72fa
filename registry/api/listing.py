"""Lists of items: what may be asked for, and one page of it (contract, section 7).

Filters and access are in SQL before the page is cut, so that pages are full; the cut is by the
value that is sorted by, and by id where that is equal.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from django.contrib.auth.models import User
from django.db.models import QuerySet
from ninja import Schema
from pydantic import Field, model_validator

from provena import page_keys, paging
from provena.page_keys import PageKey
from provena.rest import Plain
from registry import kinds
from registry.api import shapes
from registry.models import Item, ItemQuerySet

MOST = 100  # items in a page
LAST = chr(0x10FFFF)  # sorts behind every other character

# The client knows these, too; there are no items of them.
ABSTRACT = ("WORKFLOW_RUN", "SOFTWARE", "WORKFLOW_TEMPLATE")
_SUBTYPES = [*(kind.subtype for kind in kinds.all_kinds()), *ABSTRACT]
Subtype = StrEnum("Subtype", [(one, one) for one in _SUBTYPES])  # type: ignore[misc]  # computed


class Records(StrEnum):
    """Whether items with content are listed, or seeds, which are ids reserved for items."""

    COMPLETE_ONLY = "COMPLETE_ONLY"
    SEED_ONLY = "SEED_ONLY"
    ALL = "ALL"


class Release(StrEnum):
    """How far the release of a dataset is."""

    NOT_RELEASED = "NOT_RELEASED"
    PENDING = "PENDING"
    RELEASED = "RELEASED"


class Sort(StrEnum):
    """What items are sorted by. Names sort by code points. The last two list only what has it."""

    CREATED_TIME = "CREATED_TIME"
    UPDATED_TIME = "UPDATED_TIME"
    DISPLAY_NAME = "DISPLAY_NAME"
    RELEASE_TIMESTAMP = "RELEASE_TIMESTAMP"
    ACCESS_INFO_URI_BEGINS_WITH = "ACCESS_INFO_URI_BEGINS_WITH"


FIELDS = {
    Sort.CREATED_TIME: "created_at",
    Sort.UPDATED_TIME: "updated_at",
    Sort.DISPLAY_NAME: "display_name",
    Sort.RELEASE_TIMESTAMP: "release_timestamp",
    Sort.ACCESS_INFO_URI_BEGINS_WITH: "access_uri",
}

TIMES = ("created_at", "updated_at")


class Order(Schema):
    """How a list is sorted; by default what changed last comes first."""

    sort_type: Sort | None = None
    ascending: bool = False
    begins_with: Plain | None = None

    @model_validator(mode="after")
    def _must_fit(self) -> Self:
        is_by_address = self.sort_type == Sort.ACCESS_INFO_URI_BEGINS_WITH
        if bool(self.begins_with) != is_by_address:
            raise ValueError("begins_with belongs to ACCESS_INFO_URI_BEGINS_WITH, which needs it")
        return self

    @property
    def field(self) -> str:
        return FIELDS[self.sort_type or Sort.UPDATED_TIME]


class KindFilter(Schema):
    """Which items of a kind are listed."""

    record_type: Records = Records.COMPLETE_ONLY


class Filter(KindFilter):
    """Which items of all kinds are listed. What is released are datasets."""

    item_subtype: Subtype | None = None
    release_reviewer: Plain | None = None
    release_status: Release | None = None

    @model_validator(mode="after")
    def _must_fit(self) -> Self:
        if self.item_subtype and self.release_status:
            raise ValueError("give item_subtype or release_status, not both")
        return self


class Paged(Schema):
    """What every list takes. `page_size` beyond 100 gives 100; `pagination_key` is that of the page
    before."""

    sort_by: Order | None = None
    pagination_key: PageKey | None = None
    page_size: int = Field(default=20, ge=1)


class KindList(Paged):
    """What a list of one kind takes."""

    filter_by: KindFilter | None = None


class GeneralList(Paged):
    """What a list of all kinds takes."""

    filter_by: Filter | None = None


def page(user: User, wanted: Filter, asked: Paged) -> tuple[list[Item], PageKey | None]:
    """The items that `user` may read, as `shapes.item` takes them, and the key of the next page:
    None at the end. Four queries, however many items. Raises ApiError for a strange key."""
    order = asked.sort_by or Order()
    name = f"items {wanted.model_dump_json()} {order.model_dump_json()}"
    place = page_keys.place(asked.pagination_key, of=name)
    size = min(asked.page_size, MOST)
    # Only keys at first: beside a join, SQLite walks by owner and sorts all items.
    rows = list(
        in_order(narrow(user, wanted), order, place)[: size + 1].values_list("pk", order.field)
    )
    more = len(rows) > size
    rows = rows[:size]
    found = shapes.by_key(Item.objects.filter(pk__in=[pk for pk, _ in rows]))
    key = page_keys.issue([told(rows[-1][1]), rows[-1][0]], of=name) if more else None
    return [found[pk] for pk, _ in rows if pk in found], key


def narrow(user: User, wanted: Filter) -> ItemQuerySet:
    """The items that a filter means, as far as `user` may read them."""
    items = Item.objects.readable_by(user)
    if wanted.record_type == Records.COMPLETE_ONLY:
        items = items.complete()
    if wanted.record_type == Records.SEED_ONLY:
        # They are few, so they are sorted: else SQLite looks at all items in the order asked for.
        items = items.filter(pk__in=Item.objects.filter(is_complete=False))
    if wanted.item_subtype:
        items = items.of_kind(wanted.item_subtype)
    if wanted.release_status:
        items = items.of_kind("DATASET").filter(system__release_status=wanted.release_status)
    if wanted.release_reviewer:
        # Who was asked, was asked at some time: so the index by that time serves.
        items = items.filter(
            release_timestamp__isnull=False, system__release_approver=wanted.release_reviewer
        )
    return items


def in_order(items: "QuerySet[Item]", order: Order, place: list[Any] | None) -> "QuerySet[Item]":
    """The items as a list sorts them, from behind a place on."""
    field = order.field
    if order.begins_with:
        items = items.filter(
            access_uri__gte=order.begins_with, access_uri__lt=order.begins_with + LAST
        )
    if order.sort_type in {Sort.RELEASE_TIMESTAMP, Sort.ACCESS_INFO_URI_BEGINS_WITH}:
        items = items.filter(**{f"{field}__isnull": False})
    sign = "" if order.ascending else "-"
    items = items.order_by(f"{sign}{field}", f"{sign}id")
    if place is None:
        return items
    value, number = place
    if field in TIMES:
        value = datetime.fromisoformat(value)
    return paging.behind(items, field, value, number, descending=not order.ascending)


def told(value: Any) -> Any:
    """A value that is sorted by, as a key can hold it."""
    return value.isoformat() if isinstance(value, datetime) else value
