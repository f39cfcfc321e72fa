"""Our own API of batches and workflows."""

from typing import Annotated, Any
from uuid import UUID

from ninja import Query, Router, Schema

from jobs import batches
from jobs.api import shapes, waiting
from jobs.api.found import MISSING, need
from jobs.models import Batch, Workflow, sees_all_jobs
from provena.rest import ApiRequest

router = Router()


class Waited(Schema):
    is_finished: bool
    batch: shapes.BatchOut


class Changed(Schema):
    """How many jobs were changed, and how far the batch is now."""

    changed: int
    batch: shapes.BatchOut


@router.get(
    "/batches/{uuid:batch_id}",
    response={200: shapes.BatchOut, **MISSING},
    summary="How far a batch is",
)
def detail(request: ApiRequest, batch_id: UUID) -> Any:
    """The number of its jobs in each state, and an estimate of the time that is left.

    curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/batches/$BATCH"
    """
    return shapes.batch(_batch(request, batch_id), request.user)


@router.get(
    "/batches/{uuid:batch_id}/wait",
    response={200: Waited, **MISSING, **waiting.FULL},
    summary="Tell me when a batch ends",
)
def wait(
    request: ApiRequest,
    batch_id: UUID,
    seconds: Annotated[float, Query(ge=0, le=waiting.LONGEST)] = waiting.LONGEST,
) -> Any:
    """Answers when all jobs of the batch ended, or after `seconds`. If too many wait already it
    answers 503 at once, with `Retry-After`, as for a job.

        curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/batches/$BATCH/wait?seconds=25"
    """
    batch = _batch(request, batch_id)
    unfinished = batch.jobs.unfinished()
    waiting.until(request, lambda: not unfinished.exists(), seconds)
    now = shapes.batch(_batch(request, batch_id), request.user)
    return {"is_finished": now["is_finished"], "batch": now}


@router.post(
    "/batches/{uuid:batch_id}/retry",
    response={200: Changed, **MISSING},
    summary="Retry the failed jobs of a batch",
)
def retry(request: ApiRequest, batch_id: UUID) -> Any:
    """Puts all of them back into the queue, but for those that were cancelled or mended.

    curl -X POST -H "Authorization: Bearer $TOKEN" "$URL/api/v1/batches/$BATCH/retry"
    """
    changed = batches.retry_failed(_batch(request, batch_id), by=request.user)
    return _changed(request, batch_id, changed)


@router.post(
    "/batches/{uuid:batch_id}/retry-cancelled",
    response={200: Changed, **MISSING},
    summary="Retry the cancelled jobs of a batch",
)
def retry_cancelled(request: ApiRequest, batch_id: UUID) -> Any:
    """Puts all that somebody cancelled back into the queue.

    curl -X POST -H "Authorization: Bearer $TOKEN" "$URL/api/v1/batches/$BATCH/retry-cancelled"
    """
    changed = batches.retry_cancelled(_batch(request, batch_id), by=request.user)
    return _changed(request, batch_id, changed)


@router.post(
    "/batches/{uuid:batch_id}/cancel",
    response={200: Changed, **MISSING},
    summary="Cancel the waiting jobs of a batch",
)
def cancel(request: ApiRequest, batch_id: UUID) -> Any:
    """Ends all jobs of the batch that no worker has begun; those in progress go on.

    curl -X POST -H "Authorization: Bearer $TOKEN" "$URL/api/v1/batches/$BATCH/cancel"
    """
    changed = batches.cancel_waiting(_batch(request, batch_id), by=request.user)
    return _changed(request, batch_id, changed)


@router.get(
    "/workflows/{uuid:workflow_id}",
    response={200: shapes.WorkflowOut, **MISSING},
    summary="A workflow with its steps",
)
def workflow(request: ApiRequest, workflow_id: UUID) -> Any:
    """All steps, also those whose job does not exist yet.

    curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/workflows/$WORKFLOW"
    """
    all_of_them = Workflow.objects.select_related("owner")
    seen = all_of_them if sees_all_jobs(request.user) else all_of_them.filter(owner=request.user)
    found = need(seen.filter(pk=workflow_id).first(), "workflow", workflow_id)
    return shapes.workflow(found, request.user)


def _changed(request: ApiRequest, batch_id: UUID, changed: int) -> dict[str, Any]:
    batch = shapes.batch(_batch(request, batch_id), request.user)
    return {"changed": changed, "batch": batch}


def _batch(request: ApiRequest, batch_id: UUID) -> Batch:
    seen = Batch.objects.visible_to(request.user).select_related("owner")
    return need(seen.filter(pk=batch_id).first(), "batch", batch_id)
