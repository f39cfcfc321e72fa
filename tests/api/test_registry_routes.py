"""The registry API: who may use its routes, and what is refused, in which order."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries, Settings

from provena.api import api as the_api
from registry import kinds, services
from registry.api.of_kinds import ALL, SIX, address
from registry.kinds import Kind
from registry.models import Group, Item
from tests.api.conftest import Answer, Caller
from tests.conftest import MODEL, PERSON, drain

PREFIX = "/registry-api"
MODELS = f"{PREFIX}/registry/entity/model"
UNKNOWN = "10378.1/999"
MakeItem = Callable[..., Item]
Act = Callable[[Caller, str], Answer]


def routes() -> Iterator[tuple[str, str]]:
    """The method and path of every route that needs a token."""
    for path, methods in the_api.get_openapi_schema()["paths"].items():
        for method in methods:
            if path.startswith(PREFIX) and path != f"{PREFIX}/":
                yield method, path


ROUTES = list(routes())


@pytest.mark.parametrize("token", ["", "provena_" + "x" * 43])
def test_no_route_answers_without_a_valid_token(token: str, db: None) -> None:
    assert len(ROUTES) > 150
    for method, path in ROUTES:
        answer = getattr(Caller(token), method)(path)
        assert (answer.status, "token" in answer.detail) == (401, True), path


def test_no_route_answers_who_may_not_even_read_the_registry(
    api: Caller, settings: Settings
) -> None:
    settings.REGISTRY_LEVEL = "none"
    for method, path in ROUTES:
        if "about" not in path:
            assert getattr(api, method)(path).status == 401, path


@pytest.mark.parametrize("kind", ALL)
def test_what_writes_needs_more_than_reading(
    kind: type[Kind], api: Caller, settings: Settings
) -> None:
    settings.REGISTRY_LEVEL = "read"
    writing = {"create", "update", "seed", "version", "revert", "lock", "unlock", "delete"}
    for method, path in ROUTES:
        if path.startswith(PREFIX + address(kind)):
            last = path.rpartition("/")[2]
            is_writing = last in writing or (method, last) == ("put", "configuration")
            answer = getattr(api, method)(path)
            assert (answer.status == 401) == is_writing, path


def test_kinds_have_the_routes_that_the_client_calls() -> None:
    paths = {path for _, path in ROUTES}
    for kind in ALL:
        for action in ("fetch", "revert", "list", "validate", "schema", "ui_schema", "delete"):
            assert f"{PREFIX}{address(kind)}/{action}" in paths
        for action in ("create", "update", "seed"):
            assert (f"{PREFIX}{address(kind)}/{action}" in paths) == (kind in SIX)
        is_versioned = kind in SIX and kind.versioned
        assert (f"{PREFIX}{address(kind)}/version" in paths) == is_versioned


def test_a_body_of_the_wrong_shape_lists_every_fault(api: Caller) -> None:
    answer = api.post(f"{MODELS}/create", {"name": 7, "colour": "red"})
    assert answer.status == 422
    found = {".".join(map(str, fault["loc"])) for fault in answer.json["detail"]}
    assert {"body.name", "body.colour", "body.display_name", "body.source_url"} <= found


@pytest.mark.parametrize(
    "body", [None, [], "text", 7, {"display_name": {"a" * 5: {}}}, {"display_name": "\0"}]
)
def test_what_is_no_content_is_refused(body: Any, api: Caller) -> None:
    assert api.post(f"{MODELS}/create", body).status in {400, 422}


@pytest.mark.parametrize("id", ["", "nonsense", "a\0b", "x" * 5_000, "10378.1/" + "9" * 50, "☃"])
def test_odd_ids_are_refused_in_words(id: str, api: Caller) -> None:
    for answer in (
        api.get(f"{PREFIX}/registry/general/fetch", id=id),
        api.get(f"{MODELS}/fetch", id=id),
        api.put(f"{MODELS}/locks/lock", {"id": id, "reason": "x"}),
        api.put(f"{MODELS}/revert", {"id": id, "history_id": 0, "reason": "x"}),
        api.put(f"{MODELS}/update", MODEL, id=id, reason="x"),
        api.get(f"{MODELS}/auth/evaluate", id=id),
    ):
        assert answer.status in {200, 400, 422}
        assert not (answer.status == 200 and answer.success)


def test_half_characters_are_refused(api: Caller, user: User, make_item: MakeItem) -> None:
    item = make_item(user)
    assert api.put(f"{MODELS}/locks/lock", {"id": "\ud800", "reason": "x"}).status == 400
    assert api.put(f"{MODELS}/locks/lock", {"id": item.handle, "reason": "\ud800"}).status == 400
    wanted = {"owner": user.username, "general": [], "groups": {"\ud800": ["admin"]}}
    assert api.put(f"{MODELS}/auth/configuration", wanted, id=item.handle).status == 400
    assert api.post(f"{MODELS}/create", MODEL | {"name": "\ud800"}).status == 400


@pytest.mark.parametrize("number", [-(2**70), -1, 1, 2**31, 2**40, 2**63, 2**70])
def test_a_history_id_that_is_not_there_is_refused(
    number: int, api: Caller, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    asked = {"id": item.handle, "history_id": number, "reason": "x"}
    answer = api.put(f"{MODELS}/revert", asked)
    assert answer.status == 400
    assert item.handle in answer.detail
    assert str(number) in answer.detail


# Each action, as a caller asks for it of an item of that id.


def do_update(caller: Caller, id: str) -> Answer:
    return caller.put(f"{MODELS}/update", MODEL, id=id, reason="Mended")


def do_revert(caller: Caller, id: str) -> Answer:
    return caller.put(f"{MODELS}/revert", {"id": id, "history_id": 0, "reason": "Back"})


def do_version(caller: Caller, id: str) -> Answer:
    return caller.post(f"{MODELS}/version", {"id": id, "reason": "New grid"})


def do_lock(caller: Caller, id: str) -> Answer:
    return caller.put(f"{MODELS}/locks/lock", {"id": id, "reason": "Published"})


def do_unlock(caller: Caller, id: str) -> Answer:
    return caller.put(f"{MODELS}/locks/unlock", {"id": id, "reason": "Mistake"})


def do_change_access(caller: Caller, id: str) -> Answer:
    wanted: dict[str, Any] = {"owner": "ana", "general": [], "groups": {}}
    return caller.put(f"{MODELS}/auth/configuration", wanted, id=id)


def do_read_access(caller: Caller, id: str) -> Answer:
    return caller.get(f"{MODELS}/auth/configuration", id=id)


def do_read_locks(caller: Caller, id: str) -> Answer:
    return caller.get(f"{MODELS}/locks/history", id=id)


def do_read_lock(caller: Caller, id: str) -> Answer:
    return caller.get(f"{MODELS}/locks/locked", id=id)


ACTS: list[Act] = [
    do_update,
    do_revert,
    do_version,
    do_lock,
    do_unlock,
    do_change_access,
    do_read_access,
    do_read_locks,
    do_read_lock,
]
IN_STATUS = {do_update, do_revert}  # tell another kind as 200 without success


@pytest.mark.parametrize("act", ACTS)
def test_an_unknown_id_is_a_wrong_request(act: Act, api: Caller) -> None:
    answer = act(api, UNKNOWN)
    assert (answer.status, answer.json["ids"]) == (400, [UNKNOWN])


@pytest.mark.parametrize("act", ACTS)
def test_what_is_not_granted_is_refused_whatever_the_kind(
    act: Act, stranger: Caller, user: User, make_item: MakeItem
) -> None:
    for subtype in ("MODEL", "STUDY"):
        item = make_item(user, subtype=subtype)
        services.change_access(handle=item.handle, general=[], groups={}, by=user)
        refused = act(stranger, item.handle)
        if subtype == "STUDY" and act is do_update:  # its kind is told before the role is asked
            assert refused.status == 200
            assert not refused.success
        else:
            assert (refused.status, refused.json["code"]) == (401, "not_allowed")
        assert item.display_name not in refused.text


@pytest.mark.parametrize("act", ACTS)
def test_an_item_of_another_kind_is_refused(
    act: Act, api: Caller, user: User, make_item: MakeItem
) -> None:
    item = make_item(user, subtype="STUDY")
    answer = act(api, item.handle)
    if act in IN_STATUS:
        assert answer.status == 200
        assert not answer.success
    else:
        assert (answer.status, answer.json["code"]) in {(400, "wrong_kind"), (400, "refused")}
    assert "study" in answer.detail.lower()


@pytest.mark.parametrize("act", [do_update, do_revert])
def test_a_locked_item_is_not_changed(
    act: Act, api: Caller, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    assert do_lock(api, item.handle).success
    answer = act(api, item.handle)
    assert (answer.status, answer.json["code"]) == (401, "locked")
    assert do_lock(api, item.handle).status == 400
    assert do_unlock(api, item.handle).success
    assert do_unlock(api, item.handle).status == 400
    assert act(api, item.handle).success


def test_a_reason_is_needed(api: Caller, user: User, make_item: MakeItem) -> None:
    handle = make_item(user).handle
    for reason in ({}, {"reason": " "}, {"reason": "x" * 20_001}):
        assert api.put(f"{MODELS}/update", MODEL, id=handle, **reason).status == 400
    for path, body in (
        ("revert", {"id": handle, "history_id": 0, "reason": " "}),
        ("locks/lock", {"id": handle, "reason": ""}),
    ):
        answer = api.put(f"{MODELS}/{path}", body)
        assert (answer.status, "reason" in answer.detail) == (400, True)


def test_what_is_wrong_with_content_comes_before_all_else_and_in_the_status(
    api: Caller, stranger: Caller, user: User, make_item: MakeItem
) -> None:
    people = f"{PREFIX}/registry/agent/person"
    no_consent = PERSON | {"display_name": "Bo", "ethics_approved": False}
    for answer in (
        api.post(f"{people}/create", no_consent),
        api.post(f"{people}/validate", no_consent),
        api.put(f"{people}/update", no_consent, id=UNKNOWN, reason=""),
    ):
        assert answer.status == 200
        assert not answer.success
        assert "consent" in answer.detail
    templates = f"{PREFIX}/registry/entity/model_run_workflow"
    dangling = {"display_name": "t", "software_id": UNKNOWN}
    dangling["input_templates"] = [{"template_id": "10378.1/998"}]  # type: ignore[assignment]
    answer = api.post(f"{templates}/create", dangling)
    assert not answer.success
    assert UNKNOWN in answer.detail
    assert "10378.1/998" in answer.detail
    assert Item.objects.filter(subtype="MODEL_RUN_WORKFLOW_TEMPLATE").count() == 0


@pytest.mark.parametrize("kind", SIX)
def test_a_linked_person_is_needed_where_provenance_names_one(
    kind: type[Kind], calling: Callable[[User], Caller], make_user: Callable[..., User]
) -> None:
    newcomer = calling(make_user("newcomer", linked=False))
    answer = newcomer.post(f"{PREFIX}{address(kind)}/seed")
    if kind.needs_person:
        assert (answer.status, answer.json["code"]) == (400, "person_needed")
    else:
        assert answer.success


def test_a_seed_is_fetched_only_when_it_is_allowed(api: Caller) -> None:
    seed = api.post(f"{MODELS}/seed").json["seeded_item"]
    assert set(seed) >= {"id", "owner_username", "created_timestamp", "versioning_info"}
    assert not {"display_name", "history", "name"} & set(seed)
    refused = api.get(f"{MODELS}/fetch", id=seed["id"])
    assert refused.status == 200
    assert not refused.success
    assert api.get(f"{MODELS}/fetch", id=seed["id"], seed_allowed=True).json["item"] == seed
    for act in (do_revert, do_version):
        assert act(api, seed["id"]).status == 400


def test_completing_a_seed_starts_its_workflow_and_tells_the_session(api: Caller) -> None:
    seed = api.post(f"{MODELS}/seed").json["seeded_item"]
    answer = api.put(f"{MODELS}/update", MODEL, id=seed["id"])
    session = answer.json["register_create_activity_session_id"]
    item = api.get(f"{MODELS}/fetch", id=seed["id"]).json["item"]
    assert item["workflow_links"] == {"create_activity_workflow_id": session}
    again = api.put(f"{MODELS}/update", MODEL, id=seed["id"], reason="Better")
    assert again.success
    assert again.json["register_create_activity_session_id"] is None


def test_only_the_latest_version_can_have_a_next_one(
    api: Caller, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    new = do_version(api, item.handle).json["new_version_id"]
    answer = do_version(api, item.handle)
    assert (answer.status, new in answer.json["ids"]) == (400, True)


def test_what_jobs_make_is_read_only(api: Caller, user: User, make_item: MakeItem) -> None:
    make_item(user)
    drain()
    activity = Item.objects.get(subtype="CREATE")
    path = f"{PREFIX}{address(kinds.kind('CREATE'))}/revert"
    answer = api.put(path, {"id": activity.handle, "history_id": 0, "reason": "x"})
    assert (answer.status, "system only" in answer.detail) == (400, True)


def test_access_settings_are_kept_only_if_all_of_them_exist(
    api: Caller, user: User, make_item: MakeItem
) -> None:
    Group.objects.create(slug="reef", display_name="Reef")
    item = make_item(user)
    path = f"{MODELS}/auth/configuration"
    before = api.get(path, id=item.handle).json
    for wrong, named in (
        ({"general": ["owner"]}, "owner"),
        ({"general": ["dataset-data-read"]}, "dataset-data-read"),
        ({"groups": {"nobody": ["admin"], "nothing": []}}, "nobody, nothing"),
        ({"owner": "stranger"}, "ana"),
    ):
        answer = api.put(path, before | wrong, id=item.handle)
        assert (answer.status, named in answer.detail) == (400, True)
    assert api.get(path, id=item.handle).json == before
    assert api.put(path, before | {"groups": {"reef": ["admin"]}}, id=item.handle).success
    assert api.get(path, id=item.handle).json["groups"] == {"reef": ["admin"]}


def test_roles_are_told_of_items_of_any_kind_and_may_be_none(
    api: Caller, stranger: Caller, user: User, make_item: MakeItem
) -> None:
    item = make_item(user, subtype="STUDY")
    path = f"{MODELS}/auth/evaluate"
    assert "admin" in api.get(path, id=item.handle).json["roles"]
    assert stranger.get(path, id=item.handle).json["roles"] == ["metadata-read"]
    services.change_access(handle=item.handle, general=[], groups={}, by=user)
    assert stranger.get(path, id=item.handle).json["roles"] == []
    assert api.get(path, id=UNKNOWN).status == 400


def test_deleting_is_for_administrators_and_never_leaves_anything_dangling(
    api: Caller, admin: Caller, user: User, make_item: MakeItem
) -> None:
    organisation = make_item(user, subtype="ORGANISATION")
    path = f"{MODELS}/delete"  # the kind is not checked
    assert api.delete(path, id=organisation.handle).status == 401
    services.lock(handle=organisation.handle, reason="Paper", by=user)
    assert admin.delete(path, id=organisation.handle).json["code"] == "locked"
    services.unlock(handle=organisation.handle, reason="Paper", by=user)
    model = make_item(user)
    answer = admin.delete(path, id=model.handle)  # its jobs have not finished
    assert (answer.status, "depends" in answer.detail) == (400, True)
    assert admin.delete(path, id=organisation.handle).success
    assert admin.delete(path, id=organisation.handle).success  # it is gone already
    assert admin.delete(path, id=UNKNOWN).success
    assert Item.objects.get(pk=organisation.pk).tombstone.reason
    assert api.get(f"{PREFIX}/registry/general/fetch", id=organisation.handle).success is False


@pytest.mark.parametrize("kind", ALL)
def test_schemas_describe_every_field(kind: type[Kind], api: Caller) -> None:
    schema = api.get(f"{PREFIX}{address(kind)}/schema").json["json_schema"]
    form = api.get(f"{PREFIX}{address(kind)}/ui_schema").json["ui_schema"]
    assert set(form["ui:order"]) - {"*"} <= set(schema["properties"])
    assert form["ui:order"][-1] == "*"


def test_one_item_costs_few_queries(
    api: Caller,
    user: User,
    make_item: MakeItem,
    uncounted: None,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    item = make_item(user)
    for number in range(5):
        services.update(
            handle=item.handle, subtype="MODEL", content=MODEL, reason=str(number), by=user
        )
    # Token, item, its owner, its history, who wrote it.
    with django_assert_num_queries(5):
        assert api.get(f"{MODELS}/fetch", id=item.handle).success
