"""Groups for those who manage them (contract, section 11). What is done to an unknown group or user
is an error; who only reads is told of it by `success: false`."""

from typing import Any

from ninja import Router

from provena import rest
from provena.rest import ApiRequest, Plain
from registry import services
from registry.api.answers import Done, Status, refused
from registry.api.groups import (
    UNKNOWN,
    Described,
    Groups,
    Member,
    Members,
    Membership,
    content,
    membership,
    with_members,
)
from registry.api.rights import needs
from registry.models import Group
from registry.services.groups import GroupContent, known_user

router = Router(tags=["Groups"])

VIEW, ADD, CHANGE, DELETE = (
    needs(f"registry.{action}_group") for action in ("view", "add", "change", "delete")
)


@router.get(
    "/groups/admin/list_groups",
    auth=VIEW,
    response={200: Groups, **rest.REFUSALS},
    exclude_none=True,
    summary="List all groups, for administrators",
)
def list_groups(request: ApiRequest) -> Any:
    """For staff who may view groups."""
    return {"groups": [content(group) for group in Group.objects.all()]}


@router.get(
    "/groups/admin/describe_group",
    auth=VIEW,
    response={200: Described, **rest.REFUSALS},
    exclude_none=True,
    summary="Describe a group, for administrators",
)
def describe_group(request: ApiRequest, id: Plain) -> Any:
    """For staff who may view groups."""
    group = Group.objects.filter(slug=id).first()
    return {"group": content(group)} if group else refused(UNKNOWN.format(id))


@router.get(
    "/groups/admin/list_members",
    auth=VIEW,
    response={200: Members | Groups, **rest.REFUSALS},
    exclude_none=True,
    summary="List the members of any group",
)
def list_members(request: ApiRequest, id: Plain = "", username: Plain = "") -> Any:
    """For staff who may view groups: the members of the group of that `id`. With a `username`
    instead, the groups of that user, which is what the Python client asks for by it."""
    if username and not id:
        return list_user_membership(request, username)
    group = Group.objects.prefetch_related("members").filter(slug=id).first()
    return {"group": with_members(group)} if group else refused(UNKNOWN.format(id))


@router.get(
    "/groups/admin/list_user_membership",
    auth=VIEW,
    response={200: Groups, **rest.REFUSALS},
    exclude_none=True,
    summary="List the groups of a user",
)
def list_user_membership(request: ApiRequest, username: Plain) -> Any:
    """For staff who may view groups."""
    try:
        user = known_user(username)
    except services.Refused as error:
        return refused(str(error))
    return {"groups": [content(group) for group in Group.objects.filter(members=user)]}


@router.get(
    "/groups/admin/check_membership",
    auth=VIEW,
    response={200: Membership, **rest.REFUSALS},
    summary="Whether a user is in a group",
)
def check_membership(request: ApiRequest, username: Plain, group_id: Plain) -> Any:
    """For staff who may view groups."""
    try:
        user = known_user(username)
    except services.Refused as error:
        return refused(str(error))
    return membership(user, group_id)


@router.post(
    "/groups/admin/add_group",
    auth=ADD,
    response={200: Done, **rest.REFUSALS},
    summary="Make a group",
)
def add_group(request: ApiRequest, body: GroupContent) -> Any:
    """For staff who may add groups. Its id never changes."""
    return {"status": Status(details=f"Made {services.create_group(body)}.")}


@router.put(
    "/groups/admin/update_group",
    auth=CHANGE,
    response={200: Done, **rest.REFUSALS},
    summary="Change what a group is called, is for and is proposed",
)
def update_group(request: ApiRequest, body: GroupContent) -> Any:
    """For staff who may change groups. Its members stay."""
    return {"status": Status(details=f"Changed {services.update_group(body)}.")}


@router.delete(
    "/groups/admin/remove_group",
    auth=DELETE,
    response={200: Done, **rest.REFUSALS},
    summary="Remove a group",
)
def remove_group(request: ApiRequest, id: Plain) -> Any:
    """For staff who may delete groups. The roles that it has on items go with it."""
    services.delete_group(id)
    return {"status": Status(details=f"Removed the group {id}.")}


@router.post(
    "/groups/admin/add_member",
    auth=CHANGE,
    response={200: Done, **rest.REFUSALS},
    summary="Add a user to a group",
)
def add_member(request: ApiRequest, group_id: Plain, body: Member) -> Any:
    """For staff who may change groups. The user must have an account; what else is said of them is
    not kept, since their account says it."""
    services.add_member(slug=group_id, username=body.username)
    return {"status": Status(details=f"Added {body.username}.")}


@router.delete(
    "/groups/admin/remove_member",
    auth=CHANGE,
    response={200: Done, **rest.REFUSALS},
    summary="Take a user out of a group",
)
def remove_member(request: ApiRequest, group_id: Plain, username: Plain) -> Any:
    """For staff who may change groups."""
    services.remove_member(slug=group_id, username=username)
    return {"status": Status(details=f"Took {username} out.")}
