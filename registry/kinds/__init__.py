"""Item kinds: one pydantic model each. Forms, help, validation and JSON schema derive from it.

To add a kind, write its class in the module of its family and import that module here.
"""

from registry.kinds import activities, agents, datasets, entities, runs
from registry.kinds.base import (
    Category,
    Findings,
    Kind,
    Mention,
    all_kinds,
    kind,
    user_made_kinds,
)

__all__ = [
    "Category",
    "Findings",
    "Kind",
    "Mention",
    "activities",
    "agents",
    "all_kinds",
    "datasets",
    "entities",
    "kind",
    "runs",
    "user_made_kinds",
]
