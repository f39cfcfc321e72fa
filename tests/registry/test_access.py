"""Who has which roles. One rule is told twice, in Python and in SQL: both must say the same."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from registry import access, kinds, services
from registry.access import Level, Role
from registry.kinds import Kind
from registry.model_runs import services as runs
from registry.models import Grant, Group, Item
from registry.services.custody import set_grants
from tests.conftest import drain
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]

OF_MODELS = {"metadata-read", "metadata-write", "admin"}
OF_DATASETS = OF_MODELS | {"dataset-data-read", "dataset-data-write"}


# Roles and those that they imply (domain reference, 2.6).


@pytest.mark.parametrize("kind", kinds.all_kinds(), ids=lambda kind: kind.subtype)
def test_roles_for_files_exist_where_there_are_files(kind: type[Kind]) -> None:
    has_files = kind.subtype == "DATASET"
    assert set(access.roles_of(kind)) == (OF_DATASETS if has_files else OF_MODELS)
    everyone = ["metadata-read", "dataset-data-read"] if has_files else ["metadata-read"]
    assert access.default_roles(kind) == everyone


@pytest.mark.parametrize(
    ("granted", "of_a_model", "of_a_dataset"),
    [
        (set(), set(), set()),
        ({"metadata-read"}, {"metadata-read"}, {"metadata-read"}),
        (
            {"metadata-write"},
            {"metadata-read", "metadata-write"},
            {"metadata-read", "metadata-write"},
        ),
        ({"admin"}, OF_MODELS, OF_DATASETS),
        ({"dataset-data-read"}, {"metadata-read"}, {"metadata-read", "dataset-data-read"}),
        (
            {"dataset-data-write"},
            {"metadata-read", "metadata-write"},
            OF_DATASETS - {"admin"},
        ),
    ],
)
def test_roles_imply_others_as_far_as_the_kind_has_them(
    granted: set[str], of_a_model: set[str], of_a_dataset: set[str]
) -> None:
    roles = {Role(role) for role in granted}
    assert access.with_implied(roles, kinds.kind("DATASET")) == of_a_dataset
    if granted <= OF_MODELS:
        assert access.with_implied(roles, kinds.kind("MODEL")) == of_a_model


@given(st.sets(st.sampled_from(Role)), st.sampled_from(kinds.all_kinds()))
def test_implied_roles_are_enough_and_imply_nothing_more(
    roles: set[Role], kind: type[Kind]
) -> None:
    implied = access.with_implied(roles, kind)
    assert access.with_implied(set(implied), kind) == implied
    assert roles & set(access.roles_of(kind)) <= implied
    assert not implied or Role.METADATA_READ in implied


# The level in the registry.


@pytest.mark.parametrize(
    ("everyone", "permissions", "is_staff", "expected"),
    [
        ("none", [], False, Level.NONE),
        ("none", [], True, Level.NONE),
        ("read", [], False, Level.READ),
        ("write", [], False, Level.WRITE),
        ("none", ["read_registry"], False, Level.READ),
        ("none", ["write_registry"], False, Level.WRITE),
        ("read", ["write_registry"], False, Level.WRITE),
        ("write", ["read_registry"], False, Level.WRITE),
        ("none", ["admin_registry"], False, Level.NONE),
        ("write", ["admin_registry"], False, Level.WRITE),
        ("none", ["admin_registry"], True, Level.ADMIN),
    ],
)
def test_the_level_is_that_of_everyone_or_more(
    make_user: MakeUser,
    settings: Settings,
    everyone: str,
    permissions: list[str],
    *,
    is_staff: bool,
    expected: Level,
) -> None:
    user = make_user(linked=False, is_staff=is_staff)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    settings.REGISTRY_LEVEL = everyone
    assert access.level(User.objects.get(pk=user.pk)) == expected


def test_who_is_not_signed_in_or_not_active_has_no_level(make_user: MakeUser) -> None:
    gone = make_user(linked=False, is_active=False, is_staff=True, is_superuser=True)
    assert access.level(gone) == access.level(AnonymousUser()) == Level.NONE


# Items of all kinds, people of all sorts, and grants by chance.


@dataclass
class World:
    people: list[Any]
    groups: list[Group]
    items: list[Item]


@pytest.fixture
def world(user: User, make_user: MakeUser, make_item: MakeItem, workflow: Workflow) -> World:
    """Items of every kind, seeds and tombstones among them; people with and without rights."""
    others = [make_user(name, linked=False) for name in ("ben", "cleo")]
    admin = make_user("admin", linked=False, is_staff=True, is_superuser=True)
    gone = make_user("gone", linked=False, is_active=False)
    groups = [Group.objects.create(slug=slug, display_name=slug) for slug in ("reef", "river")]
    for kind in kinds.user_made_kinds():
        make_item(user, subtype=kind.subtype)
        services.seed(subtype=kind.subtype, owner=user)
    model = make_item(user)
    services.create_version(handle=model.handle, reason="New grid", by=user)
    runs.register(record=workflow.record(), owner=user)
    drain()  # which makes items of the other kinds
    for kind in kinds.all_kinds():
        some = Item.objects.of_kind(kind.subtype).first()
        Item.objects.create(
            handle=f"10378.1/{some.pk}",
            category=some.category,
            subtype=some.subtype,
            owner=user,
            info={},
            search_text="",
            deleted_at=timezone.now(),
        )
    return World([user, *others, admin, gone, AnonymousUser()], groups, list(Item.objects.all()))


roles = st.lists(st.sampled_from([role.value for role in Role]), unique=True)


def drawn(world: World, data: st.DataObject) -> None:
    """Give the items owners and grants, and the groups members, by chance."""
    people = [person for person in world.people if person.pk]
    for group in world.groups:
        group.members.set(data.draw(st.lists(st.sampled_from(people), unique=True)))
    audience = st.sampled_from([None, *world.groups])
    for item in world.items:
        item.owner = data.draw(st.sampled_from(people))
        set_grants(item, data.draw(st.dictionaries(audience, roles, max_size=3)))
    Item.objects.bulk_update(world.items, ["owner"])


by_chance = example_settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("everyone", ["none", "read", "write"])
@by_chance
@given(data=st.data())
def test_sql_and_python_agree_on_who_may_read_what(
    world: World, settings: Settings, everyone: str, data: st.DataObject
) -> None:
    settings.REGISTRY_LEVEL = everyone
    drawn(world, data)
    for person in world.people:
        readable = set(Item.objects.readable_by(person))
        among = Item.objects.readable_among(world.items, person)
        assert among == {item.handle for item in readable}
        assert readable == {item for item in world.items if access.roles(person, item)}
        for item in world.items:
            assert bool(access.roles(person, item)) == (
                Role.METADATA_READ in access.roles(person, item)
            )


@by_chance
@given(data=st.data())
def test_granted_to_is_as_if_nothing_was_deleted(world: World, data: st.DataObject) -> None:
    drawn(world, data)
    for person in world.people:
        found = set(Item.objects.granted_to(person))
        expected = set()
        for item in world.items:
            deleted_at, item.deleted_at = item.deleted_at, None
            if access.roles(person, item):
                expected.add(item)
            item.deleted_at = deleted_at
        assert found == expected
        assert found - set(Item.objects.readable_by(person)) == {
            item for item in expected if item.deleted_at
        }


@by_chance
@given(data=st.data())
def test_roles_are_the_union_of_what_everyone_and_the_groups_of_a_person_have(
    world: World, data: st.DataObject
) -> None:
    drawn(world, data)
    members = {group: set(group.members.all()) for group in world.groups}
    for item in world.items:
        for person in world.people[:3]:
            granted = {
                Role(role)
                for grant in Grant.objects.filter(item=item)
                if grant.group is None or person in members[grant.group]
                for role in grant.roles
            }
            expected = access.with_implied(granted, item.kind)
            if person == item.owner:
                expected = frozenset(access.roles_of(item.kind))
            assert access.roles(person, item) == (frozenset() if item.deleted_at else expected)


def names(items: Iterable[Item]) -> list[str]:
    return sorted(item.display_name for item in items)


def test_an_item_is_listed_once_however_many_grants_a_person_has(
    user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    ben, item = make_user("ben", linked=False), make_item(user, display_name="Wanted")
    for slug in ("reef", "river"):
        Group.objects.create(slug=slug, display_name=slug).members.add(ben)
    services.change_access(
        handle=item.handle,
        general=["metadata-read"],
        groups={"reef": ["metadata-write"], "river": ["admin"]},
        by=user,
    )
    assert names(Item.objects.of_kind("MODEL").readable_by(ben)) == ["Wanted"]
    assert access.roles(ben, item) == OF_MODELS


def test_a_removed_group_takes_its_grants_with_it(
    user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    ben, item = make_user("ben", linked=False), make_item(user)
    reef = Group.objects.create(slug="reef", display_name="Reef")
    reef.members.add(ben)
    services.change_access(handle=item.handle, general=[], groups={"reef": ["admin"]}, by=user)
    assert access.roles(ben, item) == OF_MODELS
    reef.delete()
    assert access.roles(ben, item) == frozenset()
    assert not Item.objects.of_kind("MODEL").readable_by(ben).exists()
    assert services.settings_of(item)["groups"] == {}


def test_who_leaves_a_group_loses_its_roles(
    user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    ben, item = make_user("ben", linked=False), make_item(user)
    reef = Group.objects.create(slug="reef", display_name="Reef")
    reef.members.add(ben)
    services.change_access(handle=item.handle, general=[], groups={"reef": ["admin"]}, by=user)
    reef.members.remove(ben)
    assert access.roles(ben, item) == frozenset()


def test_nobody_has_a_role_on_a_tombstone(
    user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    admin = make_user("admin", is_staff=True, is_superuser=True)
    item = make_item(user, subtype="STUDY")
    services.delete(handle=item.handle, reason="Entered twice", by=admin)
    item.refresh_from_db()
    for person in (user, admin):
        assert access.roles(person, item) == frozenset()
        assert item not in Item.objects.readable_by(person)
        assert item in Item.objects.granted_to(person)


def test_a_seed_is_its_owners_and_may_be_seen_like_any_item(
    user: User, make_user: MakeUser
) -> None:
    seed = services.seed(subtype="DATASET", owner=user)
    assert access.roles(user, seed) == OF_DATASETS
    assert access.roles(make_user("ben"), seed) == {"metadata-read", "dataset-data-read"}
    assert seed in Item.objects.readable_by(user)
    assert seed not in Item.objects.complete()


def test_a_role_that_is_not_known_any_more_is_ignored(
    user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    item = make_item(user)
    item.grants.update(roles=["metadata-read", "metadata-fly"])
    assert access.roles(make_user("ben"), item) == {"metadata-read"}


def test_roles_cost_one_query_and_none_for_the_owner(
    user: User,
    make_user: MakeUser,
    make_item: MakeItem,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    item, ben = make_item(user), make_user("ben")
    with django_assert_num_queries(0):
        access.roles(user, item)
    with django_assert_num_queries(1):  # the grants
        access.roles(ben, item)
