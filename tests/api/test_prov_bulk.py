"""Model runs as tables over the API: there and back, and everything that is wrong with one."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs import lifecycle
from jobs.models import Batch, Job, Status
from registry import services
from registry.model_runs import columns, converting
from registry.model_runs import services as runs
from registry.models import Item
from tests.api.conftest import Answer, Caller
from tests.conftest import drain
from tests.registry.model_runs.tables import row_of, table, text_of
from tests.registry.runs import Workflow

TEMPLATE = "/prov-api/bulk/generate_template/csv"
CONVERT = "/prov-api/bulk/convert_model_runs/csv"
AGAIN = "/prov-api/bulk/regenerate_from_batch/csv"


def convert(caller: Caller, text: str | bytes) -> Answer:
    data = text.encode() if isinstance(text, str) else text
    file = SimpleUploadedFile("upload.csv", data, "text/csv")
    answer = Client().post(CONVERT, {"csv_file": file}, headers=caller.headers)
    return Answer(answer.status_code, answer.json(), answer.content.decode(), answer)


def batch_of(records: list[dict[str, Any]], user: User) -> Batch:
    job = runs.register_batch(batch=records, owner=user)
    drain()
    job.refresh_from_db()
    return Batch.objects.get(pk=job.result["batch_id"])


def cells_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_the_template_is_the_header_without_a_mark(api: Caller, workflow: Workflow) -> None:
    answer = api.get(TEMPLATE, workflow_template_id=workflow.template.handle)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    [header] = cells_of(answer.text)
    assert header[0] == f"{columns.MARKER} {workflow.template.handle}"


def test_a_table_of_no_workflow_template_is_refused(
    api: Caller, stranger: Caller, workflow: Workflow, user: User
) -> None:
    for handle in ("10378.1/999", workflow.model.handle, "nonsense", ""):
        assert api.get(TEMPLATE, workflow_template_id=handle).status == 400
    services.change_access(handle=workflow.template.handle, general=[], groups={}, by=user)
    assert stranger.get(TEMPLATE, workflow_template_id=workflow.template.handle).status == 400


def test_a_table_becomes_records_and_registers_nothing(
    api: Caller, workflow: Workflow, user: User
) -> None:
    before = Job.objects.count()
    answer = convert(api, table(workflow, user, row_of(workflow, user)))
    assert answer.success, answer.text
    assert answer.json["new_records"] == [workflow.record()]
    assert (answer.json["existing_records"], answer.json["warnings"]) == ([], [])
    assert Job.objects.count() == before


def test_a_batch_goes_into_a_table_and_back(api: Caller, workflow: Workflow, user: User) -> None:
    who = {"modeller_id": workflow.modeller.handle}
    records = [
        workflow.record(),
        workflow.record(display_name="=1+1", annotations={"random seed": "8", "extra": "|"}),
        workflow.record(display_name="Alone", associations=who),
    ]
    batch = batch_of(records, user)
    text = api.get(AGAIN, batch_id=str(batch.pk)).text
    header, *rows = cells_of(text)
    jobs = list(batch.jobs.order_by("batch_index"))
    places = {name: header.index(name) for name in ("_job_id", "_job_status")}
    assert [row[places["_job_id"]] for row in rows] == [str(job.session_id) for job in jobs]
    assert {row[places["_job_status"]] for row in rows} == {"SUCCEEDED"}

    answer = convert(api, text)
    assert answer.json["new_records"] == []
    assert answer.json["existing_records"] == [str(job.session_id) for job in jobs]

    for row in rows:
        row[places["_job_id"]] = ""
    answer = convert(api, text_of([header, *rows]))
    assert answer.json["new_records"] == records
    assert answer.json["existing_records"] == []
    for number, (job, told) in enumerate(zip(jobs, answer.json["warnings"], strict=True), 2):
        assert f"Row {number} says the same as the run {job.result['record']['id']}" in told
        assert str(job.session_id) in told


def test_the_row_of_a_failed_job_is_new_again(api: Caller, workflow: Workflow, user: User) -> None:
    batch = batch_of([workflow.record()], user)
    job = batch.jobs.get()
    batch.jobs.update(status=Status.FAILED, result=None, info="It broke.")
    Item.objects.filter(subtype="MODEL_RUN").update(fingerprint=None)
    text = api.get(AGAIN, batch_id=str(batch.pk)).text
    assert "It broke." in text
    answer = convert(api, text)
    assert len(answer.json["new_records"]) == 1
    assert answer.json["existing_records"] == []
    [told] = answer.json["warnings"]
    assert str(job.session_id) in told
    assert "Retry" in told


def test_a_row_that_was_changed_is_no_longer_that_of_its_job(
    api: Caller, workflow: Workflow, user: User
) -> None:
    batch = batch_of([workflow.record()], user)
    changed = api.get(AGAIN, batch_id=str(batch.pk)).text.replace("Season 2024", "Season 2025")
    answer = convert(api, changed)
    assert answer.json["new_records"] == [workflow.record(display_name="Season 2025")]
    assert answer.json["existing_records"] == []


def test_of_a_run_of_somebody_else_only_its_id_is_told(
    stranger: Caller, workflow: Workflow, user: User
) -> None:
    [job] = batch_of([workflow.record()], user).jobs.all()
    answer = convert(stranger, table(workflow, user, row_of(workflow, user)))
    assert answer.json["new_records"] == [workflow.record()]
    [told] = answer.json["warnings"]
    assert job.result["record"]["id"] in told
    assert str(job.session_id) not in told


def test_equal_rows_are_kept_and_told(api: Caller, workflow: Workflow, user: User) -> None:
    row = row_of(workflow, user)
    answer = convert(api, table(workflow, user, row, row))
    assert len(answer.json["new_records"]) == 2
    [told] = answer.json["warnings"]
    assert told.startswith("Row 3 says the same as row 2 of this file")


def test_equal_rows_with_jobs_of_their_own_exist_both(
    api: Caller, workflow: Workflow, user: User
) -> None:
    batch = batch_of([workflow.record()] * 2, user)
    answer = convert(api, api.get(AGAIN, batch_id=str(batch.pk)).text)
    assert len(set(answer.json["existing_records"])) == 2
    assert answer.json["new_records"] == []


def test_all_faults_of_all_rows_are_told_with_row_and_column(
    api: Caller, workflow: Workflow, user: User
) -> None:
    rows = [
        row_of(workflow, user, cells={"agent id": "", "execution start": "yesterday"}),
        row_of(workflow, user),
        row_of(workflow, user, cells={"study id": "10378.1/999"}),
        row_of(workflow, user, cells={"_job_id": "0b2f6a0e-4a53-4c56-9a0e-6a3f4e1d2c11"}),
    ]
    answer = convert(api, table(workflow, user, *rows))
    assert answer.status == 400
    told = answer.detail.splitlines()
    assert any(line.startswith("Row 2, agent id:") for line in told)
    assert any(line.startswith("Row 2, execution start time") for line in told)
    assert not any(line.startswith("Row 3") for line in told)
    assert any(line.startswith("Row 4, study id:") and "10378.1/999" in line for line in told)
    assert any("0b2f6a0e-4a53-4c56-9a0e-6a3f4e1d2c11" in line for line in told)


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2", b"\xff\xfe", "_workflow template id 10378.1/999\n", '"', "\0"]
)
def test_what_is_no_table_is_refused_with_one_message(text: str | bytes, api: Caller) -> None:
    answer = convert(api, text)
    assert answer.status == 400
    assert answer.detail


def test_a_table_without_a_row_and_one_with_too_many_are_refused(
    api: Caller, workflow: Workflow, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no row" in convert(api, table(workflow, user)).detail
    monkeypatch.setattr(converting, "MOST_ROWS", 2)
    answer = convert(api, table(workflow, user, *[row_of(workflow, user)] * 3))
    assert answer.status == 400
    assert "2 rows" in answer.detail


def test_the_file_must_be_there(api: Caller, client: Client) -> None:
    assert api.post(CONVERT, {}).status == 422
    for broken in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = client.post(CONVERT, b"?", content_type=broken, headers=api.headers)
        assert answer.status_code in {400, 422}
        assert answer.json()["detail"]


def test_a_column_that_is_not_known_is_warned_of(
    api: Caller, workflow: Workflow, user: User
) -> None:
    header, row = cells_of(table(workflow, user, row_of(workflow, user)))
    answer = convert(api, text_of([[*header, "mood"], [*row, "good"]]))
    assert answer.json["new_records"] == [workflow.record()]
    assert any("mood" in told for told in answer.json["warnings"])


def test_only_a_batch_of_ones_own_of_one_workflow_is_a_table(
    api: Caller, stranger: Caller, workflow: Workflow, user: User, make_item: Callable[..., Item]
) -> None:
    batch = batch_of([workflow.record()], user)
    for caller, batch_id in [
        (stranger, str(batch.pk)),
        (api, "0b2f6a0e-4a53-4c56-9a0e-6a3f4e1d2c11"),
        (api, "nonsense"),
    ]:
        answer = caller.get(AGAIN, batch_id=batch_id)
        assert answer.status == 400
        assert "You have no batch" in answer.detail
    mixed = workflow.record(workflow_template_id=workflow.model.handle)
    answer = api.get(AGAIN, batch_id=str(batch_of([workflow.record(), mixed], user).pk))
    assert answer.status == 400
    assert workflow.model.handle in answer.detail
    other = lifecycle.submit_batch(
        sub_type="REGISTRY_WAKE_UP", payloads=[{}], owner=user, title="Something else"
    )
    assert api.get(AGAIN, batch_id=str(other.pk)).status == 400
