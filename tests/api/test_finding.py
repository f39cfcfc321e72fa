"""Search over the API: what is found, by whom, and how much."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry import services
from registry.models import Item
from tests.api.conftest import Answer, Caller
from tests.conftest import drain

FIND = "/search/search/entity-registry"


def ids(answer: Answer) -> list[str]:
    assert answer.success, answer.text
    return [result["id"] for result in answer.json["results"]]


def test_a_new_item_is_found_at_once_by_its_words_and_by_its_id(
    api: Caller, user: User, make_item: Callable[..., Item]
) -> None:
    item = make_item(user, display_name="Larval dispersal of Acropora")
    other = make_item(user, description="Beside Acropora")
    assert ids(api.get(FIND, query="acropora")) == [item.handle, other.handle]
    assert ids(api.get(FIND, query=item.handle))[0] == item.handle
    assert ids(api.get(FIND, query=f" {item.handle} ", record_limit=1)) == [item.handle]
    assert ids(api.get(FIND, query="acropora", subtype_filter="STUDY")) == []
    assert ids(api.get(FIND, query="acropora", subtype_filter="MODEL")) == [
        item.handle,
        other.handle,
    ]


def test_scores_fall_from_hit_to_hit(
    api: Caller, user: User, make_item: Callable[..., Item]
) -> None:
    make_item(user, display_name="Acropora")
    make_item(user, description="Beside Acropora")
    scores = [hit["score"] for hit in api.get(FIND, query="acropora").json["results"]]
    assert scores[0] > scores[1] > 0


def test_activities_are_found_by_their_id_and_their_kind_only(
    api: Caller, user: User, make_item: Callable[..., Item]
) -> None:
    make_item(user, display_name="Acropora")
    drain()
    activity = Item.objects.get(subtype="CREATE", display_name__contains="Acropora")
    assert activity.handle not in ids(api.get(FIND, query="acropora"))
    assert ids(api.get(FIND, query=activity.handle))[0] == activity.handle
    assert ids(api.get(FIND, query="acropora", subtype_filter="CREATE")) == [activity.handle]


def test_what_cannot_be_read_is_not_found(
    api: Caller, stranger: Caller, user: User, make_item: Callable[..., Item]
) -> None:
    item = make_item(user, display_name="Acropora")
    services.change_access(handle=item.handle, general=[], groups={}, by=user)
    for query in ("acropora", item.handle):
        assert ids(api.get(FIND, query=query))[0] == item.handle
        assert ids(stranger.get(FIND, query=query)) == []


@pytest.mark.parametrize("query", ["", "   ", "qwertzuiop", "10378.1/7", "%", "*", "'\"", "\ud83d"])
def test_what_is_nowhere_finds_nothing(query: str, api: Caller) -> None:
    answer = api.get(FIND, query=query.encode("utf-8", "replace").decode())
    assert ids(answer) == []
    assert answer.json["warnings"] is None


def test_a_misspelt_word_finds_what_was_meant_and_says_so(
    api: Caller, user: User, make_item: Callable[..., Item]
) -> None:
    item = make_item(user, display_name="Acropora")
    answer = api.get(FIND, query="acrpora")
    assert ids(answer) == [item.handle]
    assert "acropora" in answer.json["warnings"][0]


def test_ten_hits_come_by_default_and_fifty_at_most_with_as_many_queries_as_one(
    api: Caller, user: User, make_item: Callable[..., Item]
) -> None:
    """Counting keys, words, hits and the items of the hits."""
    first = make_item(user, subtype="ORGANISATION", name="Zostera beds")
    with CaptureQueriesContext(
        connection,
    ) as one:
        assert ids(api.get(FIND, query="zostera")) == [first.handle]
    for _ in range(51):
        make_item(user, subtype="ORGANISATION", name="Zostera beds")
    assert len(ids(api.get(FIND, query="zostera"))) == 10
    assert len(ids(api.get(FIND, query="zostera", record_limit="", subtype_filter=""))) == 10
    with CaptureQueriesContext(connection) as many:
        assert len(ids(api.get(FIND, query="zostera", record_limit=99))) == 50
    assert len(many) == len(one)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"query": "reef", "record_limit": 0},
        {"query": "reef", "record_limit": "many"},
        {"query": "reef", "subtype_filter": "UNICORN"},
    ],
)
def test_what_cannot_be_searched_for(wrong: dict[str, Any], api: Caller) -> None:
    assert api.get(FIND, **wrong).status == 422


def test_kinds_that_only_the_client_knows_find_nothing(api: Caller) -> None:
    assert ids(api.get(FIND, query="reef", subtype_filter="SOFTWARE")) == []


def test_who_may_not_read_the_registry_may_not_search(stranger: Caller, settings: Any) -> None:
    settings.REGISTRY_LEVEL = "none"
    assert stranger.get(FIND, query="reef").status == 401
