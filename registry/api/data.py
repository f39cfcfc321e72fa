"""The data store API of Provena's Python client: datasets (contract, section 9)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Body, Router, Schema

from provena import rest
from provena.rest import ApiRequest
from registry import access, services
from registry.access import Role
from registry.api import data_files, releases, shapes
from registry.api.answers import Done, Status, content_in_status
from registry.api.general import ListedKind, listed
from registry.api.items import JsonSchema, Revert, Version, Versioned, revert_by
from registry.api.listing import KindFilter, Paged
from registry.api.rights import READ, WRITE
from registry.api.shapes import JSON
from registry.kinds import Findings
from registry.kinds.datasets import CollectionFormat, Dataset
from registry.services import rules

router = Router(tags=["Datasets"])
router.add_router("", data_files.router)
router.add_router("", releases.router("data"))

CONTENT = rest.body_of(CollectionFormat.model_json_schema())
WHOLE = "collection_format"


class S3Location(Schema):
    """Where a store would keep the files of a dataset."""

    bucket_name: str
    path: str
    s3_uri: str


class Minted(Schema):
    """The id of the new dataset, and the session id of the first job of its workflow."""

    status: Status = Status()
    handle: str
    s3_location: S3Location
    register_create_activity_session_id: UUID


class Updated(Schema):
    status: Status = Status()
    handle: str
    s3_location: S3Location


class Fetched(Schema):
    """A dataset, and what the caller may do with it."""

    status: Status = Status()
    item: JSON
    roles: list[str]
    locked: bool


class Checked(Status):
    """Whether content would be taken; the same once more as `status`, which clients read."""

    status: Status = Status()


@router.get("/", auth=None, summary="Health check")
def health(request: HttpRequest) -> dict[str, str]:
    return rest.HEALTHY


@router.post(
    "/register/mint-dataset",
    auth=WRITE,
    response={200: Minted, **rest.REFUSALS},
    summary="Register a dataset",
    openapi_extra=CONTENT,
)
@content_in_status
def mint(request: ApiRequest, body: Body[JSON]) -> Any:
    """Register a dataset under a new id. You must be linked to a Person.

    Content that has the right shape but says something wrong is answered with `success: false` and
    all that is wrong.
    """
    with _faults_of_body():
        item = services.register(subtype=Dataset.subtype, content={WHOLE: body}, owner=request.user)
    return {
        "status": Status(details=f"Registered {item}."),
        "handle": item.handle,
        "s3_location": item.system["s3"],
        "register_create_activity_session_id": shapes.session_of(item.creation_workflow_id),
    }


@router.get(
    "/registry/items/fetch-dataset",
    auth=READ,
    response={200: Fetched, **rest.REFUSALS},
    summary="Fetch a dataset",
)
def fetch(request: ApiRequest, handle_id: str) -> Any:
    """A dataset by its id. An id that is unknown, reserved only, or of an item of another kind is a
    400."""
    item = rules.known(handle_id)
    rules.need_role(request.user, item, Role.METADATA_READ)
    rules.need_kind(item, Dataset)
    rules.need_complete(item)
    return {
        "item": shapes.item(shapes.full(item)),
        "roles": sorted(access.roles(request.user, item)),
        "locked": item.is_locked,
    }


@router.post(
    "/registry/items/list",
    auth=READ,
    response={200: ListedKind, **rest.REFUSALS},
    summary="List datasets",
)
def list_datasets(request: ApiRequest, asked: Paged) -> Any:
    """All that you may read, a page at a time: at most 100, and full while there are more. Send the
    `pagination_key` of a page, with the same sort, to get the next."""
    return listed(request, Dataset, asked, KindFilter())


@router.post(
    "/metadata/validate-metadata",
    auth=READ,
    response={200: Checked, **rest.REFUSALS},
    summary="Check the content of a dataset",
    openapi_extra=CONTENT,
)
def validate(request: ApiRequest, body: Body[JSON]) -> Any:
    """Check content as registering would, without storing anything. What is odd but allowed is told
    in the details."""
    try:
        with _faults_of_body():
            warnings = services.validate(
                subtype=Dataset.subtype, content={WHOLE: body}, user=request.user
            )
    except Findings as found:
        if found.misshapen:
            raise
        return _checked(False, " ".join(found.lines()))
    return _checked(True, " ".join(["This can be registered.", *warnings]))


@router.get(
    "/metadata/dataset-schema",
    auth=READ,
    response={200: JsonSchema, **rest.REFUSALS},
    summary="The JSON schema of the content of a dataset",
)
def schema(request: ApiRequest) -> Any:
    """As `json_schema`: what the body of a registration may hold."""
    return {"json_schema": CollectionFormat.model_json_schema()}


@router.post(
    "/register/update-metadata",
    auth=WRITE,
    response={200: Updated, **rest.REFUSALS},
    summary="Change the content of a dataset",
    openapi_extra=CONTENT,
)
def update(request: ApiRequest, handle_id: str, reason: str, body: Body[JSON]) -> Any:
    """Replace the content of a dataset, as a new entry of its history. It needs the role
    metadata-write and a reason; where its files are and its release stay as they are."""
    with _faults_of_body():
        item = services.update(
            handle=handle_id,
            subtype=Dataset.subtype,
            content={WHOLE: body},
            reason=reason,
            by=request.user,
        )
    return {
        "status": Status(details=f"Changed {item}."),
        "handle": item.handle,
        "s3_location": item.system["s3"],
    }


@router.put(
    "/register/revert-metadata",
    auth=WRITE,
    response={200: Done, **rest.REFUSALS},
    summary="Give a dataset the content of an entry of its history",
)
def revert(request: ApiRequest, body: Revert) -> Any:
    """The old content becomes a new entry. It needs the role metadata-write, and what it says must
    be right today."""
    with _faults_of_body():
        revert_by(services.revert, request, body, kind=Dataset)
    return {"status": Status(details=f"{body.id} has the content of {body.history_id} again.")}


@router.post(
    "/register/version",
    auth=WRITE,
    response={200: Versioned, **rest.REFUSALS},
    summary="Make the next version of a dataset",
)
def version(request: ApiRequest, body: Version) -> Any:
    """A new dataset with the same content and access, which is yours. It needs the role admin; only
    the latest version can have a next one. Files and release are not carried over."""
    item = services.create_version(
        handle=body.id, reason=body.reason, by=request.user, kind=Dataset
    )
    return {
        "new_version_id": item.handle,
        "version_job_session_id": shapes.session_of(item.version_workflow_id),
    }


@contextmanager
def _faults_of_body() -> Iterator[None]:
    """Let faults of content stand where they are in a body, which is what `collection_format`
    holds."""
    try:
        yield
    except Findings as found:
        faults = [(path[path[:1] == (WHOLE,) :], text) for path, text in found.faults]
        raise Findings(faults, misshapen=found.misshapen) from None


def _checked(success: bool, details: str) -> Mapping[str, Any]:
    told = {"success": success, "details": details}
    return told | {"status": told}
