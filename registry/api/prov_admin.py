"""What administrators do to the provenance of model runs, and how this site is set up."""

from typing import Annotated, Any, Literal

from django.http import HttpResponse
from ninja import Body, Router, Schema
from pydantic import WithJsonSchema

from jobs.models import Batch
from provena import rest
from provena.rest import ApiRequest
from provena.words import counted
from registry.api.administration import environment_file
from registry.api.answers import Done, Status
from registry.api.rights import ADMIN
from registry.kinds.runs import RunRecord
from registry.model_runs import repairs
from registry.model_runs.repairs import Removal
from registry.models import Item

router = Router(tags=["Provenance, for administrators"])

JSON = dict[str, Any]
RECORD = rest.whole(RunRecord.model_json_schema())


class Removing(Schema):
    """Which run, and whether only to tell what would be done."""

    record_id: str
    trial_mode: bool = False


class Change(Schema):
    """A change of the graph: of an item, told by `node_id`, or of a relation, told by its ends."""

    action_type: Literal[
        "REMOVE_NODE", "REMOVE_LINK", "REMOVE_RECORD_ID_FROM_NODE", "REMOVE_RECORD_ID_FROM_LINK"
    ]
    record_id: str
    node_id: str | None = None
    item_category: str | None = None
    item_subtype: str | None = None
    source: str | None = None
    target: str | None = None
    relation: str | None = None


class Diff(Schema):
    diff: list[Change]


class StoredRun(Schema):
    """A model run as it was fetched; only its id and its record are looked at."""

    id: str
    record: Annotated[JSON, WithJsonSchema(RECORD)]


@router.post(
    "/model_run/delete",
    auth=ADMIN,
    response={200: Diff, **rest.REFUSALS},
    exclude_none=True,
    summary="Remove the provenance of a model run",
)
def delete(request: ApiRequest, what: Removing) -> Any:
    """Removes from the graph what a run says: its relations, and the items that then have none.
    What other activities say, too, stays. The run itself stays in the registry; delete it there.
    With `trial_mode` nothing is changed.

    For administrators of the registry. Refused with 400 for what is no model run.
    """
    removal = repairs.remove_provenance(
        handle=what.record_id, by=request.user, dry_run=what.trial_mode
    )
    return {"diff": _diff(removal)}


@router.post(
    "/admin/store_record",
    auth=ADMIN,
    response={200: Done, **rest.REFUSALS},
    summary="Record the provenance of a run anew",
)
def store_record(request: ApiRequest, run: StoredRun, validate_record: bool = True) -> Any:
    """Queues the job that writes the relations and the document of a run anew, from the record that
    it has; with `validate_record` it fails if what the record names is not right today.

    For administrators of the registry. Refused with 400 for what is no run, or another record than
    that of the run: this is no way to change it.
    """
    return _rebuilt(request, [run], validate_record)


@router.post(
    "/admin/store_records",
    auth=ADMIN,
    response={200: Done, **rest.REFUSALS},
    summary="Record the provenance of runs anew",
)
def store_records(
    request: ApiRequest, found: Annotated[list[StoredRun], Body()], validate_record: bool = True
) -> Any:
    """As `/admin/store_record`, of several runs: a job for each, in a batch."""
    return _rebuilt(request, found, validate_record)


@router.post(
    "/admin/store_all_registry_records",
    auth=ADMIN,
    response={200: Done, **rest.REFUSALS},
    summary="Record the provenance of all runs anew",
)
def store_all(request: ApiRequest, validate_record: bool = True) -> Any:
    """As `/admin/store_record`, of every model run in the registry: a job for each, in a batch."""
    return _queued(repairs.rebuild_all(by=request.user, revalidate=validate_record))


@router.get(
    "/admin/config",
    auth=ADMIN,
    response={200: str, **rest.REFUSALS},
    summary="How this site is set up",
)
def configuration(request: ApiRequest, required_only: bool = True) -> HttpResponse:
    """As that of the registry: one site serves both."""
    return HttpResponse(environment_file(required_only=required_only), content_type="text/plain")


def _rebuilt(request: ApiRequest, found: list[StoredRun], revalidate: bool) -> JSON:
    records = {run.id: run.record for run in found}
    return _queued(repairs.rebuild(records=records, by=request.user, revalidate=revalidate))


def _queued(batch: Batch) -> JSON:
    runs = counted(batch.total, "model run")
    return {"status": Status(details=f"{runs} queued, as the batch {batch.pk}.")}


def _diff(removal: Removal) -> list[JSON]:
    record = removal.run.handle
    links = [
        {
            "action_type": "REMOVE_RECORD_ID_FROM_LINK" if claim.is_shared else "REMOVE_LINK",
            "source": claim.source.handle,
            "target": claim.target.handle,
            "relation": claim.type,
            "record_id": record,
        }
        for claim in removal.claims
    ]
    return links + [
        {
            "action_type": "REMOVE_RECORD_ID_FROM_NODE" if stays else "REMOVE_NODE",
            **_node(item),
            "record_id": record,
        }
        for item, stays in removal.items
    ]


def _node(item: Item) -> JSON:
    return {
        "node_id": item.handle,
        "item_category": item.category,
        "item_subtype": item.subtype,
    }
