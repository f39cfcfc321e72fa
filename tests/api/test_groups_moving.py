"""Groups that are exported and imported: all of what was asked, or nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from provenaclient.utils.exceptions import BadRequestException
from ProvenaInterfaces.AuthAPI import GroupsImportRequest, GroupsRestoreRequest
from ProvenaInterfaces.SharedTypes import ImportMode

from provena.tokens import keeping
from registry import services
from registry.models import Group
from tests.api.client import connect, wait_for
from tests.api.conftest import Answer, Caller

ADMIN = "/auth-api/groups/admin"
REEF = {
    "id": "reef",
    "display_name": "Reef team",
    "description": "Who models reefs",
    "default_data_store_access": ["metadata-read"],
    "users": [{"username": "ana", "email": "ana@example.org"}],
}
PLAIN = {"id": "plain", "display_name": "Plain", "description": "", "users": []}


def imported(caller: Caller, *items: Any, mode: str = "ADD_OR_OVERWRITE", **other: Any) -> Answer:
    body = {"import_mode": mode, "items": items, "trial_mode": False} | other
    return caller.post(f"{ADMIN}/import", body)


def slugs() -> list[str]:
    return sorted(Group.objects.values_list("slug", flat=True))


def test_what_is_exported_can_be_imported(admin: Caller, user: User) -> None:
    assert imported(admin, REEF, PLAIN).success
    exported = admin.get(f"{ADMIN}/export")
    assert exported.success
    assert exported.json["items"] == [PLAIN, REEF]
    Group.objects.all().delete()
    assert imported(admin, *exported.json["items"]).success
    assert admin.get(f"{ADMIN}/export").json["items"] == [PLAIN, REEF]


def test_a_trial_counts_and_writes_nothing(admin: Caller, user: User) -> None:
    imported(admin, PLAIN)
    body = {"import_mode": "ADD_OR_OVERWRITE", "items": [REEF, PLAIN]}
    answer = admin.post(f"{ADMIN}/import", body)
    assert answer.success
    assert answer.json["trial_mode"] is True
    assert answer.json["statistics"] == {
        "old_size": 1,
        "new_size": 2,
        "deleted_entries": 0,
        "overwritten_entries": 1,
        "new_entries": 1,
    }
    assert slugs() == ["plain"]


@pytest.mark.parametrize(
    ("mode", "items", "words"),
    [
        ("ADD_ONLY", [REEF, PLAIN], "There is a group plain already"),
        ("OVERWRITE_ONLY", [REEF, PLAIN], "no group reef to overwrite"),
        ("SYNC_ADD_OR_OVERWRITE", [REEF], "left out: plain"),
        ("SYNC_DELETION_ALLOWED", [REEF], "allow_entry_deletion is needed to delete plain"),
        ("ADD_OR_OVERWRITE", [REEF, REEF], "reef is there more than once"),
        ("ADD_OR_OVERWRITE", [REEF, PLAIN | {"users": [{"username": "x"}]}], "no user 'x'"),
        ("ADD_OR_OVERWRITE", [REEF, {"id": "no id"}], "display_name: Field required"),
    ],
)
def test_with_any_failure_nothing_is_imported(
    mode: str, items: list[Any], words: str, admin: Caller, user: User
) -> None:
    imported(admin, PLAIN)
    answer = imported(admin, *items, mode=mode)
    assert (answer.status, answer.success) == (200, False)
    assert words in answer.detail
    assert any(words in text for text, _ in answer.json["failure_list"])
    assert slugs() == ["plain"]


def test_what_is_left_out_goes_where_that_is_said(admin: Caller, user: User) -> None:
    imported(admin, PLAIN)
    answer = imported(admin, REEF, mode="SYNC_DELETION_ALLOWED", allow_entry_deletion=True)
    assert answer.success
    assert (answer.json["statistics"]["deleted_entries"], slugs()) == (1, ["reef"])


def test_an_import_needs_the_permissions_of_what_it_may_do(staff: Callable[..., Caller]) -> None:
    changer = staff("registry.change_group", username="changer")
    adder = staff("registry.change_group", "registry.add_group", username="adder")
    assert imported(changer, PLAIN).status == 401
    assert imported(adder, PLAIN).success
    assert imported(adder, PLAIN, allow_entry_deletion=True).status == 401
    assert adder.get(f"{ADMIN}/export").status == 401


@pytest.mark.cluster
@pytest.mark.django_db(transaction=True)
def test_every_method_of_the_client(address: str, make_user: Callable[..., User]) -> None:
    root = make_user("root", is_staff=True, is_superuser=True)
    admin = connect(address, keeping.issue(user=root, name="client")[1]).auth_api.admin
    services.create_group(services.GroupContent.model_validate(PLAIN))
    items = wait_for(admin.get_export_groups()).items
    assert items == [PLAIN]
    wanted = GroupsImportRequest(
        import_mode=ImportMode.OVERWRITE_ONLY, items=items, trial_mode=False
    )
    assert wait_for(admin.post_import_groups(wanted)).statistics.overwritten_entries == 1
    restore = GroupsRestoreRequest(import_mode=ImportMode.ADD_ONLY)
    with pytest.raises(BadRequestException, match="import them here"):
        wait_for(admin.post_restore_groups_from_table("groups", restore))
