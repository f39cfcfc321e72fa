"""Rows and jobs that are mended by another table: each becomes one run, and the pages lead on."""

import csv
import io
import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs import batches, lifecycle
from jobs.models import Batch, Job, Status
from registry.model_runs import sheets
from registry.models import Item, RunSheet
from registry.services import Refused
from tests.conftest import drain
from tests.registry.model_runs.tables import found, load, load_rows, only, row_of, text_of
from tests.registry.model_runs.test_pages import text_of as page_text
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db


def run_names() -> list[str]:
    runs = Item.objects.filter(subtype="MODEL_RUN")
    return sorted(runs.values_list("display_name", flat=True))


def submit(sheet: RunSheet) -> None:
    sheets.submit(sheet=sheet, by=sheet.owner)
    drain()


@pytest.fixture
def failed(workflow: Workflow, user: User) -> Job:
    """The job of a row, which has failed."""
    drain()
    sheets.submit(sheet=load_rows(workflow, user, row_of(workflow, user)), by=user)
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=False)
    drain()
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=True)
    return Job.objects.get(sub_type="MODEL_RUN_PROV_LODGE")


def mending(workflow: Workflow, user: User, job: Job) -> RunSheet:
    cells = {"_job_id": str(job.session_id), "display name": "Mended"}
    return load_rows(workflow, user, row_of(workflow, user, cells=cells))


# By the ids of jobs, as the table of a batch has them.


def test_a_row_that_says_anew_what_a_failed_job_could_not_takes_its_place(
    workflow: Workflow, user: User, failed: Job
) -> None:
    submit(mending(workflow, user, failed))
    failed.refresh_from_db()
    assert failed.mended_by == Job.objects.latest("pk").session_id
    assert batches.retry_all(Job.objects.all(), by=user) == 0
    drain()
    assert run_names() == ["Mended"]


def test_a_row_whose_job_is_retried_before_it_is_launched_is_left_out(
    workflow: Workflow, user: User, failed: Job
) -> None:
    sheet = mending(workflow, user, failed)
    sheets.submit(sheet=sheet, by=user)
    lifecycle.retry(failed, by=user)
    drain()
    assert run_names() == ["Season 2024"]
    assert "was retried or mended meanwhile" in only(sheet).note
    assert Job.objects.get(sub_type="MODEL_RUN_BATCH_SUBMIT", status=Status.FAILED).info


def test_a_job_is_mended_by_one_table_and_what_it_said_then_exists(
    workflow: Workflow, user: User, failed: Job
) -> None:
    submit(mending(workflow, user, failed))
    [[_, fault]] = only(mending(workflow, user, failed)).faults
    assert "was mended by job" in fault
    again = only(load_rows(workflow, user, row_of(workflow, user)))
    assert (again.state, again.note) == (
        "EXISTING",
        "The same as row 2 of runs.csv, submitted before and mended since.",
    )


def test_a_failed_row_that_is_mended_before_its_table_retries_it_is_left_out(
    workflow: Workflow, user: User, failed: Job
) -> None:
    retrying = load_rows(workflow, user, row_of(workflow, user))
    assert only(retrying).state == "RETRY"
    submit(mending(workflow, user, failed))
    with pytest.raises(Refused, match="No row of this sheet is left"):
        sheets.submit(sheet=retrying, by=user)
    drain()
    assert run_names() == ["Mended"]


# By the file of faulty rows.


@pytest.fixture
def first(workflow: Workflow, user: User) -> RunSheet:
    """A table whose rows 2 and 4 are faulty."""
    drain()
    rows = [
        row_of(workflow, user, display_name=f"Run {n}", cells={} if n == 3 else {"agent id": ""})
        for n in (2, 3, 4)
    ]
    return load_rows(workflow, user, *rows)


def mended_file(sheet: RunSheet, workflow: Workflow, **changed: str) -> str:
    """The file of the faulty rows, with its modeller filled in."""
    header, *rows = list(sheets.faulty(sheet))
    columns = {"agent id": workflow.modeller.handle} | changed
    for row in rows:
        for name, text in columns.items():
            row[header.index(name)] = text
    return text_of([header, *rows])


