"""The edges of an activity, and writing them. An arrow points from effect to cause (PROV-DM)."""

from collections.abc import Iterable
from typing import NamedTuple

from registry.models import Item, Relation

Type = Relation.Type


class Edge(NamedTuple):
    source: Item
    type: Relation.Type
    target: Item


def of_creation(*, item: Item, activity: Item, person: Item) -> list[Edge]:
    """The edges of a Create activity (domain reference, 5.1)."""
    return [
        Edge(item, Type.WAS_GENERATED_BY, activity),
        Edge(activity, Type.WAS_ASSOCIATED_WITH, person),
        Edge(item, Type.WAS_ATTRIBUTED_TO, person),
    ]


def of_version(*, old: Item, new: Item, activity: Item, person: Item) -> list[Edge]:
    """The edges of a Version activity (domain reference, 5.1)."""
    return [
        Edge(new, Type.WAS_GENERATED_BY, activity),
        Edge(activity, Type.USED, old),
        Edge(activity, Type.WAS_ASSOCIATED_WITH, person),
        Edge(new, Type.WAS_ATTRIBUTED_TO, person),
    ]


def lodge(*, record: Item, edges: Iterable[Edge]) -> None:
    """Claim edges for an activity. Claiming one again changes nothing."""
    Relation.objects.bulk_create(
        [
            Relation(source=edge.source, target=edge.target, type=edge.type, record=record)
            for edge in edges
        ],
        ignore_conflicts=True,
    )
