"""Items that the API exported, imported again under their ids: all or nothing."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from django.contrib.auth.models import User
from ProvenaInterfaces.RegistryAPI import RegistryImportRequest
from ProvenaInterfaces.SharedTypes import ImportMode

from provena.tokens import keeping
from registry import search, services
from registry.model_runs import services as runs
from registry.models import (
    AccessEvent,
    Grant,
    Group,
    Item,
    LockEvent,
    Mint,
    PersonLink,
    Reference,
    Relation,
    Revision,
)
from tests.api.client import connect, wait_for
from tests.api.conftest import Answer, Caller
from tests.conftest import MODEL, drain
from tests.registry.runs import Workflow

EXPORT, IMPORT = "/registry-api/admin/export", "/registry-api/admin/import"
MakeItem = Callable[..., Item]
Bundle = dict[str, Any]


def imported(caller: Caller, *items: Any, mode: str = "ADD_OR_OVERWRITE", **other: Any) -> Answer:
    body = {"import_mode": mode, "items": items, "trial_mode": False} | other
    return caller.post(IMPORT, body)


def exported(admin: Caller) -> dict[str, Bundle]:
    """By id; without the links to jobs, which stay where they ran."""
    bundles = {bundle["id"]: bundle for bundle in admin.get(EXPORT).json["items"]}
    for bundle in bundles.values():
        bundle["item_payload"].pop("workflow_links", None)
    return bundles


def edges() -> set[tuple[str, str, str, str]]:
    names = ("source__handle", "type", "target__handle", "record__handle")
    return set(Relation.objects.values_list(*names))


def empty_the_registry() -> None:
    """As after a disaster: users and groups are there, and jobs of what is gone."""
    for item in Item.objects.all():
        search.remove(item)
    Item.objects.update(previous_version=None, version_reason="")
    for model in (Relation, Reference, Grant, Revision, LockEvent, AccessEvent, PersonLink):
        model.objects.all().delete()
    Item.objects.all().delete()
    Mint.objects.all().delete()


def test_an_export_brings_a_lost_registry_back(
    admin: Caller, api: Caller, workflow: Workflow, user: User, make_item: MakeItem
) -> None:
    run = runs.register(record=workflow.record(), owner=user)
    old = make_item(user)
    services.update(
        handle=old.handle,
        subtype="MODEL",
        content=MODEL | {"description": "Better"},
        reason="It was short",
        by=user,
    )
    new = services.create_version(handle=old.handle, reason="By zone", by=user)
    seed = services.seed(subtype="STUDY", owner=user)
    Group.objects.create(slug="reef", display_name="Reef")
    services.change_access(handle=new.handle, general=[], groups={"reef": ["admin"]}, by=user)
    services.lock(handle=new.handle, reason="Published", by=user)
    drain()
    before, related = exported(admin), edges()
    last = Mint.objects.order_by("-number")[0].handle
    person = services.person_of(user)
    assert person is not None
    empty_the_registry()
    trial = imported(admin, *before.values(), trial_mode=True)
    assert trial.success, trial.text
    assert trial.json["statistics"] == {
        "old_registry_size": 0,
        "new_registry_size": len(before),
        "deleted_entries": 0,
        "overwritten_entries": 0,
        "new_entries": len(before),
    }
    assert not Item.objects.exists()
    answer = imported(admin, *before.values(), mode="ADD_ONLY")
    assert answer.success, answer.text
    # Who is which Person is not exported, so who registered what is not known: all else is.
    PersonLink.objects.create(user=user, person=Item.objects.get(handle=person.handle))
    drain()
    assert exported(admin) == before
    run.refresh_from_db()
    missing = related - edges()
    assert missing
    assert {kind for _, kind, _, _ in missing} == {"wasAssociatedWith", "wasAttributedTo"}
    assert run.result["record"]["id"] not in {record for *_, record in missing}
    assert edges() < related
    found = api.get("/search/search/entity-registry", query="Better").json["results"]
    assert {hit["id"] for hit in found} >= {old.handle}
    assert int(services.mint().split("/")[1]) > int(last.split("/")[1])
    assert Item.objects.get(handle=seed.handle).is_complete is False
    # Again: only who registered what is known now.
    again = imported(admin, *before.values(), mode="SYNC_ADD_OR_OVERWRITE")
    assert again.json["statistics"]["overwritten_entries"] == len(before)
    assert (exported(admin), edges()) == (before, related)


def test_an_item_that_is_here_gets_content_access_and_lock(
    admin: Caller, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    [bundle] = [one for key, one in exported(admin).items() if key == item.handle]
    wanted = deepcopy(bundle)
    wanted["item_payload"]["description"] = "Another"
    wanted["auth_payload"]["access_settings"]["general"] = []
    wanted["lock_payload"]["lock_information"]["locked"] = True
    assert imported(admin, wanted, mode="OVERWRITE_ONLY").success
    item.refresh_from_db()
    assert (item.info["description"], item.is_locked) == ("Another", True)
    assert [one.reason for one in item.revisions.all()] == ["Imported", "First registration"]
    assert services.settings_of(item)["general"] == []
    back = imported(admin, bundle)
    assert not back.success
    assert "is locked" in back.detail
    bundle["item_payload"]["description"] = "Another"
    assert imported(admin, bundle).success
    item.refresh_from_db()
    assert item.is_locked is False


def changed(bundle: Bundle, **fields: Any) -> Bundle:
    copy = deepcopy(bundle)
    copy["item_payload"] |= fields
    if "id" in fields:
        copy["id"] = fields["id"]
    return copy


def test_with_any_failure_nothing_is_imported(
    admin: Caller, api: Caller, user: User, make_item: MakeItem
) -> None:
    here, other = make_item(user, subtype="STUDY"), make_item(user, subtype="STUDY")
    bundles = exported(admin)
    bundle = bundles[here.handle]
    free = "10378.1/1999999"
    new = changed(bundle, id=free)
    rights = deepcopy(bundle)
    rights["auth_payload"]["access_settings"]["general"] = ["king"]
    group = deepcopy(bundle)
    group["auth_payload"]["access_settings"]["groups"] = {"nobody": ["admin"]}
    versions = {"version": 2, "previous_version": here.handle, "reason": "x"}
    cases: list[tuple[str, list[Any], str]] = [
        ("ADD_ONLY", [bundle], "There is an item"),
        ("OVERWRITE_ONLY", [new], "to overwrite"),
        ("SYNC_ADD_OR_OVERWRITE", [bundle], "would be left out"),
        ("SYNC_DELETION_ALLOWED", [bundle], "allow_entry_deletion is needed"),
        ("ADD_OR_OVERWRITE", [bundle, bundle], "more than once"),
        ("ADD_OR_OVERWRITE", [{"id": "x"}], "item_payload: Field required"),
        ("ADD_OR_OVERWRITE", [changed(new, owner_username="ghost")], "no user 'ghost'"),
        ("ADD_OR_OVERWRITE", [changed(bundle, owner_username="root")], "two owners"),
        ("ADD_OR_OVERWRITE", [changed(bundle, item_subtype="MODEL")], "is a study here"),
        ("ADD_OR_OVERWRITE", [changed(new, item_subtype="SHIP")], "no item kind 'SHIP'"),
        ("ADD_OR_OVERWRITE", [changed(new, title="")], "title: This field is required"),
        ("ADD_OR_OVERWRITE", [changed(new, sails=3)], "sails: There is no such field"),
        ("ADD_OR_OVERWRITE", [changed(bundle, record_type="SEED_ITEM")], "has content here"),
        ("ADD_OR_OVERWRITE", [changed(new, id="10378.1/0123")], "begins with 0"),
        ("ADD_OR_OVERWRITE", [changed(new, versioning_info=versions)], "which is no version"),
        ("ADD_OR_OVERWRITE", [rights], "no role king"),
        ("ADD_OR_OVERWRITE", [group], "no group 'nobody'"),
    ]
    before = exported(admin)
    for mode, items, words in cases:
        answer = imported(admin, *items, mode=mode)
        assert (answer.status, answer.success) == (200, False), (mode, words)
        assert words in answer.detail, (words, answer.detail)
        assert answer.json["failure_list"], words
    assert exported(admin) == before
    assert imported(api, bundle).status == 401
    assert imported(admin, mode="NONSENSE").status == 422
    dangling = changed(bundles[services.person_of(user).handle], id=free)
    assert imported(admin, dangling).success
    services.delete(handle=other.handle, reason="A mistake", by=User.objects.get(username="root"))
    assert "was deleted here" in imported(admin, bundles[other.handle]).detail


def test_a_mention_of_what_is_nowhere_is_a_failure(
    admin: Caller, user: User, make_item: MakeItem
) -> None:
    dataset = make_item(user, subtype="DATASET")
    bundle = exported(admin)[dataset.handle]
    about = bundle["item_payload"]["collection_format"]["dataset_info"]
    about["publisher_id"] = "10378.1/1999999"
    answer = imported(admin, bundle)
    assert not answer.success
    assert "no item 10378.1/1999999" in answer.detail
    assert changed(bundle)["item_payload"]["s3"]
    wrong = imported(admin, changed(bundle, id="10378.1/1999998", s3={"path": 1}))
    assert "s3" in wrong.detail


def test_what_is_left_out_is_deleted_where_that_is_said(
    admin: Caller, user: User, make_item: MakeItem
) -> None:
    make_item(user)
    drain()
    kept = exported(admin)
    made = [make_item(user), make_item(user, subtype="DATASET")]
    drain()
    for trial in (True, False):
        answer = imported(
            admin,
            *kept.values(),
            mode="SYNC_DELETION_ALLOWED",
            allow_entry_deletion=True,
            trial_mode=trial,
        )
        assert answer.success, answer.text
        assert answer.json["statistics"]["deleted_entries"] >= 2 * len(made)
    assert exported(admin) == kept
    needed = [one for key, one in kept.items() if key != services.person_of(user).handle]
    answer = imported(admin, *needed, mode="SYNC_DELETION_ALLOWED", allow_entry_deletion=True)
    assert "cannot be deleted" in answer.detail
    assert exported(admin) == kept


@pytest.mark.cluster
@pytest.mark.django_db(transaction=True)
def test_the_client_imports_what_it_exported(
    address: str, user: User, make_user: Callable[..., User], make_item: MakeItem
) -> None:
    item = make_item(user, subtype="STUDY")
    root = make_user("root", is_staff=True, is_superuser=True)
    client = connect(address, keeping.issue(user=root, name="client")[1])
    bundles = wait_for(client.registry.admin.export_items()).items
    wanted = RegistryImportRequest(
        import_mode=ImportMode.SYNC_ADD_OR_OVERWRITE, items=bundles, trial_mode=False
    )
    statistics = wait_for(client.registry.admin.import_items(wanted)).statistics
    assert statistics is not None
    assert statistics.overwritten_entries == len(bundles or [])
    assert item.handle in {bundle.id for bundle in bundles or []}
    assert "HANDLE_PREFIX=" in wait_for(client.prov_api.admin.generate_config_file(True))
