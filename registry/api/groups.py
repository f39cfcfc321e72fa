"""Groups as everyone sees them: who is in which (contract, section 11)."""

from typing import Any

from django.contrib.auth.models import User
from ninja import Router, Schema

from provena import rest
from provena.rest import ApiRequest, Plain
from registry import access
from registry.api.answers import Status, refused
from registry.api.rights import EVERYONE
from registry.models import Group
from registry.services import NotAllowed
from registry.services.groups import GroupContent

router = Router(tags=["Groups"])

UNKNOWN = "There is no group {!r}. /groups/user/list_groups lists those there are."


class Groups(Schema):
    status: Status = Status()
    groups: list[GroupContent]


class Described(Schema):
    status: Status = Status()
    group: GroupContent


class Member(Schema):
    """A user, with what their account says of them."""

    username: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class WithMembers(GroupContent):
    users: list[Member]


class Members(Schema):
    status: Status = Status()
    group: WithMembers


class Membership(Schema):
    status: Status = Status()
    is_member: bool


@router.get(
    "/groups/user/list_groups",
    auth=EVERYONE,
    response={200: Groups, **rest.REFUSALS},
    exclude_none=True,
    summary="List all groups",
)
def list_groups(request: ApiRequest) -> Any:
    """What they are called and for; who is in them is told to members."""
    return {"groups": [content(group) for group in Group.objects.all()]}


@router.get(
    "/groups/user/describe_group",
    auth=EVERYONE,
    response={200: Described, **rest.REFUSALS},
    exclude_none=True,
    summary="Describe a group",
)
def describe_group(request: ApiRequest, id: Plain) -> Any:
    """An unknown id gives `success: false`."""
    group = Group.objects.filter(slug=id).first()
    return {"group": content(group)} if group else refused(UNKNOWN.format(id))


@router.get(
    "/groups/user/list_user_membership",
    auth=EVERYONE,
    response={200: Groups, **rest.REFUSALS},
    exclude_none=True,
    summary="List the groups that you are in",
)
def list_own_groups(request: ApiRequest) -> Any:
    """Those whose roles on items are yours, too."""
    return {"groups": [content(group) for group in Group.objects.filter(members=request.user)]}


@router.get(
    "/groups/user/list_members",
    auth=EVERYONE,
    response={200: Members, **rest.REFUSALS},
    exclude_none=True,
    summary="List the members of a group of yours",
)
def list_members(request: ApiRequest, id: Plain) -> Any:
    """For members, and for staff who may view groups. An unknown id gives `success: false`."""
    group = Group.objects.filter(slug=id).first()
    if group is None:
        return refused(UNKNOWN.format(id))
    is_told = group.members.filter(pk=request.user.pk).exists()
    if not is_told and not access.is_permitted(request.user, "registry.view_group"):
        raise NotAllowed(f"Only members of {group} may see who its members are.")
    return {"group": with_members(group)}


@router.get(
    "/groups/user/check_membership",
    auth=EVERYONE,
    response={200: Membership, **rest.REFUSALS},
    summary="Whether you are in a group",
)
def check_membership(request: ApiRequest, id: Plain = "", group_id: Plain = "") -> Any:
    """The group is named by `group_id`, or by `id`, as the Python client does. An unknown one gives
    `success: false`."""
    return membership(request.user, group_id or id)


def membership(user: User, slug: str) -> Any:
    """Whether a user is in a group, as `Membership` tells it."""
    group = Group.objects.filter(slug=slug).first()
    if group is None:
        return refused(UNKNOWN.format(slug))
    return {"is_member": group.members.filter(pk=user.pk).exists()}


def content(group: Group) -> dict[str, Any]:
    """What a group is, as it was sent."""
    return {
        "id": group.slug,
        "display_name": group.display_name,
        "description": group.description,
        "default_data_store_access": group.default_data_roles or None,
    }


def with_members(group: Group) -> dict[str, Any]:
    """The same with its members."""
    members = sorted(group.members.all(), key=lambda user: user.get_username())
    return content(group) | {"users": [_member(user) for user in members]}


def _member(user: User) -> dict[str, Any]:
    told = {"email": user.email, "first_name": user.first_name, "last_name": user.last_name}
    return {"username": user.get_username(), **{name: said or None for name, said in told.items()}}
