"""The pages of an item's life: editing, history, versions, settings, finding it again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from registry import services
from registry.models import Grant, Group, Item
from tests.conftest import MODEL, drain

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]
SECRET = "Secret reef"


def text(client: Client, address: str, **options: Any) -> str:
    return client.get(address, **options).content.decode()


def edited(item: Item, **changed: str) -> dict[str, str]:
    """What the form of a model posts."""
    seen = item.revisions.order_by("-number").values_list("number", flat=True)[0]
    return MODEL | {"reason": "Better now", "seen": str(seen)} | changed


@pytest.fixture
def item(user: User, make_item: MakeItem) -> Item:
    return make_item(user)


@pytest.fixture
def hidden(item: Item, user: User) -> Item:
    """An item that only its owner may read."""
    services.update(
        handle=item.handle,
        subtype="MODEL",
        content=MODEL | {"display_name": SECRET},
        reason="Named",
        by=user,
    )
    drain()
    services.change_access(handle=item.handle, general=[], groups={}, by=user)
    return item


@pytest.fixture
def stranger(client: Client, make_user: MakeUser) -> Client:
    client.force_login(make_user("ben"))
    return client


@pytest.fixture
def registry_admin(client: Client, make_user: MakeUser) -> Client:
    admin = make_user("ada", is_staff=True)
    admin.user_permissions.add(Permission.objects.get(codename="admin_registry"))
    client.force_login(admin)
    return client


def test_an_edit_is_saved_with_its_reason_and_told_in_the_history(
    signed_in: Client, item: Item
) -> None:
    address = f"/item/{item.handle}/edit/"
    assert "Larval dispersal" in text(signed_in, address)
    answer = signed_in.post(address, edited(item, description="Larval <b>drift</b>"))
    assert (answer.status_code, answer["Location"]) == (302, item.get_absolute_url())
    page = text(signed_in, f"/item/{item.handle}/history/")
    for told in ("Better now", "Revision 2", "<mark>&lt;b&gt;drift&lt;/b&gt;</mark>"):
        assert told in page


def test_an_edit_without_a_reason_keeps_what_was_typed(signed_in: Client, item: Item) -> None:
    data = edited(item, description="Typed at length", reason="  ")
    answer = signed_in.post(f"/item/{item.handle}/edit/", data)
    assert answer.status_code == 422
    assert "Give a reason" in answer.content.decode()
    assert "Typed at length" in answer.content.decode()
    assert item.revisions.count() == 1


def test_an_edit_that_changes_nothing_is_not_saved(signed_in: Client, item: Item) -> None:
    answer = signed_in.post(f"/item/{item.handle}/edit/", edited(item))
    assert "Nothing was changed" in answer.content.decode()
    assert item.revisions.count() == 1


def test_a_second_save_is_told_what_changed_and_loses_nothing(
    signed_in: Client, user: User, item: Item
) -> None:
    mine = edited(item, description="Mine")
    theirs = MODEL | {"name": "Theirs"}
    services.update(
        handle=item.handle, subtype="MODEL", content=theirs, reason="I was faster", by=user
    )
    answer = signed_in.post(f"/item/{item.handle}/edit/", mine)
    page = answer.content.decode()
    assert answer.status_code == 409
    for told in ("I was faster", "Theirs", "Mine", 'name="seen" value="2"'):
        assert told in page
    assert signed_in.post(f"/item/{item.handle}/edit/", mine | {"seen": "2"}).status_code == 302
    item.refresh_from_db()
    assert item.info["description"] == "Mine"
    assert item.revisions.count() == 3


def test_a_locked_item_is_not_edited(signed_in: Client, user: User, item: Item) -> None:
    services.lock(handle=item.handle, reason="Published", by=user)
    assert "Published" in text(signed_in, item.get_absolute_url())
    answer = signed_in.post(f"/item/{item.handle}/edit/", edited(item, description="x"))
    assert "locked" in answer.content.decode()
    assert item.revisions.count() == 1


def test_a_reader_sees_no_button_and_is_told_who_may_edit(stranger: Client, item: Item) -> None:
    page = text(stranger, item.get_absolute_url())
    assert "/edit/" not in page
    assert "/versions/new/" not in page
    answer = stranger.post(f"/item/{item.handle}/edit/", edited(item, description="x"))
    assert "Its owner, ana" in answer.content.decode()
    assert item.revisions.count() == 1


def test_an_old_revision_is_shown_and_brought_back(
    signed_in: Client, user: User, item: Item
) -> None:
    services.update(
        handle=item.handle, subtype="MODEL", content=MODEL | {"name": "New"}, reason="r", by=user
    )
    address = f"/item/{item.handle}/history/1/"
    assert "Revert to revision 1" in text(signed_in, address)
    assert signed_in.post(address, {"reason": ""}).status_code == 422
    assert signed_in.post(address, {"reason": "It was right"}).status_code == 302
    item.refresh_from_db()
    assert item.info["name"] == MODEL["name"]
    assert "Reverted to revision 1: It was right" in text(
        signed_in, f"/item/{item.handle}/history/"
    )
    assert signed_in.get(f"/item/{item.handle}/history/9/").status_code == 404


def test_a_new_version_links_both_and_marks_the_old_one(signed_in: Client, item: Item) -> None:
    address = f"/item/{item.handle}/versions/new/"
    assert "Make version 2" in text(signed_in, address)
    assert signed_in.post(address, {"reason": " "}).status_code == 422
    answer = signed_in.post(address, {"reason": "By reef zone"})
    new = Item.objects.get(previous_version=item)
    assert answer["Location"] == new.get_absolute_url()
    page = text(signed_in, new.get_absolute_url())
    assert "Version workflow" in page
    assert "By reef zone" in page
    assert f'superseded.</strong> Version 2 is <a href="{new.get_absolute_url()}"' in text(
        signed_in, item.get_absolute_url()
    )
    line = text(signed_in, f"/item/{item.handle}/versions/")
    assert line.index(new.handle) < line.rindex(item.handle)
    again = signed_in.post(address, {"reason": "Another"})
    assert again.status_code == 422
    assert new.handle in again.content.decode()


def test_a_clone_begins_with_the_content_and_asks_for_consent_again(
    signed_in: Client, user: User, item: Item
) -> None:
    page = text(signed_in, f"/items/new/model/?from={item.handle}")
    assert "Larval dispersal" in page
    assert "a copy of" in page
    person = services.person_of(user)
    page = text(signed_in, f"/items/new/person/?from={person.handle}")
    assert 'value="Silva"' in page
    assert "checked" not in page
    assert signed_in.get(f"/items/new/study/?from={item.handle}").status_code == 404


def test_access_is_given_to_a_group_and_taken_from_everyone(
    signed_in: Client, item: Item, make_user: MakeUser
) -> None:
    member = make_user("cleo")
    group = Group.objects.create(slug="reef", display_name="Reef team")
    group.members.add(member)
    address = f"/item/{item.handle}/settings/"
    added = signed_in.post(address, {"general": ["metadata-read"], "groups": "reef", "add": "1"})
    assert 'name="group-reef"' in added.content.decode()
    assert not item.access_events.exists()
    data = {"groups": ["reef"], "group-reef": ["metadata-write"]}
    assert signed_in.post(address, data).status_code == 302
    assert "metadata-write" in text(signed_in, address)
    assert services.settings_of(item) == {
        "owner": "ana",
        "general": [],
        "groups": {"reef": ["metadata-write"]},
    }
    signed_in.force_login(member)
    assert "/edit/" in text(signed_in, item.get_absolute_url())
    assert signed_in.post(address, {"general": ["admin"]}).status_code == 403


def test_a_lock_needs_a_reason_and_is_told_with_its_history(signed_in: Client, item: Item) -> None:
    address = f"/item/{item.handle}/lock/"
    page = signed_in.post(address, {"to": "lock", "reason": ""}, follow=True).content.decode()
    assert "Give a reason" in page
    signed_in.post(address, {"to": "lock", "reason": "Published"})
    page = signed_in.post(
        address, {"to": "unlock", "reason": "An erratum"}, follow=True
    ).content.decode()
    for told in ("Published", "An erratum", "can be changed again"):
        assert told in page


def test_only_registry_admins_delete_and_only_what_nothing_depends_on(
    registry_admin: Client, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    drain()
    address = f"/item/{item.handle}/delete/"
    assert "Nothing depends on it" in text(registry_admin, address)
    assert registry_admin.post(address, {"reason": ""}).status_code == 422
    assert registry_admin.post(address, {"reason": "A mistake"}).status_code == 302
    gone = registry_admin.get(item.get_absolute_url())
    assert gone.status_code == 410
    for told in ("Reef model", "was deleted on", "A mistake"):
        assert told in gone.content.decode()
    person = services.person_of(user)
    page = text(registry_admin, f"/item/{person.handle}/delete/")
    assert "ana is linked to it" in page
    registry_admin.force_login(user)
    assert registry_admin.get(f"/item/{person.handle}/delete/").status_code == 403


@pytest.mark.parametrize(
    "page",
    ["", "edit/", "history/", "versions/", "lineage/", "log/", "settings/", "workflow/"],
)
def test_a_stranger_learns_nothing_of_an_item_they_may_not_read(
    stranger: Client, hidden: Item, page: str
) -> None:
    answer = stranger.get(f"/item/{hidden.handle}/{page}")
    assert answer.status_code == 403
    assert SECRET not in answer.content.decode()
    assert "You may not read the item" in answer.content.decode()


def test_a_stranger_finds_it_nowhere(stranger: Client, hidden: Item, user: User) -> None:
    person = services.person_of(user)
    for address in (
        "/",
        "/items/",
        "/items/?kind=MODEL",
        "/items/?q=secret",
        "/items/?kind=CREATE",
        "/items/pick/?field=x&x=secret",
        "/jobs/",
        f"/item/{person.handle}/log/",
    ):
        page = text(stranger, address)
        assert SECRET not in page, address
        assert hidden.handle not in page, address


def test_a_restricted_neighbour_keeps_its_kind_and_edge_only(
    stranger: Client, hidden: Item, user: User
) -> None:
    page = text(stranger, f"/item/{services.person_of(user).handle}/lineage/")
    assert "Restricted item" in page
    assert "was attributed to" in page
    assert SECRET not in page
    assert hidden.handle not in page
    activity = Item.objects.get(subtype="CREATE")
    assert activity.handle not in page


def test_a_reference_to_what_one_may_not_read_is_shown_as_restricted(
    client: Client, user: User, make_user: MakeUser, make_item: MakeItem, hidden: Item
) -> None:
    workflow = make_item(user, subtype="MODEL_RUN_WORKFLOW_TEMPLATE", software_id=hidden.handle)
    client.force_login(make_user("ben"))
    page = text(client, workflow.get_absolute_url())
    assert "Restricted item" in page
    assert "you may not read it" in page
    assert SECRET not in page
    assert hidden.handle not in page


def test_the_picker_offers_what_fits_and_may_be_read(
    signed_in: Client, user: User, make_item: MakeItem, item: Item
) -> None:
    make_item(user, subtype="STUDY", display_name="Reef study", title="t", description="d")
    page = text(signed_in, "/items/pick/?of=MODEL&field=software_id&software_id=ree", headers=HTMX)
    assert f'data-value="{item.handle}"' in page
    assert "Reef study" not in page
    assert "option" not in text(signed_in, "/items/pick/?of=MODEL&field=a&a=zzzzqqq")
    assert item.handle in text(signed_in, "/items/pick/?of=MODEL&field=a&a=")


def test_all_references_that_fail_are_told_at_their_fields(signed_in: Client, user: User) -> None:
    person = services.person_of(user)
    data = {
        "display_name": "w",
        "software_id": person.handle,
        "input_templates": "0",
        "input_templates.0.template_id": "10378.1/9999999",
    }
    answer = signed_in.post("/items/new/model_run_workflow_template/", data)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "is a person, and a model is needed here" in page
    assert "There is no item 10378.1/9999999 that you may read" in page
    assert page.count('class="errors"') == 2


def test_a_pasted_id_leads_to_its_item(signed_in: Client, item: Item) -> None:
    answer = signed_in.get("/items/", {"q": f" {item.handle} "})
    assert (answer.status_code, answer["Location"]) == (302, item.get_absolute_url())
    unknown = signed_in.get("/items/", {"q": "10378.1/9"}, follow=True)
    assert "There is no item with the id 10378.1/9" in unknown.content.decode()


def test_search_says_which_field_matched(signed_in: Client, item: Item) -> None:
    page = text(signed_in, "/items/?q=dispersal")
    assert "Description:" in page
    assert "<mark>dispersal</mark>" in page
    assert "Nothing found" in text(signed_in, "/items/?q=qqzzyyxx")


@pytest.mark.parametrize("order", ["up", "down"])
@pytest.mark.parametrize("sort", ["updated", "created", "name"])
def test_every_sort_walks_all_items_once_in_full_pages(
    signed_in: Client, user: User, make_item: MakeItem, sort: str, order: str
) -> None:
    made = [
        make_item(user, subtype="ORGANISATION", display_name=name, name="n").handle
        for name in [f"Org {number % 7}" for number in range(58)]
    ]
    seen: list[Item] = []
    address = f"/items/?kind=ORGANISATION&owner=me&sort={sort}&order={order}"
    while address:
        found = signed_in.get(address, headers=HTMX).context
        seen += found["page"].rows
        assert len(found["page"].rows) == 25 or not found["more"]
        address = f"/items/{found['more']}" if found["more"] else ""
    assert sorted(one.handle for one in seen) == sorted(made)
    field = {"updated": "updated_at", "created": "created_at", "name": "display_name"}[sort]
    values = [getattr(one, field) for one in seen]
    assert values == sorted(values, reverse=order == "down")


@pytest.mark.parametrize("cursor", ["x", "bm90anNvbg", "WzEsMl0", "WyJhIiwtMV0", "W10", "\x00"])
@pytest.mark.parametrize("sort", ["updated", "created", "name"])
def test_a_mangled_cursor_is_the_first_page(
    signed_in: Client, item: Item, sort: str, cursor: str
) -> None:
    answer = signed_in.get("/items/", {"sort": sort, "order": "up", "after": cursor})
    assert answer.status_code == 200
    assert item in answer.context["page"].rows


@pytest.mark.parametrize("rows", [1, 24])
@pytest.mark.parametrize("query", ["", "?sort=name", "?owner=me&kind=MODEL", "?q=reef"])
def test_explore_costs_the_same_at_any_length(
    signed_in: Client,
    user: User,
    make_item: MakeItem,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    rows: int,
    query: str,
) -> None:
    for _ in range(rows):
        make_item(user)
    # session, user, items, owners, failed workflows; a search also asks for words and ranks
    with django_assert_max_num_queries(11 if "q=" in query else 5):
        signed_in.get(f"/items/{query}")


def test_the_fullest_item_page_costs_at_most_eight_queries(
    client: Client,
    user: User,
    make_user: MakeUser,
    make_item: MakeItem,
    item: Item,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    workflow = make_item(user, subtype="MODEL_RUN_WORKFLOW_TEMPLATE", software_id=item.handle)
    services.create_version(handle=workflow.handle, reason="r", by=user)
    services.lock(handle=workflow.handle, reason="r", by=user)
    client.force_login(make_user("ben"))
    # session, user, item, may the reader read its versions, lock, what it names, roles, jobs
    # (and, while one waits, whether a worker is alive, and pauses)
    with django_assert_max_num_queries(10):
        client.get(workflow.get_absolute_url())
    drain()
    with django_assert_max_num_queries(8):
        client.get(workflow.get_absolute_url())


def test_groups_are_listed_and_members_see_members(
    client: Client, make_user: MakeUser, user: User
) -> None:
    group = Group.objects.create(slug="reef", display_name="Reef team", description="Who models")
    group.members.add(make_user("cleo", first_name="Cleo", last_name="Diaz"))
    client.force_login(user)
    page = text(client, "/groups/")
    assert "Reef team" in page
    assert "Cleo Diaz" not in page
    group.members.add(user)
    assert "Cleo Diaz" in text(client, "/groups/")


def test_a_new_dataset_gives_ticked_groups_their_default_access(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    Group.objects.create(
        slug="reef", display_name="Reef", default_data_roles=["dataset-data-write"]
    )
    organisation = make_item(user, subtype="ORGANISATION", name="n")
    info = "collection_format.dataset_info"
    data = {
        "collection_format.associations.organisation_id": organisation.handle,
        f"{info}.name": "Currents",
        f"{info}.description": "d",
        f"{info}.access_info.reposited": "on",
        f"{info}.publisher_id": organisation.handle,
        f"{info}.license": "https://example.org/l",
        "group": "reef",
    }
    assert signed_in.post("/items/new/dataset/", data).status_code == 302
    item = Item.objects.get(subtype="DATASET")
    assert item.display_name == "Currents"
    assert Grant.objects.get(item=item, group__slug="reef").roles == ["dataset-data-write"]
    assert (
        item.system["s3"]["path"] == f"datasets/{item.handle.replace('.', '-').replace('/', '-')}/"
    )


def test_the_log_tells_all_that_happened(signed_in: Client, user: User, item: Item) -> None:
    drain()
    services.lock(handle=item.handle, reason="Published", by=user)
    services.change_access(handle=item.handle, general=["metadata-write"], groups={}, by=user)
    services.create_version(handle=item.handle, reason="Zones", by=user)
    page = text(signed_in, f"/item/{item.handle}/log/")
    for told in ("Registered", "Register Create Activity", "Locked", "Published", "Zones"):
        assert told in page
    assert "everyone may now: metadata-write" in page


def test_a_form_keeps_which_groups_were_ticked_when_it_is_refused(
    signed_in: Client, user: User
) -> None:
    Group.objects.create(slug="reef", display_name="R", default_data_roles=["dataset-data-read"])
    ticked = 'value="reef" id="group-reef" checked'
    assert ticked in text(signed_in, "/items/new/dataset/")
    page = signed_in.post("/items/new/dataset/", {"x": "y"}).content.decode()
    assert 'value="reef"' in page
    assert ticked not in page
    assert ticked in signed_in.post("/items/new/dataset/", {"group": "reef"}).content.decode()


def test_what_access_others_have_is_told_to_administrators_of_the_item_only(
    signed_in: Client, user: User, item: Item, make_user: MakeUser
) -> None:
    Group.objects.create(slug="embargo", display_name="Embargo")
    wanted: dict[str, Any] = {"general": ["metadata-read"], "groups": {"embargo": ["admin"]}}
    services.change_access(handle=item.handle, by=user, **wanted)
    address = f"/item/{item.handle}/log/"
    assert "embargo may now: admin" in text(signed_in, address)
    signed_in.force_login(make_user("ben"))
    assert "embargo" not in text(signed_in, address)


def test_access_that_changed_meanwhile_is_not_overwritten(
    signed_in: Client, user: User, item: Item
) -> None:
    Group.objects.create(slug="reef", display_name="Reef team")
    address = f"/item/{item.handle}/settings/"
    assert 'name="seen" value="0"' in text(signed_in, address)
    wanted: dict[str, Any] = {"general": ["metadata-read"], "groups": {"reef": ["metadata-write"]}}
    services.change_access(handle=item.handle, by=user, **wanted)
    answer = signed_in.post(address, {"general": [], "seen": "0"})
    assert answer.status_code == 422
    assert "reef may now: metadata-write" in answer.content.decode()
    assert services.settings_of(item)["groups"] == {"reef": ["metadata-write"]}
    assert signed_in.post(address, {"general": ["metadata-read"], "seen": "1"}).status_code == 302
    assert services.settings_of(item)["groups"] == {}


def test_a_group_that_was_chosen_and_not_added_is_added_instead_of_lost(
    signed_in: Client, item: Item
) -> None:
    Group.objects.create(slug="reef", display_name="Reef team")
    answer = signed_in.post(
        f"/item/{item.handle}/settings/", {"general": "metadata-read", "new_group": "reef"}
    )
    assert 'name="group-reef"' in answer.content.decode()


@pytest.mark.parametrize("reason", ["\x01bad", "\u200b", "ok \x7f", "x" * 20_001])
def test_a_reason_that_the_workflow_could_not_keep_is_refused_at_once(
    signed_in: Client, item: Item, reason: str
) -> None:
    answer = signed_in.post(f"/item/{item.handle}/versions/new/", {"reason": reason})
    assert answer.status_code == 422
    assert "The reason cannot be kept" in answer.content.decode()
    assert not Item.objects.filter(previous_version=item).exists()


def test_comparing_texts_takes_no_longer_than_reading_them(
    signed_in: Client, user: User, item: Item
) -> None:
    """Words that repeat make comparing cubic: this took minutes. pytest-timeout is the bound."""
    for number, word in enumerate(("a ", "b ", "a b ", "b a ")):
        content = MODEL | {"description": word * 4_000, "name": f"n{number}"}
        services.update(handle=item.handle, subtype="MODEL", content=content, reason="r", by=user)
    assert "Revision 5" in text(signed_in, f"/item/{item.handle}/history/")


@pytest.mark.parametrize(
    "address",
    [
        "/items/pick/?field=x&of=%00",
        "/items/?kind=%00&owner=%00&sort=%00&q=%00",
        "/items/?sort=updated&after=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiw1XQ",
        "/items/?sort=updated&after=WyI5OTk5LTEyLTMxVDIzOjU5OjU5LTE0OjAwIiw1XQ",
        "/items/?sort=created&order=up&after=WzFlNDAwLDFd",
        "/items/?after=W251bGwsNV0",
        "/items/?sort=name&after=WyJcdWQ4MDAiLDVd",
    ],
)
def test_odd_addresses_are_answered(signed_in: Client, address: str) -> None:
    assert signed_in.get(address).status_code == 200


def test_odd_posts_are_answered(signed_in: Client, user: User, item: Item) -> None:
    assert signed_in.post("/items/new/dataset/", {"group": "\0"}).status_code == 422
    odd = {"groups": "\0", "new_group": "\0", "seen": "9" * 50, "general": "\0"}
    assert signed_in.post(f"/item/{item.handle}/settings/", odd).status_code in {200, 422}
    rows = {"do": "add:input_templates", "input_templates": "9" * 5_000}
    assert signed_in.post("/items/new/model_run_workflow_template/", rows).status_code == 200
    strange = {"do": "add:nothing"}
    assert signed_in.post("/items/new/model/", strange, headers=HTMX).status_code == 204


def test_what_is_too_large_is_told_so_and_stores_nothing(signed_in: Client, user: User) -> None:
    rows = {f"deferred_resources.{n}.key": "k" for n in range(10_001)}
    answer = signed_in.post("/items/new/dataset_template/", {"display_name": "x"} | rows)
    assert answer.status_code == 413
    assert "at most 10000 fields" in answer.content.decode()
    answer = signed_in.post("/items/new/model/", MODEL | {"description": "x" * 21_000_000})
    assert answer.status_code == 413
    assert not Item.objects.exclude(subtype="PERSON").exists()


def test_the_kinds_are_explained_on_one_page(signed_in: Client) -> None:
    page = text(signed_in, "/help/kinds/")
    for told in ("Workflow template", "Made by jobs only", "Data custodian", 'id="DATASET"'):
        assert told in page


def test_the_release_of_a_dataset_is_asked_for_and_decided_on_its_settings(
    client: Client, user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    dataset = make_item(user, subtype="DATASET")
    page, address = f"/item/{dataset.handle}/settings/", f"/item/{dataset.handle}/release/"
    reviewer, reader = make_user("rev", first_name="Rev"), make_user("ben")
    client.force_login(user)
    assert "the list of reviewers is empty" in text(client, page)
    person = services.person_of(reviewer)
    assert person
    services.add_reviewer(person.handle)
    asking = {"approver": person.handle, "notes": "Ready <b>"}
    client.force_login(reader)
    assert "Request a review" not in text(client, page)
    refused = client.post(address, asking)
    assert (refused.status_code, "it needs the role admin" in refused.text) == (422, True)
    client.force_login(user)
    refused = client.post(address, asking | {"approver": ""})
    assert refused.status_code == 422
    assert "Choose who is to review it" in refused.text
    assert "Ready &lt;b&gt;</textarea>" in refused.text  # kept
    assert f'value="{person.handle}"' in text(client, page)
    assert client.post(address, asking)["Location"] == page
    asked = text(client, page)
    assert f"waits for the decision of {person.display_name}" in asked
    assert "Request a review" not in asked
    assert "Approve the release" not in asked
    client.force_login(reader)  # who asked whom, and with which words, is for all readers
    assert "Ready &lt;b&gt;" in text(client, page)
    assert client.post(address, {"act": "approve"}).status_code == 422
    client.force_login(reviewer)
    assert "You are asked to review its release" in text(client, dataset.get_absolute_url())
    assert "Approve the release" in text(client, page)
    client.post(address, {"act": "reject", "notes": "Units are missing"})
    dataset.refresh_from_db()
    assert dataset.system["release_status"] == "NOT_RELEASED"
    client.force_login(user)
    assert "Units are missing" in text(client, page)
    client.post(address, asking)
    client.force_login(reviewer)
    client.post(address, {"act": "approve", "notes": "Fine"})
    dataset.refresh_from_db()
    assert dataset.system["release_status"] == "RELEASED"
    released = text(client, page)
    assert "Released. Its files cannot be changed" in released
    assert "Approve the release" not in released
    services.change_access(handle=person.handle, general=[], groups={}, by=reviewer)
    client.force_login(reader)
    hidden = text(client, page)
    assert person.handle not in hidden
    assert "somebody whom you may not see" in hidden


def test_only_datasets_are_released(signed_in: Client, item: Item) -> None:
    assert "Request a review" not in text(signed_in, f"/item/{item.handle}/settings/")
    answer = signed_in.post(f"/item/{item.handle}/release/", {"approver": "10378.1/1000001"})
    assert answer.status_code == 422
    assert "not a dataset" in answer.text


def test_a_form_sent_back_as_it_is_changes_nothing_where_ticks_were_left_out(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    resource = {"description": "Forcing", "usage_type": "FORCING_DATA", "path": "a.nc"}
    item = make_item(user, subtype="DATASET_TEMPLATE", defined_resources=[resource])
    posted = {"display_name": item.display_name, "reason": "No", "seen": "1"}
    posted |= {"defined_resources": "0"} | {
        f"defined_resources.0.{name}": value for name, value in resource.items()
    }
    answer = signed_in.post(f"/item/{item.handle}/edit/", posted)
    assert "Nothing was changed" in answer.text
