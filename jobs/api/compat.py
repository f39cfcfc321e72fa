"""The jobs API of Provena's Python client (contract, section 6).

The client knows thirteen kinds of jobs and refuses a whole page that has another one in it. So
others are not there for these routes; our own API has them all.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Subquery
from django.http import HttpRequest
from ninja import Field, Router, Schema
from pydantic import ConfigDict, ValidationError, model_validator

from jobs import definitions, job_rows, launching
from jobs.api.rights import EVERYONE, LAUNCH, READ_ALL
from jobs.models import Job, JobQuerySet, among_all, plain
from provena import rest
from provena.ids import uuid_of
from provena.rest import ApiError, ApiRequest

router = Router(tags=["Jobs"])

SUB_TYPES = (
    "PROV_LODGE_WAKE_UP",
    "MODEL_RUN_PROV_LODGE",
    "MODEL_RUN_LODGE_ONLY",
    "MODEL_RUN_BATCH_SUBMIT",
    "LODGE_CREATE_ACTIVITY",
    "LODGE_VERSION_ACTIVITY",
    "MODEL_RUN_UPDATE",
    "MODEL_RUN_UPDATE_LODGE_ONLY",
    "REGISTRY_WAKE_UP",
    "REGISTER_CREATE_ACTIVITY",
    "REGISTER_VERSION_ACTIVITY",
    "EMAIL_WAKE_UP",
    "SEND_EMAIL",
)
MOST = 100  # jobs in a page
LOOK = 5_000  # jobs looked at for a page, of which those of other kinds are left out
LARGEST_ID = 2**63 - 1


class JobOut(Schema):
    """A job. `created_timestamp` is in Unix seconds; `result` is null until it has succeeded, and
    `info` says why it failed."""

    session_id: UUID
    created_timestamp: int
    username: str
    batch_id: UUID | None
    payload: dict[str, Any]
    job_type: str
    job_sub_type: str
    status: str
    info: str | None
    result: dict[str, Any] | None
    gsi_status: str = "ok"


class Fetched(Schema):
    job: JobOut


class Key(Schema):
    """Where the next page begins: the last job of this one."""

    model_config = ConfigDict(extra="forbid")
    id: int = Field(ge=0, le=LARGEST_ID)


class Listed(Schema):
    """A page of jobs, newest first. Without a `pagination_key` it is the last one."""

    jobs: list[JobOut]
    pagination_key: Key | None = None


class ListRequest(Schema):
    """At most 100 jobs come in a page, whatever the limit is."""

    limit: int = Field(default=10, ge=1)
    pagination_key: dict[str, Any] | None = None


class AdminListRequest(ListRequest):
    username_filter: str | None = None


class BatchRequest(ListRequest):
    batch_id: str


class AdminBatchRequest(BatchRequest):
    username_filter: str | None = None


class LaunchRequest(Schema):
    username: str | None = None
    request_batch_id: bool = False
    add_to_batch: UUID | None = None
    job_type: str
    job_sub_type: str
    job_payload: dict[str, Any]

    @model_validator(mode="after")
    def _one_batch(self) -> "LaunchRequest":
        if self.request_batch_id and self.add_to_batch:
            raise ValueError("Ask for a new batch or name one to join, not both.")
        return self


class Launched(Schema):
    session_id: UUID
    batch_id: UUID | None = None


@router.get("/", auth=None, summary="Health check")
def health(request: HttpRequest) -> dict[str, str]:
    return rest.HEALTHY


@router.get(
    "/jobs/user/fetch",
    auth=EVERYONE,
    response={200: Fetched, **rest.REFUSALS},
    summary="Fetch a job of yours",
)
def fetch(request: ApiRequest, session_id: str) -> Any:
    """A job by its session id. For an id of nobody, and for jobs of others, the answer is the same
    400."""
    return _fetched(request, Job.objects.filter(owner=request.user), session_id)


@router.post(
    "/jobs/user/list",
    auth=EVERYONE,
    response={200: Listed, **rest.REFUSALS},
    summary="List your jobs",
)
def list_own(request: ApiRequest, body: ListRequest) -> Any:
    """Your jobs, those of batches one by one."""
    return _listed(request, _of_owner(Job.objects.filter(owner=request.user)), body)


@router.post(
    "/jobs/user/list_batch",
    auth=EVERYONE,
    response={200: Listed, **rest.REFUSALS},
    summary="List the jobs of a batch of yours",
)
def list_batch(request: ApiRequest, body: BatchRequest) -> Any:
    """The jobs of a batch; none for a batch that is not there or not yours."""
    return _batch(request, Job.objects.filter(owner=request.user), body)


@router.post(
    "/jobs/admin/launch",
    auth=LAUNCH,
    response={200: Launched, **rest.REFUSALS},
    summary="Launch a job of any kind",
)
def admin_launch(request: ApiRequest, body: LaunchRequest) -> Any:
    """For staff who may add jobs: the job of a user, or your own. It runs with its owner's
    rights."""
    job = launching.launch(
        type=body.job_type,
        sub_type=body.job_sub_type,
        payload=body.job_payload,
        username=body.username or request.user.get_username(),
        in_new_batch=body.request_batch_id,
        add_to_batch=body.add_to_batch,
    )
    return {"session_id": job.session_id, "batch_id": job.batch_id}


@router.get(
    "/jobs/admin/fetch",
    auth=READ_ALL,
    response={200: Fetched, **rest.REFUSALS},
    summary="Fetch a job of anybody",
)
def admin_fetch(request: ApiRequest, session_id: str) -> Any:
    """For staff who may view all jobs."""
    return _fetched(request, Job.objects.all(), session_id)


@router.post(
    "/jobs/admin/list",
    auth=READ_ALL,
    response={200: Listed, **rest.REFUSALS},
    summary="List everybody's jobs",
)
def admin_list(request: ApiRequest, body: AdminListRequest) -> Any:
    """For staff who may view all jobs: everybody's, or those of one user."""
    if body.username_filter:
        return _listed(request, _of_owner(_owned_by(body.username_filter)), body)
    return _listed(request, [Job.objects.alias(key=among_all("id"))], body, key="id")


