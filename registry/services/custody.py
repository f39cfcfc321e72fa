"""Who may touch an item: locks and access (domain reference, 2.5 and 2.6)."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from registry import access
from registry.access import Level, Role
from registry.kinds import Kind
from registry.models import AccessEvent, Grant, Group, Item, LockEvent
from registry.services import rules
from registry.services.rules import Refused

Roles = Mapping[str, list[str]]


def lock(*, handle: str, reason: str, by: User, kind: type[Kind] | None = None) -> None:
    """Keep an item, of that kind if one is given, from being changed, until it is unlocked. Raises
    Refused."""
    _set_lock(handle, kind, is_locked=True, reason=reason, by=by)


def unlock(*, handle: str, reason: str, by: User, kind: type[Kind] | None = None) -> None:
    """Let a locked item, of that kind if one is given, be changed again. Raises Refused."""
    _set_lock(handle, kind, is_locked=False, reason=reason, by=by)


def settings_of(item: Item) -> dict[str, Any]:
    """The access settings: {"owner": name, "general": [role], "groups": {group id: [role]}}."""
    return settings_by(item, item.grants.select_related("group").order_by("group__slug"))


def settings_by(item: Item, grants: Iterable[Grant]) -> dict[str, Any]:
    """As `settings_of`, by grants of the item that are at hand, with their groups."""
    grants = list(grants)
    return {
        "owner": item.owner.get_username(),
        "general": next((grant.roles for grant in grants if grant.group is None), []),
        "groups": {grant.group.slug: grant.roles for grant in grants if grant.group},
    }


def change_access(
    *,
    handle: str,
    general: list[str],
    groups: Roles,
    by: User,
    seen: int | None = None,
    kind: type[Kind] | None = None,
    owner: str | None = None,
) -> None:
    """Replace the roles that everyone and that groups have on an item, of that kind if one is
    given. The activities that recorded how it came to be follow, because their names tell its name.

    `seen` is the number of changes of access that the user saw: if there are more, it is refused.
    So is an `owner` other than the present one. Raises Refused, naming all roles and groups that do
    not exist.
    """
    rules.need_level(by, Level.WRITE)
    with transaction.atomic():
        item = rules.known(handle, for_update=True)
        rules.need_role(by, item, Role.ADMIN)
        rules.need_kind(item, kind)
        _need_owner(item, owner)
        known = _known_groups(item, general, groups)
        if seen is not None and item.access_events.count() > seen:
            last = item.access_events.select_related("by")[0]
            raise Refused(
                f"{last.by.get_username()} changed the access meanwhile: {last.difference}. Take "
                "over what should stay, and save again."
            )
        wanted = {None: general} | {known[slug]: roles for slug, roles in groups.items()}
        before = settings_of(item)
        set_grants(item, wanted)
        for activity in Item.objects.filter(references__target=item, references__follows=True):
            follow_access(activity, item)
        after = settings_of(item)
        if before != after:
            AccessEvent.objects.create(
                item=item, before=_without_owner(before), after=_without_owner(after), by=by
            )


def set_grants(item: Item, wanted: Mapping[Group | None, list[str]]) -> None:
    """Write the grants of an item, in the caller's transaction; roles that its kind does not have
    are left out, and who has no role has no grant."""
    item.grants.all().delete()
    possible = access.roles_of(item.kind)
    for group, given in wanted.items():
        if roles := [role for role in possible if role in given]:
            Grant.objects.create(item=item, group=group, roles=roles)


def give_default_roles(item: Item, groups: Collection[str]) -> None:
    """Give these groups their default access to a new item, in the caller's transaction."""
    for group in Group.objects.filter(slug__in=groups):
        possible = access.roles_of(item.kind)
        if roles := [role for role in possible if role in group.default_data_roles]:
            Grant.objects.create(item=item, group=group, roles=roles)


def follow_access(activity: Item, about: Item) -> None:
    """Let who may read an item read the activity that tells its story, in the caller's
    transaction."""
    implied: dict[Group | None, list[str]] = {
        grant.group: [*map(str, access.with_implied({*map(Role, grant.roles)}, about.kind))]
        for grant in about.grants.select_related("group")
    }
    set_grants(activity, implied)


def _need_owner(item: Item, owner: str | None) -> None:
    present = item.owner.get_username()
    if owner is not None and owner != present:
        raise Refused(
            f"{item.handle} belongs to {present}, which access settings cannot change to "
            f"{owner!r}. Send them with the owner as it is."
        )


def _known_groups(item: Item, general: list[str], groups: Roles) -> dict[str, Group]:
    """The groups by their ids. Raises Refused for what does not exist."""
    possible = access.roles_of(item.kind)
    asked = {role for roles in [general, *groups.values()] for role in roles}
    known = {group.slug: group for group in Group.objects.filter(slug__in=groups)}
    faults = []
    if strange := sorted(asked - set(possible)):
        faults.append(
            f"{item.kind.plural} have no role {', '.join(strange)}; they have "
            f"{', '.join(possible)}."
        )
    if missing := sorted(set(groups) - set(known)):
        faults.append(f"There is no group {', '.join(missing)}.")
    if faults:
        raise Refused(" ".join(faults))
    return known


def _set_lock(
    handle: str, kind: type[Kind] | None, *, is_locked: bool, reason: str, by: User
) -> None:
    rules.need_level(by, Level.WRITE)
    with transaction.atomic():
        item = rules.known(handle, for_update=True)
        rules.need_role(by, item, Role.ADMIN)
        rules.need_kind(item, kind)
        if item.is_locked == is_locked:
            state = "locked already" if is_locked else "not locked"
            raise Refused(f"{handle} is {state}. Its Settings tab shows who changed that last.")
        text = rules.need_reason(reason)
        item.is_locked = is_locked
        item.save(update_fields=["is_locked"])
        action = LockEvent.Action.LOCK if is_locked else LockEvent.Action.UNLOCK
        LockEvent.objects.create(item=item, action=action, reason=text, by=by)


def _without_owner(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: settings[key] for key in ("general", "groups")}
