"""The release of datasets (contract, section 12). The Python client asks for it under the prefix of
the auth API, and Provena serves it under that of the data store: it is at both."""

from typing import Any

from ninja import Body, Router, Schema

from provena import rest
from provena.rest import ApiError, ApiRequest, Plain
from registry import services
from registry.api.answers import Done, Status
from registry.api.rights import WRITE, needs
from registry.models import Reviewer


class Request(Schema):
    """Which reviewer, named by the id of their Person, is asked to approve which dataset."""

    dataset_id: Plain
    approver_id: Plain
    notes: str


class Requested(Schema):
    dataset_id: str
    approver_id: str
    details: str


class Decision(Schema):
    dataset_id: Plain
    approve: bool
    notes: str


class Decided(Schema):
    dataset_id: str
    approved: bool
    details: str


class Chosen(Schema):
    reviewer_id: Plain | None = None


def ask(request: ApiRequest, body: Request) -> Any:
    """Needs the role admin on the dataset and a linked Person. The reviewer must be able to read
    the dataset. Until the decision, and after approval, its files cannot be changed."""
    item = services.request_release(
        handle=body.dataset_id, approver=body.approver_id, notes=body.notes, by=request.user
    )
    text = f"{body.approver_id} was asked to approve the release of {item}."
    return {"dataset_id": item.handle, "approver_id": body.approver_id, "details": text}


def decide(request: ApiRequest, body: Decision) -> Any:
    """For the reviewer who was asked."""
    item = services.decide_release(
        handle=body.dataset_id, approve=body.approve, notes=body.notes, by=request.user
    )
    text = f"{item} is {'' if body.approve else 'not '}released."
    return {"dataset_id": item.handle, "approved": body.approve, "details": text}


def list_reviewers(request: ApiRequest) -> Any:
    """The ids of their Persons."""
    return list(Reviewer.objects.values_list("person__handle", flat=True))


def add_reviewer(
    request: ApiRequest, reviewer_id: Plain = "", body: Body[Chosen | None] = None
) -> Any:
    """For staff who may add reviewers. The id of the Person is in the query or in the body."""
    chosen = reviewer_id or (body.reviewer_id if body else None)
    if not chosen:
        raise ApiError(400, "Say who: give a reviewer_id, the id of a Person.", "no_reviewer")
    services.add_reviewer(chosen)
    return {"status": Status(details=f"{chosen} is a reviewer.")}


def remove_reviewer(request: ApiRequest, reviewer_id: Plain) -> Any:
    """For staff who may delete reviewers."""
    services.remove_reviewer(reviewer_id)
    return {"status": Status(details=f"{reviewer_id} is no reviewer any more.")}


ROUTES: list[tuple[str, str, Any, Any, Any, str]] = [
    (
        "POST",
        "/release/approval-request",
        WRITE,
        Requested,
        ask,
        "Ask for the release of a dataset",
    ),
    (
        "PUT",
        "/release/action-approval-request",
        WRITE,
        Decided,
        decide,
        "Decide on the release of a dataset",
    ),
    ("GET", "/release/sys-reviewers/list", WRITE, list[str], list_reviewers, "List all reviewers"),
    (
        "POST",
        "/release/sys-reviewers/add",
        needs("registry.add_reviewer"),
        Done,
        add_reviewer,
        "Add a reviewer",
    ),
    (
        "DELETE",
        "/release/sys-reviewers/delete",
        needs("registry.delete_reviewer"),
        Done,
        remove_reviewer,
        "Remove a reviewer",
    ),
]


def router(name: str) -> Router:
    """The routes, for the API of that name: a router can be in one place only."""
    made = Router(tags=["Release of datasets"])
    for method, path, auth, answer, view, summary in ROUTES:
        made.api_operation(
            [method],
            path,
            auth=auth,
            response={200: answer, **rest.REFUSALS},
            summary=summary,
            operation_id=f"{name}_{view.__name__}",
        )(view)
    return made
