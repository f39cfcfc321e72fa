"""The jobs of many model runs: checking a table of them, and launching a batch, which makes a job
for each. Payload and result keys of a launch are wire facts (domain reference, 4.1)."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

from django.contrib.auth.models import User
from django.urls import reverse

from jobs import definitions, lifecycle
from jobs.definitions import Link, Payload, PermanentError
from jobs.models import Batch, Job
from jobs.worker import Run
from provena.words import counted
from registry.model_runs import launching, waiting
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
    """The batch that was launched; none where nothing was new, and what failed is tried again."""

    batch_id: UUID | None = None


class CheckPayload(Payload):
    """The table, and the name of its file, by which people know it."""

    sheet: UUID
    file_name: str


class CheckResult(Payload):
    """How many rows of the table were found in each state; none if it was discarded meanwhile."""

    rows: dict[str, int]


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
    in_pieces=True,
)
def submit_batch(run: Run, payload: BatchPayload) -> BatchResult:
    """Launch one job for each record, in order; each is checked by its own job."""
    if payload.sheet:
        sheet = RunSheet.objects.select_related("owner").filter(pk=payload.sheet).first()
        if sheet is None:
            raise PermanentError(
                "The table that it was to launch is no longer there.",
                remedy="Upload the table again and submit that. A retry cannot bring it back.",
            )
        batch = launching.launch(run, sheet)
        return BatchResult(batch_id=batch.pk if batch else None)
    return BatchResult(batch_id=_of_records(run, payload).pk)


def _of_records(run: Run, payload: BatchPayload) -> Batch:
    key = uuid5(run.job.session_id, "batch")
    if there := Batch.objects.filter(pk=key).first():
        return there  # launched by an attempt before this one
    payloads = [
        LodgePayload(record=record, revalidate=True, user_info=payload.user_info, once=payload.once)
        for record in payload.records
    ]
    lifecycle.advance(run.job, launching.LONGEST)
    with run.piece(len(payloads), of=len(payloads)):
        return lifecycle.submit_batch(
            sub_type="MODEL_RUN_PROV_LODGE",
            payloads=payloads,
            owner=run.owner,
            title=launching.title(len(payloads), payload.name),
            key=key,
        )


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
    """What is offered for a batch of runs: to its owner its table, with what became of each row,
    and the rows of the table that it came from which are not registered yet."""
    if batch.owner_id != user.pk:
        return []
    download = Link("Download CSV", reverse("run-batch-csv", args=[batch.pk]))
    return [*_left_over(batch), download]


def _left_over(batch: Batch) -> Iterator[Link]:
    """To the rows that were left in the table of a batch, if there are any."""
    sheet = RunSheet.objects.filter(pk=batch.subject).first() if batch.subject else None
    left = sum(sheet.in_state(state) for state in SheetRow.TO_DO) if sheet else 0
    if sheet and left:
        rows = counted(left, "row")
        faulty = sheet.in_state(SheetRow.State.FAULTY)
        label = f"Mend {rows} left over" if faulty else f"Register {rows} left over"
        yield Link(label, sheet.get_absolute_url())


def launched(user: User, job: Job) -> list[Link]:
    """To the batch that a job has launched."""
    batch = (job.result or {}).get("batch_id")
    return [Link("Open the batch", reverse("batch-detail", args=[batch]))] if batch else []


definitions.offer_batch_links("MODEL_RUN_PROV_LODGE", batch_links)
definitions.offer_job_links("MODEL_RUN_BATCH_SUBMIT", launched)
