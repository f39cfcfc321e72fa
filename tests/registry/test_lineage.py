"""Walks over the graph: each edge once, and an honest word when there are more."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from registry.models import Item, Relation
from registry.provenance import diagram
from registry.provenance.lineage import neighbourhood
from tests.conftest import drain

pytestmark = pytest.mark.django_db

MakeItem = Callable[..., Item]


@pytest.fixture
def hub(user: User, make_item: MakeItem) -> Item:
    """A model used by four runs, one of the edges claimed by all of them."""
    model = make_item(user)
    runs = [make_item(user, display_name=f"Run {number}") for number in range(4)]
    for run in runs:
        Relation.objects.create(source=run, target=model, type="used", record=run)
        Relation.objects.get_or_create(source=runs[0], target=model, type="used", record=run)
    return model


def test_an_edge_is_there_once_however_many_claim_it(hub: Item, user: User) -> None:
    found = neighbourhood(hub, user)
    assert [edge.source.display_name for edge in found.downstream] == [
        "Run 0",  # the newest claim is on it
        "Run 3",
        "Run 2",
        "Run 1",
    ]
    assert (found.upstream, found.truncated) == ([], False)
    assert len(found.items) == 5


def test_what_is_left_out_is_said(hub: Item, user: User) -> None:
    found = neighbourhood(hub, user, limit=3)
    assert len(found.downstream) == 3
    assert found.truncated


def test_each_item_and_edge_is_drawn_once(user: User, make_item: MakeItem) -> None:
    item = make_item(user, display_name="<b>bold</b> & co")
    drain()
    svg = str(diagram.draw(neighbourhood(item, user)))
    assert svg.count('class="node') == 3
    assert svg.count('class="edge') == 2
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; co</text>" in svg
    for shape in (
        "AGENT kind&#45;PERSON",
        "ACTIVITY kind&#45;CREATE",
        "ENTITY kind&#45;MODEL centre",
    ):
        assert shape in svg
