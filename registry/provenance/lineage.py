"""Lineage as a reader may see it. Upstream is along the arrows, to causes; downstream against.

What a reader may not see stays in the graph as a restricted item: its kind and edges are there, and
its id and name are not.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import connection

from registry import kinds
from registry.kinds import Kind
from registry.models import Item, Relation
from registry.provenance.reach import Link, Query, Reach, distances, expand, reach
from registry.provenance.steps import with_more
from registry.search import store

DEEPEST = 10  # hops
MOST_ITEMS = 1_000  # in a graph
MOST_EXPANDED = 100
PER_EXPANSION = 25  # new items for each expanded one, in each direction
MOST_VERSIONS = 200
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


class WrongDepth(ValueError):
    """The depth is none that can be walked."""

    def __init__(self, depth: object) -> None:
        super().__init__(f"The depth is a whole number from 1 to {DEEPEST}, and not {depth}.")


@dataclass(frozen=True)
class Node:
    """An item as a reader may see it. `item` is None where it is restricted.

    In a graph, `place` is its position, and `upstream` and `downstream` are its hops from the start
    that way, if there is one. `steps` is the fewer of them; where there is none, it is one more
    than that of a neighbour. `column` is where it is drawn: upstream of the start it is positive.
    """

    pk: int
    subtype: str
    item: Item | None
    place: int = 0
    upstream: int | None = None
    downstream: int | None = None
    steps: int = 0
    column: int = 0
    has_more: bool = False  # neighbours than the graph has

    @cached_property
    def kind(self) -> type[Kind]:
        return kinds.kind(self.subtype)

    @property
    def name(self) -> str:
        return self.item.display_name if self.item else "Restricted item"

    @property
    def reference(self) -> str:
        """Its id; of a restricted item a word that stands for it in this graph only."""
        return self.item.handle if self.item else f"restricted-{self.place}"

    @cached_property
    def url(self) -> str:
        """Where its page is; a tombstone has none."""
        return self.item.get_absolute_url() if self.item and not self.item.deleted_at else ""

    @property
    def note(self) -> str:
        """What is special about it, in a word or two."""
        if self.item is None:
            return "you may not read it"
        return "deleted" if self.item.deleted_at else ""

    @property
    def distance(self) -> str:
        """How far it is from the start, in words."""
        ways = [
            f"{hops} {way}"
            for hops, way in ((self.upstream, "upstream"), (self.downstream, "downstream"))
            if hops
        ]
        if self.steps and not ways:
            return f"{self.steps} up and down"
        return ", ".join(ways) or "start"


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
class Graph:
    """Items, the start first and the nearest next, and the edges between them.

    `is_cut` says that the query would reach more than the limits allow for.
    """

    nodes: list[Node]
    edges: list[Edge]
    is_cut: bool

    @property
    def start(self) -> Node:
        return self.nodes[0]

    def of_kinds(self, subtypes: Collection[str]) -> "Graph":
        """The part with items of these kinds only, and the start."""
        nodes = [node for node in self.nodes if node.subtype in subtypes or node is self.start]
        kept = {node.pk for node in nodes}
        edges = [edge for edge in self.edges if {edge.source.pk, edge.target.pk} <= kept]
        return Graph(nodes, edges, self.is_cut)


def walk(
    start: Item,
    user: User,
    query: Query = Query.BOTH,
    depth: int = 0,
    *,
    expanded: Iterable[str] = (),
    limit: int = MOST_ITEMS,
) -> Graph:
    """What a query reaches from an item that `user` may read, in at most `depth` hops (0: the
    default of the query) and `limit` items, the nearest and newest.

    The neighbours of the items with the ids `expanded` are added, as far as these are in the graph
    and may be read; more of them of those that are named more often. Raises WrongDepth.
    """
    if not 0 <= depth <= DEEPEST:
        raise WrongDepth(depth)
    found = reach(start.pk, query, depth or query.default_depth, limit)
    if expanded:
        handles = Counter(list(expanded)[:MOST_EXPANDED])
        # Who could expand a restricted item by its id would learn which one it is.
        readable = Item.objects.granted_to(user).filter(handle__in=handles)
        known = readable.values_list("pk", "handle")
        most = {pk: handles[handle] * PER_EXPANSION for pk, handle in known}
        expand(found, most, MOST_ITEMS)
    return _graph(start.pk, found, user)


def _graph(start: int, found: Reach, user: User) -> Graph:
    """What was found, with distances, as `user` may see it."""
    more = with_more(found.hops)
    causes, effects = _ways(found.links)
    up, down = distances([start], causes), distances([start], effects)
    ways = {pk: _Way(hops, -hops) for pk, hops in down.items()}
    ways |= {pk: _Way(hops, hops) for pk, hops in up.items() if hops <= down.get(pk, hops)}
    _by_turns(ways, causes, effects)
    known = seen(found.hops, user)
    nodes = {
        pk: replace(
            known[pk],
            place=place,
            upstream=up.get(pk),
            downstream=down.get(pk),
            steps=ways[pk].steps,
            column=ways[pk].column,
            has_more=pk in more and known[pk].item is not None,
        )
        for place, pk in enumerate(sorted(found.hops, key=lambda pk: ways[pk].steps))
    }
    edges = [Edge(nodes[link.source], link.type, nodes[link.target]) for link in found.links]
    return Graph(list(nodes.values()), edges, found.is_cut)


def _ways(links: Iterable[Link]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """The neighbours of each item, upstream and downstream."""
    up: dict[int, list[int]] = defaultdict(list)
    down: dict[int, list[int]] = defaultdict(list)
    for link in links:
        up[link.source].append(link.target)
        down[link.target].append(link.source)
    return up, down


class _Way(NamedTuple):
    """How far an item is from the start, and in which column."""

    steps: int
    column: int


def _by_turns(
    ways: dict[int, _Way], up: Mapping[int, list[int]], down: Mapping[int, list[int]]
) -> None:
    """Add the ways to what only going up and down by turns leads to, nearest first."""
    waiting = [(way.steps, pk) for pk, way in ways.items()]
    heapq.heapify(waiting)
    while waiting:
        steps, near = heapq.heappop(waiting)
        for neighbours, turn in ((up, 1), (down, -1)):
            for far in neighbours.get(near, ()):
                if far not in ways:
                    ways[far] = _Way(steps + 1, ways[near].column + turn)
                    heapq.heappush(waiting, (steps + 1, far))


def versions(item: Item, user: User) -> list[Node]:
    """The line of versions that an item is in, newest first, at most MOST_VERSIONS each way."""
    with connection.cursor() as cursor:
        cursor.execute(
            LINE.format(table=Item._meta.db_table), {"item": item.pk, "most": MOST_VERSIONS}
        )
        line = [pk for (pk,) in cursor.fetchall()]
    nodes = seen(set(line), user)
    return [nodes[pk] for pk in line]


def seen(pks: Collection[int], user: User) -> dict[int, Node]:
    """Each of these items as `user` may see it, in two queries."""
    everything = Item.objects.filter(pk__in=store.listed(pks))
    readable = everything.granted_to(user).select_related("owner")
    items = {item.pk: item for item in readable.defer("info", "search_text", "system")}
    kinds_of = everything.values_list("pk", "subtype")
    return {pk: Node(pk, subtype, items.get(pk)) for pk, subtype in kinds_of}
