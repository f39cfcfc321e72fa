"""Walks over the provenance graph. Upstream is along the arrows, to causes; downstream against."""

from dataclasses import dataclass

from django.contrib.auth.models import User

from registry.models import Item, Relation

MOST_EDGES = 60  # drawn and listed in each direction


@dataclass(frozen=True)
class Neighbourhood:
    """An item with the edges that touch it. `truncated` says that there are more than shown."""

    centre: Item
    upstream: list[Relation]
    downstream: list[Relation]
    truncated: bool

    @property
    def edges(self) -> list[Relation]:
        return [*self.upstream, *self.downstream]

    @property
    def items(self) -> list[Item]:
        """Each item once, the centre first."""
        found = {self.centre.pk: self.centre}
        for edge in self.edges:
            found.setdefault(edge.source_id, edge.source)
            found.setdefault(edge.target_id, edge.target)
        return list(found.values())


def neighbourhood(item: Item, user: User, limit: int = MOST_EDGES) -> Neighbourhood:
    """The edges of depth 1 both ways whose other end `user` may read, newest first, at most
    `limit` each way. An edge that several records claim is there once."""
    upstream = _edges(user, limit, source=item)
    downstream = _edges(user, limit, target=item)
    return Neighbourhood(
        centre=item,
        upstream=upstream[:limit],
        downstream=downstream[:limit],
        truncated=len(upstream) > limit or len(downstream) > limit,
    )


def _edges(user: User, limit: int, **end: Item) -> list[Relation]:
    readable = Item.objects.readable_by(user).values("pk")
    found = Relation.objects.filter(**end, source__in=readable, target__in=readable)
    rows = found.select_related("source", "target").order_by("-id")[: limit + 1]
    distinct = {(edge.source_id, edge.type, edge.target_id): edge for edge in rows}
    return list(distinct.values())
