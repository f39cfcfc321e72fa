"""Sheets of runs: what is found in each row, what exists already, mending and submitting."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs import lifecycle, worker
from jobs.models import Batch, Job, Status
from provena import tables
from registry import services
from registry.model_runs import repairs, sheets
from registry.model_runs import services as runs
from registry.models import Item, RunSheet
from registry.services import NotAllowed, Refused
from tests.conftest import drain
from tests.registry.model_runs.tables import (
    columns_for,
    found,
    load,
    load_rows,
    only,
    row_of,
    table,
    text_of,
)
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db


def faults(sheet: RunSheet) -> list[str]:
    return sheets.told(only(sheet).faults, sheet.columns)


def run_count() -> int:
    return Item.objects.filter(subtype="MODEL_RUN", deleted_at=None).count()


def again(table_rows: Any) -> bytes:
    """Rows as a file that is downloaded."""
    return "".join(tables.lines(table_rows)).encode()


@pytest.fixture
def quiet(workflow: Workflow) -> None:
    """No job waits but those of the test."""
    drain()


# What is wrong in a row is told at its column.


@pytest.mark.parametrize(
    ("header", "text", "told"),
    [
        ("display name", "", "required"),
        ("description", "", "required"),
        ("description", "\u200b", "invisible"),
        ("agent id", "", "required"),
        ("agent id", "Ana", "This must be an item id"),
        ("agent id", "10378.1/9", "Modeller: there is no item 10378.1/9"),
        ("agent id", "{organisation}", "{organisation} is an organisation, not a person"),
        ("study id", "10378.1/9", "Study: there is no item"),
        ("study id", "{model}", "is a model, not a study"),
        ("requesting organisation id", "{modeller}", "is a person, not an organisation"),
        ("execution start", "31/12/2024", "Write the year first"),
        ("execution start", "", "required"),
        ("execution end", "noon", '"noon" is no time'),
        ("execution end", "2001-01-01", "The run cannot end before it begins"),
        ("execution start", "1969-12-31 23:59:59", "is before 1970"),
        ("Input dataset id for template: Forcing", "10378.1/9", "Input dataset for template"),
        ("Input dataset id for template: Forcing", "{study}", "is a study, not a dataset"),
        ("Output dataset id for template: Matrix", "", "The outputs lack a dataset"),
        (
            "Output dataset id for template: Matrix",
            "{currents}||{matrix}",
            "This must be an item id",
        ),
        ("Input resource: currents", "", "no path is given for currents"),
        ("annotation: random seed", "", "required and missing: random seed"),
        ("_workflow template id", "x", "This column stays blank"),
        ("_job_id", "mine", "You have no job mine"),
        ("_job_id", "7f1f0e0e-0000-4000-8000-000000000000", "You have no job 7f1f"),
    ],
)
def test_what_is_wrong_with_a_row_is_told_at_its_column(
    workflow: Workflow, user: User, header: str, text: str, told: str
) -> None:
    handles = {name: item.handle for name, item in vars(workflow).items()}
    cells = {header: text.format(**handles)}
    [fault] = faults(load_rows(workflow, user, row_of(workflow, user, cells=cells)))
    assert fault.startswith(header)
    assert told.format(**handles) in fault


def test_all_faults_of_all_rows_are_told_and_blank_rows_are_passed_over(
    workflow: Workflow, user: User
) -> None:
    bad = row_of(workflow, user, cells={"display name": "", "study id": "x", "_job_id": "y"})
    sheet = load_rows(workflow, user, bad, [""], row_of(workflow, user), ["", " "], bad)
    assert found(sheet) == [(2, "FAULTY"), (4, "NEW"), (6, "FAULTY")]
    assert [len(row.faults) for row in sheet.rows.all()] == [3, 0, 3]


def test_ragged_rows_are_faults_of_those_rows(workflow: Workflow, user: User) -> None:
    row = row_of(workflow, user)
    trimmed = row_of(workflow, user, display_name="Another")
    sheet = load_rows(workflow, user, row[:3], [*row, "more"], trimmed[:-4])
    assert found(sheet) == [(2, "FAULTY"), (3, "FAULTY"), (4, "NEW")]
    assert "1 more cells than the header" in sheets.told(sheet.rows.get(number=3).faults, [])[0]


def test_what_one_may_not_read_is_a_fault_of_the_row(
    workflow: Workflow, user: User, make_user: Callable[..., User]
) -> None:
    row = row_of(workflow, user)
    services.change_access(handle=workflow.currents.handle, general=[], groups={}, by=user)
    [fault] = faults(load_rows(workflow, make_user("ben"), row))
    assert f"you may not read {workflow.currents.handle}" in fault


def test_a_table_costs_as_many_queries_for_many_rows_as_for_one(
    workflow: Workflow, user: User, django_assert_max_num_queries: Any
) -> None:
    many = [row_of(workflow, user, display_name=f"Run {n}") for n in range(60)]
    text = table(workflow, user, *many)
    # The level; the template, and what it and the rows name, each with who may read it; the sheet;
    # rows submitted before and runs; the rows; that the sheet is ready; and transactions.
    with django_assert_max_num_queries(24):
        load(text, user)


# What exists already (7.3).


def test_equal_rows_of_a_file_are_told_of_each_other(workflow: Workflow, user: User) -> None:
    row = row_of(workflow, user)
    sheet = load_rows(workflow, user, row, row_of(workflow, user, display_name="B"), row)
    assert found(sheet) == [(2, "NEW"), (3, "NEW"), (4, "EXISTING")]
    assert sheet.rows.get(number=4).note == "The same as row 2 of this file."


def test_a_row_that_is_a_run_already_exists_until_the_run_goes(
    workflow: Workflow, user: User, admin_user: User
) -> None:
    runs.register(record=workflow.record(), owner=user)
    drain()
    run = Item.objects.get(subtype="MODEL_RUN")
    row = only(load_rows(workflow, user, row_of(workflow, user)))
    assert (row.state, row.note) == ("EXISTING", f"The same as the run {run.handle}.")
    repairs.remove_provenance(handle=run.handle, by=admin_user)
    services.delete(handle=run.handle, reason="Wrong", by=admin_user)
    assert only(load_rows(workflow, user, row_of(workflow, user))).state == "NEW"


@pytest.mark.usefixtures("quiet")
def test_a_row_that_was_submitted_exists_while_it_waits(workflow: Workflow, user: User) -> None:
    first = load_rows(workflow, user, row_of(workflow, user))
    sheets.submit(sheet=first, by=user)
    row = only(load_rows(workflow, user, row_of(workflow, user)))
    assert (row.state, row.note) == (
        "EXISTING",
        "The same as row 2 of runs.csv, submitted before.",
    )


@pytest.mark.usefixtures("quiet")
def test_a_file_that_was_uploaded_twice_is_registered_once(workflow: Workflow, user: User) -> None:
    first, second = (load_rows(workflow, user, row_of(workflow, user)) for _ in range(2))
    sheets.submit(sheet=first, by=user)
    with pytest.raises(Refused, match="No row of this sheet is left"):
        sheets.submit(sheet=second, by=user)
    assert (only(second).state, only(second).note) == (
        "EXISTING",
        "The same as row 2 of runs.csv, submitted before.",
    )
    sheets.force(sheet=second, by=user)
    assert sheets.submit(sheet=second, by=user).new == 1


@pytest.mark.usefixtures("quiet")
def test_what_another_user_has_submitted_is_no_matter(
    workflow: Workflow, user: User, make_user: Callable[..., User]
) -> None:
    sheets.submit(sheet=load_rows(workflow, user, row_of(workflow, user)), by=user)
    assert only(load_rows(workflow, make_user("ben"), row_of(workflow, user))).state == "NEW"


@pytest.fixture
def failed(workflow: Workflow, user: User, quiet: None) -> Job:
    """The job of a run that failed, because its dataset was away."""
    sheets.submit(sheet=load_rows(workflow, user, row_of(workflow, user)), by=user)
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=False)
    drain()
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=True)
    return Job.objects.get(sub_type="MODEL_RUN_PROV_LODGE", status=Status.FAILED)


def test_a_row_whose_job_failed_is_tried_again(workflow: Workflow, user: User, failed: Job) -> None:
    sheet = load_rows(workflow, user, row_of(workflow, user))
    assert (only(sheet).state, only(sheet).failed_job) == ("RETRY", failed.session_id)
    done = sheets.submit(sheet=sheet, by=user)
    assert (done.job, done.new, done.retried) == (None, 0, 1)
    drain()
    failed.refresh_from_db()
    assert (failed.status, run_count()) == (Status.SUCCEEDED, 1)
    with pytest.raises(Refused, match="No row of this sheet is left"):
        sheets.submit(sheet=sheet, by=user)


def test_a_batch_is_downloaded_and_its_failed_row_tried_again_as_it_is(
    workflow: Workflow, user: User, failed: Job
) -> None:
    file = again(sheets.of_batch(Batch.objects.get(), user))
    assert b"only a reserved id" in file
    row = only(load(file, user))
    assert (row.state, row.failed_job) == ("RETRY", failed.session_id)
    assert row.note == f"The same as job {failed.session_id}, which failed."


def test_a_failed_row_that_was_mended_is_new(workflow: Workflow, user: User, failed: Job) -> None:
    cells = {"_job_id": str(failed.session_id), "display name": "Mended"}
    sheet = load_rows(workflow, user, row_of(workflow, user, cells=cells))
    assert (only(sheet).state, only(sheet).failed_job) == ("NEW", failed.session_id)


def test_a_job_of_another_user_is_unknown(
    workflow: Workflow, user: User, failed: Job, make_user: Callable[..., User]
) -> None:
    cells = {"_job_id": str(failed.session_id)}
    [fault] = faults(load_rows(workflow, make_user("ben"), row_of(workflow, user, cells=cells)))
    assert f"You have no job {failed.session_id}" in fault


@pytest.mark.usefixtures("quiet")
def test_a_job_whose_record_has_the_wrong_shape_is_the_same_as_no_row(
    workflow: Workflow, user: User
) -> None:
    runs.register_batch(batch=[{"display_name": "No record"}], owner=user)
    drain()
    job = Job.objects.get(sub_type="MODEL_RUN_PROV_LODGE")
    cells = {"_job_id": str(job.session_id)}
    assert only(load_rows(workflow, user, row_of(workflow, user, cells=cells))).state == "NEW"
    with pytest.raises(Refused, match="Run 1 of this batch lacks"):
        sheets.of_batch(Batch.objects.get(), user)


def test_existing_rows_are_registered_once_more_by_force(workflow: Workflow, user: User) -> None:
    runs.register(record=workflow.record(), owner=user)
    drain()
    sheet = load_rows(workflow, user, row_of(workflow, user))
    with pytest.raises(Refused):
        sheets.submit(sheet=sheet, by=user)
    assert sheets.force(sheet=sheet, by=user) == 1
    sheets.submit(sheet=sheet, by=user)
    drain()
    assert run_count() == 2


# Regenerate (7.4).


def test_a_batch_as_a_table_gives_the_same_records_and_says_what_became_of_them(
    workflow: Workflow, user: User, quiet: None
) -> None:
    two = [*workflow.record()["inputs"] * 2]
    records = [
        workflow.record(annotations={"random seed": "=1", "extra\tkey"[:5]: "a\nb"}),
        workflow.record(display_name="Two", inputs=two, end_time=253_402_300_799),
        workflow.record(display_name="-3", study_id="10378.1/9"),
    ]
    runs.register_batch(batch=records, owner=user)
    drain()
    batch = Batch.objects.get()
    header, *body = list(sheets.of_batch(batch, user))
    at = {
        name: header.index(name) for name in ("_job_status", "_error_info", "_model_run_record_id")
    }
    assert [row[at["_job_status"]] for row in body] == ["SUCCEEDED", "SUCCEEDED", "FAILED"]
    assert [bool(row[at["_error_info"]]) for row in body] == [False, False, True]
    assert Item.objects.filter(handle=body[0][at["_model_run_record_id"]]).exists()
    sheet = load(again(sheets.of_batch(batch, user)), user)
    assert (sheet.warnings, found(sheet)) == (
        [],
        [(2, "EXISTING"), (3, "EXISTING"), (4, "FAULTY")],
    )
    jobs = list(batch.jobs.order_by("batch_index"))
    assert [row.record for row in sheet.rows.all()][:2] == [
        job.payload["record"] for job in jobs[:2]
    ]
    lifecycle.mend(jobs[2], by_job=jobs[0], by=user)
    *_, last = sheets.of_batch(batch, user)
    assert last[at["_job_status"]] == "FAILED"
    assert last[at["_error_info"]].startswith(f"Mended: job {jobs[0].session_id} took its place.")


def test_a_batch_of_several_workflows_is_no_table(
    workflow: Workflow, user: User, make_item: Any
) -> None:
    other = make_item(
        user, subtype="MODEL_RUN_WORKFLOW_TEMPLATE", software_id=workflow.model.handle
    )
    second = workflow.record(workflow_template_id=other.handle)
    runs.register_batch(batch=[workflow.record(), second], owner=user)
    drain()
    with pytest.raises(Refused, match="follow 2 workflow templates"):
        sheets.of_batch(Batch.objects.get(), user)


def test_a_batch_of_other_jobs_is_no_table(user: User) -> None:
    batch = lifecycle.submit_batch(
        sub_type="MODEL_RUN_BATCH_SUBMIT", payloads=[{"records": []}], owner=user, title="Others"
    )
    with pytest.raises(Refused, match="does not register model runs"):
        sheets.of_batch(batch, user)


# Mending.


def test_a_mended_row_is_checked_again(workflow: Workflow, user: User) -> None:
    sheet = load_rows(workflow, user, row_of(workflow, user, cells={"agent id": ""}))
    good = row_of(workflow, user)
    assert sheets.mend(sheet=sheet, number=2, cells=good, by=user).state == "NEW"
    assert (only(sheet).state, only(sheet).faults, only(sheet).cells) == ("NEW", [], good)
    sheets.mend(
        sheet=sheet, number=2, cells=row_of(workflow, user, cells={"study id": "x"}), by=user
    )
    assert (only(sheet).state, only(sheet).record, only(sheet).fingerprint) == (
        "FAULTY",
        None,
        None,
    )


def test_a_row_mended_to_what_another_says_exists(workflow: Workflow, user: User) -> None:
    good, bad = row_of(workflow, user), row_of(workflow, user, cells={"agent id": ""})
    sheet = load_rows(workflow, user, bad, good)
    assert sheets.mend(sheet=sheet, number=2, cells=good, by=user).note == (
        "The same as row 3 of this file."
    )
    assert sheets.mend(sheet=sheet, number=3, cells=good, by=user).state == "EXISTING"


def test_a_row_saved_as_it_is_stays_as_it_is(workflow: Workflow, user: User) -> None:
    good = row_of(workflow, user)
    sheet = load_rows(workflow, user, good, row_of(workflow, user, display_name="B"))
    assert sheets.mend(sheet=sheet, number=2, cells=good, by=user).state == "NEW"


def test_a_submitted_row_is_not_mended(workflow: Workflow, user: User, quiet: None) -> None:
    good = row_of(workflow, user)
    sheet = load_rows(workflow, user, good)
    sheets.submit(sheet=sheet, by=user)
    with pytest.raises(Refused, match="Row 2 was submitted meanwhile"):
        sheets.mend(sheet=sheet, number=2, cells=good, by=user)


def test_a_row_is_not_mended_with_what_no_database_stores(workflow: Workflow, user: User) -> None:
    good = row_of(workflow, user)
    sheet = load_rows(workflow, user, good)
    for header in ("agent id", "display name"):
        cells = row_of(workflow, user, cells={header: "a\0b"})
        with pytest.raises(Refused, match=r"U\+0000"):
            sheets.mend(sheet=sheet, number=2, cells=cells, by=user)
    assert only(sheet).cells == good


def test_a_table_whose_workflow_went_is_not_mended_and_says_why(
    workflow: Workflow, user: User, admin_user: User, quiet: None
) -> None:
    sheet = load_rows(workflow, user, row_of(workflow, user))
    services.delete(handle=workflow.template.handle, reason="Wrong", by=admin_user)
    with pytest.raises(Refused, match=f"{workflow.template.handle} was deleted"):
        sheets.mend(sheet=sheet, number=2, cells=[], by=user)


# Submitting.


@pytest.mark.usefixtures("quiet")
def test_the_right_rows_go_and_the_faulty_ones_stay_to_be_mended_and_go_later(
    workflow: Workflow, user: User
) -> None:
    good = [row_of(workflow, user, display_name=f"Run {n}") for n in range(3)]
    bad = row_of(workflow, user, cells={"agent id": ""})
    sheet = load_rows(workflow, user, good[0], bad, good[1])
    assert sheets.submit(sheet=sheet, by=user).new == 2
    with pytest.raises(Refused):
        sheets.submit(sheet=sheet, by=user)
    drain()
    assert (run_count(), sheet.counts()["FAULTY"]) == (2, 1)
    sheets.mend(sheet=sheet, number=3, cells=good[2], by=user)
    assert sheets.submit(sheet=sheet, by=user).new == 1
    drain()
    assert (run_count(), Batch.objects.count()) == (3, 2)
    assert [batch.total for batch in Batch.objects.order_by("created_at")] == [2, 1]
    assert found(sheet) == [(2, "SUBMITTED"), (3, "SUBMITTED"), (4, "SUBMITTED")]


def test_who_may_no_longer_change_the_registry_submits_nothing(
    workflow: Workflow, user: User, settings: Any
) -> None:
    sheet = load_rows(workflow, user, row_of(workflow, user))
    settings.REGISTRY_LEVEL = "read"
    with pytest.raises(NotAllowed):
        sheets.submit(sheet=sheet, by=user)
    assert only(sheet).state == "NEW"


@pytest.mark.usefixtures("quiet")
def test_items_that_go_while_rows_wait_fail_those_rows_alone(
    workflow: Workflow, user: User, make_item: Any, admin_user: User
) -> None:
    study = make_item(user, subtype="STUDY")
    rows = [row_of(workflow, user, study_id=study.handle), row_of(workflow, user, study_id=None)]
    sheet = load_rows(workflow, user, *rows)
    services.delete(handle=study.handle, reason="Wrong", by=admin_user)
    sheets.submit(sheet=sheet, by=user)
    drain()
    jobs = list(Job.objects.filter(sub_type="MODEL_RUN_PROV_LODGE").order_by("batch_index"))
    assert [job.status for job in jobs] == [Status.FAILED, Status.SUCCEEDED]
    assert f"{study.handle} was deleted" in jobs[0].info


@pytest.mark.usefixtures("quiet")
def test_a_launch_that_failed_is_tried_again_and_loses_and_doubles_nothing(
    workflow: Workflow, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = load_rows(workflow, user, row_of(workflow, user))
    launch = sheets.submit(sheet=sheet, by=user).job
    assert launch
    lifecycle.cancel(launch, by=user)
    assert drain() == 0
    lifecycle.retry(launch, by=user)
    drain()
    assert (run_count(), Batch.objects.get().total) == (1, 1)


@pytest.mark.usefixtures("quiet")
def test_the_rows_of_a_cancelled_launch_are_no_obstacle_to_uploading_them_again(
    workflow: Workflow, user: User
) -> None:
    launch = sheets.submit(sheet=load_rows(workflow, user, row_of(workflow, user)), by=user).job
    assert launch
    lifecycle.cancel(launch, by=user)
    assert only(load_rows(workflow, user, row_of(workflow, user))).state == "NEW"


@pytest.mark.usefixtures("quiet")
def test_rows_whose_launch_was_cancelled_can_be_submitted_again(
    workflow: Workflow, user: User
) -> None:
    sheet = load_rows(workflow, user, row_of(workflow, user))
    launch = sheets.submit(sheet=sheet, by=user).job
    assert launch
    lifecycle.cancel(launch, by=user)
    assert sheets.take_back(sheet=sheet, by=user) == 1
    assert (only(sheet).state, only(sheet).submission) == ("NEW", None)
    lifecycle.retry(launch, by=user)
    drain()
    launch.refresh_from_db()
    assert (launch.status, run_count()) == (Status.FAILED, 0)
    assert sheets.submit(sheet=sheet, by=user).new == 1
    drain()
    assert run_count() == 1


@pytest.mark.usefixtures("quiet")
def test_rows_whose_launch_waits_or_is_done_are_not_taken_back(
    workflow: Workflow, user: User
) -> None:
    sheet = load_rows(workflow, user, row_of(workflow, user))
    sheets.submit(sheet=sheet, by=user)
    assert sheets.take_back(sheet=sheet, by=user) == 0
    drain()
    assert sheets.take_back(sheet=sheet, by=user) == 0
    assert only(sheet).state == "SUBMITTED"


# Faulty rows as a file.


def test_faulty_rows_are_downloaded_with_what_is_wrong_mended_and_uploaded_again(
    workflow: Workflow, user: User
) -> None:
    bad = row_of(workflow, user, cells={"agent id": "=x", "display name": "@B"})
    sheet = load_rows(workflow, user, bad, row_of(workflow, user), [*bad, "more"])
    header, *body = csv.reader(io.StringIO(again(sheets.faulty(sheet)).decode("utf-8-sig")))
    assert len(body) == 2
    assert "agent id: " in body[0][header.index("_error_info")]
    assert body[0][header.index("display name")] == "'@B"
    assert {len(row) for row in body} == {len(header)}
    body[0][header.index("agent id")] = workflow.modeller.handle
    second = load(text_of([header, body[0]]), user)
    record = only(second).record
    assert record
    assert (only(second).state, record["display_name"]) == ("NEW", "@B")


@pytest.mark.parametrize("name", ["_error_info", "_Error_Info", "comment"])
def test_the_file_of_faulty_rows_is_read_again_however_its_columns_were_written(
    workflow: Workflow, user: User, name: str
) -> None:
    headers = [*columns_for(workflow, user).headers[:-1], name]
    sheet = load(text_of([headers, row_of(workflow, user, cells={"agent id": ""})]), user)
    assert load(again(sheets.faulty(sheet)), user).counts()["FAULTY"] == 1


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_faulty_rows_are_downloaded_as_they_were_separated_and_say_where_they_stood(
    workflow: Workflow, user: User, signed_in: Client, separator: str
) -> None:
    """Also where a name holds the separators of other files."""
    services.update(
        handle=workflow.output.handle,
        subtype="DATASET_TEMPLATE",
        content=workflow.output.info | {"display_name": "A, b, c; d, e, f, g, h; i, j, k; l, m, n"},
        reason="Longer",
        by=user,
    )
    bad = {"agent id": ""}
    rows = [
        row_of(workflow, user, display_name=f"Run {n}", cells=bad if n > 2 else {})
        for n in range(5)
    ]
    file = "".join(tables.lines([columns_for(workflow, user).headers, *rows], separator))
    first = load(file, user)
    assert first.separator == separator
    address = reverse("run-sheet-faulty", args=[first.pk])
    faulty = b"".join(signed_in.get(address)).decode()
    header, *body = csv.reader(io.StringIO(faulty[1:]), delimiter=separator)
    assert header[0] == "_row"
    assert [row[0] for row in body] == ["5", "6"]
    assert {row[header.index("_table")] for row in body} == {str(first.pk)}

    second = load(faulty, user)
    assert second.warnings == []
    assert found(second) == [(2, "FAULTY"), (3, "FAULTY")]
    again = list(sheets.faulty(second))
    assert [row[0] for row in again] == ["_row", "2", "3"]
    assert len(again[0]) == len(header)

    place = header.index("agent id")
    mended = [[*row[:place], workflow.modeller.handle, *row[place + 1 :]] for row in body]
    third = load("".join(tables.lines([header, *mended], separator)), user)
    assert found(third) == [(2, "NEW"), (3, "NEW")]
    [record, _] = third.rows.values_list("record", flat=True)
    whole = load_rows(workflow, user, row_of(workflow, user, display_name="Run 3"))
    assert record == only(whole).record


def test_a_separator_that_no_reader_would_know_is_not_written(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    bad = row_of(workflow, user, cells={"agent id": ""})
    lines = tables.lines([columns_for(workflow, user).headers, bad], "#")
    sheet = load("sep=#\n" + "".join(lines)[1:], user)
    assert only(sheet).state == "FAULTY"
    faulty = b"".join(signed_in.get(reverse("run-sheet-faulty", args=[sheet.pk])))
    assert only(load(faulty, user)).state == "FAULTY"


def runs_of(user: User) -> list[str]:
    """The names of all runs."""
    drain()
    found = Item.objects.filter(subtype="MODEL_RUN").order_by("pk")
    return list(found.values_list("display_name", flat=True))


def test_a_record_registered_between_check_and_submission_makes_no_second_run(
    workflow: Workflow, user: User
) -> None:
    sheet = load_rows(workflow, user, row_of(workflow, user))
    runs.register(record=workflow.record(), owner=user)
    sheets.submit(sheet=sheet, by=user)
    assert len(runs_of(user)) == 1
    jobs = Job.objects.filter(sub_type="MODEL_RUN_PROV_LODGE")
    assert [job.status for job in jobs] == [Status.SUCCEEDED] * 2
    first, second = (job.result["record"]["id"] for job in jobs if job.result)
    assert first == second


def test_a_cancelled_launch_that_is_retried_makes_no_second_run(
    workflow: Workflow, user: User
) -> None:
    launch = sheets.submit(sheet=load_rows(workflow, user, row_of(workflow, user)), by=user).job
    assert launch
    lifecycle.cancel(launch, by=user)
    again = load_rows(workflow, user, row_of(workflow, user))
    assert only(again).state == "NEW"
    sheets.submit(sheet=again, by=user)
    lifecycle.retry(launch, by=user)
    assert len(runs_of(user)) == 1


def test_a_failed_job_that_is_no_longer_kept_leaves_a_new_row(
    workflow: Workflow, user: User
) -> None:
    drain()
    first = load_rows(workflow, user, row_of(workflow, user))
    sheets.submit(sheet=first, by=user)
    job = launched(user)
    sheet = load_rows(workflow, user, row_of(workflow, user))
    assert only(sheet).state == "RETRY"
    Job.objects.filter(pk=job.pk).delete()
    done = sheets.submit(sheet=sheet, by=user)
    assert (done.new, done.retried) == (1, 0)
    assert len(runs_of(user)) == 1


def launched(user: User) -> Job:
    """Launch what was submitted, and cancel its only run."""
    [launch] = lifecycle.claim("provena", 1)
    worker.execute(launch[0], launch[1], 60)
    job = Job.objects.get(sub_type="MODEL_RUN_PROV_LODGE")
    lifecycle.cancel(job, by=user)
    return job


def test_a_failed_job_is_retried_elsewhere_meanwhile(workflow: Workflow, user: User) -> None:
    drain()
    sheets.submit(sheet=load_rows(workflow, user, row_of(workflow, user)), by=user)
    job = launched(user)
    sheet = load_rows(workflow, user, row_of(workflow, user))
    lifecycle.retry(job, by=user)
    with pytest.raises(Refused, match="No row of this sheet is left"):
        sheets.submit(sheet=sheet, by=user)
    assert len(runs_of(user)) == 1


def test_two_rows_that_name_one_failed_job_are_one_retry(workflow: Workflow, user: User) -> None:
    drain()
    sheets.submit(sheet=load_rows(workflow, user, row_of(workflow, user)), by=user)
    launched(user)
    sheet = load_rows(workflow, user, row_of(workflow, user), row_of(workflow, user))
    assert [state for _, state in found(sheet)] == ["RETRY", "EXISTING"]


def test_mending_a_row_frees_the_one_that_said_the_same(workflow: Workflow, user: User) -> None:
    same = row_of(workflow, user)
    sheet = load_rows(workflow, user, same, same)
    assert [state for _, state in found(sheet)] == ["NEW", "EXISTING"]
    other = row_of(workflow, user, display_name="Other")
    sheets.mend(sheet=sheet, number=2, cells=other, by=user)
    assert [state for _, state in found(sheet)] == ["NEW", "NEW"]
    sheets.submit(sheet=sheet, by=user)
    assert runs_of(user) == ["Other", "Season 2024"]


def test_one_row_of_those_that_exist_is_forced(workflow: Workflow, user: User) -> None:
    same = row_of(workflow, user)
    sheet = load_rows(workflow, user, same, same, same)
    assert sheets.force(sheet=sheet, by=user, number=3) == 1
    assert [state for _, state in found(sheet)] == ["NEW", "NEW", "EXISTING"]
    sheets.submit(sheet=sheet, by=user)
    assert len(runs_of(user)) == 2


def test_cells_beyond_the_header_stay_in_the_file_of_faulty_rows(
    workflow: Workflow, user: User
) -> None:
    sheet = load_rows(workflow, user, [*row_of(workflow, user), "astray"])
    header, row = sheets.faulty(sheet)
    assert len(header) == len(row)
    assert "astray" in row
    again = load("".join(tables.lines([header, row])), user)
    assert only(again).state == "FAULTY"


def test_who_may_no_longer_write_registers_nothing(
    workflow: Workflow, user: User, settings: Any
) -> None:
    sheets.submit(sheet=load_rows(workflow, user, row_of(workflow, user)), by=user)
    settings.REGISTRY_LEVEL = "read"
    assert runs_of(user) == []
    job = Job.objects.get(sub_type="MODEL_RUN_PROV_LODGE")
    assert "may not change the registry" in job.info
    for act in (sheets.force, sheets.take_back, sheets.discard):
        with pytest.raises(NotAllowed):
            act(sheet=RunSheet.objects.get(), by=user)
