"""The jobs of a model run: lodging it, and changing it. Those of many are in `table_jobs`.

Payload and result keys are wire facts (domain reference, 4.1). Each job acts with the rights that
its owner has when it runs, and checks everything again: what was right in the request may no longer
be.
"""

from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from jobs import definitions
from jobs.definitions import Link, Payload, PermanentError
from jobs.models import Job
from jobs.worker import Run
from registry import references, services
from registry.access import Level, Role
from registry.kinds import Findings
from registry.kinds.runs import ModelRun, RecordStatus, RunRecord, fingerprint_of
from registry.model_runs import fingerprints, records
from registry.model_runs.records import Lookup
from registry.model_runs.services import changeable, known_run
from registry.models import HANDLE, Item
from registry.provenance import documents, relations
from registry.provenance.relations import RunParts
from registry.services import Refused, rules

MEND = (
    "If it is the record that is wrong, put it right and submit it again: a retry takes the same "
    "record. If it is something that the record names, put that right and retry this job."
)


class LodgePayload(Payload):
    """What was submitted. `revalidate` is a wire fact: a job always checks. `once` says that no
    second run is wanted that says the same; then the job gives the one that is there. `row` is
    where it stands in the file that it came from."""

    record: dict[str, Any]
    revalidate: bool = False
    user_info: str = ""
    once: bool = False
    row: int | None = None


class LodgeOnlyPayload(Payload):
    model_run_record_id: str
    record: dict[str, Any]
    revalidate: bool = False
    user_info: str = ""


class UpdatePayload(Payload):
    model_run_record_id: str
    updated_record: dict[str, Any]
    reason: str
    revalidate: bool = False
    user_info: str = ""
    seen: int | None = None  # the revision that the change is based on


class UpdateLodgeOnlyPayload(Payload):
    model_run_record_id: str
    updated_record: dict[str, Any]
    revalidate: bool = False
    user_info: str = ""


class Lodged(Payload):
    """The run as it is registered: its id, its PROV-JSON document and its record."""

    id: str
    prov_json: str
    record: dict[str, Any]


class LodgeResult(Payload):
    record: Lodged


@definitions.job(
    type="PROV_LODGE",
    sub_type="MODEL_RUN_PROV_LODGE",
    title="Lodge Model Run",
    payload=LodgePayload,
    result=LodgeResult,
    makes="record__id",
    named_by="record__display_name",
    started_by="registering a model run, one by one or as part of a batch",
    numbered_by="row",
)
def lodge_model_run(run: Run, payload: LodgePayload) -> LodgeResult:
    """Register a model run, and write its document and its provenance relations."""
    record = _record(payload.record)
    if payload.once:
        fingerprint = fingerprint_of(records.stored(record))
        if there := fingerprints.registered(fingerprint, run.owner):
            return _lodged(there)
    lookup = Lookup(run.owner)
    parts = _parts(record, lookup, run)
    handle = services.mint()
    item = services.create(
        handle=handle,
        content=_content(handle, record, parts),
        owner=run.owner,
        system={name: str(run.job.session_id) for name in ("session_id", "registered_by")},
        targets=lookup.keys(),
    )
    relations.lodge(record=item, edges=relations.of_run(run=item, parts=parts))
    return _lodged(item)


@definitions.job(
    type="PROV_LODGE",
    sub_type="MODEL_RUN_UPDATE",
    title="Update Model Run",
    payload=UpdatePayload,
    result=LodgeResult,
    named_by="updated_record__display_name",
    started_by="editing a model run, or bringing back a revision of it",
)
def update_model_run(run: Run, payload: UpdatePayload) -> LodgeResult:
    """Put another record in the place of a run's, as a new revision, and its provenance in
    the place of the former."""
    record = _record(payload.updated_record)
    parts = _parts(record, Lookup(run.owner), run)
    item = _changeable(payload.model_run_record_id, run)
    try:
        services.rewrite(
            item=item,
            content=_content(item.handle, record, parts),
            reason=rules.need_reason(payload.reason),
            by=run.owner,
            seen=payload.seen,
        )
    except Refused as refused:
        told = str(refused).rstrip(".")
        raise PermanentError(
            f"{told}. Nothing was changed; edit the run again.",
            remedy="The form still has what you typed. A retry would fail again.",
        ) from None
    relations.replace(record=item, edges=relations.of_run(run=item, parts=parts))
    return _lodged(item)


