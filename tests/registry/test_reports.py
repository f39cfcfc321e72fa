"""Reports on model runs and studies: what is in them, in every format, and who may have them."""

import csv
import io
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.test import Client
from docx import Document

from jobs.models import Job, Status
from registry import services
from registry.model_runs import services as runs
from registry.models import Item
from registry.provenance.draft import RESOLVER
from registry.reports import contents, files, jobs
from registry.reports.contents import Entry, Report, TooLarge
from registry.services import NotAllowed, Refused
from tests.conftest import drain, registered
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db


def made(workflow: Workflow, user: User, **changed: Any) -> Item:
    job = runs.register(record=workflow.record(**changed), owner=user)
    drain()
    job.refresh_from_db()
    return Item.objects.get(handle=job.result["record"]["id"])


@pytest.fixture
def first(workflow: Workflow, user: User) -> Item:
    return made(workflow, user, display_name="The first run")


@pytest.fixture
def second(first: Item, workflow: Workflow, user: User) -> Item:
    """A run of no study whose input is what the first one made."""
    used = {
        "dataset_template_id": workflow.forcing.handle,
        "dataset_id": workflow.matrix.handle,
        "dataset_type": "DATA_STORE",
        "resources": {"currents": "m/"},
    }
    result = registered(user, subtype="DATASET", display_name="The last result")
    output = {
        "dataset_template_id": workflow.output.handle,
        "dataset_id": result.handle,
        "dataset_type": "DATA_STORE",
    }
    return made(
        workflow,
        user,
        display_name="The second run",
        inputs=[used],
        outputs=[output],
        study_id=None,
    )


def ids(entries: list[Entry]) -> set[str]:
    return {entry.handle for entry in entries}


def test_the_report_of_a_run_goes_as_far_upstream_as_asked(
    first: Item, second: Item, workflow: Workflow, user: User
) -> None:
    near = contents.of_item(second, user, 1)
    assert ids(near.inputs) == {workflow.model.handle, workflow.matrix.handle}
    assert ids(near.runs) == {second.handle}
    assert [entry.name for entry in near.outputs] == ["The last result"]
    far = contents.of_item(second, user, 3)
    assert ids(far.runs) == {first.handle, second.handle}
    assert ids(far.inputs) == {*ids(near.inputs), workflow.currents.handle}
    assert ids(far.outputs) == ids(near.outputs)
    handles = [entry.handle for entry in [*far.inputs, *far.runs, *far.outputs]]
    assert len(handles) == len(set(handles))


def test_the_report_of_a_study_is_that_of_its_runs_together(
    first: Item, second: Item, workflow: Workflow, user: User
) -> None:
    for name in ("Run 10", "Run 9"):
        made(workflow, user, display_name=name)
    found = contents.of_item(workflow.study, user, 1)
    assert [entry.name for entry in found.runs] == ["Run 9", "Run 10", "The first run"]
    assert ids(found.inputs) == {workflow.model.handle, workflow.currents.handle}
    assert ids(found.outputs) == {workflow.matrix.handle}


def test_a_study_without_runs_has_an_empty_report(user: User) -> None:
    found = contents.of_item(registered(user, subtype="STUDY"), user, 2)
    assert [entries for _, entries in found.sections] == [[], [], []]
    assert contents.NOTHING in files.write(found, files.FORMATS["html"]).decode()
    Document(io.BytesIO(files.write(found, files.FORMATS["docx"])))


def test_what_may_not_be_read_is_in_it_without_id_and_name(
    first: Item, workflow: Workflow, user: User, make_user: Callable[..., User]
) -> None:
    stranger = make_user("stranger")
    services.change_access(handle=workflow.currents.handle, general=[], groups={}, by=user)
    found = contents.of_item(first, stranger, 1)
    assert Entry(subtype="DATASET", name="Restricted item") in found.inputs
    for one in files.FORMATS.values():
        assert workflow.currents.handle.encode() not in files.write(found, one)