def test_rows_that_are_mended_in_a_file_are_no_longer_to_mend_where_they_stood(
    first: RunSheet, workflow: Workflow, user: User, signed_in: Client
) -> None:
    second = load(mended_file(first, workflow), user, "mended.csv")
    assert found(first) == [(2, "MOVED"), (3, "NEW"), (4, "MOVED")]
    assert found(second) == [(2, "NEW"), (3, "NEW")]
    first.refresh_from_db()
    assert (first.in_state("FAULTY"), first.in_state("MOVED")) == (0, 2)
    page = signed_in.get(f"{first.get_absolute_url()}?state=MOVED").content.decode()
    there = reverse("run-sheet-row", args=[second.pk, 3])
    assert f'<a href="{there}">row 3 of mended.csv</a>' in page
    row = signed_in.get(reverse("run-sheet-row", args=[first.pk, 4])).content.decode()
    assert f'<a href="{there}">row 3 of mended.csv</a>' in row
    back = signed_in.get(second.get_absolute_url()).content.decode()
    assert f'mends rows of <a href="{first.get_absolute_url()}">runs.csv</a>' in back
    with pytest.raises(Refused, match="goes on in another table"):
        sheets.mend(sheet=first, number=2, cells=[], by=user)
    submit(first)
    submit(RunSheet.objects.get(pk=second.pk))
    assert run_names() == ["Run 2", "Run 3", "Run 4"]


def test_rows_that_are_still_faulty_in_the_file_are_to_mend_there_alone(
    first: RunSheet, workflow: Workflow, user: User
) -> None:
    second = load(mended_file(first, workflow, **{"study id": "x"}), user)
    assert {state for _, state in found(second)} == {"FAULTY"}
    third = load(mended_file(second, workflow, **{"study id": ""}), user)
    assert {state for _, state in found(third)} == {"NEW"}
    assert [state for _, state in found(first)] == ["MOVED", "NEW", "MOVED"]
    assert {state for _, state in found(second)} == {"MOVED"}


def test_a_file_that_is_uploaded_twice_registers_its_rows_once(
    first: RunSheet, workflow: Workflow, user: User
) -> None:
    file = mended_file(first, workflow)
    second, other = load(file, user), load(file.replace("Larval", "Other larval"), user)
    assert {state for _, state in found(other)} == {"EXISTING"}
    assert "goes on in another table already" in other.rows.all()[0].note
    submit(second)
    with pytest.raises(Refused, match="No row of this sheet is left"):
        sheets.submit(sheet=other, by=user)
    assert run_names() == ["Run 2", "Run 4"]


def test_what_is_still_faulty_in_the_file_goes_on_when_the_same_file_is_mended_further(
    first: RunSheet, workflow: Workflow, user: User
) -> None:
    header, one, other = list(sheets.faulty(first))
    place = header.index("agent id")
    one[place] = workflow.modeller.handle
    second = load(text_of([header, one, other]), user)
    assert found(second) == [(2, "NEW"), (3, "FAULTY")]
    submit(second)
    other[place] = workflow.modeller.handle
    third = load(text_of([header, one, other]), user)
    assert found(third) == [(2, "EXISTING"), (3, "NEW")]
    assert found(second) == [(2, "SUBMITTED"), (3, "MOVED")]
    submit(third)
    assert run_names() == ["Run 2", "Run 4"]


def test_a_row_that_was_mended_on_the_page_and_submitted_is_left_out_of_the_file(
    first: RunSheet, workflow: Workflow, user: User
) -> None:
    file = mended_file(first, workflow)
    for number in (2, 4):
        cells = row_of(workflow, user, display_name=f"On the page {number}")
        sheets.mend(sheet=first, number=number, cells=cells, by=user)
    submit(first)
    second = load(file, user)
    assert [row.note for row in second.rows.all()] == [
        f"The same as row {number} of runs.csv, submitted before." for number in (2, 4)
    ]


