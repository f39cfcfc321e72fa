"""Items of each kind: registering, fetching and changing them (contract, section 7)."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpRequest
from ninja import Body, Router, Schema
from pydantic import BaseModel

from provena.rest import ApiRequest, Plain
from registry import access, services
from registry.access import Role
from registry.api import shapes
from registry.api.answers import Done, Status, content_in_status, refused
from registry.api.of_kinds import ALL, SIX, VERSIONED, for_each
from registry.api.rights import READ, WRITE
from registry.api.shapes import JSON
from registry.kinds import Kind
from registry.kinds.runs import ModelRun
from registry.model_runs import services as runs
from registry.models import Item
from registry.services import rules

router = Router()
T = TypeVar("T")

UNKNOWN = "There is no item {!r}. Check the id."
# What the system keeps beside the content of a dataset; clients send it with the content.
KEPT = {
    "s3",
    "release_status",
    "release_approver",
    "release_timestamp",
    "release_history",
    "access_info_uri",
}


class Fetched(Schema):
    """An item, and what the caller may do with it."""

    status: Status = Status()
    item: JSON
    roles: list[str]
    locked: bool
    item_is_seed: bool


class Created(Schema):
    """The item as it was stored, and the session id of the first job that records how it came to
    be, where its kind has such jobs."""

    status: Status = Status()
    created_item: JSON
    register_create_activity_session_id: UUID | None = None


class Updated(Schema):
    """If a seed was completed: the session id of the first job that records how it came to be."""

    status: Status = Status()
    register_create_activity_session_id: UUID | None = None


class Seeded(Schema):
    """The id that was reserved."""

    status: Status = Status()
    seeded_item: JSON


class Versioned(Schema):
    """The id of the new version, and the session id of the first job that records it."""

    new_version_id: str
    version_job_session_id: UUID


class JsonSchema(BaseModel):
    """The JSON schema of what an item of a kind holds."""

    status: Status = Status()
    json_schema: JSON


class UiSchema(Schema):
    """How a form of a kind is best shown, in the words of react-jsonschema-form."""

    status: Status = Status()
    ui_schema: JSON


class Version(Schema):
    """Of which item to make a version, and why."""

    id: Plain
    reason: str


class Revert(Schema):
    """Which item to give which content of its history again, and why."""

    id: Plain
    history_id: int
    reason: str


def fetched(request: ApiRequest, item: Item) -> JSON:
    """The answer that tells an item of `shapes.with_all`."""
    return {
        "item": shapes.item(item),
        "roles": sorted(access.roles(request.user, item)),
        "locked": item.is_locked,
        "item_is_seed": not item.is_complete,
    }


@for_each(ALL, router, "GET", "/fetch", auth=READ, response=Fetched, summary="Fetch {}")
@content_in_status
def fetch(request: ApiRequest, kind: type[Kind], id: Plain, seed_allowed: bool = False) -> Any:
    """Its content, history, versions and jobs. Needs the role metadata-read. An unknown id, that of
    another kind, and (unless `seed_allowed`) of a seed give `success: false`."""
    item = shapes.with_all(Item.objects.live()).filter(handle=id).first()
    if item is None:
        return refused(UNKNOWN.format(id))
    rules.need_role(request.user, item, Role.METADATA_READ)
    rules.need_kind(item, kind)
    if not (item.is_complete or seed_allowed):
        return refused(
            f"{id} is a reserved id without content. Complete it, or fetch it with seed_allowed."
        )
    return fetched(request, item)


@for_each(
    SIX,
    router,
    "POST",
    "/create",
    auth=WRITE,
    response=Created,
    summary="Register {}",
    takes_content=True,
)
@content_in_status
def create(request: ApiRequest, kind: type[Kind], content: Body[JSON]) -> Any:
    """Store a new item under a new id. What is wrong with the content gives `success: false` and
    names every fault. But for agents, you must be linked to a Person."""
    item = services.register(subtype=kind.subtype, content=content, owner=request.user)
    told = shapes.new(item)
    return {
        "status": Status(details=f"Registered as {item.handle}."),
        "created_item": shapes.item(told),
        "register_create_activity_session_id": told.creation_session,
    }


@for_each(
    SIX,
    router,
    "PUT",
    "/update",
    auth=WRITE,
    response=Updated,
    summary="Update {}",
    takes_content=True,
)
@content_in_status
def update(
    request: ApiRequest,
    kind: type[Kind],
    id: Plain,
    content: Body[JSON],
    reason: str = "",
) -> Any:
    """Replace all of its content; a seed becomes complete by it. Needs the role metadata-write and,
    unless it is a seed, a reason. What is wrong with the content gives `success: false`."""
    item = services.update(
        handle=id, subtype=kind.subtype, content=content, reason=reason, by=request.user
    )
    is_first = not item.revisions.filter(number__gt=1).exists()
    return {
        "status": Status(details=f"{id} was {'completed' if is_first else 'updated'}."),
        "register_create_activity_session_id": shapes.session_of(item.creation_workflow_id)
        if is_first
        else None,
    }


@for_each(SIX, router, "POST", "/seed", auth=WRITE, response=Seeded, summary="Reserve an id for {}")
def seed(request: ApiRequest, kind: type[Kind]) -> Any:
    """Its content comes later, by an update. But for agents, you must be linked to a Person."""
    item = services.seed(subtype=kind.subtype, owner=request.user)
    return {
        "status": Status(details=f"Reserved {item.handle}."),
        "seeded_item": shapes.item(shapes.new(item)),
    }


@for_each(
    VERSIONED,
    router,
    "POST",
    "/version",
    auth=WRITE,
    response=Versioned,
    summary="Make a new version of {}",
)
def version(request: ApiRequest, kind: type[Kind], asked: Version) -> Any:
    """A new item with the same content and access, which you own. Needs the role admin; only the
    latest version can have a next one."""
    new = services.create_version(handle=asked.id, reason=asked.reason, by=request.user, kind=kind)
    return {
        "new_version_id": new.handle,
        "version_job_session_id": shapes.session_of(new.version_workflow_id),
    }


@for_each(
    ALL,
    router,
    "PUT",
    "/revert",
    auth=WRITE,
    response=Done,
    summary="Give {} the content of an entry of its history again",
)
@content_in_status
def revert(request: ApiRequest, kind: type[Kind], asked: Revert) -> Any:
    """As a new entry, with a reason. Needs the role metadata-write. Of a model run, a job does it
    and renews its provenance. What jobs record of items cannot be reverted."""
    if kind is ModelRun:
        return _revert_run(request, asked)
    revert_by(services.revert, request, asked, kind=kind)
    return {"status": Status(details=f"{asked.id} has the content of {asked.history_id} again.")}


def revert_by(do: Callable[..., T], request: ApiRequest, asked: Revert, **how: Any) -> T:
    """What a service answers that reverts an item. Entries of a history count from 0, and its
    revisions from 1."""
    number = asked.history_id + 1
    try:
        return do(handle=asked.id, number=number, reason=asked.reason, by=request.user, **how)
    except services.NoRevision:
        text = f"{asked.id} has no entry {asked.history_id} in its history. Fetch it to see which."
        raise services.NoRevision(text) from None


def _revert_run(request: ApiRequest, asked: Revert) -> Any:
    """Data that others use may be left without its origin by it: that is done, and told."""
    note = ""
    try:
        job = revert_by(runs.revert, request, asked)
    except runs.OrphansLeft as left:
        job, note = revert_by(runs.revert, request, asked, anyway=True), f" {left}"
    except runs.RunRefused as found:
        return refused(str(found))
    return {"status": Status(details=f"Job {job.session_id} does it.{note}")}


@for_each(
    ALL,
    router,
    "POST",
    "/validate",
    auth=READ,
    response=Done,
    summary="Check the content of {}",
    takes_content=True,
)
@content_in_status
def validate(request: ApiRequest, kind: type[Kind], content: Body[JSON]) -> Any:
    """Nothing is stored. What is wrong gives `success: false` and names every fault; what only
    looks odd is told beside success."""
    if kind is ModelRun:
        return _validate_run(request, content)
    if kind.has_files:
        content = {name: value for name, value in content.items() if name not in KEPT}
    warnings = services.validate(subtype=kind.subtype, content=content, user=request.user)
    return {"status": Status(details=" ".join(["This content is valid.", *warnings]))}


def _validate_run(request: ApiRequest, content: JSON) -> Any:
    try:
        runs.validate(content=content, user=request.user)
    except runs.RunRefused as found:
        return refused(str(found))
    return {"status": Status(details="This content is valid.")}


@for_each(
    ALL, router, "GET", "/schema", auth=READ, response=JsonSchema, summary="The JSON schema of {}"
)
def schema(request: HttpRequest, kind: type[Kind]) -> Any:
    """What its content may and must hold."""
    return {"json_schema": kind.model_json_schema()}


@for_each(ALL, router, "GET", "/ui_schema", auth=READ, response=UiSchema, summary="The form of {}")
def ui_schema(request: HttpRequest, kind: type[Kind]) -> Any:
    """The order of its fields and their help, for programs that draw forms from schemas."""
    fields = {
        part.name: {"ui:title": part.title, "ui:help": part.help}
        | ({"ui:widget": "textarea"} if part.form == "textarea" else {})
        for part in kind.inputs()
    }
    return {"ui_schema": {"ui:order": [*fields, "*"], **fields}}
