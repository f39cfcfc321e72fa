"""Walks over the graph: each edge once, and an honest word when there are more."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from registry import services
from registry.models import Item, Relation
from registry.provenance import diagram
from registry.provenance.lineage import versions, walk
from tests.conftest import drain

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
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
    found = walk(hub, user)
    assert [edge.source.name for edge in found.edges] == ["Run 3", "Run 2", "Run 1", "Run 0"]
    assert {edge.target.name for edge in found.edges} == {"Reef model"}
    assert not found.is_cut
    assert len(found.nodes) == 5


def test_each_item_and_edge_is_drawn_once(user: User, make_item: MakeItem) -> None:
    item = make_item(user, display_name="<b>bold</b> & co")
    drain()
    svg = str(diagram.draw(walk(item, user)))
    assert svg.count('class="node') == 3
    assert svg.count('class="edge') == 2
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; co</text>" in svg
    for shape in (
        "AGENT kind&#45;PERSON",
        "ACTIVITY kind&#45;CREATE",
        "ENTITY kind&#45;MODEL centre",
    ):
        assert shape in svg


# Who may not read an item sees its kind and its edges, and neither id nor name nor link.


@pytest.fixture
def ben(make_user: MakeUser) -> User:
    return make_user("ben", linked=False)


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    return make_user("admin", is_staff=True, is_superuser=True)


def hide(item: Item) -> Item:
    """Let nobody but its owner read it."""
    services.change_access(handle=item.handle, general=[], groups={}, by=item.owner)
    return item


def test_a_neighbour_that_a_stranger_may_not_read_is_a_restricted_item(
    hub: Item, ben: User, user: User
) -> None:
    hidden = hide(Item.objects.get(display_name="Run 2"))
    found = walk(hub, ben)
    (node,) = [node for node in found.nodes if node.item is None]
    assert (node.name, node.url, node.note) == ("Restricted item", "", "you may not read it")
    assert (node.kind.subtype, node.pk) == ("MODEL", hidden.pk)
    assert len(found.nodes) == 5
    assert [edge.label for edge in found.edges if edge.source == node] == ["used"]
    assert all(node.item for node in walk(hub, user).nodes)


def test_a_drawing_tells_nothing_of_a_restricted_item_but_its_kind(
    hub: Item, ben: User, user: User
) -> None:
    hidden = hide(Item.objects.get(display_name="Run 2"))
    svg = str(diagram.draw(walk(hub, ben)))
    assert svg.count('class="node') == 5
    assert svg.count("restricted") == 1
    assert "Restricted item" in svg
    for secret in ("Run 2", hidden.handle, hidden.get_absolute_url(), f"node-{hidden.pk}"):
        assert secret not in svg
    assert "Run 2" in str(diagram.draw(walk(hub, user)))


def test_of_an_item_that_a_job_recorded_a_stranger_sees_no_restricted_name(
    user: User, ben: User, make_item: MakeItem
) -> None:
    item = make_item(user, display_name="Secret name")
    drain()
    hide(item)
    found = walk(services.person_of(user), ben)
    assert {node.name for node in found.nodes} == {"Restricted item", "Person of ana"}
    assert "Secret" not in str(diagram.draw(found))


def test_a_tombstone_keeps_its_name_and_has_no_page(
    user: User, admin: User, make_item: MakeItem
) -> None:
    item = make_item(user, display_name="Gone name")
    drain()
    services.delete(handle=item.handle, reason="Entered twice", by=admin)
    found = walk(services.person_of(user), user)
    (node,) = [node for node in found.nodes if node.subtype == "MODEL"]
    assert (node.name, node.url, node.note) == ("Gone name", "", "deleted")
    assert "Gone name" in str(diagram.draw(found))


def test_a_tombstone_that_a_stranger_could_not_read_stays_restricted(
    user: User, ben: User, admin: User, make_item: MakeItem
) -> None:
    item = make_item(user, display_name="Secret name")
    drain()
    hide(item)
    services.delete(handle=item.handle, reason="Entered twice", by=admin)
    found = walk(services.person_of(user), ben)
    assert "Secret name" not in {node.name for node in found.nodes}
    assert {node.note for node in found.nodes} == {"", "you may not read it"}


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_line_of_versions_is_whole_from_each_of_them(
    user: User, make_item: MakeItem, at: int
) -> None:
    line = [make_item(user)]
    for reason in ("New grid", "Newer grid"):
        line.append(services.create_version(handle=line[-1].handle, reason=reason, by=user))
    found = versions(Item.objects.get(pk=line[at].pk), user)
    assert [node.item.version for node in found] == [3, 2, 1]
    assert [node.pk for node in found] == [item.pk for item in reversed(line)]


def test_a_version_that_a_stranger_may_not_read_is_restricted_in_the_line(
    user: User, ben: User, make_item: MakeItem
) -> None:
    first = make_item(user)
    second = services.create_version(handle=first.handle, reason="New grid", by=user)
    third = services.create_version(handle=second.handle, reason="Newer grid", by=user)
    hide(second)
    found = versions(third, ben)
    assert [node.item for node in found] == [third, None, first]
    assert [node.name for node in found] == ["Reef model", "Restricted item", "Reef model"]
    assert {node.subtype for node in found} == {"MODEL"}


def test_what_an_item_alone_shows_is_itself(user: User, make_item: MakeItem) -> None:
    found = walk(make_item(user, subtype="STUDY", display_name="Alone"), user)
    assert [node.name for node in found.nodes] == ["Alone"]
    assert found.edges == []


@pytest.mark.parametrize("runs", [1, 12])
def test_a_neighbourhood_costs_the_same_queries_whatever_its_size(
    user: User,
    make_item: MakeItem,
    django_assert_num_queries: DjangoAssertNumQueries,
    runs: int,
) -> None:
    model = make_item(user)
    for _ in range(runs):
        run = make_item(user, subtype="STUDY")
        Relation.objects.create(source=run, target=model, type="used", record=run)
    # The edges each way, more of them each way, the items that are seen, the kinds.
    with django_assert_num_queries(6):
        found = walk(model, user)
        assert [node.item.owner.username for node in found.nodes] == ["ana"] * (runs + 1)