def test_a_submitted_row_whose_job_failed_is_mended_by_the_file(
    first: RunSheet, workflow: Workflow, user: User
) -> None:
    file = mended_file(first, workflow)
    cells = row_of(workflow, user, display_name="On the page")
    sheets.mend(sheet=first, number=2, cells=cells, by=user)
    sheets.submit(sheet=first, by=user)
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=False)
    drain()
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=True)
    submit(load(file, user))
    batches.retry_all(Job.objects.all(), by=user)
    drain()
    assert run_names() == ["Run 2", "Run 3", "Run 4"]


def test_a_discarded_file_gives_its_rows_back(
    first: RunSheet, workflow: Workflow, user: User
) -> None:
    second = load(mended_file(first, workflow), user)
    assert sheets.discard(sheet=second, by=user)
    assert [state for _, state in found(first)] == ["FAULTY", "NEW", "FAULTY"]
    first.refresh_from_db()
    assert (first.in_state("FAULTY"), first.in_state("MOVED")) == (2, 0)


@pytest.mark.parametrize("text", ["x", "", "7f1f0e0e-0000-4000-8000-000000000000"])
def test_a_table_that_is_not_known_is_no_matter(
    first: RunSheet, workflow: Workflow, user: User, text: str
) -> None:
    second = load(mended_file(first, workflow, _table=text), user)
    assert {state for _, state in found(second)} == {"NEW"}
    assert first.rows.filter(state="FAULTY").count() == 2


# The way on from batch, job and run.


def test_a_batch_leads_to_its_table_and_to_what_is_left_of_it(
    first: RunSheet, user: User, signed_in: Client
) -> None:
    submit(first)
    batch = Batch.objects.get()
    page = signed_in.get(batch.get_absolute_url()).content.decode()
    assert f'id="source" href="{first.get_absolute_url()}">runs.csv</a>' in page
    assert f'href="{first.get_absolute_url()}">Mend 2 rows left over</a>' in page
    assert f'href="{first.get_absolute_url()}">its table</a>' in (
        signed_in.get(reverse("job-list")).content.decode()
    )
    sheets.discard(sheet=first, by=user)
    assert "left over" not in page_text(signed_in.get(batch.get_absolute_url()))


def test_a_run_leads_to_its_row_and_its_batch_also_when_it_was_edited(
    first: RunSheet, user: User, signed_in: Client, admin_client: Client
) -> None:
    submit(first)
    run, batch = Item.objects.get(subtype="MODEL_RUN"), Batch.objects.get()
    Item.objects.filter(pk=run.pk).update(system=run.system | {"session_id": str(uuid4())})
    page = signed_in.get(run.get_absolute_url()).content.decode()
    row = reverse("run-sheet-row", args=[first.pk, 3])
    assert f'<a id="table-row" href="{row}">row 3 of runs.csv</a>' in page
    assert f'id="batch" href="{batch.get_absolute_url()}"' in page
    assert "table-row" not in admin_client.get(run.get_absolute_url()).content.decode()


def test_a_job_of_a_table_is_called_by_its_row_everywhere(
    first: RunSheet, signed_in: Client
) -> None:
    submit(first)
    job = Job.objects.get(sub_type="MODEL_RUN_PROV_LODGE")
    assert "Row 3 of <a" in signed_in.get(job.get_absolute_url()).content.decode()
    listed = signed_in.get(reverse("job-list"), {"status": "SUCCEEDED"}).content.decode()
    assert re.search(rf'id="open-{job.pk}"[^>]*>Run 3</a>', listed)
    assert "Row 3<" in listed
    exported = b"".join(signed_in.get(reverse("job-csv"), {"text": "Run 3"}))
    records: Any = csv.DictReader(io.StringIO(exported.decode("utf-8-sig")))
    assert "3" in [record["file_row"] for record in records]
