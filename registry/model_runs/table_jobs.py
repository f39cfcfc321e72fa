"""The jobs of many model runs: checking a table of them, and launching a batch, which makes a job
for each. Payload and result keys of a launch are wire facts (domain reference, 4.1)."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Case, JSONField, TextField, Value, When
from django.db.models.functions import Cast, Concat
from django.urls import reverse

from jobs import batches, definitions, lifecycle
from jobs.definitions import Link, Payload, PermanentError
from jobs.models import Batch, Job
from jobs.worker import Run
from registry.model_runs import waiting
from registry.model_runs.workflows import LodgePayload
from registry.models import RunSheet, SheetRow
from registry.services import Refused


class BatchPayload(Payload):
    """Records, or the sheet whose rows were submitted by this job. `name` is that of the file which
    they came from, if they did."""

    records: list[dict[str, Any]]
    user_info: str = ""
    once: bool = False
    sheet: UUID | None = None
    name: str = ""


class BatchResult(Payload):
    batch_id: UUID


class CheckPayload(Payload):
    """The table, and the name of its file, by which people know it."""

    sheet: UUID
    file_name: str


class CheckResult(Payload):
    """How many rows of the table were found in each state; none if it was discarded meanwhile."""

    rows: dict[str, int]


# What LodgePayload is for a submitted row. Its record was checked as a whole, and its job does so
# again.
PAYLOAD_OF_ROW = Cast(
    Concat(
        Value('{"record": '),
        Cast("record", TextField()),
        Value(', "revalidate": true, "user_info": "", "once": '),
        Case(When(is_forced=True, then=Value("false")), default=Value("true")),
        Value(', "row": '),
        Cast("number", TextField()),
        Value("}"),
        output_field=TextField(),
    ),
    JSONField(),
)


@definitions.job(
    type="PROV_LODGE",
    sub_type="MODEL_RUN_BATCH_SUBMIT",
    title="Launch Batch of Model Runs",
    payload=BatchPayload,
    result=BatchResult,
    timeout=600,
    started_by="submitting a table or a file of model runs",
    named_by="name",
    launches="batch_id",
)
def submit_batch(run: Run, payload: BatchPayload) -> BatchResult:
    """Launch one job for each record, in order; each is checked by its own job."""
    if payload.sheet:
        return BatchResult(batch_id=_of_sheet(run, payload.sheet).pk)
    payloads = [
        LodgePayload(record=record, revalidate=True, user_info=payload.user_info, once=payload.once)
        for record in payload.records
    ]
    batch = lifecycle.submit_batch(
        sub_type="MODEL_RUN_PROV_LODGE",
        payloads=payloads,
        owner=run.owner,
        title=_title(len(payloads), payload.name),
    )
    return BatchResult(batch_id=batch.pk)


def _of_sheet(run: Run, sheet_id: UUID) -> Batch:
    """Launch what was submitted of a sheet. The database makes the jobs of its rows: a large table
    needs no memory here, and others wait a moment only."""
    sheet = RunSheet.objects.filter(pk=sheet_id).first()
    if sheet is None:
        raise PermanentError(
            "The table that it was to launch is no longer there.",
            remedy="Upload the table again and submit that. A retry cannot bring it back.",
        )
    submitted = SheetRow.objects.filter(submission=run.job.session_id).order_by("number")
    return batches.launch(
        sub_type="MODEL_RUN_PROV_LODGE",
        rows=submitted,
        payload=PAYLOAD_OF_ROW,
        owner=run.owner,
        title=_title(submitted.count(), sheet.file_name),
    )


def _title(count: int, name: str) -> str:
    runs = f"{count:,} model run{'s' if count != 1 else ''}"
    return f"{runs} of {name}" if name else runs


@definitions.job(
    type="PROV_LODGE",
    sub_type="MODEL_RUN_SHEET_CHECK",
    title="Check Table of Model Runs",
    payload=CheckPayload,
    result=CheckResult,
    timeout=3600,
    named_by="file_name",
    in_pieces=True,
    started_by="uploading a large table of model runs",
)
def check_sheet(run: Run, payload: CheckPayload) -> CheckResult:
    """Check the rows of a table that wait for it. Nothing is registered."""
    sheet = RunSheet.objects.select_related("template").filter(pk=payload.sheet).first()
    if sheet is None:
        return CheckResult(rows={})
    try:
        waiting.check(sheet, run.owner, run.piece)
    except waiting.Gone:
        return CheckResult(rows={})
    except Refused as refused:
        raise PermanentError(
            str(refused), remedy="Put that right and check the rest, or discard the table."
        ) from None
    return CheckResult(rows={state: count for state, count in sheet.tally.items() if count})


def batch_links(user: User, batch: Batch) -> list[Link]:
    """What is offered for a batch of runs: to its owner its table, with what became of each row."""
    if batch.owner_id != user.pk:
        return []
    return [Link("Download CSV (times in UTC)", reverse("run-batch-csv", args=[batch.pk]))]


def launched(user: User, job: Job) -> list[Link]:
    """To the batch that a job has launched."""
    batch = (job.result or {}).get("batch_id")
    return [Link("Open the batch", reverse("batch-detail", args=[batch]))] if batch else []


definitions.offer_batch_links("MODEL_RUN_PROV_LODGE", batch_links)
definitions.offer_job_links("MODEL_RUN_BATCH_SUBMIT", launched)
