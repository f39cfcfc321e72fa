"""What the registry keeps: items with all that belongs to them, and sheets of model runs."""

from registry.models.items import (
    FIRST_NUMBER,
    HANDLE,
    AccessEvent,
    Activity,
    Agent,
    Entity,
    Grant,
    Group,
    Item,
    ItemQuerySet,
    LockEvent,
    Mint,
    PersonLink,
    Reference,
    Relation,
    Revision,
    Tombstone,
)
from registry.models.sheets import RunSheet, SheetRow

__all__ = [
    "FIRST_NUMBER",
    "HANDLE",
    "AccessEvent",
    "Activity",
    "Agent",
    "Entity",
    "Grant",
    "Group",
    "Item",
    "ItemQuerySet",
    "LockEvent",
    "Mint",
    "PersonLink",
    "Reference",
    "Relation",
    "Revision",
    "RunSheet",
    "SheetRow",
    "Tombstone",
]
