"""What looks odd in a run is told at its place in form, table and command, and hinders nothing."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from jobs.models import Job
from registry.model_runs import oddities, records, sheets
from registry.models import RunSheet
from tests.registry.model_runs.tables import load_rows, only, row_of, table
from tests.registry.model_runs.test_pages import form_of, registered, text_of
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db

NEXT_YEAR = datetime.now(UTC) + timedelta(days=365)
FUTURE = f"{NEXT_YEAR:%Y-%m-%d %H:%M:%S}"


def paths(record: dict[str, Any]) -> list[Any]:
    legible = records.legible(record)
    return [one.path for one in oddities.of(legible)] if legible else []


def test_times_in_the_future_are_odd_and_those_of_today_are_not(workflow: Workflow) -> None:
    now = int(datetime.now(UTC).timestamp())
    assert paths(workflow.record(start_time=now, end_time=now + 5)) == []
    assert paths(workflow.record(end_time=now + 7200)) == [("end_time",)]
    both = workflow.record(start_time=now + 7200, end_time=now + 7200)
    assert paths(both) == [("start_time",), ("end_time",)]


def test_a_dataset_that_is_input_and_output_is_odd(workflow: Workflow) -> None:
    record = workflow.record()
    record["outputs"][0]["dataset_id"] = workflow.currents.handle
    assert paths(record) == [("outputs", 0, "dataset_id")]


def test_a_record_with_faults_is_odd_beside_them_and_no_fault_is(workflow: Workflow) -> None:
    record = workflow.record(end_time=int(NEXT_YEAR.timestamp()), description="")
    for side in ("inputs", "outputs"):
        record[side][0]["dataset_id"] = "nonsense"
    assert paths(record) == [("end_time",)]
    assert paths({"outputs": 7}) == []


# The form of one run.


def post(client: Client, flow: Workflow, **changed: str) -> Any:
    address = reverse("run-register", args=[flow.template.handle])
    return client.post(address, form_of(flow, **changed))


def lodgings() -> int:
    return Job.objects.filter(sub_type="MODEL_RUN_PROV_LODGE").count()


def told_at(page: str, field: str) -> str:
    found = re.search(rf'id="id_{field}_warnings"[^>]*>(.*?)</ul', page, re.DOTALL)
    return found[1] if found else ""


def test_the_form_tells_what_is_odd_at_its_field_and_takes_it_when_it_is_sent_again(
    workflow: Workflow, signed_in: Client
) -> None:
    odd = {"end_time": FUTURE, "outputs.t0.0.dataset_id": workflow.currents.handle}
    answer = post(signed_in, workflow, **odd)
    page = answer.content.decode()
    assert (answer.status_code, lodgings()) == (422, 0)
    assert "2 things look odd" in page
    assert "in the future" in told_at(page, "end_time")
    assert "is an input of this run, too" in told_at(page, "outputs-t0-0-dataset_id")
    assert 'aria-describedby="id_end_time_utc id_end_time_help id_end_time_warnings"' in page
    assert '<a href="#id_end_time">End' in page
    assert post(signed_in, workflow, **odd, odd=answer.context["form"].odd).status_code == 302
    assert lodgings() == 1


def test_what_is_odd_and_new_is_told_again(workflow: Workflow, signed_in: Client) -> None:
    seen = post(signed_in, workflow, end_time=FUTURE).context["form"].odd
    answer = post(signed_in, workflow, end_time=FUTURE, start_time=FUTURE, odd=seen)
    assert (answer.status_code, lodgings()) == (422, 0)


def test_what_is_odd_beside_a_fault_is_told_with_it_and_not_once_more(
    workflow: Workflow, signed_in: Client
) -> None:
    answer = post(signed_in, workflow, end_time=FUTURE, description="")
    assert "1 thing needs your attention" in text_of(answer)
    assert "in the future" in told_at(answer.content.decode(), "end_time")
    seen = answer.context["form"].odd
    assert post(signed_in, workflow, end_time=FUTURE, odd=seen).status_code == 302


def test_an_edit_tells_what_is_odd_before_it_is_saved(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    run = registered(workflow, user)
    address = reverse("run-edit", args=[run.handle])
    values = form_of(workflow, end_time=FUTURE, reason="Longer")
    answer = signed_in.post(address, values)
    assert "Not saved yet: 1 thing looks odd" in text_of(answer)
    assert signed_in.post(address, values | {"odd": answer.context["form"].odd}).status_code == 302


# Tables.


@pytest.fixture
def sheet(workflow: Workflow, user: User) -> RunSheet:
    late = {"execution end": FUTURE}
    both = {"Output dataset id": workflow.currents.handle}
    return load_rows(
        workflow,
        user,
        row_of(workflow, user, cells=late),
        row_of(workflow, user, display_name="B"),
        row_of(workflow, user, display_name="C", cells=both | {"study id": "x"}),
    )


def test_a_row_keeps_what_is_odd_by_column_whether_or_not_it_is_right(sheet: RunSheet) -> None:
    told = [sheets.told(row.warnings, sheet.columns) for row in sheet.rows.all()]
    assert told[0][0].startswith("execution end time")
    assert told[1] == []
    assert told[2][0].startswith("Output dataset id")
    assert list(sheet.rows.values_list("state", flat=True)) == ["NEW", "NEW", "FAULTY"]


def test_the_page_of_a_table_tells_how_many_rows_are_odd_and_lists_them(
    sheet: RunSheet, signed_in: Client
) -> None:
    page = text_of(signed_in.get(sheet.get_absolute_url(), {"state": ""}))
    assert "2 rows look odd" in page
    assert "Check: This is in the future" in page
    odd = signed_in.get(sheet.get_absolute_url(), {"state": "WARNED"})
    assert [entry["row"].number for entry in odd.context["rows"]] == [2, 4]
    titles = odd.context["titles"]
    assert titles[1:3] == ["End time", "Output: Matrix"]
    assert odd.content.decode().count('odd">') == 2


def test_a_row_that_was_mended_tells_what_is_odd_and_forgets_it_when_that_is_mended(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    cells = {"execution end": FUTURE, "study id": "x"}
    sheet = load_rows(workflow, user, row_of(workflow, user, cells=cells))
    row = only(sheet)
    page = signed_in.get(row.get_absolute_url()).content.decode()
    assert "Check: This is in the future" in page

    def save(cells: list[str]) -> str:
        posted = {f"c{place}": text for place, text in enumerate(cells)}
        return text_of(signed_in.post(row.get_absolute_url(), posted, follow=True))

    late = row_of(workflow, user, cells={"execution end": FUTURE})
    assert "Row 2 can be registered. Check: This is in the future" in save(late)
    assert "Row 2 is right now" in save(row_of(workflow, user))
    assert only(sheet).warnings is None


# The command.


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_command_tells_what_is_odd_and_registers_it(
    workflow: Workflow, user: User, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / f"runs.{kind}"
    if kind == "csv":
        row = row_of(workflow, user, cells={"execution end": FUTURE})
        file.write_text(table(workflow, user, row))
    else:
        file.write_text(json.dumps(workflow.record(end_time=int(NEXT_YEAR.timestamp()))))
    out, errors = StringIO(), StringIO()
    call_command("register_model_runs", str(file), "--user", "ana", stdout=out, stderr=errors)
    assert "1 model run submitted" in out.getvalue()
    where = "row 2, check: execution end time" if kind == "csv" else "line 1, check: end_time: "
    assert errors.getvalue().startswith(where)
