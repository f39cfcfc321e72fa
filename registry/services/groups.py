"""Groups of people who get access to items together (domain reference, 2.7). Whether somebody may
do this is asked before: it takes permissions of Django, see `system_roles`."""

from collections.abc import Iterable
from typing import Annotated

from django.contrib.auth.models import User
from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from registry.access import Role
from registry.kinds.values import LONG, Line
from registry.models import Group
from registry.services.rules import Refused

_ID = StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,60}$")


class GroupContent(BaseModel):
    """What a group is: its id, which never changes, what it is called and for, and the roles that
    the form of a dataset proposes for it."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, _ID]
    display_name: Annotated[Line, Field(max_length=120)]
    description: Annotated[str, Field(max_length=LONG)]
    default_data_store_access: list[Role] | None = None


def create_group(content: GroupContent) -> Group:
    """Raises Refused if there is one of that id."""
    with transaction.atomic():
        group, is_new = Group.objects.get_or_create(slug=content.id, defaults=_fields(content))
    if not is_new:
        raise Refused(f"There is a group {content.id} already: {group}. Choose another id.")
    return group


def update_group(content: GroupContent) -> Group:
    """Give a group all of this, but other members. Raises Refused for an unknown one."""
    with transaction.atomic():
        group = known_group(content.id, for_update=True)
        for name, value in _fields(content).items():
            setattr(group, name, value)
        group.save()
    return group


def delete_group(slug: str) -> None:
    """Remove a group, and with it the roles that it has on items. Raises Refused for an unknown
    one."""
    with transaction.atomic():
        known_group(slug, for_update=True).delete()


def add_member(*, slug: str, username: str) -> None:
    """Raises Refused for an unknown group or user, and for a member."""
    with transaction.atomic():
        group = known_group(slug, for_update=True)
        user = known_user(username)
        if group.members.filter(pk=user.pk).exists():
            raise Refused(f"{username} is a member of {group} already.")
        group.members.add(user)


def remove_member(*, slug: str, username: str) -> None:
    """Raises Refused for an unknown group, and for who is no member."""
    with transaction.atomic():
        group = known_group(slug, for_update=True)
        member = group.members.filter(username=username).first()
        if member is None:
            raise Refused(f"{username} is no member of {group}.")
        group.members.remove(member)


def set_members(*, slug: str, members: Iterable[User]) -> None:
    """Let a group have these members and no others. Raises Refused for an unknown one."""
    with transaction.atomic():
        known_group(slug, for_update=True).members.set(members)


def known_group(slug: str, *, for_update: bool = False) -> Group:
    """Raises Refused for an unknown one."""
    groups = Group.objects.select_for_update() if for_update else Group.objects.all()
    group = groups.filter(slug=slug).first()
    if group is None:
        raise Refused(f"There is no group {slug!r}. The Groups page lists those there are.")
    return group


def known_user(username: str) -> User:
    """Raises Refused for an unknown one."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise Refused(f"There is no user {username!r}. They need an account here first.")
    return user


def _fields(content: GroupContent) -> dict[str, str | list[str]]:
    roles = content.default_data_store_access or []
    return {
        "display_name": content.display_name,
        "description": content.description,
        "default_data_roles": [role.value for role in dict.fromkeys(roles)],
    }