@router.post(
    "/jobs/admin/list_batch",
    auth=READ_ALL,
    response={200: Listed, **rest.REFUSALS},
    summary="List the jobs of a batch of anybody",
)
def admin_list_batch(request: ApiRequest, body: AdminBatchRequest) -> Any:
    """For staff who may view all jobs: of any batch, or of one that this user has."""
    jobs = _owned_by(body.username_filter) if body.username_filter else Job.objects.all()
    return _batch(request, jobs, body)


def _owned_by(username: str) -> JobQuerySet:
    """The jobs of a user: by their key, so both databases walk an index of the owner's jobs."""
    key = get_user_model().objects.filter(username=username).values("pk")
    return Job.objects.filter(owner_id=Subquery(key))


def _of_owner(jobs: JobQuerySet) -> list[JobQuerySet]:
    """All jobs of an owner as two walks, each by an index."""
    keyed = jobs.alias(key=plain("id"))
    return [keyed.listed(), keyed.unlisted()]


def _fetched(request: ApiRequest, jobs: JobQuerySet, session_id: str) -> dict[str, Any]:
    known = jobs.filter(sub_type__in=SUB_TYPES).select_related("owner")
    key = uuid_of(session_id)
    job = known.filter(session_id=key).first() if key else None
    if job is None:
        raise ApiError(400, f"There is no job {session_id!r} of yours.", "unknown_job")
    return {"job": _told([job], request)[0]}


def _batch(request: ApiRequest, jobs: JobQuerySet, body: BatchRequest) -> Any:
    batch = uuid_of(body.batch_id)
    if batch is None:
        return {"jobs": []}
    return _listed(request, [jobs.filter(batch=batch)], body, key="id")


def _listed(
    request: ApiRequest, walks: Sequence[JobQuerySet], body: ListRequest, *, key: str = "key"
) -> dict[str, Any]:
    """A page of the jobs of these walks, newest first. Where many of other kinds are among them, it
    may hold fewer than asked for, and the next one goes on."""
    limit = min(body.limit, MOST)
    below = _below(body.pagination_key)
    parts = [
        (walk if below is None else walk.filter(**{f"{key}__lt": below})).order_by(f"-{key}")
        for walk in walks
    ]
    floor = max((_last(part) for part in parts), default=0)
    known = [part.filter(**{f"{key}__gte": floor}, sub_type__in=SUB_TYPES) for part in parts]
    found = [job for part in known for job in part.select_related("owner")[: limit + 1]]
    jobs = sorted(found, key=lambda job: -job.pk)[: limit + 1]
    after = jobs[limit - 1].pk if len(jobs) > limit else floor
    return {
        "jobs": _told(jobs[:limit], request),
        "pagination_key": {"id": after} if after else None,
    }


def _last(walk: JobQuerySet) -> int:
    """The id of the last job that is looked at for a page; 0 where that is the last of all."""
    return next(iter(walk.values_list("pk", flat=True)[LOOK - 1 : LOOK]), 0)


def _told(jobs: Sequence[Job], request: ApiRequest) -> list[dict[str, Any]]:
    """As the client reads them. Who may not see the item that a job of others is about sees neither
    what it was given nor what it gave, as on the pages."""
    subjects = definitions.subjects(request.user, [job.subject for job in jobs])
    return [
        _one(job, job_rows.is_open(job, subjects.get(job.subject), request.user)) for job in jobs
    ]


def _one(job: Job, is_open: bool) -> dict[str, Any]:
    return {
        "session_id": job.session_id,
        "created_timestamp": int(job.created_at.timestamp()),
        "username": job.owner.get_username(),
        "batch_id": job.batch_id,
        "payload": job.payload if is_open else {},
        "job_type": job.type,
        "job_sub_type": job.sub_type,
        "status": job.status,
        "info": job.info or None,
        "result": job.result if is_open or job.result is None else {},
    }


def _below(key: dict[str, Any] | None) -> int | None:
    """The id in a pagination key. Raises ApiError for one that no page of ours gave."""
    if key is None:
        return None
    try:
        return Key.model_validate(key, strict=True).id
    except ValidationError:
        raise ApiError(
            400,
            "This pagination_key is not from here. Send back the one of the last page unchanged, "
            "or none for the first page.",
            "unknown_pagination_key",
        ) from None
