"""Registering and changing model runs. Each is checked in the request, and recorded by a job."""

from typing import Annotated, Any

from ninja import Body, Router, Schema
from pydantic import WithJsonSchema

from jobs.models import Job
from provena import rest
from provena.rest import ApiRequest
from provena.words import counted
from registry.api.answers import Status
from registry.api.rights import WRITE
from registry.kinds import Findings
from registry.kinds.runs import RunRecord
from registry.model_runs import services as runs

router = Router(tags=["Model runs"])

JSON = dict[str, Any]
RECORD = RunRecord.model_json_schema()
# The services check it by themselves; this is how its shape is told.
Record = Annotated[JSON, WithJsonSchema(rest.whole(RECORD))]


class Queued(Schema):
    """The job that does what was asked for. Its state is at `/job-api/jobs/user/fetch`."""

    status: Status
    session_id: str


class Batch(Schema):
    """Records of model runs. What is wrong with one, its own job tells."""

    records: list[Record]


class Update(Schema):
    """A record to put in the place of that of a run, and why."""

    model_run_id: str
    reason: str
    record: Record


class Updating(Schema):
    session_id: str


class Linked(Queued):
    """The run and the study of which it is now said to be part."""

    model_run_id: str
    study_id: str


@router.post(
    "/model_run/register",
    auth=WRITE,
    response={200: Queued, **rest.REFUSALS},
    summary="Register a model run",
    openapi_extra=rest.body_of(RECORD),
)
def register(request: ApiRequest, record: Annotated[JSON, Body()]) -> Any:
    """Checks the record as a whole, and queues the job that registers the run, records its
    provenance and gives back its id, its PROV-JSON document and the record as it was sent.

    Refused with 422 for the wrong shape, and with 400 where what it names does not exist, is of
    another kind, or does not fit its workflow template: all that is wrong is told at once. Where
    nothing is wrong but that you may not read what it names, that is a 401.
    """
    return _queued(runs.register(record=record, owner=request.user), "The run is checked")


@router.post(
    "/model_run/register_batch",
    auth=WRITE,
    response={200: Queued, **rest.REFUSALS},
    summary="Register many model runs",
)
def register_batch(request: ApiRequest, batch: Batch) -> Any:
    """Queues the job that launches a job for each record, in order; its result names the batch that
    they are in. Records are checked by their jobs, so each succeeds or fails alone.

    Refused with 400 for a batch without records.
    """
    job = runs.register_batch(batch=batch.records, owner=request.user)
    return _queued(job, f"{counted(len(batch.records), 'record')} came in")


@router.post(
    "/model_run/update",
    auth=WRITE,
    response={200: Updating, **rest.REFUSALS},
    summary="Edit a model run",
)
def update(request: ApiRequest, change: Update) -> Any:
    """Checks a new record as for a new run, and queues the job that puts it in the place of the
    present one, as a new revision, and the provenance of it in the place of the former. You need to
    have write access to the run.

    Refused with 400 for what is no run, a blank reason or a record that cannot be registered, and
    with 401 for a run that is locked or that you may not change.
    """
    try:
        job = runs.update(
            handle=change.model_run_id,
            record=change.record,
            reason=change.reason,
            by=request.user,
            anyway=True,
        )
    except Findings as found:  # their places begin at the record
        faults = [(("record", *path), text) for path, text in found.faults]
        raise Findings(faults, misshapen=found.misshapen) from None
    return {"session_id": str(job.session_id)}


@router.post(
    "/model_run/edit/link_to_study",
    auth=WRITE,
    response={200: Linked, **rest.REFUSALS},
    summary="Link a model run to a study",
)
def link_to_study(request: ApiRequest, model_run_id: str, study_id: str) -> Any:
    """Says of a run which study it is part of, and queues the job that renews its provenance. You
    need to have write access to the run, and to be able to read the study.

    Refused with 400 for a run that is part of a study already: edit it to change that.
    """
    job = runs.link_study(handle=model_run_id, study=study_id, by=request.user)
    done = _queued(job, f"{model_run_id} is part of {study_id}")
    return done | {"model_run_id": model_run_id, "study_id": study_id}


def _queued(job: Job, what: str) -> JSON:
    details = f"{what}; the job {job.session_id} does the rest."
    return {"status": Status(details=details), "session_id": str(job.session_id)}
