"""What the lineage queries reach from an item (domain reference, 5.3): keys and relations only.

Breadth first, a statement for each level, with a seen-set: the cost grows with what is found, and
never with the number of paths.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import models

from registry.kinds import Category
from registry.kinds.datasets import Dataset
from registry.models import Item
from registry.provenance.steps import Direction, Step, steps
from registry.search import store

LINKS_PER_ITEM = 4  # at most, on the average; lineage has two or three


class Query(models.TextChoices):
    """What may be asked of the graph, seen from one item."""

    BOTH = "both", "Upstream and downstream"
    UPSTREAM = "upstream", "Upstream: what it came from"
    DOWNSTREAM = "downstream", "Downstream: what came from it"
    CONTRIBUTING_DATASETS = "contributing_datasets", "Contributing datasets"
    EFFECTED_DATASETS = "effected_datasets", "Affected datasets"
    CONTRIBUTING_AGENTS = "contributing_agents", "Contributing agents"
    EFFECTED_AGENTS = "effected_agents", "Affected agents"

    @property
    def default_depth(self) -> int:
        """Hops that are walked where nothing else is asked for."""
        return {Query.BOTH: 1, Query.UPSTREAM: 2, Query.DOWNSTREAM: 2}.get(self, 4)


class Link(NamedTuple):
    """A relation, from effect to cause."""

    source: int
    type: str
    target: int


# The way of a walk, and what the paths have to end in.
_WALKS: dict[Query, tuple[Direction, dict[str, str]]] = {
    Query.UPSTREAM: (Direction.UP, {}),
    Query.DOWNSTREAM: (Direction.DOWN, {}),
    Query.CONTRIBUTING_DATASETS: (Direction.UP, {"subtype": Dataset.subtype}),
    Query.EFFECTED_DATASETS: (Direction.DOWN, {"subtype": Dataset.subtype}),
    Query.CONTRIBUTING_AGENTS: (Direction.UP, {"category": Category.AGENT}),
}


@dataclass
class Reach:
    """Items by their hops from where a walk began, and the relations that it went along.

    `is_cut` says that there was more than the limits allowed for.
    """

    hops: dict[int, int]
    links: dict[Link, None] = field(default_factory=dict)  # a set that keeps its order
    is_cut: bool = False

    def go(self, keys: Collection[int], direction: Direction, limit: int) -> list[int]:
        """Walk one hop on from these items. Returns those that are new, so that there are at most
        `limit` of all."""
        room = max(LINKS_PER_ITEM * limit - len(self.links), 0)
        found = steps(keys, direction, room + 1)
        self.is_cut |= len(found) > room
        return self.add(found[:room], direction, limit)

    def add(self, found: Iterable[Step], direction: Direction, limit: int) -> list[int]:
        """Take in what a hop has found, as far as there is room. Returns the new items."""
        new = []
        for step in found:
            if step.far not in self.hops:
                if len(self.hops) >= limit:
                    self.is_cut = True
                    continue
                self.hops[step.far] = self.hops[step.near] + 1
                new.append(step.far)
            self.links[_link(step, direction)] = None
        return new


def reach(start: int, query: Query, depth: int, limit: int) -> Reach:
    """What the query reaches in at most `depth` hops: the nearest items, `limit` at most."""
    if query == Query.BOTH:
        up = _walk(start, Direction.UP, depth, max(limit // 2, 1))
        down = _walk(start, Direction.DOWN, depth, limit - len(up.hops) + 1)
        return Reach(down.hops | up.hops, up.links | down.links, up.is_cut or down.is_cut)
    if query == Query.EFFECTED_AGENTS:
        return _effected_agents(start, depth, limit)
    direction, goal = _WALKS[query]
    found = _walk(start, direction, depth, limit)
    if not goal:
        return found
    ends = Item.objects.filter(pk__in=store.listed(found.hops), **goal).values_list("pk", flat=True)
    return _on_the_way(found, set(ends), direction, depth)


def around(starts: Collection[int], direction: Direction, depth: int, limit: int) -> Reach:
    """What is at most `depth` hops that way from any of these items, the nearest first, and they
    themselves: `limit` at most in all. It costs no more than from one that reaches as much."""
    return _go_on(Reach(dict.fromkeys(starts, 0)), direction, depth, limit)


def expand(found: Reach, most: Mapping[int, int], limit: int) -> None:
    """Add the neighbours of items, as far as they are there or come in on the way: in each
    direction at most so many as `most` says for each, and `limit` items in all."""
    waiting = set(most)
    while ready := [key for key in found.hops if key in waiting]:
        waiting.difference_update(ready)
        for each in sorted({most[key] for key in ready}):
            keys = [key for key in ready if most[key] == each]
            for direction in Direction:
                found.go(keys, direction, min(len(found.hops) + each * len(keys), limit))


def distances(starts: Iterable[int], neighbours: Mapping[int, Collection[int]]) -> dict[int, int]:
    """The hops to each item that can be reached, from the nearest of these."""
    hops = dict.fromkeys(starts, 0)
    frontier = list(hops)
    while frontier:
        new = []
        for near in frontier:
            for far in neighbours.get(near, ()):
                if far not in hops:
                    hops[far] = hops[near] + 1
                    new.append(far)
        frontier = new
    return hops


def _walk(start: int, direction: Direction, depth: int, limit: int) -> Reach:
    return _go_on(Reach({start: 0}), direction, depth, limit)


def _go_on(found: Reach, direction: Direction, depth: int, limit: int) -> Reach:
    frontier = list(found.hops)
    for _ in range(depth):
        frontier = found.go(frontier, direction, limit)
        if not frontier or found.is_cut:
            break
    return found


def _effected_agents(start: int, depth: int, limit: int) -> Reach:
    """The agents one arrow away from the start, or from anything downstream of it. That arrow is
    no hop of the depth."""
    found = _walk(start, Direction.DOWN, depth, limit)
    room = LINKS_PER_ITEM * limit
    arrows = steps(found.hops, Direction.UP, room + 1)
    found.is_cut |= len(arrows) > room
    targets = Item.objects.filter(pk__in=store.listed({arrow.far for arrow in arrows[:room]}))
    agents = set(targets.filter(category=Category.AGENT).values_list("pk", flat=True))
    arrows = [arrow for arrow in arrows[:room] if arrow.far in agents]
    kept = _on_the_way(found, {arrow.near for arrow in arrows}, Direction.DOWN, depth)
    kept.add(arrows, Direction.UP, limit)
    return kept


def _on_the_way(found: Reach, ends: Collection[int], direction: Direction, depth: int) -> Reach:
    """What lies on a way of at most `depth` hops from the start to one of the ends."""
    back = defaultdict(list)
    for link in found.links:
        near, far = _ends(link, direction)
        back[far].append(near)
    left = distances(ends, back)
    kept = Reach({}, is_cut=found.is_cut)
    kept.hops = {
        key: hops
        for key, hops in found.hops.items()
        if not hops or hops + left.get(key, depth) <= depth
    }
    for link in found.links:
        near, far = _ends(link, direction)
        if found.hops[near] + 1 + left.get(far, depth) <= depth:
            kept.links[link] = None
    return kept


def _link(step: Step, direction: Direction) -> Link:
    near, relation, far = step
    return Link(near, relation, far) if direction is Direction.UP else Link(far, relation, near)


def _ends(link: Link, direction: Direction) -> tuple[int, int]:
    """(near, far) of a link that was walked in that direction."""
    upwards = direction is Direction.UP
    return (link.source, link.target) if upwards else (link.target, link.source)
