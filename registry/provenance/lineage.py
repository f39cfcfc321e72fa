"""Walks over the provenance graph. Upstream is along the arrows, to causes; downstream against.

What a reader may not see stays in the graph as a restricted item: its kind and edges are there, and
its id and name are not.
"""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection

from registry import kinds
from registry.kinds import Kind
from registry.models import Item, Relation

MOST_EDGES = 25  # drawn and listed in each direction
MOST_VERSIONS = 200
CLAIMS = 4  # of one edge, on the average, that are looked at
LINE = """
WITH RECURSIVE newer(id, place) AS (
    SELECT id, 0 FROM {table} WHERE id = %(item)s
    UNION ALL
    SELECT next.id, place + 1 FROM {table} AS next JOIN newer ON next.previous_version_id = newer.id
    WHERE next.deleted_at IS NULL AND place < %(most)s
), older(id, place) AS (
    SELECT id, 0 FROM {table} WHERE id = %(item)s
    UNION ALL
    SELECT item.previous_version_id, place - 1 FROM older JOIN {table} AS item ON item.id = older.id
    WHERE item.previous_version_id IS NOT NULL AND place > -%(most)s
)
SELECT id FROM (SELECT id, place FROM newer UNION SELECT id, place FROM older) AS line
ORDER BY place DESC
"""


@dataclass(frozen=True)
class Node:
    """An item as a reader may see it. `item` is None where it is restricted."""

    pk: int
    subtype: str
    item: Item | None

    @property
    def kind(self) -> type[Kind]:
        return kinds.kind(self.subtype)

    @property
    def name(self) -> str:
        return self.item.display_name if self.item else "Restricted item"

    @property
    def url(self) -> str:
        """Where its page is; a tombstone has none."""
        return self.item.get_absolute_url() if self.item and not self.item.deleted_at else ""

    @property
    def note(self) -> str:
        """What is special about it, in a word or two."""
        if self.item is None:
            return "you may not read it"
        return "deleted" if self.item.deleted_at else ""


@dataclass(frozen=True)
class Edge:
    """A relation between two items, whichever and however many activities claim it."""

    source: Node
    type: str
    target: Node

    @property
    def label(self) -> str:
        return Relation.Type(self.type).label


@dataclass(frozen=True)
class Neighbourhood:
    """An item with the edges that touch it. `truncated` says that there are more than shown."""

    centre: Node
    upstream: list[Edge]
    downstream: list[Edge]
    truncated: bool

    @property
    def edges(self) -> list[Edge]:
        return [*self.upstream, *self.downstream]

    @property
    def nodes(self) -> list[Node]:
        """Each item once, the centre first."""
        ends = [end for edge in self.edges for end in (edge.source, edge.target)]
        return list({node.pk: node for node in [self.centre, *ends]}.values())


def neighbourhood(item: Item, user: User, limit: int = MOST_EDGES) -> Neighbourhood:
    """The edges of depth 1 both ways, newest first, at most `limit` each way."""
    upstream = _edges(limit + 1, source=item)
    downstream = _edges(limit + 1, target=item)
    shown = [*upstream[:limit], *downstream[:limit]]
    nodes = _nodes({item.pk} | {end for edge in shown for end in (edge[0], edge[2])}, user)
    return Neighbourhood(
        centre=nodes[item.pk],
        upstream=[Edge(nodes[a], relation, nodes[b]) for a, relation, b in upstream[:limit]],
        downstream=[Edge(nodes[a], relation, nodes[b]) for a, relation, b in downstream[:limit]],
        truncated=max(len(upstream), len(downstream)) > limit,
    )


def versions(item: Item, user: User) -> list[Node]:
    """The line of versions that an item is in, newest first, at most MOST_VERSIONS each way."""
    with connection.cursor() as cursor:
        cursor.execute(
            LINE.format(table=Item._meta.db_table), {"item": item.pk, "most": MOST_VERSIONS}
        )
        line = [pk for (pk,) in cursor.fetchall()]
    nodes = _nodes(set(line), user)
    return [nodes[pk] for pk in line]


def _nodes(pks: set[int], user: User) -> dict[int, Node]:
    """Each of these items as `user` may see it, in two queries."""
    everything = Item.objects.filter(pk__in=pks)
    readable = everything.granted_to(user).select_related("owner").defer("info", "search_text")
    seen = readable.in_bulk()
    kinds_of = everything.values_list("pk", "subtype")
    return {pk: Node(pk, subtype, seen.get(pk)) for pk, subtype in kinds_of}


def _edges(limit: int, **end: Item) -> list[tuple[int, str, int]]:
    """(source, type, target) of each edge at that end, newest first, once for all its claims. Of a
    hub only the newest claims are read."""
    claims = Relation.objects.filter(**end).order_by("-pk")
    edges = claims.values_list("source", "type", "target")[: CLAIMS * limit]
    return list(dict.fromkeys(edges))[:limit]
