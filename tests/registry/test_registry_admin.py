"""The registry in Django admin: groups, person links and locks are set here, items only shown."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from registry import admin as registry_admin
from registry import services
from registry.models import (
    Activity,
    Agent,
    Entity,
    Grant,
    Group,
    Item,
    LockEvent,
    PersonLink,
    Relation,
)
from tests.conftest import drain
from tests.test_admin import address

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]


@pytest.fixture
def item(user: User, make_item: MakeItem) -> Item:
    return make_item(user)


def told(answer: Any) -> list[str]:
    """The messages at the top of a page."""
    return [str(message) for message in answer.context["messages"]]


def errors(answer: Any) -> dict[str, list[str]]:
    """The faults of the form on a page."""
    return dict(answer.context["adminform"].form.errors)


# Items


def test_the_page_of_an_item_shows_all_that_is_kept_of_it(
    admin_client: Client, admin_user: User, user: User, make_item: MakeItem
) -> None:
    group = Group.objects.create(slug="reef", display_name="Reef team")
    template = make_item(user, subtype="MODEL_RUN_WORKFLOW_TEMPLATE")
    groups = {group.slug: ["metadata-read", "admin"]}
    services.change_access(handle=template.handle, general=[], groups=groups, by=user)
    services.lock(handle=template.handle, reason="Published last week", by=user)
    page = admin_client.get(address(Entity, "change", template.pk)).content.decode()
    model = Item.objects.get(subtype="MODEL")
    for part in (
        "First registration",
        "reef may now: metadata-read, admin",
        "<p>metadata-read, admin</p>",
        "Published last week",
        f'<a href="{model.get_absolute_url()}">{model}</a>',
        f'<a href="{template.get_absolute_url()}" class="viewsitelink">',
    ):
        assert part in page
    assert "Tombstone" not in page
    assert 'name="_save"' not in page


def test_the_page_of_a_deleted_item_shows_its_tombstone(
    admin_client: Client, admin_user: User, user: User, make_item: MakeItem
) -> None:
    study = make_item(user, subtype="STUDY")
    services.delete(handle=study.handle, reason="Registered twice", by=admin_user)
    page = admin_client.get(address(Activity, "change", study.pk)).content.decode()
    assert "Tombstone" in page
    assert "Registered twice" in page
    assert study.get_absolute_url() not in page  # there is no such page any more


def test_items_are_filtered_by_kind_and_state(
    admin_client: Client, admin_user: User, user: User, make_item: MakeItem
) -> None:
    named = {
        name: make_item(user, subtype="DATASET_TEMPLATE", display_name=name)
        for name in ("Plain", "Locked", "Deleted")
    }
    make_item(user, display_name="Model")
    seed = services.seed(subtype="MODEL", owner=user)
    drain()  # an unfinished job about it keeps an item from being deleted
    services.lock(handle=named["Locked"].handle, reason="r", by=user)
    services.delete(handle=named["Deleted"].handle, reason="r", by=admin_user)

    def listed(**filters: str) -> set[str]:
        answer = admin_client.get(address(Entity, "changelist"), filters)
        return {item.display_name or item.handle for item in answer.context["cl"].result_list}

    assert listed(subtype="MODEL") == {"Model", seed.handle}
    assert listed(is_locked__exact="1") == {"Locked"}
    assert listed(is_complete__exact="0") == {seed.handle}
    assert listed(deleted="yes") == {"Deleted"}
    assert listed(deleted="no", is_locked__exact="0", subtype="DATASET_TEMPLATE") == {"Plain"}
    assert len(listed(deleted="perhaps")) == 5
    page = admin_client.get(address(Entity, "changelist")).content.decode()
    assert "?subtype=DATASET" in page  # a kind of which there is none
    assert "?subtype=PERSON" not in page  # a kind of another category


# Lock and unlock


def settle(client: Client, action: str, items: list[Item], **more: str) -> Any:
    """Choose an action for items in the list of entities."""
    data = {"action": action, "_selected_action": [str(item.pk) for item in items], **more}
    return client.post(address(Entity, "changelist"), data, follow=True)


def test_locking_asks_for_a_reason_first(admin_client: Client, item: Item) -> None:
    page = settle(admin_client, "lock", [item], index="0")
    text = page.content.decode()
    assert str(item) in text
    assert 'name="reason"' in text
    assert not LockEvent.objects.exists()
    # The policy of the site forbids both, so a page with them would not work.
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", text)


def test_chosen_items_are_locked_and_unlocked(
    admin_client: Client, admin_user: User, user: User, make_item: MakeItem
) -> None:
    items = [make_item(user), make_item(user)]
    assert told(settle(admin_client, "lock", items, reason=" Published ")) == ["2 items locked."]
    events = LockEvent.objects.values_list("item", "action", "reason", "by")
    assert set(events) == {(one.pk, "LOCK", "Published", admin_user.pk) for one in items}
    answer = settle(admin_client, "unlock", items[:1], reason="Mistake")
    assert told(answer) == ["1 item unlocked."]
    assert Item.objects.filter(is_locked=True).get() == items[1]


@pytest.mark.parametrize(("reason", "way_out"), [(" ", "Give a reason"), ("x" * 20_001, "at most")])
def test_a_bad_reason_is_asked_for_again(
    admin_client: Client, item: Item, reason: str, way_out: str
) -> None:
    page = settle(admin_client, "lock", [item], reason=reason)
    assert way_out in page.context["refusal"]
    assert way_out in page.content.decode()
    assert not LockEvent.objects.exists()


def test_each_refusal_is_told_beside_what_was_done(
    admin_client: Client, user: User, make_item: MakeItem
) -> None:
    free, locked = make_item(user), make_item(user)
    services.lock(handle=locked.handle, reason="r", by=user)
    refused, done = told(settle(admin_client, "lock", [free, locked], reason="Published"))
    assert refused.startswith(f"{locked}: {locked.handle} is locked already.")
    assert "Its Settings tab shows who changed that last." in refused
    assert done == "1 item locked."


def test_a_deleted_item_cannot_be_locked(
    admin_client: Client, admin_user: User, item: Item
) -> None:
    drain()
    services.delete(handle=item.handle, reason="r", by=admin_user)
    [refused] = told(settle(admin_client, "lock", [item], reason="Published"))
    assert "was deleted" in refused


def test_staff_lock_only_what_they_administer(
    client: Client, make_user: MakeUser, make_item: MakeItem, item: Item
) -> None:
    eve = make_user("eve", is_staff=True)
    eve.user_permissions.add(Permission.objects.get(codename="view_entity"))
    own = make_item(eve)
    client.force_login(eve)
    refused, done = told(settle(client, "lock", [item, own], reason="Mine"))
    assert "needs the role admin. Its owner, ana, or" in refused
    assert done == "1 item locked."


def test_who_may_not_change_items_is_offered_no_lock(
    client: Client, make_user: MakeUser, item: Item, settings: Any
) -> None:
    settings.REGISTRY_LEVEL = "read"
    eve = make_user("eve", is_staff=True, linked=False)
    eve.user_permissions.add(Permission.objects.get(codename="view_entity"))
    client.force_login(eve)
    assert 'value="lock"' not in client.get(address(Entity, "changelist")).content.decode()
    settle(client, "lock", [item], reason="r")
    assert not LockEvent.objects.exists()


def test_too_many_at_once_are_refused_with_the_limit(
    admin_client: Client, user: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_admin, "MOST_AT_ONCE", 1)
    items = [make_item(user), make_item(user)]
    answer = settle(admin_client, "lock", items, reason="r")
    assert told(answer) == ["Choose at most 1 items at once. Nothing was locked."]


# Access groups


GROUP = {"slug": "reef", "display_name": "Reef team", "description": "", "members": []}


def test_a_group_is_made_with_members_and_roles(admin_client: Client, user: User) -> None:
    roles = ["dataset-data-read", "metadata-write"]
    data = GROUP | {"members": [user.pk], "default_data_roles": roles}
    assert admin_client.post(address(Group, "add"), data).status_code == 302
    group = Group.objects.get(slug="reef")
    assert sorted(group.default_data_roles) == roles
    assert list(group.members.all()) == [user]


def test_the_roles_of_a_group_are_boxes_to_tick(admin_client: Client) -> None:
    group = Group.objects.create(slug="g", display_name="G", default_data_roles=["metadata-read"])
    page = admin_client.get(address(Group, "change", group.pk)).content.decode()
    boxes = re.findall(r'<input type="checkbox" name="default_data_roles" value="([^"]+)"', page)
    assert len(boxes) == 5
    ticked = re.findall(r'name="default_data_roles" value="([^"]+)"[^>]* checked', page)
    assert ticked == ["metadata-read"]


def test_no_box_ticked_is_no_role(admin_client: Client) -> None:
    group = Group.objects.create(slug="g", display_name="G", default_data_roles=["metadata-read"])
    admin_client.post(address(Group, "change", group.pk), GROUP)
    group.refresh_from_db()
    assert group.default_data_roles == []


def test_a_role_that_does_not_exist_is_refused(admin_client: Client) -> None:
    answer = admin_client.post(address(Group, "add"), GROUP | {"default_data_roles": ["boss"]})
    assert "boss is not one of the available choices" in errors(answer)["default_data_roles"][0]
    assert not Group.objects.exists()


def test_what_the_service_takes_for_no_group_is_told_at_its_field(admin_client: Client) -> None:
    answer = admin_client.post(address(Group, "add"), GROUP | {"display_name": "Reef\u2028team"})
    assert "U+2028" in errors(answer)["display_name"][0]
    assert not Group.objects.exists()


def test_the_id_of_a_group_stays_what_it_was(admin_client: Client) -> None:
    group = Group.objects.create(slug="coral", display_name="Coral")
    answer = admin_client.post(address(Group, "change", group.pk), GROUP)
    assert answer.status_code == 302
    group.refresh_from_db()
    assert (group.slug, group.display_name) == ("coral", "Reef team")


def test_deleting_a_group_takes_its_access_with_it(
    admin_client: Client, user: User, item: Item
) -> None:
    group = Group.objects.create(slug="reef", display_name="Reef")
    groups = {"reef": ["admin"]}
    services.change_access(handle=item.handle, general=[], groups=groups, by=user)
    admin_client.post(address(Group, "delete", group.pk), {"post": "yes"})
    assert not Grant.objects.filter(item=item).exists()


# Person links


def link(client: Client, page: str, *arguments: Any, **data: Any) -> Any:
    return client.post(address(PersonLink, page, *arguments), data, follow=True)


def test_an_administrator_links_changes_and_clears(
    admin_client: Client, user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    new, person = make_user("new", linked=False), services.person_of(user)
    answer = link(admin_client, "add", user=new.pk, person=f" {person.handle} ")
    assert "was added successfully" in told(answer)[0]
    assert services.person_of(new) == person
    present = PersonLink.objects.get(user=new)
    assert f"/{present.pk}/change/" in told(answer)[0]

    page = admin_client.get(address(PersonLink, "change", present.pk)).content.decode()
    assert f'name="person" value="{person.handle}"' in page
    other = make_item(user, subtype="PERSON")
    link(admin_client, "change", present.pk, person=other.handle)
    assert services.person_of(new) == other
    assert PersonLink.objects.get(user=new).pk == present.pk

    link(admin_client, "delete", present.pk, post="yes")
    assert services.person_of(new) is None
    assert services.person_of(user) == person


def test_links_are_cleared_together(admin_client: Client, user: User, make_user: MakeUser) -> None:
    make_user("ben")
    chosen = [str(pk) for pk in PersonLink.objects.values_list("pk", flat=True)]
    data = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    admin_client.post(address(PersonLink, "changelist"), data)
    assert not PersonLink.objects.exists()


@pytest.mark.parametrize(
    ("which", "way_out"),
    [
        ("model", "is a model, not a Person."),
        ("seed", "is a reserved id without content."),
        ("unknown", "There is no item '10378.1/9'. Check the id."),
        ("deleted", "was deleted on"),
        ("blank", "This field is required."),
        ("strange", "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_assigned_is_refused(
    admin_client: Client,
    admin_user: User,
    make_user: MakeUser,
    make_item: MakeItem,
    item: Item,
    which: str,
    way_out: str,
) -> None:
    new = make_user("new", linked=False)
    deleted = make_item(new, subtype="PERSON")
    services.delete(handle=deleted.handle, reason="r", by=admin_user)
    handle = {
        "model": item.handle,
        "seed": services.seed(subtype="PERSON", owner=new).handle,
        "unknown": "10378.1/9",
        "deleted": deleted.handle,
        "blank": " ",
        "strange": "10378.1/9\0",
    }[which]
    answer = link(admin_client, "add", user=new.pk, person=handle)
    assert way_out in errors(answer)["person"][0]
    assert services.person_of(new) is None


def test_a_second_link_of_a_user_leads_to_the_first(
    admin_client: Client, user: User, make_item: MakeItem
) -> None:
    present, other = services.person_of(user), make_item(user, subtype="PERSON")
    answer = link(admin_client, "add", user=user.pk, person=other.handle)
    assert "Open that link in the list to change or delete it." in errors(answer)["user"][0]
    assert f"is linked to {present} already" in errors(answer)["person"][0]
    assert services.person_of(user) == present


def test_a_refused_change_leaves_the_link(admin_client: Client, user: User, item: Item) -> None:
    present = PersonLink.objects.get(user=user)
    answer = link(admin_client, "change", present.pk, person=item.handle)
    assert "not a Person" in errors(answer)["person"][0]
    assert services.person_of(user) == present.person


# Queries


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        assert client.get(url).status_code == 200
    return len(caught)


LISTS: list[type[Model]] = [Entity, Agent, Activity, Relation, Group, PersonLink]


@pytest.mark.parametrize("model", LISTS, ids=lambda model: model.__name__)
def test_a_list_has_no_query_for_each_row(
    admin_client: Client, make_user: MakeUser, make_item: MakeItem, model: type[Model]
) -> None:
    """Session, user, two counts and the rows; a tenth row must not add one."""

    def fill(name: str) -> None:
        owner = make_user(name)
        make_item(owner)
        Group.objects.create(slug=name, display_name=name).members.add(owner)
        drain()

    fill("one")
    before = queries(admin_client, address(model, "changelist"))
    for number in range(10):
        fill(f"more-{number}")
    assert queries(admin_client, address(model, "changelist")) == before


def test_the_page_of_an_item_has_no_query_for_each_row(
    admin_client: Client, user: User, item: Item, make_user: MakeUser, make_item: MakeItem
) -> None:
    subtype = "MODEL_RUN_WORKFLOW_TEMPLATE"
    template = make_item(user, subtype=subtype, software_id=item.handle)
    inputs: list[dict[str, str]] = []

    def fill(name: str) -> None:
        """One more row of everything, each by somebody else."""
        other = make_user(name)
        Group.objects.create(slug=name, display_name=name).members.add(other)
        groups = services.settings_of(template)["groups"] | {name: ["admin"]}
        services.change_access(handle=template.handle, general=[], groups=groups, by=user)
        inputs.append({"template_id": make_item(user, subtype="DATASET_TEMPLATE").handle})
        about: dict[str, Any] = {"handle": template.handle, "reason": "r", "by": other}
        content = template.info | {"input_templates": inputs}
        services.update(**about, subtype=subtype, content=content)
        services.lock(**about)
        services.unlock(**about)

    url = address(Entity, "change", template.pk)
    fill("one")
    before = queries(admin_client, url)
    for number in range(5):
        fill(f"more-{number}")
    assert queries(admin_client, url) == before
    assert template.references.count() == 7


def test_every_page_of_the_registry_in_admin_is_linked_from_its_index(
    admin_client: Client,
) -> None:
    page = admin_client.get(reverse("admin:index")).content.decode()
    for model in LISTS:
        assert address(model, "changelist") in page
