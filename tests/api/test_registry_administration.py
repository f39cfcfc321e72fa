"""The registry's routes for administrators."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from registry import services
from registry.models import Group, Item
from tests.api.conftest import Caller

EXPORT = "/registry-api/admin/export"
CONFIG = "/registry-api/admin/config"
RESTORE = "/registry-api/admin/restore_from_table"
MakeItem = Callable[..., Item]


def test_administration_is_for_administrators(api: Caller) -> None:
    assert api.get(EXPORT).status == 401
    assert api.get(CONFIG).status == 401
    assert api.post(RESTORE, {}).status == 401


def test_an_export_holds_each_item_with_its_history_access_and_locks(
    api: Caller, admin: Caller, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    seed = services.seed(subtype="STUDY", owner=user)
    Group.objects.create(slug="reef", display_name="Reef")
    services.change_access(handle=item.handle, general=[], groups={"reef": ["admin"]}, by=user)
    services.lock(handle=item.handle, reason="Published", by=user)
    answer = admin.get(EXPORT)
    assert answer.success
    bundles = {bundle["id"]: bundle for bundle in answer.json["items"]}
    assert set(bundles) == set(Item.objects.values_list("handle", flat=True))
    told = bundles[item.handle]
    fetched = api.get("/registry-api/registry/general/fetch", id=item.handle)
    assert told["item_payload"] == fetched.json["item"]
    assert told["auth_payload"]["access_settings"] == services.settings_of(item)
    lock = told["lock_payload"]["lock_information"]
    assert lock["locked"]
    assert [event["reason"] for event in lock["history"]] == ["Published"]
    assert bundles[seed.handle]["item_payload"]["record_type"] == "SEED_ITEM"


def test_an_export_costs_the_same_at_any_length(
    admin: Caller, user: User, make_item: MakeItem, uncounted: None
) -> None:
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as asked:
            assert admin.get(EXPORT).success
        counts.append(len(asked))
        for _ in range(10):
            make_item(user)
    assert counts[0] == counts[1]


def test_the_configuration_tells_no_secret(admin: Caller, settings: Settings) -> None:
    short, whole = (admin.get(CONFIG, required_only=only).text for only in (True, False))
    assert f"HANDLE_PREFIX={settings.HANDLE_PREFIX}\n" in short
    assert whole.startswith(short)
    assert "REGISTRY_LEVEL=write\n" in whole
    for secret in (settings.SECRET_KEY, "SECRET", "PASSWORD", "DATABASE", "EMAIL"):
        assert secret not in whole
    assert settings.DATABASES["default"]["NAME"] not in whole


def test_restoring_from_a_table_says_what_to_do_instead(admin: Caller) -> None:
    answer = admin.post(RESTORE, {"import_mode": "ADD_ONLY", "table_names": {}})
    assert (answer.status, "backup" in answer.detail) == (400, True)
