"""The lineage queries against a slow and obvious way to say the same, on graphs made by chance."""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import kinds
from registry.models import Grant, Item, Relation
from registry.provenance import lineage
from registry.provenance.lineage import Graph, WrongDepth, walk
from registry.provenance.reach import LINKS_PER_ITEM, Link, Query, around
from registry.provenance.steps import Direction, steps, with_more

pytestmark = pytest.mark.django_db

SUBTYPES = ["MODEL_RUN", "DATASET", "PERSON", "MODEL", "DATASET", "ORGANISATION", "STUDY", "MODEL"]
TYPES = ["used", "wasGeneratedBy", "hadMember"]
PLACES = st.integers(0, len(SUBTYPES) - 1)
LINKS = st.lists(
    st.tuples(PLACES, st.sampled_from(TYPES), PLACES, PLACES), max_size=24, unique=True
)
by_chance = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def make_items(owner: User, subtypes: Iterable[str]) -> list[Item]:
    """Bare items, which everyone may read."""
    first = Item.objects.count()
    items = Item.objects.bulk_create(
        Item(
            handle=f"10378.1/{number}",
            category=kinds.kind(subtype).category,
            subtype=subtype,
            display_name=f"Item {number}",
            owner=owner,
            info={},
            search_text="",
        )
        for number, subtype in enumerate(subtypes, start=first)
    )
    Grant.objects.bulk_create(Grant(item=item, roles=["metadata-read"]) for item in items)
    return items


def relate(items: list[Item], links: Iterable[tuple[int, str, int, int]]) -> set[Link]:
    """Make these (source, type, target, claimed by) the only relations there are."""
    Relation.objects.all().delete()
    made = Relation.objects.bulk_create(
        Relation(source=items[source], type=kind, target=items[target], record=items[record])
        for source, kind, target, record in links
    )
    return {Link(row.source_id, row.type, row.target_id) for row in made}


@pytest.fixture
def items(user: User) -> list[Item]:
    return make_items(user, SUBTYPES)


class Arrow(NamedTuple):
    """A link as one goes along it."""

    near: int
    far: int
    link: Link


def after(keys: Collection[int], hops: int, arrows: Collection[Arrow]) -> set[int]:
    """Where one may be after exactly that many hops, by whatever path."""
    here = set(keys)
    for _ in range(hops):
        here = {arrow.far for arrow in arrows if arrow.near in here}
    return here


def on_paths(start: int, depth: int, arrows: Collection[Arrow], ends: Collection[int]) -> set[Link]:
    """Every link on any path of at most `depth` hops from the start to one of the ends."""
    return {
        arrow.link
        for before in range(depth)
        for arrow in arrows
        if arrow.near in after({start}, before, arrows)
        and any(after({arrow.far}, rest, arrows) & set(ends) for rest in range(depth - before))
    }


def expected(start: int, query: Query, depth: int, links: Collection[Link]) -> set[Link]:
    """What the query means."""
    up = [Arrow(link.source, link.target, link) for link in links]
    down = [Arrow(link.target, link.source, link) for link in links]
    sorts = Item.objects.values_list("pk", "subtype", "category")
    everything = [pk for pk, _, _ in sorts]
    datasets = [pk for pk, subtype, _ in sorts if subtype == "DATASET"]
    agents = [pk for pk, _, category in sorts if category == "AGENT"]
    if query == Query.EFFECTED_AGENTS:
        to_agents = [arrow for arrow in up if arrow.far in agents]
        reached = {pk for hops in range(depth + 1) for pk in after({start}, hops, down)}
        last = {arrow.link for arrow in to_agents if arrow.near in reached}
        return last | on_paths(start, depth, down, {arrow.near for arrow in to_agents})
    upwards, downwards = {
        Query.BOTH: (everything, everything),
        Query.UPSTREAM: (everything, []),
        Query.DOWNSTREAM: ([], everything),
        Query.CONTRIBUTING_DATASETS: (datasets, []),
        Query.EFFECTED_DATASETS: ([], datasets),
        Query.CONTRIBUTING_AGENTS: (agents, []),
    }[query]
    return on_paths(start, depth, up, upwards) | on_paths(start, depth, down, downwards)


def links_of(graph: Graph) -> list[Link]:
    return [Link(edge.source.pk, edge.type, edge.target.pk) for edge in graph.edges]