def test_a_report_is_on_a_whole_run_or_study(first: Item, workflow: Workflow, user: User) -> None:
    with pytest.raises(Refused, match="model runs and studies"):
        contents.of_item(workflow.model, user, 1)
    for depth in (0, 4):
        with pytest.raises(Refused, match="depth"):
            contents.of_item(first, user, depth)
    with pytest.raises(Refused, match="not of the kind STUDY"):
        jobs.of(first.handle, "STUDY", 1, user)


def test_a_report_that_is_too_large_is_refused_by_its_limit(
    first: Item, workflow: Workflow, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "MOST", 3)
    with pytest.raises(TooLarge, match="at most 3 items"):
        contents.of_item(workflow.study, user, 2)


def test_the_word_document_has_the_four_rows_with_links(
    first: Item, workflow: Workflow, user: User
) -> None:
    report = contents.of_item(first, user, 1)
    document = Document(io.BytesIO(files.write(report, files.FORMATS["docx"])))
    [table] = document.tables
    assert [row.cells[0].text for row in table.rows] == [
        "Modelling team",
        "Inputs",
        "Model runs",
        "Outputs",
    ]
    about = document.paragraphs[1]
    assert about.text == f"Report for Model run: The first run, {first.handle}"
    assert [link.address for link in about.hyperlinks] == [RESOLVER + first.handle]
    inputs = table.rows[1].cells[1].paragraphs
    assert [link.text for one in inputs for link in one.hyperlinks] == [
        entry.handle for entry in report.inputs
    ]
    assert document.core_properties.title == "Provenance report: The first run"


def test_the_other_formats_say_the_same(first: Item, user: User) -> None:
    report = contents.of_item(first, user, 1)
    entries = [report.about, *report.inputs, *report.runs, *report.outputs]
    page = files.write(report, files.FORMATS["html"]).decode()
    table = files.write(report, files.FORMATS["csv"]).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["id"] for row in rows] == [entry.handle for entry in entries]
    assert [row["section"] for row in rows][:2] == ["Report for", "Inputs"]
    assert all(f'<a href="{entry.url}">{entry.handle}</a>' in page for entry in entries)


@pytest.mark.parametrize("name", ["<b>&amp;</b>", "\ufffe and \uffff", "=SUM(A1)", "名前 🐟"])
def test_names_of_all_sorts_get_into_every_format(name: str, user: User) -> None:
    report = contents.of_item(registered(user, subtype="STUDY"), user, 1)
    odd = Entry(subtype="DATASET", name=name, handle="10378.1/5", is_deleted=True)
    report = report.model_copy(update={"inputs": [odd], "about": odd})
    document = Document(io.BytesIO(files.write(report, files.FORMATS["docx"])))
    for text in (document.paragraphs[1].text, document.tables[0].rows[1].cells[1].text):
        assert "(deleted), 10378.1/5" in text
    assert "<b>&amp;</b>" not in files.write(report, files.FORMATS["html"]).decode()
    assert b",=SUM" not in files.write(report, files.FORMATS["csv"])


def test_no_two_files_have_the_same_name(first: Item, user: User) -> None:
    report = contents.of_item(first, user, 1)
    names = {files.file_name(report, files.FORMATS["docx"]) for _ in range(20)}
    assert len(names) == 20
    assert all(
        name.startswith(f"report-model-run-{first.handle.replace('/', '-')}") for name in names
    )


def test_the_pages_offer_every_format_and_depth(
    first: Item, workflow: Workflow, signed_in: Client, user: User
) -> None:
    for item in (first, workflow.study):
        page = signed_in.get(f"/item/{item.handle}/report/?depth=2")
        text = page.content.decode()
        assert page.status_code == 200
        assert workflow.currents.display_name in text
        for name, one in files.FORMATS.items():
            address = f"/item/{item.handle}/report/{name}?depth=2"
            assert f'href="{address}"' in text
            file = signed_in.get(address)
            assert (file.status_code, file["Content-Type"]) == (200, one.content_type)
            assert file["Content-Disposition"].startswith("attachment")
    assert 'href="?depth=3"' in text
    assert ">Report</a>" not in signed_in.get(workflow.model.get_absolute_url()).content.decode()
    assert signed_in.get(f"/item/{workflow.model.handle}/report/").status_code == 404
    assert signed_in.get(f"/item/{first.handle}/report/pdf").status_code == 404


