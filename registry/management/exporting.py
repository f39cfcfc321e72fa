"""Items as they leave the registry: one JSON object each, which `importing` reads again."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db.models import OuterRef, Prefetch, Subquery

from registry import access
from registry.access import Level, Role
from registry.models import Grant, Item

CHUNK = 500  # items that are in memory at once
KEYS = (
    "id",
    "subtype",
    "owner",
    "version",
    "previous_version",
    "version_reason",
    "created",
    "updated",
    "locked",
    "access",
    "content",
)


def lines(subtypes: Sequence[str] = (), reader: User | None = None) -> Iterator[dict[str, Any]]:
    """The complete items, of these kinds or of all, oldest first: one by one, with two queries for
    each CHUNK of them.

    For a `reader`, only what they may read; `access` is then None where they do not administer the
    item, and `previous_version` where they may not read it.
    """
    visible = Item.objects.live() if reader is None else Item.objects.readable_by(reader)
    items = visible.complete()
    if subtypes:
        items = items.filter(subtype__in=subtypes)
    previous = visible.filter(pk=OuterRef("previous_version")).values("handle")
    grants = Grant.objects.select_related("group").order_by("group__slug")
    rows = (
        items.annotate(previous_handle=Subquery(previous))
        .select_related("owner")
        .prefetch_related(Prefetch("grants", grants))
        .defer("search_text", "system")
        .order_by("pk")
    )
    sees_access = _sees_access(reader)
    for item in rows.iterator(chunk_size=CHUNK):
        yield _line(item, item.previous_handle, with_access=sees_access(item))


def _line(item: Item, previous: str | None, *, with_access: bool) -> dict[str, Any]:
    """The item under KEYS. Times are Unix seconds, as everywhere outside (domain reference)."""
    return {
        "id": item.handle,
        "subtype": item.subtype,
        "owner": item.owner.get_username(),
        "version": item.version,
        "previous_version": previous,
        "version_reason": item.version_reason or None,
        "created": int(item.created_at.timestamp()),
        "updated": int(item.updated_at.timestamp()),
        "locked": item.is_locked,
        "access": _access(item) if with_access else None,
        "content": item.info,
    }


def _access(item: Item) -> dict[str, Any]:
    """As `services.settings_of`, from grants that are loaded already."""
    grants = item.grants.all()
    return {
        "general": next((grant.roles for grant in grants if grant.group is None), []),
        "groups": {grant.group.slug: grant.roles for grant in grants if grant.group},
    }


def _sees_access(reader: User | None) -> Callable[[Item], bool]:
    """Whether the reader administers an item, told from its loaded grants, without a query."""
    if reader is None or access.level(reader) == Level.ADMIN:
        return lambda item: True
    own_groups = {None, *reader.registry_groups.values_list("pk", flat=True)}
    return lambda item: (
        item.owner_id == reader.pk
        or any(
            Role.ADMIN in grant.roles for grant in item.grants.all() if grant.group_id in own_groups
        )
    )
