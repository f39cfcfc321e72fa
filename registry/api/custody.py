"""Who may touch items of each kind: access settings, locks and deletion (contract, section 7)."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from provena.rest import ApiRequest, Plain
from registry import access, services
from registry.access import Role
from registry.api.answers import Done, Status
from registry.api.of_kinds import ALL, for_each
from registry.api.rights import ADMIN, READ, WRITE
from registry.kinds import Kind
from registry.models import Item, LockEvent
from registry.services import rules

router = Router()

MOST_GROUPS = 500  # in one change of access
DELETED = "Deleted through the API"


class Roles(Schema):
    """What the caller may do with an item: nothing, if the list is empty."""

    roles: list[str]


class Settings(Schema):
    """Who owns an item, what every user of the registry may do with it, and what groups may."""

    owner: str
    general: list[str]
    groups: Annotated[dict[Plain, list[str]], Field(max_length=MOST_GROUPS)]


class DescribedRole(Schema):
    """A role that can be granted on items of a kind."""

    role_display_name: str
    role_name: str
    description: str
    also_grants: list[str]


class PossibleRoles(Schema):
    """All roles that can be granted on items of a kind."""

    roles: list[DescribedRole]


class LockChange(Schema):
    """Which item to lock or unlock, and why."""

    id: Plain
    reason: str


class LockChanged(Schema):
    """That an item was locked or unlocked: by whom, when and why."""

    action_type: str
    username: str
    email: str | None = None
    reason: str
    timestamp: int


class LockHistory(Schema):
    """All changes of the lock of an item, newest first, and whether it is locked now."""

    status: Status = Status()
    history: list[LockChanged]
    locked: bool


class LockState(Schema):
    """Whether an item is locked."""

    locked: bool


@for_each(
    ALL,
    router,
    "GET",
    "/auth/evaluate",
    auth=READ,
    response=Roles,
    summary="What you may do with {}",
)
def evaluate_access(request: ApiRequest, kind: type[Kind], id: Plain) -> Any:
    """Your roles on it, with those that they imply; of an item of whatever kind."""
    return {"roles": sorted(access.roles(request.user, rules.known(id)))}


@for_each(
    ALL,
    router,
    "GET",
    "/auth/configuration",
    auth=READ,
    response=Settings,
    summary="Who may do what with {}",
)
def access_settings(request: ApiRequest, kind: type[Kind], id: Plain) -> Any:
    """Needs the role admin."""
    return services.settings_of(_of_kind(request, kind, id, Role.ADMIN))


@for_each(
    ALL,
    router,
    "PUT",
    "/auth/configuration",
    auth=WRITE,
    response=Done,
    summary="Change who may do what with {}",
)
def change_access(request: ApiRequest, kind: type[Kind], id: Plain, asked: Settings) -> Any:
    """All roles of everyone and of groups at once; the owner stays. Needs the role admin. Unknown
    roles and groups are refused, all named."""
    services.change_access(
        handle=id,
        general=asked.general,
        groups=asked.groups,
        by=request.user,
        kind=kind,
        owner=asked.owner,
    )
    return {"status": Status(details=f"The access to {id} is as you sent it.")}


@for_each(
    ALL,
    router,
    "GET",
    "/auth/roles",
    auth=READ,
    response=PossibleRoles,
    summary="Which roles there are on {}",
)
def possible_roles(request: HttpRequest, kind: type[Kind]) -> Any:
    """What each means, and which others it includes."""
    return {
        "roles": [
            {
                "role_display_name": access.MEANINGS[role],
                "role_name": role,
                "description": access.EXPLAINED[role],
                "also_grants": sorted(access.with_implied({role}, kind) - {role}),
            }
            for role in access.roles_of(kind)
        ]
    }


@for_each(ALL, router, "PUT", "/locks/lock", auth=WRITE, response=Done, summary="Lock {}")
def lock(request: ApiRequest, kind: type[Kind], asked: LockChange) -> Any:
    """Nobody can update, revert or delete it then; reading and new versions stay possible. Needs
    the role admin."""
    services.lock(handle=asked.id, reason=asked.reason, by=request.user, kind=kind)
    return {"status": Status(details=f"{asked.id} is locked.")}


@for_each(ALL, router, "PUT", "/locks/unlock", auth=WRITE, response=Done, summary="Unlock {}")
def unlock(request: ApiRequest, kind: type[Kind], asked: LockChange) -> Any:
    """It can be changed again. Needs the role admin."""
    services.unlock(handle=asked.id, reason=asked.reason, by=request.user, kind=kind)
    return {"status": Status(details=f"{asked.id} is not locked any more.")}


@for_each(
    ALL,
    router,
    "GET",
    "/locks/history",
    auth=READ,
    response=LockHistory,
    summary="Who locked and unlocked {}",
)
def lock_history(request: ApiRequest, kind: type[Kind], id: Plain) -> Any:
    """Needs the role metadata-read."""
    item = _of_kind(request, kind, id, Role.METADATA_READ)
    events = item.lock_events.select_related("by")
    return {"history": [lock_event(event) for event in events], "locked": item.is_locked}


@for_each(
    ALL,
    router,
    "GET",
    "/locks/locked",
    auth=READ,
    response=LockState,
    summary="Whether {} is locked",
)
def lock_state(request: ApiRequest, kind: type[Kind], id: Plain) -> Any:
    """Needs the role metadata-read."""
    return {"locked": _of_kind(request, kind, id, Role.METADATA_READ).is_locked}


@for_each(ALL, router, "DELETE", "/delete", auth=ADMIN, response=Done, summary="Delete {}")
def delete(request: ApiRequest, kind: type[Kind], id: Plain, reason: str = DELETED) -> Any:
    """For administrators of the registry; the kind is not checked. It is refused while it is locked
    or anything depends on it. Its id, kind and name are kept. An unknown id is a success."""
    if services.delete(handle=id, reason=reason, by=request.user):
        return {"status": Status(details=f"{id} was deleted.")}
    return {"status": Status(details=f"There is no item {id!r}, so nothing was deleted.")}


def _of_kind(request: ApiRequest, kind: type[Kind], id: str, role: Role) -> Item:
    """The item, if it is of that kind and the caller has the role on it. Raises Refused."""
    item = rules.known(id)
    rules.need_role(request.user, item, role)
    rules.need_kind(item, kind)
    return item


def lock_event(event: LockEvent) -> dict[str, Any]:
    """A change of a lock, as it is told."""
    return {
        "action_type": event.action,
        "username": event.by.get_username(),
        "email": event.by.email or None,
        "reason": event.reason,
        "timestamp": int(event.at.timestamp()),
    }
