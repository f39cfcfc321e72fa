"""Our own API of jobs: what Provena's has no route for. All kinds of jobs are in it."""

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, JsonResponse
from ninja import Body, Query, Router, Schema

from jobs import bulk, deeds, exports, lifecycle, search
from jobs.api import own_batches, shapes, waiting
from jobs.api.found import MISSING, need
from jobs.api.rights import EVERYONE
from jobs.filters import JobFilter
from jobs.models import Job
from provena import http, rest
from provena.rest import ApiRequest

router = Router(tags=["Jobs, our own"], auth=EVERYONE)
router.add_router("", own_batches.router)
MOST = 100  # jobs in a page
NOT_NONE = 'Give at least one filter, or {"all": true} for all jobs that you may see.'
NOT_BOTH = "This asks for all jobs and for those that match a filter. Leave one of them out."
LARGEST_ID = 2**63 - 1
WORDS = {
    "status": "States, any of them: PENDING, DEQUEUED, IN_PROGRESS, SUCCEEDED, FAILED, CANCELLED, "
    "MENDED.",
    "type": "A type of jobs.",
    "sub_type": "A kind of jobs.",
    "batch": "`only` jobs of batches, or `none` of them.",
    "item": "The id of the item that jobs are about.",
    "when": "hour, today, yesterday or week.",
    "zone": "The time zone of times without an offset, such as Australia/Brisbane.",
    "since": "A day or a moment in ISO 8601.",
    "until": "Likewise; a day includes all of it.",
    "text": "Part of what a job was given, or of why it failed.",
    "user": "A user name.",
    "mine": "1, or true in a body, for your own jobs only.",
}
FILTERS: dict[str, Any] = {
    "parameters": [
        {
            "in": "query",
            "name": name,
            "description": words,
            "schema": {"type": "array", "items": {"type": "string"}}
            if name == "status"
            else {"type": "string"},
        }
        for name, words in WORDS.items()
    ]
}
FIELDS: dict[str, Any] = {
    name: schema | {"description": WORDS[name]}
    for name, schema in JobFilter.model_json_schema()["properties"].items()
}
ALL = {"type": "boolean", "default": False, "description": "true, and no filter, for all jobs."}
BODY = rest.body_of(
    {"type": "object", "additionalProperties": False, "properties": FIELDS | {"all": ALL}}
)


def _file(words: str, content: str) -> dict[str, Any]:
    """How a route tells that it answers a file."""
    kept = {"description": words, "content": {content: {"schema": {"type": "string"}}}}
    return FILTERS | {"responses": {200: kept}}


class Listed(Schema):
    """A page of jobs, newest first. `next` is the cursor of the page after it, null at the end.
    Where `looked_back_to` is set, the page is not full because so many jobs were looked at: go on
    with `next`."""

    jobs: list[shapes.JobOut]
    next: int | None
    looked_back_to: shapes.Moment | None


class Waited(Schema):
    is_finished: bool
    job: shapes.JobDetail


class Submitted(Schema):
    """The job that does it; its detail tells how far it is."""

    session_id: UUID


class Wrong(Exception):
    """A filter that makes no sense."""

    def __init__(self, place: str, faults: list[tuple[str, str]]) -> None:
        self.place = place
        self.faults = faults
        super().__init__(place)


def _told(wrong: Wrong) -> HttpResponse:
    detail = [
        {"loc": [wrong.place, name], "msg": text, "type": "value"} for name, text in wrong.faults
    ]
    return JsonResponse({"detail": detail}, status=422)


@router.get(
    "/jobs",
    response={200: Listed, **rest.REFUSALS},
    summary="Find jobs",
    openapi_extra=FILTERS,
)
def find(
    request: ApiRequest,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    cursor: Annotated[int | None, Query(ge=0, le=LARGEST_ID)] = None,
) -> Any:
    """All kinds of jobs by the filters of the Jobs page: your own, or all for staff who may
    view all jobs. At most 100 come at once. Unless a state or a text is asked for, a batch is there
    by its first job.

        curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/jobs?status=FAILED&when=today&limit=10"
    """
    try:
        wanted = _from_query(request)
    except Wrong as wrong:
        return _told(wrong)
    found = search.page(wanted, request.user, limit=limit, below=cursor)
    return {
        "jobs": shapes.rows(found.jobs, request.user),
        "next": found.next,
        "looked_back_to": shapes.moment(found.looked_back_to),
    }


@router.get(
    "/jobs/export.csv",
    response=rest.REFUSALS,
    summary="Jobs as a file of CSV",
    openapi_extra=_file("A table with a header.", "text/csv"),
)
def export_csv(request: ApiRequest) -> Any:
    """All jobs that a filter finds, one by one, sent as they are read.

    curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/jobs/export.csv?status=FAILED"
    """
    return _export(request, "csv")


@router.get(
    "/jobs/export.jsonl",
    response=rest.REFUSALS,
    summary="Jobs as lines of JSON",
    openapi_extra=_file("A JSON object a line.", "application/x-ndjson"),
)
def export_lines(request: ApiRequest) -> Any:
    """The same as the file of CSV, a JSON object a line.

    curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/jobs/export.jsonl"
    """
    return _export(request, "jsonl")


def _export(request: ApiRequest, form: str) -> HttpResponseBase:
    try:
        wanted = _from_query(request)
    except Wrong as wrong:
        return _told(wrong)
    if form == "csv":
        return http.csv_file("jobs.csv", exports.table(wanted, request.user))
    return http.lines_file("jobs.jsonl", exports.lines(wanted, request.user))