def test_a_page_of_a_report_that_is_too_large_says_so(
    first: Item, workflow: Workflow, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "MOST", 3)
    page = signed_in.get(f"/item/{workflow.study.handle}/report/")
    assert page.status_code == 200
    assert "at most 3 items" in page.content.decode()
    assert signed_in.get(f"/item/{workflow.study.handle}/report/docx").status_code == 404


def test_nobody_has_a_report_on_what_they_may_not_read(
    first: Item, user: User, client: Client, make_user: Callable[..., User]
) -> None:
    services.change_access(handle=first.handle, general=[], groups={}, by=user)
    stranger = make_user("stranger")
    client.force_login(stranger)
    for end in ("", "docx"):
        assert client.get(f"/item/{first.handle}/report/{end}").status_code == 403
    with pytest.raises(NotAllowed):
        jobs.submit(handle=first.handle, subtype="MODEL_RUN", depth=1, owner=stranger)


@pytest.fixture
def job(first: Item, user: User) -> Job:
    """A job that has made a report."""
    made = jobs.submit(handle=first.handle, subtype="MODEL_RUN", depth=1, owner=user)
    drain()
    made.refresh_from_db()
    return made


def test_a_job_keeps_the_report_as_it_was_then(
    job: Job, first: Item, user: User, client: Client
) -> None:
    assert (job.type, job.status) == ("REPORT", Status.SUCCEEDED)
    services.change_access(handle=first.handle, general=[], groups={}, by=user)
    file = client.get(job.result["report_url"])  # signed in as nobody
    assert file.status_code == 200
    assert "The first run" in Document(io.BytesIO(file.content)).paragraphs[1].text
    table = client.get(job.result["report_url"].removesuffix("docx") + "csv")
    assert first.handle in table.content.decode()


def test_a_link_to_a_report_holds_for_an_hour(
    job: Job, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = job.result["report_url"]
    now = time.time()

    def later(minutes: int) -> None:
        clock = SimpleNamespace(time=lambda: now + 60 * minutes)
        monkeypatch.setattr("django.core.signing.time", clock)

    later(59)
    assert client.get(address).status_code == 200
    later(61)
    page = client.get(address)
    assert page.status_code == 410
    assert "60 minutes" in page.content.decode()
    for end in ("nonsense/docx", f"{signing.dumps('x')}/docx"):
        assert client.get(f"/reports/{end}").status_code == 410


def test_the_page_of_the_job_offers_new_links(
    job: Job, signed_in: Client, client: Client, make_user: Callable[..., User]
) -> None:
    page = signed_in.get(job.get_absolute_url()).content.decode()
    assert "Download Word" in page
    [address] = [part for part in page.split('"') if part.endswith("/html")]
    client.logout()
    assert client.get(address).status_code == 200


def test_a_job_without_the_right_to_read_fails_with_the_reason(
    first: Item, user: User, make_user: Callable[..., User]
) -> None:
    stranger = make_user("stranger")
    made = jobs.submit(handle=first.handle, subtype="MODEL_RUN", depth=1, owner=stranger)
    services.change_access(handle=first.handle, general=[], groups={}, by=user)
    drain()
    made.refresh_from_db()
    assert made.status == Status.FAILED
    assert first.handle in made.info


def test_a_report_survives_being_kept(first: Item, user: User) -> None:
    report = contents.of_item(first, user, 2)
    assert Report.model_validate_json(report.model_dump_json()) == report
