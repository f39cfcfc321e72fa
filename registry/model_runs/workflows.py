"""The jobs of model runs: lodging one, and launching a batch of them.

Payload and result keys are wire facts (domain reference, 4.1).
"""

from typing import Any
from uuid import UUID

from jobs import definitions, lifecycle
from jobs.definitions import Payload, PermanentError
from jobs.worker import Run
from registry import services
from registry.kinds import Findings
from registry.kinds.runs import ModelRun, RecordStatus, RunRecord
from registry.model_runs import records
from registry.model_runs.records import Lookup
from registry.provenance import documents, relations


class LodgePayload(Payload):
    record: dict[str, Any]
    revalidate: bool = False
    user_info: str = ""


class Lodged(Payload):
    """The run as it is registered: its id, its PROV-JSON document and its record."""

    id: str
    prov_json: str
    record: dict[str, Any]


class LodgeResult(Payload):
    record: Lodged


class BatchPayload(Payload):
    records: list[dict[str, Any]]
    user_info: str = ""


class BatchResult(Payload):
    batch_id: UUID


@definitions.job(
    type="PROV_LODGE",
    sub_type="MODEL_RUN_PROV_LODGE",
    title="Lodge Model Run",
    payload=LodgePayload,
    result=LodgeResult,
)
def lodge_model_run(run: Run, payload: LodgePayload) -> LodgeResult:
    """Register a model run and write its edges, with the rights that its owner has now."""
    record = _record(payload.record)
    lookup = Lookup(run.owner)
    findings = records.check(record, lookup)
    if findings:
        raise PermanentError(" ".join(finding.text for finding in findings))
    handle = services.mint()
    parts = records.parts(record, lookup)
    document = documents.of_run(handle, record, parts)
    content = ModelRun(
        display_name=record.display_name,
        record=record,
        prov_serialisation=document,
        record_status=RecordStatus.LODGED,
    )
    item = services.create(handle=handle, content=content, owner=run.owner)
    relations.lodge(record=item, edges=relations.of_run(run=item, parts=parts))
    return LodgeResult(record=Lodged(id=handle, prov_json=document, record=item.info["record"]))


@definitions.job(
    type="PROV_LODGE",
    sub_type="MODEL_RUN_BATCH_SUBMIT",
    title="Launch Batch of Model Runs",
    payload=BatchPayload,
    result=BatchResult,
)
def submit_batch(run: Run, payload: BatchPayload) -> BatchResult:
    """Launch one job for each record, in order; each is checked by its own job."""
    payloads = [
        LodgePayload(record=record, revalidate=True, user_info=payload.user_info)
        for record in payload.records
    ]
    batch = lifecycle.submit_batch(
        sub_type="MODEL_RUN_PROV_LODGE",
        payloads=payloads,
        owner=run.owner,
        title=f"{len(payloads):,} model runs",
    )
    return BatchResult(batch_id=batch.pk)


def _record(data: dict[str, Any]) -> RunRecord:
    try:
        return records.parse(data)
    except Findings as findings:
        raise PermanentError(" ".join(findings.lines())) from None
