"""Lineage over the API: what is found, against a slow and obvious way to say it, and what is not
told."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import services
from registry.api import prov_explore
from registry.models import Grant, Item
from registry.provenance.reach import Link, Query
from tests.api.conftest import Answer, Caller
from tests.registry.test_lineage_queries import LINKS, SUBTYPES, expected, make_items, relate

pytestmark = pytest.mark.django_db

PATHS = {
    Query.UPSTREAM: "upstream",
    Query.DOWNSTREAM: "downstream",
    Query.CONTRIBUTING_DATASETS: "special/contributing_datasets",
    Query.EFFECTED_DATASETS: "special/effected_datasets",
    Query.CONTRIBUTING_AGENTS: "special/contributing_agents",
    Query.EFFECTED_AGENTS: "special/effected_agents",
}


@pytest.fixture
def items(user: User) -> list[Item]:
    return make_items(user, SUBTYPES)


@pytest.fixture
def chain(items: list[Item]) -> list[Item]:
    """Each item used the next one."""
    relate(items, [(place, "used", place + 1, 0) for place in range(len(items) - 1)])
    return items


def explore(caller: Caller, query: Query, start: Item | str, **depth: Any) -> Answer:
    handle = start if isinstance(start, str) else start.handle
    return caller.get(f"/prov-api/explore/{PATHS[query]}", starting_id=handle, **depth)


def ids(answer: Answer) -> list[str]:
    return [node["id"] for node in answer.json["graph"]["nodes"]]


@given(links=LINKS, query=st.sampled_from(list(PATHS)), depth=st.integers(1, 4))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_answer_is_what_the_query_means(
    links: Any, query: Query, depth: int, items: list[Item], api: Caller
) -> None:
    wanted = expected(items[0].pk, query, depth, relate(items, links))
    answer = explore(api, query, items[0], depth=depth)
    assert answer.success
    graph = answer.json["graph"]
    assert set(graph) == {"directed", "multigraph", "graph", "nodes", "links"}
    handles = {item.pk: item.handle for item in items}
    told = [(link["source"], link["type"], link["target"]) for link in graph["links"]]
    assert sorted(told) == sorted((handles[s], kind, handles[t]) for s, kind, t in wanted)
    found = ids(answer)
    assert found[0] == items[0].handle
    assert len(set(found)) == len(found) == answer.json["record_count"]
    assert {end for source, _, target in told for end in (source, target)} <= set(found)
    assert set(found) == {handles[one] for link in wanted for one in _ends(link)} | {found[0]}


def _ends(link: Link) -> tuple[int, int]:
    return link.source, link.target


@pytest.mark.parametrize(
    ("query", "usual"), [(Query.UPSTREAM, 3), (Query.CONTRIBUTING_AGENTS, 3), (Query.DOWNSTREAM, 1)]
)
def test_without_a_depth_the_usual_one_is_walked(
    query: Query, usual: int, api: Caller, chain: list[Item]
) -> None:
    assert len(ids(explore(api, query, chain[0]))) == usual
    assert ids(explore(api, query, chain[0], depth=0)) == ids(explore(api, query, chain[0]))


def test_an_item_without_relations_gives_itself(api: Caller, items: list[Item]) -> None:
    relate(items, [])
    answer = explore(api, Query.UPSTREAM, items[0], depth=3)
    assert (ids(answer), answer.json["graph"]["links"]) == ([items[0].handle], [])


def test_what_may_not_be_read_keeps_its_place_and_loses_its_id(
    stranger: Caller, chain: list[Item]
) -> None:
    Grant.objects.filter(item__in=[chain[1], chain[2]]).delete()
    answer = explore(stranger, Query.UPSTREAM, chain[0], depth=3)
    assert ids(answer) == [chain[0].handle, "restricted-1", "restricted-2", chain[3].handle]
    assert [node["item_subtype"] for node in answer.json["graph"]["nodes"]] == SUBTYPES[:4]
    assert len(answer.json["graph"]["links"]) == 3
    assert "Of these items, 2 are restricted" in answer.json["status"]["details"]
    assert chain[1].handle not in answer.text
    assert chain[2].display_name not in answer.text


def test_what_cannot_be_asked_is_told(api: Caller, stranger: Caller, chain: list[Item]) -> None:
    unknown = explore(api, Query.UPSTREAM, "10378.1/9999")
    assert (unknown.status, unknown.json["ids"]) == (400, ["10378.1/9999"])
    for depth in (11, -1, 2**70):
        assert explore(api, Query.UPSTREAM, chain[0], depth=depth).status == 400
    for text in ("deep", "1.5"):
        assert explore(api, Query.UPSTREAM, chain[0], depth=text).status == 422
    assert api.get("/prov-api/explore/upstream").status == 422
    Grant.objects.filter(item=chain[0]).delete()
    assert explore(stranger, Query.UPSTREAM, chain[0]).status == 401


def test_a_deleted_start_is_told_as_such(api: Caller, admin: Caller, user: User) -> None:
    boss = User.objects.get(username="root")
    study = services.register(
        subtype="STUDY",
        content={"display_name": "s", "title": "t", "description": "d"},
        owner=user,
    )
    services.delete(handle=study.handle, reason="A mistake", by=boss)
    answer = explore(api, Query.UPSTREAM, study)
    assert answer.status == 400
    assert "deleted" in answer.detail


def test_what_is_left_out_is_told(
    api: Caller, chain: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prov_explore, "MOST", 3)
    answer = explore(api, Query.UPSTREAM, chain[0], depth=5)
    assert answer.json["record_count"] == 3
    assert "There is more" in answer.json["status"]["details"]
    whole = explore(api, Query.UPSTREAM, chain[0], depth=2)
    assert "There is more" not in whole.json["status"]["details"]
