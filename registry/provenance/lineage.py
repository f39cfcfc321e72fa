"""Walks over the provenance graph. Upstream is along the arrows, to causes; downstream against."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Max

from registry.models import Item, Relation

MOST_EDGES = 60  # drawn and listed in each direction


@dataclass(frozen=True)
class Edge:
    """A relation between two items, whichever and however many activities claim it."""

    source: Item
    type: str
    target: Item

    @property
    def label(self) -> str:
        return Relation.Type(self.type).label


@dataclass(frozen=True)
class Neighbourhood:
    """An item with the edges that touch it. `truncated` says that there are more than shown."""

    centre: Item
    upstream: list[Edge]
    downstream: list[Edge]
    truncated: bool

    @property
    def edges(self) -> list[Edge]:
        return [*self.upstream, *self.downstream]

    @property
    def items(self) -> list[Item]:
        """Each item once, the centre first."""
        ends = [end for edge in self.edges for end in (edge.source, edge.target)]
        return list({item.pk: item for item in [self.centre, *ends]}.values())


def neighbourhood(item: Item, user: User, limit: int = MOST_EDGES) -> Neighbourhood:
    """The edges of depth 1 both ways whose other end `user` may read, newest first, at most
    `limit` each way."""
    upstream = _edges(user, limit + 1, source=item)
    downstream = _edges(user, limit + 1, target=item)
    shown = [*upstream[:limit], *downstream[:limit]]
    ends = Item.objects.in_bulk({end for edge in shown for end in (edge[0], edge[2])})
    return Neighbourhood(
        centre=item,
        upstream=[Edge(ends[a], relation, ends[b]) for a, relation, b in upstream[:limit]],
        downstream=[Edge(ends[a], relation, ends[b]) for a, relation, b in downstream[:limit]],
        truncated=max(len(upstream), len(downstream)) > limit,
    )


def _edges(user: User, limit: int, **end: Item) -> list[tuple[int, str, int]]:
    """(source, type, target) of each edge at that end, once for all its claims."""
    readable = Item.objects.readable_by(user).values("pk")
    claims = Relation.objects.filter(**end, source__in=readable, target__in=readable)
    edges = claims.values_list("source", "type", "target").annotate(newest=Max("pk"))
    return [edge[:3] for edge in edges.order_by("-newest")[:limit]]
