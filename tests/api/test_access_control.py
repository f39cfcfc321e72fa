"""System roles over the API: which a user has, asking for more, and deciding on that."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from ProvenaInterfaces.AuthAPI import (
    AccessReport,
    AccessRequestStatusChange,
    RequestAddNote,
    RequestStatus,
)
from pytest_django import Settings

from provena.tokens import keeping
from registry import services
from registry.models import AccessRequest
from tests.api.client import connect, wait_for
from tests.api.conftest import Answer, Caller

USER, ADMIN = "/auth-api/access-control/user", "/auth-api/access-control/admin"
ALL = f"{ADMIN}/all-request-history"
CHANGE = f"{ADMIN}/change-request-state"


def roles(caller: Caller) -> dict[str, bool]:
    report = caller.get(f"{USER}/generate-access-report")
    assert report.success, report.text
    return {
        role["role_name"]: role["access_granted"]
        for component in report.json["report"]["components"]
        for role in component["component_roles"]
    }


def wish(*names: str) -> dict[str, Any]:
    wished = [{"role_name": name, "access_granted": True} for name in names]
    return {"components": [{"component_name": "x", "component_roles": wished}]}


def ask(caller: Caller, *names: str) -> Answer:
    held = [name for name, has in roles(caller).items() if has]
    return caller.post(f"{USER}/request-change", wish(*held, *names), send_email=True)


def decision(asked: AccessRequest, state: str = "APPROVED_PENDING_ACTION") -> dict[str, Any]:
    return {"username": asked.user.username, "request_id": asked.pk, "desired_state": state}


def test_a_report_tells_the_roles_that_a_user_has(
    api: Caller, admin: Caller, staff: Callable[..., Caller], settings: Settings
) -> None:
    some = staff("jobs.view_job", "registry.write_registry", "registry.view_group")
    settings.REGISTRY_LEVEL = "read"
    assert [name for name, has in roles(api).items() if has] == ["entity-registry-read"]
    assert all(roles(admin).values())
    assert [name for name, has in roles(some).items() if has] == [
        "entity-registry-read",
        "entity-registry-write",
        "job-service-read",
    ]


def test_what_is_approved_is_given_at_once(
    api: Caller, admin: Caller, user: User, settings: Settings
) -> None:
    settings.REGISTRY_LEVEL = "read"
    assert ask(api, "entity-registry-write", "job-service-read").success
    own = api.get(f"{USER}/pending-request-history").json["items"]
    assert own == admin.get(f"{ADMIN}/all-pending-request-history").json["items"]
    [told] = own
    assert (told["username"], told["status"]) == (user.username, "PENDING_APPROVAL")
    wanted = AccessReport.model_validate_json(told["request_diff_contents"])
    names = [role.role_name for part in wanted.components for role in part.component_roles]
    assert names == ["entity-registry-write", "job-service-read"]
    assert len(json.loads(told["complete_contents"])["components"]) == 3
    assert "waits for a decision" in ask(api, "sys-admin-read").detail
    asked = AccessRequest.objects.get()
    answer = admin.post(CHANGE, decision(asked) | {"additional_note": "Welcome"})
    assert answer.status == 200, answer.text
    assert answer.json["state_change"]["success"]
    assert roles(api) | {"entity-registry-write": True, "job-service-read": True} == roles(api)
    user.refresh_from_db()
    assert user.is_staff
    [told] = api.get(f"{USER}/request-history").json["items"]
    assert (told["status"], told["notes"]) == ("ACTIONED_PENDING_DELETION", "root: Welcome")
    assert api.get(f"{USER}/pending-request-history").json["items"] == []
    by_name = admin.get(f"{ADMIN}/user-request-history", username=user.username)
    assert by_name.json["items"] == [told]
    pending = admin.get(f"{ADMIN}/user-pending-request-history", username=user.username)
    assert pending.json["items"] == []
    assert admin.get(f"{ADMIN}/user-request-history", username="ghost").status == 400
    assert admin.post(CHANGE, decision(asked, "ACTIONED_PENDING_DELETION")).status == 200
    assert "was decided" in admin.post(CHANGE, decision(asked, "DENIED_PENDING_DELETION")).detail


def test_what_cannot_be_asked_for_says_why(api: Caller, settings: Settings) -> None:
    settings.REGISTRY_LEVEL = "read"
    for wished, words in {
        ("king",): "no role king",
        ("sys-admin-read",): "entity-registry-read is left out",
        ("entity-registry-read",): "nothing to ask for",
    }.items():
        answer = api.post(f"{USER}/request-change", wish(*wished))
        assert (answer.status, words in answer.detail) == (400, True), answer.text
    assert api.post(f"{USER}/request-change", {}).status == 422
    assert not AccessRequest.objects.exists()


def test_who_decides_must_be_allowed_to_give_rights(
    api: Caller, staff: Callable[..., Caller], admin: Caller, user: User
) -> None:
    viewer = staff("registry.view_accessrequest", username="viewer")
    manager = staff("registry.change_accessrequest", username="manager")
    giver = staff("registry.change_accessrequest", "auth.change_user", username="giver")
    assert ask(api, "sys-admin-read").success
    asked = AccessRequest.objects.get()
    note = {"username": user.username, "request_id": asked.pk, "note": "Who is this?"}
    assert api.get(ALL).status == 401
    assert len(viewer.get(ALL).json["items"]) == 1
    assert viewer.post(CHANGE, decision(asked)).status == 401
    assert viewer.post(f"{ADMIN}/add-note", note).status == 401
    refused = manager.post(CHANGE, decision(asked))
    assert (refused.status, "auth.change_user" in refused.detail) == (401, True)
    noted = manager.post(f"{ADMIN}/add-note", note)
    assert (noted.success, noted.json["success"]) == (True, True)
    assert manager.post(f"{ADMIN}/add-note", note | {"note": " "}).status == 400
    assert manager.post(f"{ADMIN}/add-note", note | {"username": "giver"}).status == 400
    assert manager.post(CHANGE, decision(asked, "PENDING_APPROVAL")).status == 400
    assert ask(giver, "entity-registry-admin").success
    own = AccessRequest.objects.get(user__username="giver")
    assert "of your own" in giver.post(CHANGE, decision(own)).detail
    assert manager.post(CHANGE, decision(own, "DENIED_PENDING_DELETION")).status == 200
    assert roles(giver)["entity-registry-admin"] is False
    assert ask(giver, "entity-registry-admin").success  # it may be asked for again
    assert giver.post(CHANGE, decision(asked), send_email_alert=True).status == 200
    assert roles(api)["sys-admin-read"]


def test_a_request_for_nothing_gives_nothing(
    stranger: Caller, admin_user: User, django_user_model: type[User]
) -> None:
    user = django_user_model.objects.get(username="stranger")
    request = AccessRequest.objects.create(user=user, roles=[], held=[])
    services.decide_access(request=request, approve=True, by=admin_user)
    assert not user.user_permissions.exists()


def test_requests_are_decided_in_django_admin(
    client: Client, user: User, make_user: Callable[..., User]
) -> None:
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    asked = services.request_access(
        user=user, roles={"entity-registry-read", "entity-registry-write", "job-service-read"}
    )
    address = "/admin/registry/accessrequest/"
    assert b"job-service-read" in client.get(address).content
    form = {"_selected_action": [asked.pk], "note": "Not yet", "action": "deny"}
    answer = client.post(address, form, follow=True)
    assert "denied." in answer.text
    asked.refresh_from_db()
    assert (asked.status, asked.notes) == (AccessRequest.Status.DENIED, ["root: Not yet"])
    answer = client.post(address, form | {"action": "approve"}, follow=True)
    assert "was decided" in answer.text
    assert client.get(f"{address}{asked.pk}/change/").status_code == 200
    assert not user.user_permissions.exists()


@pytest.mark.cluster
@pytest.mark.django_db(transaction=True)
def test_every_method_of_the_client(
    address: str, user: User, make_user: Callable[..., User]
) -> None:
    root = make_user("root", is_staff=True, is_superuser=True)
    own = connect(address, keeping.issue(user=user, name="client")[1]).auth_api
    admin = connect(address, keeping.issue(user=root, name="client")[1]).auth_api.admin
    report = wait_for(own.get_user_generate_access_report()).report
    for component in report.components:
        for role in component.component_roles:
            role.access_granted = True
    assert wait_for(own.post_user_request_change(report, send_email=False)).status.success
    [asked] = wait_for(own.get_user_pending_request_history()).items
    assert wait_for(own.get_user_request_history()).items == [asked]
    assert wait_for(admin.get_all_pending_request_history()).items == [asked]
    assert wait_for(admin.get_user_pending_request_history(user.username)).items == [asked]
    wait_for(
        admin.post_add_note(
            RequestAddNote(note="Fine", username=user.username, request_id=asked.request_id)
        )
    )
    change = AccessRequestStatusChange(
        username=user.username,
        request_id=asked.request_id,
        desired_state=RequestStatus.APPROVED_PENDING_ACTION,
    )
    done = wait_for(admin.post_change_request_state(send_email_alert=False, change=change))
    assert done.state_change.success
    [told] = wait_for(admin.get_all_request_history()).items
    assert told == wait_for(admin.get_user_request_history(user.username)).items[0]
    assert (told.notes, told.status) == ("root: Fine", "ACTIONED_PENDING_DELETION")
    after = wait_for(own.get_user_generate_access_report()).report
    assert all(role.access_granted for part in after.components for role in part.component_roles)
