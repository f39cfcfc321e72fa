"""The items that the content of an item names: whether they may be named, and who names whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from provena import rows
from registry import kinds
from registry.kinds import Findings, Kind, Mention
from registry.models import Item, Reference

Faults = list[tuple[tuple[str | int, ...], str]]


@dataclass(frozen=True)
class Named:
    """An item as another one's content names it. `item` is None where the reader may not see it;
    `handle` then tells nothing but what the content says."""

    handle: str
    item: Item | None
    is_superseded: bool = False

    @property
    def is_deleted(self) -> bool:
        return self.item is not None and self.item.deleted_at is not None

    @property
    def warning(self) -> str:
        """What a reader should know before relying on it; empty if nothing."""
        if self.item is None:
            return "you may not read it"
        if self.is_deleted:
            return "it was deleted"
        notes = []
        if self.is_superseded:
            notes.append("it has a newer version")
        if self.item.is_locked:
            notes.append("it is locked")
        return ", and ".join(notes)


def named(handles: Iterable[str], user: User) -> dict[str, Named]:
    """Each of these ids as `user` may see it, in one query."""
    wanted = set(handles)
    if not wanted:
        return {}
    found = Item.objects.granted_to(user).filter(handle__in=wanted).defer("info", "search_text")
    items = {item.handle: item for item in found.with_successors()}
    return {
        handle: Named(handle, item, item is not None and item.is_superseded)
        for handle in wanted
        for item in [items.get(handle)]
    }


def check(
    kind: type[Kind],
    info: Mapping[str, Any],
    user: User,
    *,
    before: Iterable[Mapping[str, Any]] = (),
) -> list[str]:
    """See that everything the content names exists, is complete and of the right kind.

    Returns warnings. Raises Findings with every fault. What stood in one of the contents `before`
    may stay even if `user` may not read it; a new mention of such an item is told like one of
    nothing, so that ids cannot be probed. Within a transaction, none of them is deleted before it
    ends.
    """
    mentions = kind.mentions(info)
    present = {mention.handle for content in before for mention in kind.mentions(content)}
    wanted = {mention.handle for mention in mentions}
    hold(wanted)
    known = named(wanted, user)
    kept = _all(present & wanted)
    faults: Faults = []
    warnings: list[str] = []
    for mention in mentions:
        target = known[mention.handle]
        item = target.item or kept.get(mention.handle)
        if fault := _fault(mention, item):
            faults.append((mention.path, fault))
        elif target.warning:
            warnings.append(f"{mention.role} {mention.handle}: {target.warning}.")
    if faults:
        raise Findings(faults)
    return list(dict.fromkeys(warnings))


def named_by(item: Item, user: User, limit: int) -> list[Reference]:
    """Who names the item in their content, newest first, as far as `user` may read it."""
    found = naming(item, Item.objects.readable_by(user)).filter(follows=False)
    return list(found.order_by("-source_id")[:limit])


def naming(item: Item, sources: "QuerySet[Item]") -> "QuerySet[Reference]":
    """The references to the item of those of these sources that name it; each has its source, as a
    list shows it."""
    # Asked of each source in turn: as a list, SQLite would first read all items there are.
    found = item.referrers.filter(Exists(sources.filter(pk=OuterRef("source"))))
    shown = Item.objects.defer("info", "search_text", "system")
    return found.prefetch_related(Prefetch("source", shown))


def keep(item: Item, *, is_new: bool = False, targets: Mapping[str, int] | None = None) -> None:
    """Note whom the item's content names, in the caller's transaction. `targets` are the keys of
    all of them by id, where the caller knows them."""
    mentions = {
        (mention.handle, mention.role, mention.path == (item.kind.follows,))
        for mention in item.kind.mentions(item.info)
    }
    handles = {handle for handle, _, _ in mentions}
    if targets is None:
        targets = dict(Item.objects.filter(handle__in=handles).values_list("handle", "pk"))
    if not is_new:
        item.references.all().delete()
    named = [
        (item.pk, targets[handle], role[:100], follows)
        for handle, role, follows in sorted(mentions)
        if handle in targets
    ]
    rows.add(Reference, ("source_id", "target_id", "role", "follows"), named, anew=True)


def hold(handles: set[str]) -> None:
    """Keep these items from being deleted until the transaction ends. PostgreSQL checks foreign
    keys only then, which would be too late; SQLite lets one write at a time."""
    if handles and connection.vendor == "postgresql" and connection.in_atomic_block:
        with connection.cursor() as cursor:
            # Not Django's select_for_update: this lock is shared, and only a deletion waits for it.
            cursor.execute(
                f"SELECT id FROM {Item._meta.db_table} "  # noqa: S608 - our own table's name
                "WHERE handle = ANY(%s) ORDER BY id FOR KEY SHARE",
                [sorted(handles)],
            )


def _all(handles: set[str]) -> dict[str, Item]:
    if not handles:
        return {}
    found = Item.objects.filter(handle__in=handles).defer("info", "search_text")
    return {item.handle: item for item in found}


def _fault(mention: Mention, item: Item | None) -> str:
    """Why this item cannot be named there; empty if it can."""
    if item is None:
        return (
            f"There is no item {mention.handle} that you may read. Check the id, or ask for access."
        )
    if item.deleted_at:
        return f"{mention.handle} was deleted. Choose another one."
    if not item.is_complete:
        return f"{mention.handle} is only a reserved id. Complete it first."
    if mention.of and item.subtype != mention.of:
        wanted = kinds.kind(mention.of)
        return f"{mention.handle} is {item.kind.a_label()}, and {wanted.a_label()} is needed here."
    return ""