@by_chance
@given(links=LINKS, depth=st.integers(1, 10), start=PLACES, query=st.sampled_from(list(Query)))
def test_each_query_finds_what_it_means(
    user: User,
    items: list[Item],
    links: list[tuple[int, str, int, int]],
    depth: int,
    start: int,
    query: Query,
) -> None:
    made = relate(items, links)
    found = walk(items[start], user, query, depth)
    wanted = expected(items[start].pk, query, depth, made)
    assert sorted(links_of(found)) == sorted(wanted)
    ends = {end for link in wanted for end in (link.source, link.target)}
    assert sorted(node.pk for node in found.nodes) == sorted(ends | {items[start].pk})
    assert found.start.item == items[start]
    assert not found.is_cut


@by_chance
@given(links=LINKS, depth=st.integers(1, 10), start=PLACES)
def test_distances_are_those_of_the_shortest_ways(
    user: User, items: list[Item], links: list[tuple[int, str, int, int]], depth: int, start: int
) -> None:
    made = relate(items, links)
    for query, along in ((Query.UPSTREAM, True), (Query.DOWNSTREAM, False)):
        arrows = [
            Arrow(*((a, b) if along else (b, a)), Link(a, relation, b)) for a, relation, b in made
        ]
        for node in walk(items[start], user, query, depth).nodes:
            hops = min(
                hops
                for hops in range(depth + 1)
                if node.pk in after({items[start].pk}, hops, arrows)
            )
            assert (node.upstream if along else node.downstream) == hops
            assert node.steps <= hops


@by_chance
@given(links=LINKS, expanded=st.lists(PLACES, max_size=4), start=PLACES)
def test_expanding_adds_the_neighbours_of_what_is_there(
    user: User,
    items: list[Item],
    links: list[tuple[int, str, int, int]],
    expanded: list[int],
    start: int,
) -> None:
    made = relate(items, links)
    there, wanted = {items[start].pk}, set()
    for _ in range(len(expanded) + 1):
        for pk in there & ({items[place].pk for place in expanded} | {items[start].pk}):
            wanted |= {link for link in made if pk in (link.source, link.target)}
        there |= {end for link in wanted for end in (link.source, link.target)}
    handles = [items[place].handle for place in expanded]
    found = walk(items[start], user, expanded=handles)
    assert sorted(links_of(found)) == sorted(wanted)
    assert {node.pk for node in found.nodes} == there
    neighbours = {
        pk
        for link in made
        for pk in there & {link.source, link.target}
        if not {*link[::2]} <= there
    }
    assert {node.pk for node in found.nodes if node.has_more} == neighbours


@by_chance
@given(links=LINKS, limit=st.integers(1, 8), start=PLACES, query=st.sampled_from(list(Query)))
def test_a_limit_is_kept_and_told(
    user: User,
    items: list[Item],
    links: list[tuple[int, str, int, int]],
    limit: int,
    start: int,
    query: Query,
) -> None:
    relate(items, links)
    whole = walk(items[start], user, query, 10)
    found = walk(items[start], user, query, 10, limit=limit)
    assert len(found.nodes) <= limit
    assert len(found.edges) <= 2 * LINKS_PER_ITEM * limit
    assert set(links_of(found)) <= set(links_of(whole))
    if not found.is_cut:
        assert links_of(found) == links_of(whole)


@pytest.mark.parametrize("depth", [-1, 11, 1000])
def test_a_depth_out_of_range_is_an_error_that_names_the_range(
    user: User, items: list[Item], depth: int
) -> None:
    with pytest.raises(WrongDepth, match="from 1 to 10"):
        walk(items[0], user, Query.UPSTREAM, depth)


@pytest.mark.parametrize(
    ("query", "hops"), [*((query, query.default_depth) for query in Query), (Query.UPSTREAM, 2)]
)
def test_each_query_has_its_default_depth(user: User, query: Query, hops: int) -> None:
    line = make_items(user, ["DATASET"] * 9)
    relate(line, [(place, "used", place + 1, 0) for place in range(8)])
    found = walk(line[0], user, query)
    upwards = query in (Query.BOTH, Query.UPSTREAM, Query.CONTRIBUTING_DATASETS)
    assert len(found.nodes) == (hops + 1 if upwards else 1)
    assert hops in (1, 2, 4)


