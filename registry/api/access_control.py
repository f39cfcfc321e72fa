"""The system roles of a user, and requests for more (contract, section 12)."""

import json
from typing import Annotated, Any, Literal

from ninja import Router, Schema
from pydantic import Field

from provena import rest
from provena.rest import ApiRequest, Plain
from registry import services, system_roles
from registry.api.answers import Done, Status
from registry.api.rights import EVERYONE, needs
from registry.kinds.runs import LATEST
from registry.models import AccessRequest
from registry.services.groups import known_user
from registry.system_roles import ROLES, SystemRole

router = Router(tags=["Access"])

VIEW, CHANGE = needs("registry.view_accessrequest"), needs("registry.change_accessrequest")
States = AccessRequest.Status
FRIENDLY = {
    States.PENDING: "request received, awaiting action",
    States.DENIED: "request denied",
    States.DONE: "request approved and completed",
}
# Approving is doing here, so a client may say either.
APPROVED = {"APPROVED_PENDING_ACTION", "ACTIONED_PENDING_DELETION"}
NO_MAIL = Status(success=False, details="This site sends no mail about requests for access.")


class WishedRole(Schema):
    """A role, and whether the user has it or wishes to have it."""

    role_name: Plain
    access_granted: bool


class WishedRoles(Schema):
    component_roles: Annotated[list[WishedRole], Field(max_length=100)]


class Wish(Schema):
    """A report as it was told, with `access_granted` where it is wished."""

    components: Annotated[list[WishedRoles], Field(max_length=100)]


class ReportedRole(Schema):
    role_name: str
    role_display_name: str
    role_level: Literal["READ", "WRITE", "ADMIN"]
    description: str
    intended_users: list[Literal["GENERAL", "ADMINISTRATOR"]]
    access_granted: bool


class Component(Schema):
    component_name: str
    component_roles: list[ReportedRole]


class Report(Schema):
    components: list[Component]


class Reported(Schema):
    status: Status = Status()
    report: Report


class Request(Schema):
    """A request for roles. Its `contents` are reports, written as JSON: of what is asked for, and
    of all. It never expires."""

    username: str
    request_id: int
    expiry: int
    email: str
    created_timestamp: int
    updated_timestamp: int
    status: str
    ui_friendly_status: str
    request_diff_contents: str
    complete_contents: str
    notes: str


class Requests(Schema):
    """Newest first."""

    items: list[Request]


class Chosen(Schema):
    username: Plain
    request_id: Annotated[int, Field(ge=0, le=2**63 - 1)]


class Decision(Chosen):
    desired_state: Literal[
        "PENDING_APPROVAL",
        "APPROVED_PENDING_ACTION",
        "DENIED_PENDING_DELETION",
        "ACTIONED_PENDING_DELETION",
    ]
    additional_note: str | None = None


class Decided(Schema):
    state_change: Status
    email_alert: Status


class Note(Chosen):
    note: str


class Noted(Done):
    """Also bare, as other clients read it."""

    success: bool = True
    details: str = "Done."


@router.get(
    "/access-control/user/generate-access-report",
    auth=EVERYONE,
    response={200: Reported, **rest.REFUSALS},
    summary="Which system roles you have",
)
def report(request: ApiRequest) -> Any:
    """All that there are, by component."""
    return {"report": _report(system_roles.held_by(request.user), ROLES)}


@router.post(
    "/access-control/user/request-change",
    auth=EVERYONE,
    response={200: Done, **rest.REFUSALS},
    summary="Ask for system roles",
)
def ask(request: ApiRequest, body: Wish, send_email: bool = False) -> Any:
    """Administrators see the request and decide. A report is sent back with the roles that are
    wished: none that you have can be given back so. No mail is sent."""
    roles = {
        role.role_name
        for component in body.components
        for role in component.component_roles
        if role.access_granted
    }
    asked = services.request_access(user=request.user, roles=roles)
    text = f"The request {asked.pk} for {', '.join(asked.roles)} waits for an administrator."
    return {"status": Status(details=text)}


@router.get(
    "/access-control/user/request-history",
    auth=EVERYONE,
    response={200: Requests, **rest.REFUSALS},
    summary="List your requests for access",
)
def own(request: ApiRequest) -> Any:
    """Those that were decided among them."""
    return _listed(user=request.user)


@router.get(
    "/access-control/user/pending-request-history",
    auth=EVERYONE,
    response={200: Requests, **rest.REFUSALS},
    summary="List your requests for access that wait",
)
def own_pending(request: ApiRequest) -> Any:
    """There is one at most."""
    return _listed(user=request.user, status=States.PENDING)