@definitions.job(
    type="PROV_LODGE",
    sub_type="MODEL_RUN_LODGE_ONLY",
    title="Lodge Provenance of Model Run",
    payload=LodgeOnlyPayload,
    result=LodgeResult,
    started_by="linking a model run to a study, or recording provenance anew as a repair",
)
def lodge_only(run: Run, payload: LodgeOnlyPayload) -> LodgeResult:
    """Write the provenance relations and the document of a run anew, after a link to a study or
    as a repair.

    They are those of the record that the run has by then, so that an edit which came between is
    not undone in the graph; what is named need not be right today, unless `revalidate`. A lock does
    not matter, because nothing changes in the item.
    """
    return _lodged(_relodged(payload.model_run_record_id, run, payload.revalidate))


@definitions.job(
    type="PROV_LODGE",
    sub_type="MODEL_RUN_UPDATE_LODGE_ONLY",
    title="Lodge Provenance of Updated Model Run",
    payload=UpdateLodgeOnlyPayload,
    started_by="an administrator's repair; no page starts it",
)
def update_lodge_only(run: Run, payload: UpdateLodgeOnlyPayload) -> None:
    """Write the provenance relations and the document of a run anew, after an edit; as
    MODEL_RUN_LODGE_ONLY, but it gives nothing back."""
    _relodged(payload.model_run_record_id, run, payload.revalidate)


def mending(user: User, job: Job) -> list[Link]:
    """Of a run that was not registered or changed: to its owner the form with what was typed."""
    if not job.is_unmended or job.owner_id != user.pk:
        return []
    if job.sub_type == "MODEL_RUN_UPDATE":
        label, form = "Edit again with what you typed", "run-edit"
        handle = job.payload.get("model_run_record_id")
    else:
        label, form = "Mend it and register again", "run-register"
        handle = (job.payload.get("record") or {}).get("workflow_template_id")
    if not isinstance(handle, str) or not HANDLE.fullmatch(handle):
        return []
    return [Link(label, f"{reverse(form, args=[handle])}?job={job.session_id}")]


definitions.offer_job_links("MODEL_RUN_PROV_LODGE", mending)
definitions.offer_job_links("MODEL_RUN_UPDATE", mending)


def _record(data: dict[str, Any]) -> RunRecord:
    try:
        return records.parse(data)
    except Findings as findings:
        raise PermanentError(" ".join(findings.lines()), remedy=MEND) from None


def _parts(record: RunRecord, lookup: Lookup, run: Run) -> RunParts:
    """The items that the record names, which nobody deletes before the transaction ends. Raises
    PermanentError with every finding, or where the owner may no longer change the registry."""
    _need_writer(run)
    references.hold(set(records.mentioned(records.stored(record))))
    if findings := records.check(record, lookup):
        raise PermanentError(" ".join(finding.text for finding in findings), remedy=MEND)
    return records.parts(record, lookup)


def _need_writer(run: Run) -> None:
    try:
        rules.need_level(run.owner, Level.WRITE)
    except Refused as refused:
        raise PermanentError(str(refused)) from None


def _changeable(handle: str, run: Run) -> Item:
    try:
        return changeable(handle, run.owner)
    except Refused as refused:
        raise PermanentError(str(refused)) from None


def _content(handle: str, record: RunRecord, parts: RunParts) -> ModelRun:
    return ModelRun(
        display_name=record.display_name,
        record=record,
        prov_serialisation=documents.of_run(handle, record, parts),
        record_status=RecordStatus.LODGED,
    )


def _relodged(handle: str, run: Run, revalidate: bool) -> Item:
    _need_writer(run)
    lookup = Lookup(run.owner)
    try:
        item = known_run(handle)
        rules.need_role(run.owner, item, Role.METADATA_WRITE)
    except Refused as refused:
        raise PermanentError(str(refused)) from None
    record = _record(item.info["record"])
    if revalidate:
        parts = _parts(record, lookup, run)
    else:
        lookup.fetch(records.mentioned(item.info["record"]))
        lookup.fetch_used(record.workflow_template_id)
        try:
            parts = records.parts(record, lookup)
        except KeyError as missing:
            raise PermanentError(
                f"The run names {missing}, which is not there.",
                remedy="Edit the run so that it names something that is there: that records its "
                "provenance anew, and this job can stay as it is.",
            ) from None
    services.amend(item=item, content=_content(item.handle, record, parts))
    relations.replace(record=item, edges=relations.of_run(run=item, parts=parts))
    return item


def _lodged(item: Item) -> LodgeResult:
    return LodgeResult(
        record=Lodged(
            id=item.handle,
            prov_json=item.info["prov_serialisation"],
            record=item.info["record"],
        )
    )