def test_of_a_hub_the_newest_neighbours_are_found(user: User) -> None:
    hub, *consumers = make_items(user, ["MODEL", *["MODEL_RUN"] * 60])
    relate(
        [hub, *consumers],
        [(place, kind, 0, place) for place in range(1, 61) for kind in ("used", "hadMember")],
    )
    found = walk(hub, user, Query.DOWNSTREAM, limit=11)
    newest = [item.handle for item in reversed(consumers[-10:])]
    assert [node.reference for node in found.nodes] == [hub.handle, *newest]
    assert len(found.edges) == 20
    assert found.is_cut
    assert found.start.has_more
    assert not any(node.has_more for node in found.nodes[1:])


def test_of_two_hubs_in_a_level_both_have_their_share(user: User) -> None:
    items = make_items(user, ["DATASET", "MODEL_RUN", "MODEL_RUN", *["DATASET"] * 40])
    relate(
        items,
        [
            (0, "used", 1, 0),
            (0, "used", 2, 0),
            *((1, "used", place, 1) for place in range(3, 23)),
            *((2, "used", place, 2) for place in range(23, 43)),
        ],
    )
    found = walk(items[0], user, Query.UPSTREAM, 2, limit=13)
    sources = [edge.source.item for edge in found.edges]
    assert (sources.count(items[1]), sources.count(items[2])) == (5, 5)


def test_what_many_activities_claim_costs_no_more_rows(user: User) -> None:
    items = make_items(user, ["MODEL_RUN_WORKFLOW_TEMPLATE", "MODEL", *["MODEL_RUN"] * 50])
    relate(items, [(0, kind, 1, run) for run in range(2, 52) for kind in TYPES])
    template, model = items[0].pk, items[1].pk
    up = [(template, kind, model) for kind in sorted(TYPES, reverse=True)]
    assert steps([template], Direction.UP, 10) == up
    assert steps([template], Direction.UP, 2) == up[:2]
    assert len(steps([model], Direction.DOWN, 10)) == 3
    assert with_more([template, model]) == set()
    assert with_more([model]) == {model}


def test_a_walk_costs_a_statement_for_each_level_and_four_more(user: User) -> None:
    wide = make_items(user, ["MODEL_RUN"] * 200)
    relate(
        wide,
        [(place, "used", (place * 7 + hop) % 200, 0) for place in range(200) for hop in (1, 2)],
    )
    with CaptureQueriesContext(connection) as queries:
        found = walk(wide[0], user, Query.UPSTREAM, 10)
    assert len(found.nodes) > 140
    # A level each; more upstream, more downstream; the items that are seen; the kinds of all.
    assert len(queries) <= 10 + 4


def test_a_restricted_item_is_not_found_out_by_expanding_it(
    user: User, make_user: Callable[..., User]
) -> None:
    items = make_items(user, ["DATASET", "MODEL_RUN", "DATASET"])
    relate(items, [(0, "wasGeneratedBy", 1, 1), (1, "used", 2, 1)])
    items[1].grants.all().delete()
    stranger = make_user("ben")
    found = walk(items[0], stranger, expanded=[items[1].handle])
    assert [node.reference for node in found.nodes] == [items[0].handle, "restricted-1"]
    assert not found.nodes[1].has_more
    assert len(walk(items[0], user, expanded=[items[1].handle]).nodes) == 3


def test_only_so_many_items_are_expanded(
    user: User, monkeypatch: pytest.MonkeyPatch, items: list[Item]
) -> None:
    monkeypatch.setattr(lineage, "PER_EXPANSION", 2)
    consumers = make_items(user, ["MODEL_RUN"] * 9)
    relate([items[0], *consumers], [(place, "used", 0, 0) for place in range(1, 10)])
    found = walk(items[0], user, Query.UPSTREAM, expanded=[items[0].handle])
    assert len(found.nodes) == 3
    assert found.is_cut
    assert found.start.has_more


@given(links=LINKS, starts=st.sets(PLACES, min_size=1), depth=st.integers(1, 3))
@by_chance
def test_a_walk_from_several_items_reaches_what_one_from_each_does(
    links: list[tuple[int, str, int, int]], starts: set[int], depth: int, items: list[Item]
) -> None:
    keys = {items[place].pk for place in starts}
    there = relate(items, links)
    for direction in Direction:
        ways = [Arrow(link.source, link.target, link) for link in there]
        if direction is Direction.DOWN:
            ways = [Arrow(link.target, link.source, link) for link in there]
        reached = around(keys, direction, depth, limit=100)
        wanted = {pk for hops in range(depth + 1) for pk in after(keys, hops, ways)}
        assert set(reached.hops) == wanted
        assert not reached.is_cut