@router.get(
    "/access-control/admin/all-request-history",
    auth=VIEW,
    response={200: Requests, **rest.REFUSALS},
    summary="List all requests for access",
)
def every(request: ApiRequest) -> Any:
    """For staff who may view such requests."""
    return _listed()


@router.get(
    "/access-control/admin/all-pending-request-history",
    auth=VIEW,
    response={200: Requests, **rest.REFUSALS},
    summary="List all requests for access that wait",
)
def every_pending(request: ApiRequest) -> Any:
    """For staff who may view such requests."""
    return _listed(status=States.PENDING)


@router.get(
    "/access-control/admin/user-request-history",
    auth=VIEW,
    response={200: Requests, **rest.REFUSALS},
    summary="List the requests for access of a user",
)
def of_user(request: ApiRequest, username: Plain) -> Any:
    """For staff who may view such requests. An unknown user is an error."""
    return _listed(user=known_user(username))


@router.get(
    "/access-control/admin/user-pending-request-history",
    auth=VIEW,
    response={200: Requests, **rest.REFUSALS},
    summary="List the requests for access of a user that wait",
)
def of_user_pending(request: ApiRequest, username: Plain) -> Any:
    """For staff who may view such requests. An unknown user is an error."""
    return _listed(user=known_user(username), status=States.PENDING)


@router.post(
    "/access-control/admin/change-request-state",
    auth=CHANGE,
    response={200: Decided, **rest.REFUSALS},
    summary="Approve or deny a request for access",
)
def decide(request: ApiRequest, body: Decision, send_email_alert: bool = False) -> Any:
    """For staff who may change such requests and, to approve, users: what is approved is given at
    once, and the request is then ACTIONED_PENDING_DELETION. No mail is sent."""
    if body.desired_state == States.PENDING:
        raise services.Refused("A request waits until it is decided: approve it, or deny it.")
    services.decide_access(
        request=_chosen(body),
        approve=body.desired_state in APPROVED,
        by=request.user,
        note=body.additional_note or "",
    )
    mail = NO_MAIL if send_email_alert else Status(details="No mail was wanted.")
    return {"state_change": Status(), "email_alert": mail}


@router.post(
    "/access-control/admin/add-note",
    auth=CHANGE,
    response={200: Noted, **rest.REFUSALS},
    summary="Add a note to a request for access",
)
def note(request: ApiRequest, body: Note) -> Any:
    """For staff who may change such requests. Who asked can read it."""
    services.note_on_access(request=_chosen(body), note=body.note, by=request.user)
    return {}


def _chosen(body: Chosen) -> AccessRequest:
    """Raises Refused."""
    found = AccessRequest.objects.filter(pk=body.request_id, user__username=body.username).first()
    if found is None:
        raise services.Refused(f"There is no request {body.request_id} of {body.username}.")
    return found


def _listed(**which: Any) -> dict[str, Any]:
    found = AccessRequest.objects.filter(**which).select_related("user")
    return {"items": [_request(one) for one in found]}


def _request(asked: AccessRequest) -> dict[str, Any]:
    return {
        "username": asked.user.get_username(),
        "request_id": asked.pk,
        "expiry": LATEST,
        "email": asked.user.email,
        "created_timestamp": int(asked.created_at.timestamp()),
        "updated_timestamp": int(asked.updated_at.timestamp()),
        "status": asked.status,
        "ui_friendly_status": FRIENDLY[States(asked.status)],
        "request_diff_contents": json.dumps(_report(asked.roles, asked.roles)),
        "complete_contents": json.dumps(_report([*asked.held, *asked.roles], ROLES)),
        "notes": ", ".join(asked.notes),
    }


def _report(granted: Any, names: Any) -> dict[str, Any]:
    """These roles by component; `granted` are those that somebody has, or wishes to have."""
    told: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        if role := ROLES.get(name):
            one = _role(role) | {"access_granted": name in granted}
            told.setdefault(role.component, []).append(one)
    return {
        "components": [
            {"component_name": component, "component_roles": roles}
            for component, roles in told.items()
        ]
    }


def _role(role: SystemRole) -> dict[str, Any]:
    return {
        "role_name": role.name,
        "role_display_name": role.title,
        "role_level": role.level.name,
        "description": role.description,
        "intended_users": ["ADMINISTRATOR"] if role.for_staff else ["GENERAL", "ADMINISTRATOR"],
    }
