"""Files of datasets for Provena's Python client (contract, section 9). No site has a store of files
yet, so whoever may have them is told so."""

from datetime import datetime
from typing import Any

from ninja import Router, Schema
from pydantic import Field

from provena import rest
from provena.rest import ApiRequest
from registry import services
from registry.api.answers import Status
from registry.api.rights import READ, WRITE

router = Router(tags=["Datasets"])

DAY = 86_400  # seconds


class UrlRequest(Schema):
    """`file_path` is from the top of the dataset; `expires_in` is in seconds."""

    dataset_id: str
    file_path: str
    expires_in: int = Field(default=DAY // 8, ge=1, le=DAY)


class Url(Schema):
    dataset_id: str
    file_path: str
    presigned_url: str


class CredentialsRequest(Schema):
    dataset_id: str
    console_session_required: bool


class Credentials(Schema):
    aws_access_key_id: str
    aws_secret_access_key: str
    aws_session_token: str
    expiry: datetime


class Issued(Schema):
    status: Status = Status()
    credentials: Credentials
    console_session_url: str | None = None


@router.post(
    "/registry/items/generate-presigned-url",
    auth=READ,
    response={200: Url, **rest.REFUSALS},
    summary="An address of a file of a dataset",
)
def presigned_url(request: ApiRequest, body: UrlRequest) -> Any:
    """Needs the role dataset-data-read. Sites have no store of files yet: always a 400, which says
    how to get the file."""
    item = services.may_read_files(handle=body.dataset_id, by=request.user)
    services.need_path(body.file_path)
    raise services.no_store(item)


@router.post(
    "/registry/credentials/generate-read-access-credentials",
    auth=READ,
    response={200: Issued, **rest.REFUSALS},
    summary="Credentials to read the files of a dataset",
)
def read_credentials(request: ApiRequest, body: CredentialsRequest) -> Any:
    """Needs the role dataset-data-read. Sites have no store of files yet: always a 400, which says
    how to get the files."""
    raise services.no_store(services.may_read_files(handle=body.dataset_id, by=request.user))


@router.post(
    "/registry/credentials/generate-write-access-credentials",
    auth=WRITE,
    response={200: Issued, 403: rest.Problem, **rest.REFUSALS},
    summary="Credentials to change the files of a dataset",
)
def write_credentials(request: ApiRequest, body: CredentialsRequest) -> Any:
    """Needs the role dataset-data-write. The dataset must not be locked (401), nor released or
    about to be (403). Sites have no store of files yet: otherwise always a 400."""
    raise services.no_store(services.may_write_files(handle=body.dataset_id, by=request.user))
