"""Datasets over the data store API: what is kept, who may do what, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import services
from registry.kinds.datasets import Dataset
from registry.models import Item
from tests.api.conftest import Caller
from tests.conftest import dataset
from tests.registry.strategies import contents

MINT, FETCH = "/data-api/register/mint-dataset", "/data-api/registry/items/fetch-dataset"
VALIDATE, SCHEMA = "/data-api/metadata/validate-metadata", "/data-api/metadata/dataset-schema"
UPDATE, REVERT = "/data-api/register/update-metadata", "/data-api/register/revert-metadata"
LIST = "/data-api/registry/items/list"
VERSION = "/data-api/register/version"
URL = "/data-api/registry/items/generate-presigned-url"
READ_KEYS = "/data-api/registry/credentials/generate-read-access-credentials"
WRITE_KEYS = "/data-api/registry/credentials/generate-write-access-credentials"


@pytest.fixture
def content(user: User, make_item: Callable[..., Item]) -> dict[str, Any]:
    """What a client sends to register a dataset."""
    return dataset(make_item(user, subtype="ORGANISATION").handle)["collection_format"]


@pytest.fixture
def handle(api: Caller, content: dict[str, Any]) -> str:
    """The id of a dataset of `user`."""
    return api.post(MINT, content).json["handle"]


def test_a_minted_dataset_has_an_id_a_place_and_a_workflow(
    api: Caller, content: dict[str, Any], user: User
) -> None:
    answer = api.post(MINT, content)
    assert answer.success
    item = Item.objects.get(handle=answer.json["handle"])
    assert item.owner == user
    path = f"datasets/{item.handle.replace('.', '-').replace('/', '-')}/"
    assert answer.json["s3_location"] == {
        "bucket_name": "provena",
        "path": path,
        "s3_uri": f"s3://provena/{path}",
    }
    first = item.creation_workflow.jobs.get(step=0)
    assert answer.json["register_create_activity_session_id"] == str(first.session_id)
    fetched = api.get(FETCH, handle_id=item.handle)
    assert fetched.success
    assert fetched.json["locked"] is False
    assert set(fetched.json["roles"]) >= {"admin", "dataset-data-write"}
    told = fetched.json["item"]
    assert told["collection_format"] == content
    assert told["s3"] == answer.json["s3_location"]
    assert (told["release_status"], told["release_history"]) == ("NOT_RELEASED", [])
    assert not {"access_info_uri", "release_approver", "release_timestamp"} & set(told)


def test_the_address_of_data_held_elsewhere_is_told_beside_its_content(
    api: Caller, content: dict[str, Any]
) -> None:
    access = {"reposited": False, "uri": "https://example.org/currents", "description": "Open"}
    content["dataset_info"]["access_info"] = access
    handle = api.post(MINT, content).json["handle"]
    told = api.get(FETCH, handle_id=handle).json["item"]
    assert told["access_info_uri"] == access["uri"]
    assert told["s3"]["bucket_name"]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_valid_dataset_comes_back_as_it_was_sent(
    data: st.DataObject, api: Caller, user: User
) -> None:
    organisation, person = _referred_to(user)
    ids = {"ORGANISATION": [organisation], "PERSON": [person]}
    content = data.draw(contents(Dataset, ids))["collection_format"]
    minted = api.post(MINT, content)
    assert minted.success, minted.text
    told = api.get(FETCH, handle_id=minted.json["handle"]).json["item"]
    assert told["collection_format"] == content
    assert told["display_name"] == content["dataset_info"]["name"]
    assert told.get("user_metadata") == content["dataset_info"].get("user_metadata")


def _referred_to(user: User) -> tuple[str, str]:
    """An organisation and a person that datasets can name."""
    organisation = Item.objects.of_kind("ORGANISATION").first() or services.register(
        subtype="ORGANISATION", content={"display_name": "Reef", "name": "Reef"}, owner=user
    )
    return organisation.handle, services.person_of(user).handle


def test_the_page_of_a_dataset_tells_where_its_files_are_when_that_was_left_to_the_default(
    api: Caller, signed_in: Client, content: dict[str, Any]
) -> None:
    content["dataset_info"]["access_info"] = {}
    minted = api.post(MINT, content).json
    page = signed_in.get(f"/item/{minted['handle']}/").content.decode()
    assert minted["s3_location"]["s3_uri"] in page


def test_refused_content_is_told_in_the_status(api: Caller, content: dict[str, Any]) -> None:
    content["approvals"]["export_controls"] = {"relevant": True, "obtained": False}
    content["dataset_info"]["publisher_id"] = "10378.1/7"
    for path in (MINT, VALIDATE):
        answer = api.post(path, content)
        assert (answer.status, answer.success) == (200, False)
        assert "Export controls" in answer.detail
        assert "collection_format" not in answer.detail
    content["approvals"]["export_controls"] = {"relevant": True, "obtained": True}
    assert "10378.1/7" in api.post(MINT, content).detail
    assert not Item.objects.filter(subtype="DATASET").exists()


def test_faults_of_shape_are_told_where_they_are_in_the_body(
    api: Caller, content: dict[str, Any], handle: str
) -> None:
    content["dataset_info"] |= {"name": "", "surprise": 1}
    del content["associations"]
    for answer in (
        api.post(MINT, content),
        api.post(VALIDATE, content),
        api.post(UPDATE, content, handle_id=handle, reason="Tidied"),
    ):
        assert answer.status == 422
        places = {tuple(fault["loc"]) for fault in answer.json["detail"]}
        assert places == {
            ("body", "associations"),
            ("body", "dataset_info", "name"),
            ("body", "dataset_info", "surprise"),
        }


def test_validation_answers_bare_and_in_a_status_and_stores_nothing(
    api: Caller, content: dict[str, Any]
) -> None:
    answer = api.post(VALIDATE, content)
    assert answer.json["success"] is answer.json["status"]["success"] is True
    assert answer.json["details"] == answer.json["status"]["details"]
    assert not Item.objects.filter(subtype="DATASET").exists()


def test_who_is_no_person_cannot_mint(
    content: dict[str, Any],
    calling: Callable[[User], Caller],
    make_user: Callable[..., User],
) -> None:
    answer = calling(make_user("newcomer", linked=False)).post(MINT, content)
    assert (answer.status, answer.json["code"]) == (400, "person_needed")


def test_the_schema_is_that_of_the_body(api: Caller) -> None:
    schema = api.get(SCHEMA).json["json_schema"]
    assert set(schema["properties"]) == {"associations", "approvals", "dataset_info"}


def test_an_update_replaces_content_and_keeps_what_the_system_keeps(
    api: Caller, content: dict[str, Any], handle: str
) -> None:
    before = api.get(FETCH, handle_id=handle).json["item"]
    content["dataset_info"] |= {"description": "Hourly", "keywords": []}
    answer = api.post(UPDATE, content, handle_id=handle, reason="By the hour")
    assert answer.success
    assert (answer.json["handle"], answer.json["s3_location"]) == (handle, before["s3"])
    after = api.get(FETCH, handle_id=handle).json["item"]
    assert after["collection_format"] == content
    history = [(entry["id"], entry["reason"]) for entry in after["history"]]
    assert history == [(1, "By the hour"), (0, "First registration")]


def test_what_an_update_refuses(
    api: Caller, stranger: Caller, user: User, content: dict[str, Any], handle: str
) -> None:
    def updated(caller: Caller = api, to: str = handle, reason: str = "Why") -> Any:
        answer = caller.post(UPDATE, content, handle_id=to, reason=reason)
        return answer.status, answer.detail

    assert updated(to="10378.1/7")[0] == 400
    assert updated(reason=" ")[0] == 400
    organisation = content["associations"]["organisation_id"]
    assert updated(to=organisation)[0] == 400
    assert "is an organisation, not a dataset" in updated(to=organisation)[1]
    assert updated(stranger)[0] == 401
    services.lock(handle=handle, reason="Published", by=user)
    assert updated()[0] == 401
    services.unlock(handle=handle, reason="Again", by=user)
    content["approvals"]["export_controls"] = {"obtained": True}
    assert updated()[0] == 400
    assert "Export controls" in updated()[1]
    assert api.post(UPDATE, content, handle_id=handle).status == 422


def test_a_revert_brings_back_content_alone(
    api: Caller, stranger: Caller, content: dict[str, Any], handle: str
) -> None:
    changed = content | {"dataset_info": content["dataset_info"] | {"name": "Renamed"}}
    api.post(UPDATE, changed, handle_id=handle, reason="Renamed")
    released = {"release_status": "RELEASED", "release_history": []}
    item = Item.objects.get(handle=handle)
    item.system |= released
    item.save()
    back = {"id": handle, "history_id": 0, "reason": "It was right"}
    assert stranger.put(REVERT, back).status == 401
    assert api.put(REVERT, back).success
    told = api.get(FETCH, handle_id=handle).json["item"]
    assert told["collection_format"] == content
    assert told["release_status"] == "RELEASED"
    assert "It was right" in told["history"][0]["reason"]
    unknown = api.put(REVERT, back | {"history_id": 9})
    assert (unknown.status, f"{handle} has no entry 9" in unknown.detail) == (400, True)
    assert api.put(REVERT, back | {"id": "10378.1/7"}).status == 400
    assert api.put(REVERT, back | {"history_id": -1}).status == 400
    assert api.put(REVERT, back | {"history_id": "first"}).status == 422
    assert api.put(REVERT, back | {"reason": ""}).status == 400


def test_a_version_is_a_dataset_of_its_own(
    api: Caller, stranger: Caller, user: User, content: dict[str, Any], handle: str
) -> None:
    assert stranger.post(VERSION, {"id": handle, "reason": "More"}).status == 401
    answer = api.post(VERSION, {"id": handle, "reason": "More of it"})
    assert (answer.status, set(answer.json)) == (200, {"new_version_id", "version_job_session_id"})
    new = api.get(FETCH, handle_id=answer.json["new_version_id"]).json["item"]
    assert new["collection_format"] == content
    assert new["versioning_info"] == {
        "version": 2,
        "previous_version": handle,
        "reason": "More of it",
    }
    assert (
        new["workflow_links"]["version_activity_workflow_id"]
        == (answer.json["version_job_session_id"])
    )
    assert api.post(VERSION, {"id": handle, "reason": "Again"}).status == 400
    organisation = content["associations"]["organisation_id"]
    assert api.post(VERSION, {"id": organisation, "reason": "Again"}).status == 400
    assert api.post(VERSION, {"id": "10378.1/7", "reason": "Again"}).status == 400


def test_what_cannot_be_fetched(
    api: Caller, stranger: Caller, user: User, content: dict[str, Any], handle: str
) -> None:
    seed = services.seed(subtype="DATASET", owner=user)
    organisation = content["associations"]["organisation_id"]
    for handle_id in ("10378.1/7", "nonsense", seed.handle, organisation):
        assert api.get(FETCH, handle_id=handle_id).status == 400, handle_id
    services.change_access(handle=handle, general=[], groups={}, by=user)
    hidden = stranger.get(FETCH, handle_id=handle)
    assert hidden.status == 401
    assert "Sea surface" not in hidden.text


def test_datasets_are_listed_page_by_page_and_nothing_else_is(
    api: Caller, stranger: Caller, user: User, content: dict[str, Any], make_item: Any
) -> None:
    def pages(caller: Caller, **asked: Any) -> list[list[str]]:
        found: list[list[str]] = []
        key = None
        while not found or key:
            body = asked | ({"pagination_key": key} if key else {})
            told = caller.post(LIST, body).json
            assert told["total_item_count"] == len(told["items"])
            found.append(
                [item["collection_format"]["dataset_info"]["name"] for item in told["items"]]
            )
            key = told["pagination_key"]
        return found

    make_item(user)
    services.seed(subtype="DATASET", owner=user)
    for name in "abcde":
        content["dataset_info"]["name"] = name
        handle = api.post(MINT, content).json["handle"]
    assert pages(api, page_size=2) == [["e", "d"], ["c", "b"], ["a"]]
    by_name = {"sort_type": "DISPLAY_NAME", "ascending": True}
    assert pages(api, page_size=5, sort_by=by_name) == [["a", "b", "c", "d", "e"]]
    services.change_access(handle=handle, general=[], groups={}, by=user)
    assert pages(stranger, page_size=2) == [["d", "c"], ["b", "a"]]
    strange = {"pagination_key": {"place": "mine"}}
    assert api.post(LIST, strange).status == 400
    assert api.post(LIST, {"page_size": 0}).status == 422


def test_without_a_store_of_files_who_may_have_them_is_told_so(
    api: Caller, stranger: Caller, user: User, handle: str
) -> None:
    file = {"dataset_id": handle, "file_path": "forcing/2024.nc"}
    keys = {"dataset_id": handle, "console_session_required": False}
    for answer in (
        api.post(URL, file),
        stranger.post(URL, file),  # everyone may read the files of a new dataset
        api.post(READ_KEYS, keys),
        api.post(WRITE_KEYS, keys),
    ):
        assert answer.status == 400
        assert "no store of files" in answer.detail
    assert stranger.post(WRITE_KEYS, keys).status == 401
    services.change_access(handle=handle, general=["metadata-read"], groups={}, by=user)
    for answer in (stranger.post(URL, file), stranger.post(READ_KEYS, keys)):
        assert (answer.status, "dataset-data-read" in answer.detail) == (401, True)


@pytest.mark.parametrize("path", ["", "../x", "a/../../x", "a//b", "/etc/passwd", "a\\b", "a/"])
def test_what_is_no_path_of_a_file(path: str, api: Caller, handle: str) -> None:
    answer = api.post(URL, {"dataset_id": handle, "file_path": path})
    assert answer.status == 400
    assert "no path of a file" in answer.detail


@pytest.mark.parametrize("seconds", [0, 86_401, "soon", None])
def test_an_address_lasts_between_a_second_and_a_day(
    seconds: Any, api: Caller, handle: str
) -> None:
    file = {"dataset_id": handle, "file_path": "a.nc", "expires_in": seconds}
    assert api.post(URL, file).status == 422


def test_files_of_what_is_locked_or_released_are_not_changed(
    api: Caller, user: User, handle: str
) -> None:
    keys = {"dataset_id": handle, "console_session_required": False}
    item = Item.objects.get(handle=handle)
    for status, word in (("PENDING", "waits"), ("RELEASED", "is released")):
        item.system["release_status"] = status
        item.save()
        answer = api.post(WRITE_KEYS, keys)
        assert (answer.status, answer.json["code"]) == (403, "released")
        assert word in answer.detail
        assert api.post(READ_KEYS, keys).status == 400
    services.lock(handle=handle, reason="Published", by=user)
    assert api.post(WRITE_KEYS, keys).status == 401


def test_the_files_of_data_held_elsewhere_are_there(api: Caller, content: dict[str, Any]) -> None:
    content["dataset_info"]["access_info"] = {
        "reposited": False,
        "uri": "s3://elsewhere/currents",
        "description": "Ask the harbour master",
    }
    handle = api.post(MINT, content).json["handle"]
    answer = api.post(READ_KEYS, {"dataset_id": handle, "console_session_required": False})
    assert answer.status == 400
    assert "s3://elsewhere/currents: Ask the harbour master" in answer.detail
