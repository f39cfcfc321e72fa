"""Groups over the API: what everyone sees, what members see, and what administrators do."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry import services
from registry.models import Grant, Group, Item
from tests.api.conftest import Caller

USER, ADMIN = "/auth-api/groups/user", "/auth-api/groups/admin"
REEF = {
    "id": "reef",
    "display_name": "Reef team",
    "description": "Who models reefs",
    "default_data_store_access": ["dataset-data-write", "metadata-read"],
}
PLAIN = {"id": "plain", "display_name": "Plain", "description": ""}


@pytest.fixture
def groups(db: None, user: User, make_user: Callable[..., User]) -> None:
    """Two groups, of which `user` is in the first with another one."""
    for content in (REEF, PLAIN):
        services.create_group(services.GroupContent.model_validate(content))
    make_user("bo", linked=False, first_name="Bo", email="")
    for username in ("bo", "ana"):
        services.add_member(slug="reef", username=username)


@pytest.mark.usefixtures("groups")
def test_everyone_sees_the_groups_and_whether_they_are_in_one(
    api: Caller, stranger: Caller
) -> None:
    for caller in (api, stranger):
        listed = caller.get(f"{USER}/list_groups")
        assert listed.success
        assert listed.json["groups"] == [PLAIN, REEF]
        assert caller.get(f"{USER}/describe_group", id="reef").json["group"] == REEF
        assert "users" not in listed.text
    assert api.get(f"{USER}/list_user_membership").json["groups"] == [REEF]
    assert stranger.get(f"{USER}/list_user_membership").json["groups"] == []
    for name in ("id", "group_id"):
        assert api.get(f"{USER}/check_membership", **{name: "reef"}).json["is_member"] is True
        assert stranger.get(f"{USER}/check_membership", **{name: "reef"}).json["is_member"] is False


@pytest.mark.usefixtures("groups")
def test_members_see_who_else_is_in_their_group(
    api: Caller, stranger: Caller, staff: Callable[..., Caller]
) -> None:
    members = [
        {"username": "ana", "email": "ana@example.org"},
        {"username": "bo", "first_name": "Bo"},
    ]
    for caller in (api, staff("registry.view_group")):
        listed = caller.get(f"{USER}/list_members", id="reef")
        assert listed.success
        assert listed.json["group"] == REEF | {"users": members}
    refused = stranger.get(f"{USER}/list_members", id="reef")
    assert (refused.status, "bo" in refused.text) == (401, False)
    assert api.get(f"{USER}/list_members", id="plain").status == 401


@pytest.mark.usefixtures("groups")
@pytest.mark.parametrize(
    "path",
    ["user/describe_group", "user/list_members", "user/check_membership", "admin/describe_group",
     "admin/list_members", "admin/check_membership"],
)  # fmt: skip
def test_who_reads_of_an_unknown_group_is_told_in_the_status(path: str, admin: Caller) -> None:
    asked = {"id": "coral", "group_id": "coral", "username": "ana"}
    answer = admin.get(f"/auth-api/groups/{path}", **asked)
    assert (answer.status, answer.success) == (200, False)
    assert "coral" in answer.detail


@pytest.mark.usefixtures("groups")
def test_administrators_see_all_groups_and_members(staff: Callable[..., Caller]) -> None:
    admin = staff("registry.view_group")
    assert admin.get(f"{ADMIN}/list_groups").json["groups"] == [PLAIN, REEF]
    assert admin.get(f"{ADMIN}/describe_group", id="reef").json["group"] == REEF
    members = admin.get(f"{ADMIN}/list_members", id="reef").json["group"]["users"]
    assert [member["username"] for member in members] == ["ana", "bo"]
    for path in ("list_user_membership", "list_members"):  # the client asks the second
        of_bo = admin.get(f"{ADMIN}/{path}", username="bo")
        assert of_bo.success
        assert of_bo.json["groups"] == [REEF]
    answer = admin.get(f"{ADMIN}/check_membership", username="bo", group_id="reef")
    assert answer.json["is_member"] is True
    for path in ("list_user_membership", "check_membership"):
        unknown = admin.get(f"{ADMIN}/{path}", username="nobody", group_id="reef")
        assert (unknown.success, "nobody" in unknown.detail) == (False, True)


def test_administrators_make_change_and_remove_groups(admin: Caller) -> None:
    assert admin.post(f"{ADMIN}/add_group", REEF).success
    again = admin.post(f"{ADMIN}/add_group", REEF | {"display_name": "Other"})
    assert (again.status, "Reef team" in again.detail) == (400, True)
    changed = {"id": "reef", "display_name": "Reefs", "description": "All of them"}
    assert admin.put(f"{ADMIN}/update_group", changed).success
    assert admin.get(f"{ADMIN}/describe_group", id="reef").json["group"] == changed
    assert admin.put(f"{ADMIN}/update_group", changed | {"id": "coral"}).status == 400
    assert admin.delete(f"{ADMIN}/remove_group", id="reef").success
    assert admin.delete(f"{ADMIN}/remove_group", id="reef").status == 400
    assert not Group.objects.exists()


@pytest.mark.usefixtures("groups")
def test_a_removed_group_leaves_no_roles_behind(
    admin: Caller, user: User, make_item: Callable[..., Item]
) -> None:
    item = make_item(user)
    services.change_access(handle=item.handle, general=[], groups={"reef": ["admin"]}, by=user)
    admin.delete(f"{ADMIN}/remove_group", id="reef")
    assert not Grant.objects.filter(item=item).exists()


@pytest.mark.usefixtures("groups")
def test_members_come_and_go(admin: Caller, user: User) -> None:
    def names() -> list[str]:
        members = admin.get(f"{ADMIN}/list_members", id="plain").json["group"]["users"]
        return [member["username"] for member in members]

    def added(username: str, group: str = "plain") -> int:
        body = {"username": username, "email": "elsewhere@example.org"}
        return admin.post(f"{ADMIN}/add_member", body, group_id=group).status

    def removed(username: str, group: str = "plain") -> int:
        return admin.delete(f"{ADMIN}/remove_member", group_id=group, username=username).status

    assert (added("ana"), names()) == (200, ["ana"])
    user.refresh_from_db()
    assert user.email == "ana@example.org"
    assert (added("ana"), added("nobody"), added("bo", "coral")) == (400, 400, 400)
    assert (removed("bo"), removed("nobody"), removed("ana", "coral")) == (400, 400, 400)
    assert (removed("ana"), names()) == (200, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "not an id"},
        {"id": "x" * 61},
        {"id": ""},
        {"display_name": " "},
        {"display_name": "x" * 121},
        {"display_name": "two\nlines"},
        {"description": None},
        {"default_data_store_access": ["boss"]},
    ],
)
def test_what_is_no_group(wrong: dict[str, Any], admin: Caller) -> None:
    answer = admin.post(f"{ADMIN}/add_group", REEF | wrong)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"][:2] == ["body", next(iter(wrong))]


@pytest.mark.usefixtures("groups")
def test_each_action_needs_its_own_permission_and_staff(
    staff: Callable[..., Caller], stranger: Caller
) -> None:
    def statuses(caller: Caller) -> list[int]:
        new = PLAIN | {"id": "new"}
        return [
            caller.get(f"{ADMIN}/list_groups").status,
            caller.post(f"{ADMIN}/add_group", new).status,
            caller.put(f"{ADMIN}/update_group", PLAIN).status,
            caller.post(f"{ADMIN}/add_member", {"username": "ana"}, group_id="plain").status,
            caller.delete(f"{ADMIN}/remove_member", group_id="plain", username="ana").status,
            caller.delete(f"{ADMIN}/remove_group", id="plain").status,
        ]

    def with_only(action: str) -> list[int]:
        return statuses(staff(f"registry.{action}_group", username=action))

    no = 401
    assert statuses(stranger) == [no] * 6
    assert with_only("view") == [200, no, no, no, no, no]
    assert with_only("add") == [no, 200, no, no, no, no]
    assert with_only("change") == [no, no, 200, 200, 200, no]
    assert with_only("delete") == [no, no, no, no, no, 200]


@pytest.mark.usefixtures("groups")
def test_lists_take_as_many_queries_for_many_as_for_one(
    admin: Caller, make_user: Callable[..., User]
) -> None:
    """The token with its user, then the groups, or one group and its members."""
    paths = [(f"{ADMIN}/list_groups", {}), (f"{ADMIN}/list_members", {"id": "plain"})]

    def queries() -> list[int]:
        counts = []
        for path, query in paths:
            with CaptureQueriesContext(connection) as found:
                assert admin.get(path, **query).success
            counts.append(len(found))
        return counts

    services.add_member(slug="plain", username="ana")
    queries()  # the first use of a token is noted
    before = queries()
    for number in range(20):
        make_user(f"user{number}", linked=False)
        services.add_member(slug="plain", username=f"user{number}")
        services.create_group(
            services.GroupContent.model_validate(PLAIN | {"id": f"group{number}"})
        )
    assert queries() == before
