"""Model runs as tables: the empty one of a workflow, one as records, and a batch as one again."""

from typing import Annotated, Any
from uuid import UUID

from django.http.response import HttpResponseBase
from ninja import File, Router, Schema
from ninja.files import UploadedFile

from jobs.models import Batch
from provena import rest
from provena.http import csv_file
from provena.rest import ApiRequest
from provena.words import counted
from registry.api.answers import Status
from registry.api.rights import READ
from registry.model_runs import columns, converting, sheets
from registry.model_runs.converting import MOST_ROWS
from registry.services import Refused

router = Router(tags=["Model runs as tables"])

CSV = {
    "responses": {
        200: {"description": "A table", "content": {"text/csv": {"schema": {"type": "string"}}}}
    }
}


class Converted(Schema):
    """The records of a table that can be registered, the jobs of those rows that are so already,
    and what only looks odd."""

    status: Status
    new_records: list[dict[str, Any]]
    existing_records: list[UUID]
    warnings: list[str]


@router.get(
    "/bulk/generate_template/csv",
    auth=READ,
    response=rest.REFUSALS,
    summary="The empty table of a workflow template",
    openapi_extra=CSV,
)
def generate_template(request: ApiRequest, workflow_template_id: str) -> HttpResponseBase:
    """A CSV file of one line: the columns in which runs of the workflow template are filled in, one
    run a row. Refused with 400 for what is no workflow template that you can read."""
    layout = columns.layout_for(workflow_template_id, request.user)
    name = f"model-runs-{workflow_template_id}.csv"
    return csv_file(name, [layout.columns().headers], for_people=False)


def convert_model_runs(
    request: ApiRequest, csv_file: Annotated[UploadedFile, File(description="The table.")]
) -> Any:
    found = converting.convert(stream=csv_file, user=request.user)
    new = counted(len(found.records), "new record")
    return {
        "status": Status(details=f"{new}, and {len(found.existing):,} that exist."),
        "new_records": found.records,
        "existing_records": found.existing,
        "warnings": found.warnings,
    }


convert_model_runs.__doc__ = f"""Reads a table of at most {MOST_ROWS:,} rows and checks each as for
`/model_run/register`. Nothing is registered: send the new records to `/model_run/register_batch`.

A row that names, in `_job_id`, a job of yours that registers just this is left out, unless that job
has failed. A row that says the same as another one, or as a run that is there, is among the new
records, with a warning that names both.

Refused with 400, naming all faults of all rows, each with row and column."""
router.post(
    "/bulk/convert_model_runs/csv",
    auth=READ,
    response={200: Converted, **rest.REFUSALS},
    summary="Read a table of model runs",
)(convert_model_runs)


@router.get(
    "/bulk/regenerate_from_batch/csv",
    auth=READ,
    response=rest.REFUSALS,
    summary="A batch of model runs as a table",
    openapi_extra=CSV,
)
def regenerate_from_batch(request: ApiRequest, batch_id: str) -> HttpResponseBase:
    """The table of a batch of yours, in which the system has filled in the job of each run, its
    state, the id of the run, and why it failed. Converted again, it gives the same records.

    Refused with 400 for a batch that is not yours, and for one of several workflow templates or of
    something else.
    """
    table = sheets.of_batch(_own_batch(request, batch_id), request.user)
    return csv_file(f"model-runs-{batch_id}.csv", table, for_people=False)


def _own_batch(request: ApiRequest, text: str) -> Batch:
    try:
        found = Batch.objects.filter(owner=request.user, pk=UUID(text)).first()
    except ValueError:
        found = None
    if found is None:
        raise Refused(f"You have no batch {text!r}. Its id is in the result of the submitting job.")
    return found