@router.post(
    "/jobs/retry-matching",
    response={200: Submitted, **rest.REFUSALS},
    summary="Retry all failed jobs that match",
    openapi_extra=BODY,
)
def retry_matching(request: ApiRequest, body: Annotated[dict[str, Any], Body()]) -> Any:
    """Starts a job that puts all failed jobs which a filter finds now back into the queue. The body
    is the filter, by the names of the list's. An empty one is refused (422); `{"all": true}` means
    all that you may see. A filter of states none of which is failed is refused (400).

        curl -X POST -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
            -d '{"when": "today"}' "$URL/api/v1/jobs/retry-matching"
    """
    return _matching(request, deeds.RETRY, body)


@router.post(
    "/jobs/cancel-matching",
    response={200: Submitted, **rest.REFUSALS},
    summary="Cancel all waiting jobs that match",
    openapi_extra=BODY,
)
def cancel_matching(request: ApiRequest, body: Annotated[dict[str, Any], Body()]) -> Any:
    """Starts a job that cancels all jobs which a filter finds now and no worker has begun. The body
    is as for retrying.

        curl -X POST -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
            -d '{"sub_type": "SEND_EMAIL"}' "$URL/api/v1/jobs/cancel-matching"
    """
    return _matching(request, deeds.CANCEL, body)


def _matching(request: ApiRequest, deed: deeds.Deed, body: dict[str, Any]) -> Any:
    means_all = body.pop("all", False)
    chosen, faults = JobFilter.checked(body)
    if not isinstance(means_all, bool):
        faults.append(("all", f"“{means_all}” is neither true nor false."))
    elif not faults and means_all == bool(chosen.to_payload()):
        faults.append(("all", NOT_BOTH if means_all else f"{deed.verb} which jobs? {NOT_NONE}"))
    if faults:
        return _told(Wrong("body", faults))
    return {"session_id": bulk.submit(deed, chosen, by=request.user).session_id}


@router.get(
    "/jobs/{uuid:session_id}",
    response={200: shapes.JobDetail, **MISSING},
    summary="All of a job",
)
def detail(request: ApiRequest, session_id: UUID) -> Any:
    """A job of yours, or of anybody for staff who may view all jobs: its times, its attempts, what
    it took and gave, and why it does not move. Jobs that are not there and those of others answer
    the same 404.

        curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/jobs/$JOB"
    """
    return need(shapes.job(session_id, request.user), "job", session_id)


@router.get(
    "/jobs/{uuid:session_id}/events",
    response={200: shapes.Events, **MISSING},
    summary="What happened to a job",
)
def events(request: ApiRequest, session_id: UUID) -> Any:
    """Its timeline: each state, each attempt, what people did. Staff who may view all jobs also
    get tracebacks and logs.

        curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/jobs/$JOB/events"
    """
    return shapes.events(_job(request, session_id), request.user)


@router.get(
    "/jobs/{uuid:session_id}/wait",
    response={200: Waited, **MISSING, **waiting.FULL},
    summary="Tell me when a job ends",
)
def wait(
    request: ApiRequest,
    session_id: UUID,
    seconds: Annotated[float, Query(ge=0, le=waiting.LONGEST)] = waiting.LONGEST,
) -> Any:
    """Answers when the job ended, or after `seconds` with the state until then. Each web process
    lets two callers wait; one more is answered 503 at once, and `Retry-After` says when to ask
    again, as `curl --retry` does by itself.

        curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/jobs/$JOB/wait?seconds=25"
    """
    job = _job(request, session_id)
    unfinished = Job.objects.unfinished().filter(pk=job.pk)
    waiting.until(request, lambda: not unfinished.exists(), seconds)
    now = need(shapes.job(session_id, request.user), "job", session_id)
    return {"is_finished": now["is_finished"], "job": now}


@router.post(
    "/jobs/{uuid:session_id}/retry",
    response={200: shapes.JobDetail, **MISSING},
    summary="Retry a failed job",
)
def retry(request: ApiRequest, session_id: UUID) -> Any:
    """Puts it back into the queue: the same job, its next attempt. Only its owner and staff who may
    view all jobs can; one that has not failed, or was mended, is refused (400).

        curl -X POST -H "Authorization: Bearer $TOKEN" "$URL/api/v1/jobs/$JOB/retry"
    """
    lifecycle.retry(_job(request, session_id), by=request.user)
    return need(shapes.job(session_id, request.user), "job", session_id)


@router.post(
    "/jobs/{uuid:session_id}/cancel",
    response={200: shapes.JobDetail, **MISSING},
    summary="Cancel a job",
)
def cancel(request: ApiRequest, session_id: UUID) -> Any:
    """Ends it: at once if no worker has begun it, else it rolls back. It is FAILED then,
    and can be retried. One that has finished is refused (400).

        curl -X POST -H "Authorization: Bearer $TOKEN" "$URL/api/v1/jobs/$JOB/cancel"
    """
    lifecycle.cancel(_job(request, session_id), by=request.user)
    return need(shapes.job(session_id, request.user), "job", session_id)


def _job(request: ApiRequest, session_id: UUID) -> Job:
    jobs = Job.objects.visible_to(request.user).select_related("owner").defer("payload", "result")
    return need(jobs.filter(session_id=session_id).first(), "job", session_id)


def _from_query(request: ApiRequest) -> JobFilter:
    chosen, faults = JobFilter.checked(JobFilter.values_in(request.GET))
    if faults:
        raise Wrong("query", faults)
    return chosen
