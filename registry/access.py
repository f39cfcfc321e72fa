"""Who may do what. The rules on access are here; `ItemQuerySet.readable_by` says one in SQL.

Two things decide: the user's level in the registry as a whole, and the roles on one item.
"""

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Q

if TYPE_CHECKING:
    from registry.kinds import Kind
    from registry.models import Item


class Level(IntEnum):
    """What a user may do in the registry as a whole; each level includes those below."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


class Role(StrEnum):
    """What may be granted on an item (domain reference, 2.6). All include reading its metadata."""

    METADATA_READ = "metadata-read"
    METADATA_WRITE = "metadata-write"
    DATA_READ = "dataset-data-read"
    DATA_WRITE = "dataset-data-write"
    ADMIN = "admin"


MEANINGS = {
    Role.METADATA_READ: "See",
    Role.METADATA_WRITE: "Edit",
    Role.DATA_READ: "Download files",
    Role.DATA_WRITE: "Change files",
    Role.ADMIN: "Administer",
}
EXPLAINED = {
    Role.METADATA_READ: "See the item: its content, history, lineage and jobs.",
    Role.METADATA_WRITE: "Change the content of the item, and bring back what it was before.",
    Role.DATA_READ: "Download the files of the dataset.",
    Role.DATA_WRITE: "Add, change and remove files of the dataset.",
    Role.ADMIN: "Everything: also access, locks and new versions.",
}
OF_ALL_KINDS = (Role.METADATA_READ, Role.METADATA_WRITE, Role.ADMIN)
_IMPLIED = {
    Role.METADATA_READ: (),
    Role.METADATA_WRITE: (Role.METADATA_READ,),
    Role.DATA_READ: (Role.METADATA_READ,),
    Role.DATA_WRITE: (Role.METADATA_READ, Role.METADATA_WRITE, Role.DATA_READ),
    Role.ADMIN: tuple(Role),
}


def level(user: Any) -> Level:
    """The user's level: what the site gives to everyone, or more by their permissions."""
    if not (user.is_authenticated and user.is_active):
        return Level.NONE
    everyone = Level[settings.REGISTRY_LEVEL.upper()]
    # Permissions cost two queries, so only those that can matter are asked for.
    if is_permitted(user, "registry.admin_registry"):
        return Level.ADMIN
    for higher in (Level.WRITE, Level.READ):
        if higher > everyone and user.has_perm(f"registry.{higher.name.lower()}_registry"):
            return higher
    return everyone


def is_permitted(user: Any, permission: str) -> bool:
    """True for staff with that permission of Django, such as "registry.change_group"."""
    return bool(user.is_staff and user.has_perm(permission))


def roles_of(kind: "type[Kind]") -> tuple[Role, ...]:
    """The roles that exist on items of a kind."""
    return tuple(Role) if kind.has_files else OF_ALL_KINDS


def default_roles(kind: "type[Kind]") -> list[Role]:
    """What every user may do with a new item of a kind."""
    return [Role.METADATA_READ, Role.DATA_READ] if kind.has_files else [Role.METADATA_READ]


def with_implied(roles: set[Role], kind: "type[Kind]") -> frozenset[Role]:
    """Roles and those that they include, as far as the kind has them."""
    implied = {other for role in roles for other in (role, *_IMPLIED[role])}
    return frozenset(implied & set(roles_of(kind)))


def roles(user: Any, item: "Item") -> frozenset[Role]:
    """What the user may do with an item, in at most one query. Nobody has a role on a tombstone."""
    own = level(user)
    if own < Level.READ or item.deleted_at:
        return frozenset()
    if own == Level.ADMIN or item.owner_id == user.pk:
        return frozenset(roles_of(item.kind))
    grants = item.grants.filter(Q(group=None) | Q(group__members=user)).values_list("roles")
    known = set(Role)
    return with_implied(
        {Role(role) for (granted,) in grants for role in granted if role in known}, item.kind
    )
