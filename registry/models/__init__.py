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
from registry.models.releases import Reviewer
from registry.models.requests import AccessRequest
from registry.models.sheets import RunSheet, SheetPart, SheetRow

__all__ = [
    "FIRST_NUMBER",
    "HANDLE",
    "AccessEvent",
    "AccessRequest",
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
    "Reviewer",
    "Revision",
    "RunSheet",
    "SheetPart",
    "SheetRow",
    "Tombstone",
]
