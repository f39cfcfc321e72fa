"""Model runs as a person registers them: many by a table, and one by its form."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Download, Page, expect

from registry.model_runs import services as runs
from registry.models import Item
from tests.conftest import drain
from tests.registry.model_runs.tables import load_rows, row_of
from tests.registry.runs import Workflow, workflow
from tests.stack import Stack, wait_until

__all__ = ["workflow"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.cluster,
    pytest.mark.django_db(transaction=True),
]

OpenPage = Callable[..., Page]
Table = list[dict[str, str]]


def downloaded(page: Page, link: str, separator: str = ",") -> Table:
    """The table behind a link, by its headers."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name=link).click()
    return table_in(waiting.value, separator)


def table_in(download: Download, separator: str = ",") -> Table:
    text = Path(download.path()).read_text("utf-8-sig")
    file = csv.DictReader(io.StringIO(text), delimiter=separator)
    rows = list(file)
    return rows or [dict.fromkeys(file.fieldnames or [], "")]


def upload(page: Page, table: Table, name: str) -> None:
    """Upload a table as a spreadsheet saves it: with semicolons and a mark."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, table[0].keys(), delimiter=";")
    writer.writeheader()
    writer.writerows(table)
    file: Any = {
        "name": name,
        "mimeType": "text/csv",
        "buffer": text.getvalue().encode("utf-8-sig"),
    }
    page.get_by_label("CSV file").set_input_files(files=[file])
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def filled(blank: dict[str, str], flow: Workflow, number: int) -> dict[str, str]:
    """A row of the table of the workflow as a person fills it in."""
    values = {
        "display name": f"Season {2000 + number}",
        "description": "Larval drift",
        "agent id": flow.modeller.handle,
        "execution start": f"{2000 + number}-01-01 00:00",
        "execution end": f"{2000 + number}-03-31",
        "Input dataset id for template: Forcing": flow.currents.handle,
        "Input resource: currents": "2024/",
        "Output dataset id for template: Matrix": flow.matrix.handle,
        "annotation: random seed": str(number),
    }
    row = dict(blank)
    for start, text in values.items():
        row[column(row, start)] = text
    return row


def column(row: dict[str, str], start: str) -> str:
    return next(header for header in row if header.startswith(start))


def run_count() -> int:
    return Item.objects.filter(subtype="MODEL_RUN").count()


def choose(page: Page, label: str, typed: str, name: str) -> None:
    """Pick an item: type some of its name, and take the option."""
    page.get_by_role("combobox", name=label).last.press_sequentially(typed)
    page.get_by_role("option", name=name).first.click()
    expect(page.locator(".picked").get_by_text(name).last).to_be_visible()


def leads_to(page: Page, fields: dict[str, str]) -> None:
    """The links of the summary above the form move the focus to these."""
    for link, field in fields.items():
        page.get_by_role("alert").get_by_role("link", name=link).press("Enter")
        expect(page.locator(field)).to_be_focused()


def test_many_runs_are_registered_by_a_table(
    open_page: OpenPage, stack: Stack, user: User, workflow: Workflow
) -> None:
    drain()
    page = open_page(user, accept_downloads=True)
    page.get_by_role("link", name="Register", exact=True).click()
    page.get_by_role("link", name="Model run").first.click()
    page.get_by_role("link", name="One season").click()
    [blank] = downloaded(page, "Download CSV template")
    table = [filled(blank, workflow, number) for number in range(12)]
    table[2][column(blank, "execution start")] = "31/12/2002"
    table[5][column(blank, "Input dataset id")] = "10378.1/9"
    table[9][column(blank, "annotation: random seed")] = ""

    page.get_by_role("link", name="Upload a table").click()
    upload(page, table, "seasons.csv")
    expect(page.get_by_text("3 rows cannot be registered yet")).to_be_visible()
    expect(page.locator("td.wrong")).to_have_count(3)
    for told in ("Write the year first", "there is no item 10378.1/9", "required and missing"):
        expect(page.locator("td.wrong").filter(has_text=told)).to_be_visible()

    page.get_by_role("link", name="Mend row 4").click()
    expect(page.get_by_text("1 thing to mend in this row")).to_be_visible()
    start = page.get_by_role("textbox", name=re.compile("^Start time"))
    expect(start).to_be_focused()
    start.fill("2002-12-31")
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_role("alert")).to_contain_text("The run cannot end before it begins")
    page.get_by_role("textbox", name=re.compile("^End time")).fill("2003-03-31")
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_text("Row 4 is right now")).to_be_visible()
    expect(page.get_by_text("Row 7 of the file")).to_be_visible()
    page.get_by_role("link", name="Back to the table").click()

    page.get_by_role("button", name="Register 10 runs").click()
    expect(page.get_by_text("It is being launched")).to_be_visible()
    stack.start_worker()
    page.wait_for_url("**/jobs/batch/**")
    wait_until(lambda: run_count() == 10, "ten runs are registered")
    expect(page.locator("main")).to_contain_text("10")

    page.goto("/runs/sheets/")
    page.get_by_role("link", name="seasons.csv").click()
    faulty = downloaded(page, "Download faulty rows", ";")
    assert [row["_row"] for row in faulty] == ["7", "11"]
    assert ["no item 10378.1/9" in row["_error_info"] for row in faulty] == [True, False]
    faulty[0][column(blank, "Input dataset id")] = workflow.currents.handle
    faulty[1][column(blank, "annotation: random seed")] = "9"
    page.goto("/runs/sheets/")
    upload(page, faulty, "mended.csv")
    expect(page.get_by_text("2 rows are right")).to_be_visible()
    page.get_by_role("button", name="Register 2 runs").click()
    page.wait_for_url("**/jobs/batch/**")
    wait_until(lambda: run_count() == 12, "twelve runs are registered")

    page.goto("/runs/sheets/")
    upload(page, table[:2], "again.csv")
    expect(page.get_by_text("2 rows exist already")).to_be_visible()
    expect(page.get_by_role("button", name="Register 2 runs")).to_have_count(0)


def test_a_row_is_mended_by_choosing_datasets_and_times(
    open_page: OpenPage, user: User, workflow: Workflow, make_item: Any
) -> None:
    other = make_item(user, subtype="DATASET", display_name="Tides of the lagoon")
    cells = {"Input dataset id for template: Forcing": "10378.1/9", "execution end": "31/12/2024"}
    sheet = load_rows(workflow, user, row_of(workflow, user, cells=cells))
    page = open_page(user)
    page.goto(sheet.rows.get().get_absolute_url())
    datasets = page.get_by_role("combobox", name="Input: Forcing")
    datasets.fill("")
    choose(page, "Input: Forcing", "tides", "Tides of the lagoon")
    datasets.press_sequentially("|")
    datasets.press_sequentially(workflow.currents.handle)
    page.get_by_role("option").first.click()
    expect(datasets).to_have_value(f"{other.handle}|{workflow.currents.handle}")
    page.get_by_label("currents").fill("2024/|2025/")
    expect(datasets).to_have_value(f"{other.handle}|{workflow.currents.handle}")
    end = page.get_by_role("textbox", name=re.compile("^End time"))
    calendar = page.get_by_label("Calendar that fills it in: End time")
    calendar.fill("2024-12-31T06:30:00")
    expect(end).to_have_value("2024-12-31 06:30+00:00")
    end.fill("2024-12-31 08:00:00+10:30")
    expect(calendar).to_have_value("2024-12-31T08:00")
    calendar.fill("2024-12-31T09:15:00")
    expect(end).to_have_value("2024-12-31 09:15+10:30")
    expect(page.get_by_text("In UTC: 2024-12-30 22:45:00+00:00")).to_be_visible()
    expect(end).to_be_in_viewport()  # though the file has it far to the right
    end.fill("2024-02-31 10:00")
    expect(calendar).to_have_value("")
    expect(page.get_by_text("In UTC: 2024-12-30")).to_have_count(0)
    end.fill("2024-12-31 09:15+10:30")
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_text("Row 2 is right now")).to_be_visible()
    record = sheet.rows.get().record
    assert record
    assert [one["dataset_id"] for one in record["inputs"]] == [
        other.handle,
        workflow.currents.handle,
    ]


def test_one_run_is_registered_by_its_form_edited_and_linked_to_a_study(
    open_page: OpenPage, stack: Stack, user: User, workflow: Workflow, make_item: Any
) -> None:
    other = make_item(user, subtype="DATASET", display_name="Other matrix")
    record = workflow.record(display_name="A user of it")
    record["inputs"][0]["dataset_id"] = workflow.matrix.handle
    record["outputs"][0]["dataset_id"] = other.handle
    runs.register(record=record, owner=user)
    drain()
    Item.objects.filter(pk=workflow.currents.pk).update(display_name="Currents")
    stack.start_worker()
    page = open_page(user)
    page.goto(f"/runs/of/{workflow.template.handle}/new/")
    expect(page.get_by_role("combobox", name="Modeller")).to_have_value(workflow.modeller.handle)
    page.get_by_label("Display name").fill("Season 2024")
    page.get_by_role("combobox", name="Study").fill("10378.1/9")
    page.get_by_role("button", name="Register", exact=True).last.click()
    expect(page.get_by_role("alert")).to_contain_text("7 things need your attention")
    leads_to(page, {"Study": "#id_study_id", "Inputs, Forcing": "#id_inputs-t0"})
    for at, told in {
        "description": "This field is required",
        "study_id": "there is no item 10378.1/9",
        "end_time": "This field is required",
        "inputs-t0": "The inputs lack a dataset",
        "annotations-a0": "required and missing: random seed",
    }.items():
        expect(page.locator(f"#id_{at}_errors")).to_contain_text(told)

    page.get_by_role("combobox", name="Study").fill("")
    page.locator("#id_description").fill("Larval drift")
    page.locator("#id_start_time").fill("2024-01-01 00:00+10:00")
    page.locator("#id_end_time").fill("2024-03-31")
    inputs = page.get_by_role("group", name="Forcing", exact=True)
    inputs.get_by_role("combobox").fill(workflow.currents.handle)
    inputs.get_by_label("currents").fill("2024/")
    page.get_by_role("group", name="Matrix", exact=True).get_by_role("combobox").fill(
        workflow.matrix.handle
    )
    page.get_by_label("random seed").fill("7")
    page.get_by_role("button", name="Register", exact=True).last.click()
    page.wait_for_url("**/item/**")
    expect(page.get_by_role("heading", name="Season 2024")).to_be_visible()
    run = Item.objects.get(display_name="Season 2024")

    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_role("group", name="Matrix", exact=True).get_by_role("combobox").fill(other.handle)
    page.get_by_label("Reason").fill("Wrong output")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("would no longer produce data that others use")).to_be_visible()
    expect(page.get_by_role("link", name="A user of it")).to_be_visible()
    page.get_by_label("Save it all the same").check()
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("The change is on its way")).to_be_visible()
    wait_until(lambda: run.revisions.count() == 2, "the edit is made")

    # The page renews itself when the job has ended.
    expect(page.get_by_text("The change is on its way")).to_have_count(0)
    page.get_by_role("link", name="Link to study").click()
    choose(page, "Study", "some", "Something")
    page.get_by_role("button", name="Link", exact=True).click()
    expect(page.get_by_text("Linked. Its provenance is being written anew")).to_be_visible()
    wait_until(
        lambda: Item.objects.get(pk=run.pk).info["record_status"] == "LODGED",
        "its provenance is written",
    )
    run.refresh_from_db()
    assert run.info["record"]["study_id"] == workflow.study.handle
    assert run.info["record"]["outputs"][0]["dataset_id"] == other.handle
