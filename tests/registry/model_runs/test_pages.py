"""The pages of model runs: what each shows to whom, and how downloads are named."""

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from jobs import lifecycle
from jobs.models import Batch, Job
from registry import moments, services
from registry.model_runs import services as runs
from registry.model_runs import sheets
from registry.models import Item, RunSheet
from tests.conftest import drain
from tests.registry.model_runs import tables
from tests.registry.model_runs.tables import columns_for, found, load, load_rows, row_of, table
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]


def text_of(response: Any) -> str:
    """What a page says, without its tags."""
    content = b"".join(response) if response.streaming else response.content
    return " ".join(re.sub("<[^>]*>", " ", content.decode()).split())


def post_file(client: Client, text: str | bytes, name: str = "runs.csv") -> Any:
    data = text.encode() if isinstance(text, str) else text
    return client.post(reverse("run-sheets"), {"file": SimpleUploadedFile(name, data)})


def form_of(flow: Workflow, **changed: str) -> dict[str, str]:
    """What a browser sends for a good run."""
    return {
        "display_name": "Season 2024",
        "description": "Larval drift",
        "study_id": flow.study.handle,
        "associations.modeller_id": flow.modeller.handle,
        "associations.requesting_organisation_id": "",
        "model_version": "",
        "start_time": "2024-01-01 00:00:00",
        "end_time": "2024-01-02 00:00:00",
        "inputs.t0": "0",
        "inputs.t0.0.dataset_id": flow.currents.handle,
        "inputs.t0.0.r0": "2024/",
        "outputs.t0": "0",
        "outputs.t0.0.dataset_id": flow.matrix.handle,
        "annotations.a0": "7",
    } | changed


def registered(flow: Workflow, owner: User, **changed: Any) -> Item:
    runs.register(record=flow.record(**changed), owner=owner)
    drain()
    return Item.objects.filter(subtype="MODEL_RUN").latest("pk")


@pytest.fixture
def sheet(workflow: Workflow, user: User) -> RunSheet:
    bad = row_of(workflow, user, cells={"agent id": "", "study id": "x"})
    return load_rows(workflow, user, bad, row_of(workflow, user))


@pytest.fixture
def stranger(make_user: MakeUser) -> Client:
    client = Client()
    client.force_login(make_user("ben"))
    return client


# The form of one run.


def test_a_run_is_registered_by_its_form_and_its_job_is_followed_to_its_page(
    workflow: Workflow, signed_in: Client
) -> None:
    drain()
    answer = signed_in.post(
        reverse("run-register", args=[workflow.template.handle]), form_of(workflow)
    )
    job = Job.objects.get(sub_type="MODEL_RUN_PROV_LODGE")
    assert answer["Location"] == reverse("run-job", args=[job.session_id])
    page = signed_in.get(answer["Location"])
    assert "It is being registered" in text_of(page)
    drain()
    run = Item.objects.get(subtype="MODEL_RUN")
    assert signed_in.get(answer["Location"])["Location"] == reverse(
        "item-detail", args=[run.handle]
    )
    asked = signed_in.get(answer["Location"], headers={"HX-Request": "true"})
    assert asked["HX-Redirect"] == reverse("item-detail", args=[run.handle])
    assert run.info["record"]["inputs"][0]["resources"] == {"currents": "2024/"}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("display_name", " ", "required"),
        ("description", "", "required"),
        ("study_id", "10378.1/9", "there is no item 10378.1/9"),
        ("associations.modeller_id", "", "required"),
        ("associations.modeller_id", "10378.1/9", "Modeller: there is no item"),
        ("associations.requesting_organisation_id", "10378.1/9", "Requesting organisation: there"),
        ("start_time", "31/12/2024", "Write the year first"),
        ("end_time", "2023-01-01", "cannot end before it begins"),
        ("inputs.t0.0.dataset_id", "10378.1/9", "Input dataset for template"),
        ("inputs.t0.0.r0", "", "no path is given for currents"),
        ("outputs.t0.0.dataset_id", "{model}", "is a model, not a dataset"),
        ("annotations.a0", " ", "required"),
    ],
)
def test_each_finding_stands_at_its_field(
    workflow: Workflow, signed_in: Client, name: str, text: str, told: str
) -> None:
    values = form_of(workflow, **{name: text.format(model=workflow.model.handle)})
    answer = signed_in.post(reverse("run-register", args=[workflow.template.handle]), values)
    page = answer.content.decode()
    assert answer.status_code == 422
    error = re.search(
        rf'id="id_{re.escape(name.replace(".", "-"))}_errors"[^>]*>(.*?)</ul', page, re.DOTALL
    )
    assert error, page
    assert told in error[1]
    assert "1 thing needs your attention" in page


def test_all_findings_are_told_at_once(workflow: Workflow, signed_in: Client) -> None:
    values = form_of(workflow, description="", study_id="10378.1/9", **{"annotations.a0": ""})
    answer = signed_in.post(reverse("run-register", args=[workflow.template.handle]), values)
    assert "3 things need your attention" in text_of(answer)


def test_a_side_without_its_dataset_is_told_at_its_template(
    workflow: Workflow, signed_in: Client
) -> None:
    values = form_of(workflow, **{"outputs.t0": ""})
    answer = signed_in.post(reverse("run-register", args=[workflow.template.handle]), values)
    assert answer.status_code == 422
    told = f"The outputs lack a dataset for the template {workflow.output.handle}"
    assert re.search(rf'id="id_outputs-t0_errors"[^>]*>\s*<li>{told}', answer.content.decode())


def test_a_run_that_failed_is_mended_from_what_was_filled_in(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    job = runs.register(record=workflow.record(), owner=user)
    Item.objects.filter(pk=workflow.study.pk).update(is_complete=False)
    drain()
    page = text_of(signed_in.get(reverse("run-job", args=[job.session_id])))
    assert "It was not registered" in page
    assert "only a reserved id" in page
    again = reverse("run-register", args=[workflow.template.handle])
    assert "Season 2024" in signed_in.get(f"{again}?job={job.session_id}").content.decode()
    page = signed_in.get(job.get_absolute_url()).content.decode()
    assert "Lodge Model Run: Season 2024" in page
    assert f'href="{again}?job={job.session_id}">Mend it and register again</a>' in page
    assert "If it is the record that is wrong, put it right" in page
    Item.objects.filter(pk=workflow.study.pk).update(is_complete=True)
    answer = signed_in.post(f"{again}?job={job.session_id}", form_of(workflow))
    other = Job.objects.latest("pk")
    assert answer["Location"] == reverse("run-job", args=[other.session_id])
    page = signed_in.get(job.get_absolute_url()).content.decode()
    assert f'href="{other.get_absolute_url()}">Another job</a> took the place' in page
    assert "Mend it and register again" not in page


def test_a_run_that_failed_becomes_one_run_whatever_is_done_about_it_and_in_whatever_order(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    one, two = (runs.register(record=workflow.record(), owner=user) for _ in range(2))
    for job in (one, two):
        lifecycle.cancel(job, by=user)
    again = reverse("run-register", args=[workflow.template.handle])
    values = form_of(workflow) | {"anyway": "on"}
    signed_in.post(f"{again}?job={one.session_id}", values)
    signed_in.post(reverse("job-retry", args=[one.session_id]))
    signed_in.post(f"{again}?job={one.session_id}", values)
    signed_in.post(reverse("job-retry", args=[two.session_id]))
    answer = signed_in.post(f"{again}?job={two.session_id}", values)
    assert answer["Location"] == two.get_absolute_url()
    drain()
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 2


def test_an_edit_that_failed_is_not_retried_once_it_was_made_again(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    run = registered(workflow, user)
    record = workflow.record(description="Typed with care")
    job = runs.update(handle=run.handle, record=record, reason="Better", by=user)
    lifecycle.cancel(job, by=user)
    edit = f"{reverse('run-edit', args=[run.handle])}?job={job.session_id}"
    values = form_of(workflow, description="Typed with more care", reason="Best", seen="1")
    signed_in.post(edit, values)
    job.refresh_from_db()
    assert job.mended_by == Job.objects.latest("pk").session_id


def test_the_job_that_launches_a_batch_leads_to_it(
    signed_in: Client, sheet: RunSheet, user: User
) -> None:
    sheets.submit(sheet=sheet, by=user)
    drain()
    job = Job.objects.get(sub_type="MODEL_RUN_BATCH_SUBMIT")
    batch = Batch.objects.get()
    page = signed_in.get(job.get_absolute_url()).content.decode()
    assert f'href="{batch.get_absolute_url()}">Open the batch</a>' in page


def test_the_page_that_follows_a_job_has_a_place_for_all_that_its_news_bring(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    job = runs.register(record=workflow.record(), owner=user)
    address = reverse("run-job", args=[job.session_id])
    page = signed_in.get(address).content.decode()
    news = signed_in.get(address, headers={"HX-Request": "true"}).content.decode()
    places = re.findall(r'id="([^"]*)"[^>]*hx-swap-oob', news)
    assert len(places) == 3
    assert [place for place in places if page.count(f'id="{place}"') != 1] == []


@pytest.mark.parametrize("query", ["?job=x", "?job=%00", "?from=0/0", "?from=%00", "?from=x"])
def test_a_form_is_begun_from_no_nonsense(
    workflow: Workflow, signed_in: Client, query: str
) -> None:
    address = reverse("run-register", args=[workflow.template.handle])
    assert signed_in.get(address + query).status_code in {200, 404}


def test_a_form_is_begun_from_no_record_of_the_wrong_shape(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    runs.register_batch(batch=[{"inputs": [{}], "associations": 7}], owner=user)
    drain()
    job = Job.objects.get(sub_type="MODEL_RUN_PROV_LODGE")
    address = reverse("run-register", args=[workflow.template.handle])
    assert signed_in.get(f"{address}?job={job.session_id}").status_code == 200
    assert signed_in.get(reverse("run-job", args=[job.session_id])).status_code == 200


# Editing and linking.


def test_an_edit_that_changes_nothing_is_not_saved(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    run = registered(workflow, user)
    address = reverse("run-edit", args=[run.handle])
    values = form_of(
        workflow,
        description="Larval drift of one season",
        start_time="2023-11-14 22:13:20",
        end_time="2023-11-14 23:13:20",
        reason="None",
        **{"associations.requesting_organisation_id": workflow.organisation.handle},
    )
    assert "Nothing was changed, so nothing was saved" in text_of(signed_in.post(address, values))
    without_reason = signed_in.post(address, values | {"reason": " ", "display_name": "New"})
    assert (without_reason.status_code, "the reason is missing" in text_of(without_reason)) == (
        422,
        True,
    )
    assert (
        signed_in.post(address, values | {"display_name": "New"})["Location"]
        == run.get_absolute_url()
    )
    drain()
    run.refresh_from_db()
    assert run.display_name == "New"


def test_who_may_not_edit_a_run_sees_why_and_changes_nothing(
    workflow: Workflow, user: User, stranger: Client, signed_in: Client
) -> None:
    run = registered(workflow, user, study_id=None)
    for name in ("run-edit", "run-link-study"):
        address = reverse(name, args=[run.handle])
        assert f"You may not edit {run.handle}" in text_of(stranger.get(address))
        answer = stranger.post(address, form_of(workflow, reason="x", study=workflow.study.handle))
        assert answer.status_code == 422
    services.lock(handle=run.handle, reason="Published", by=user)
    for name in ("run-edit", "run-link-study"):
        page = text_of(signed_in.get(reverse(name, args=[run.handle])))
        assert "This run is locked" in page
    services.change_access(handle=run.handle, general=[], groups={}, by=user)
    for name in ("run-edit", "run-link-study", "run-panel"):
        assert stranger.get(reverse(name, args=[run.handle])).status_code == 403
    run.refresh_from_db()
    assert run.revisions.count() == 1


def test_a_run_is_linked_to_a_study_on_its_page(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    run = registered(workflow, user, study_id=None)
    address = reverse("run-link-study", args=[run.handle])
    assert "Choose a study" in text_of(signed_in.post(address, {"study": " "}))
    assert "there is no item 10378.1/9" in text_of(signed_in.post(address, {"study": "10378.1/9"}))
    assert (
        signed_in.post(address, {"study": workflow.study.handle})["Location"]
        == run.get_absolute_url()
    )
    assert "already" in text_of(signed_in.post(address, {"study": workflow.study.handle}))


# Tables.


def test_a_table_is_uploaded_and_shows_what_is_wrong_first(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    bad = row_of(workflow, user, cells={"agent id": "", "study id": "x"})
    answer = post_file(signed_in, table(workflow, user, bad, row_of(workflow, user)), "mine.csv")
    sheet = RunSheet.objects.get()
    assert answer["Location"] == sheet.get_absolute_url()
    page = text_of(signed_in.get(answer["Location"]))
    for told in ("mine.csv", "1 row cannot be registered yet", "Register 1 run", "required"):
        assert told in page, told
    assert "mine.csv" in text_of(signed_in.get(reverse("run-sheets")))


@pytest.mark.parametrize("content", [b"a,b\n", b"\xff\xfe\x00", b"PK\x03\x04", b'a,"b'])
def test_a_file_that_is_refused_says_so_and_keeps_nothing(
    signed_in: Client, content: bytes
) -> None:
    answer = post_file(signed_in, content)
    assert answer.status_code == 422
    assert "Nothing was kept of the file" in text_of(answer)
    assert not RunSheet.objects.exists()


def test_no_file_and_an_empty_one_are_told(signed_in: Client) -> None:
    assert "Choose a file" in text_of(signed_in.post(reverse("run-sheets")))
    assert post_file(signed_in, b"").status_code == 422


def test_a_row_is_mended_in_the_page(
    workflow: Workflow, user: User, signed_in: Client, sheet: RunSheet
) -> None:
    address = reverse("run-sheet-row", args=[sheet.pk, 2])
    assert "2 things to mend in this row" in text_of(signed_in.get(address))
    bad = {f"c{n}": cell for n, cell in enumerate(sheet.rows.get(number=2).cells)}
    assert signed_in.post(address, bad | {"c5": ""}).status_code == 422
    good = {f"c{n}": cell for n, cell in enumerate(row_of(workflow, user, display_name="B"))}
    answer = signed_in.post(address, good, follow=True)
    assert "Row 2 is right now" in text_of(answer)
    assert found(sheet) == [(2, "NEW"), (3, "NEW")]


def test_a_row_with_what_no_database_stores_is_refused(signed_in: Client, sheet: RunSheet) -> None:
    address = reverse("run-sheet-row", args=[sheet.pk, 2])
    assert "U+0000" in text_of(signed_in.post(address, {"c1": "a\0"}))


def test_a_submitted_table_is_followed_and_can_be_taken_back_where_it_was_not_launched(
    signed_in: Client, user: User, sheet: RunSheet
) -> None:
    drain()
    answer = signed_in.post(reverse("run-sheet-submit", args=[sheet.pk]))
    launch = Job.objects.get(sub_type="MODEL_RUN_BATCH_SUBMIT")
    assert answer["Location"] == reverse("run-job", args=[launch.session_id])
    assert "It is being launched" in text_of(signed_in.get(answer["Location"]))
    again = signed_in.post(reverse("run-sheet-submit", args=[sheet.pk]), follow=True)
    assert "No row of this sheet is left to register" in text_of(again)
    assert "was submitted and cannot be changed" in text_of(
        signed_in.get(reverse("run-sheet-row", args=[sheet.pk, 3]))
    )
    lifecycle.cancel(launch, by=user)
    assert "Cancelled by ana" in text_of(signed_in.get(sheet.get_absolute_url()))
    back = signed_in.post(reverse("run-sheet-take-back", args=[sheet.pk]), follow=True)
    assert "1 row can be submitted again" in text_of(back)
    assert "Register 1 run" in text_of(back)
    signed_in.post(reverse("run-sheet-submit", args=[sheet.pk]))
    drain()
    batch = Batch.objects.get()
    assert (
        reverse("batch-detail", args=[batch.pk])
        in signed_in.get(sheet.get_absolute_url()).content.decode()
    )


def test_existing_rows_are_forced_on_the_page(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    registered(workflow, user)
    sheet = load_rows(workflow, user, row_of(workflow, user))
    assert "1 row exists already" in text_of(signed_in.get(sheet.get_absolute_url()))
    signed_in.post(reverse("run-sheet-force", args=[sheet.pk]))
    assert found(sheet) == [(2, "NEW")]


def test_a_table_is_discarded_but_for_what_was_submitted(
    workflow: Workflow, user: User, signed_in: Client, sheet: RunSheet
) -> None:
    sheets.submit(sheet=sheet, by=user)
    signed_in.post(reverse("run-sheet-discard", args=[sheet.pk]))
    assert found(sheet) == [(3, "SUBMITTED")]
    other = load_rows(workflow, user, row_of(workflow, user, display_name="B"))
    assert signed_in.post(reverse("run-sheet-discard", args=[other.pk]))["Location"] == reverse(
        "run-sheets"
    )
    assert not RunSheet.objects.filter(pk=other.pk).exists()


ACTIONS = ["run-sheet-submit", "run-sheet-force", "run-sheet-discard", "run-sheet-take-back"]


def test_the_table_of_another_user_is_unknown(stranger: Client, sheet: RunSheet) -> None:
    for name in ("run-sheet", "run-sheet-faulty"):
        assert stranger.get(reverse(name, args=[sheet.pk])).status_code == 404
    row = reverse("run-sheet-row", args=[sheet.pk, 2])
    assert (stranger.get(row).status_code, stranger.post(row).status_code) == (404, 404)
    for name in ACTIONS:
        assert stranger.post(reverse(name, args=[sheet.pk])).status_code == 404
    assert found(sheet) == [(2, "FAULTY"), (3, "NEW")]
    assert "runs.csv" not in text_of(stranger.get(reverse("run-sheets")))


def test_what_changes_a_table_needs_a_post_and_a_token(user: User, sheet: RunSheet) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    for name in ACTIONS:
        address = reverse(name, args=[sheet.pk])
        assert (client.get(address).status_code, client.post(address).status_code) == (405, 403)
    assert post_file(client, "x").status_code == 403
    assert client.post(reverse("run-sheet-row", args=[sheet.pk, 2])).status_code == 403
    assert found(sheet) == [(2, "FAULTY"), (3, "NEW")]


def test_who_is_not_signed_in_is_led_to_the_form(client: Client, sheet: RunSheet) -> None:
    handle = sheet.template.handle
    for address in (
        reverse("run-new"),
        reverse("run-ways", args=[handle]),
        reverse("run-template-csv", args=[handle]),
        sheet.get_absolute_url(),
    ):
        assert client.get(address)["Location"].startswith(reverse("login"))


def test_who_may_only_read_the_registry_is_told_so_and_registers_nothing(
    workflow: Workflow, signed_in: Client, sheet: RunSheet, user: User, settings: Any
) -> None:
    text = table(workflow, user, row_of(workflow, user))
    settings.REGISTRY_LEVEL = "read"
    told = "Your account may not change the registry"
    address = reverse("run-register", args=[workflow.template.handle])
    assert told in text_of(signed_in.get(address))
    assert told in text_of(signed_in.post(address, form_of(workflow)))
    assert told in text_of(post_file(signed_in, text))
    done = signed_in.post(reverse("run-sheet-submit", args=[sheet.pk]), follow=True)
    assert told in text_of(done)
    assert signed_in.get(reverse("run-new")).status_code == 200
    assert found(sheet) == [(2, "FAULTY"), (3, "NEW")]
    assert not Job.objects.filter(sub_type__startswith="MODEL_RUN").exists()


@pytest.mark.parametrize(
    "query",
    ["?state=", "?state=NEW", "?state=x", "?after=3", "?after=x", "?after=%00", "?state=%00"],
)
def test_a_table_shows_a_page_whatever_is_asked(
    signed_in: Client, sheet: RunSheet, query: str
) -> None:
    assert signed_in.get(sheet.get_absolute_url() + query).status_code == 200
    assert signed_in.get(f"{sheet.get_absolute_url()}rows/{10**30}/").status_code == 404


def test_a_table_whose_workflow_changed_so_that_it_no_longer_fits_is_still_shown(
    signed_in: Client, user: User, workflow: Workflow, sheet: RunSheet
) -> None:
    Item.objects.filter(pk=workflow.template.pk).update(is_complete=False)
    assert signed_in.get(sheet.get_absolute_url()).status_code == 200
    row = reverse("run-sheet-row", args=[sheet.pk, 2])
    assert signed_in.get(row).status_code == 200
    assert "only a reserved id" in text_of(signed_in.post(row, {"c0": ""}))


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as context:
        assert client.get(address).status_code == 200
    return len(context)


@pytest.mark.parametrize("state", ["FAULTY", "NEW"])
def test_the_page_of_a_table_costs_as_many_queries_for_50_rows_as_for_one(
    workflow: Workflow, user: User, signed_in: Client, state: str
) -> None:
    cells = {"agent id": ""} if state == "FAULTY" else {}
    rows = [row_of(workflow, user, cells=cells, display_name=f"Run {n}") for n in range(50)]
    few, many = load_rows(workflow, user, rows[0]), load_rows(workflow, user, *rows[1:])
    queries(signed_in, few.get_absolute_url())  # what is cached
    # The session and its user; the sheet; how many rows are in each state; the template and those
    # that it names, and who may read them; the rows; their launches; and what the frame shows.
    assert queries(signed_in, few.get_absolute_url()) == queries(signed_in, many.get_absolute_url())


def test_the_list_of_tables_costs_as_many_queries_for_many_as_for_one(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    load_rows(workflow, user, row_of(workflow, user))
    queries(signed_in, reverse("run-sheets"))
    one = queries(signed_in, reverse("run-sheets"))
    for _ in range(5):
        load_rows(workflow, user, row_of(workflow, user))
    assert queries(signed_in, reverse("run-sheets")) == one


# Downloads.


def read(response: Any) -> list[list[str]]:
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(b"".join(response).decode("utf-8-sig"))))


def test_the_table_of_a_workflow_is_its_header_under_its_id(
    workflow: Workflow, signed_in: Client, user: User
) -> None:
    answer = signed_in.get(reverse("run-template-csv", args=[workflow.template.handle]))
    name = f"model-runs-{workflow.template.handle.replace('/', '-')}.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    [header] = read(answer)
    assert header == [
        one for one in columns_for(workflow, user).headers if not one.startswith("requesting")
    ]
    other = reverse("run-template-csv", args=[workflow.model.handle])
    assert signed_in.get(other).status_code == 404


def test_no_download_holds_what_a_spreadsheet_would_run(
    user: User, signed_in: Client, make_item: Any, workflow: Workflow
) -> None:
    odd = make_item(
        user,
        subtype="DATASET_TEMPLATE",
        display_name='=HYPERLINK("x")',
        deferred_resources=[{"key": "=1", "description": "d", "usage_type": "FORCING_DATA"}],
    )
    template = make_item(
        user,
        subtype="MODEL_RUN_WORKFLOW_TEMPLATE",
        display_name="@w",
        software_id=workflow.model.handle,
        input_templates=[{"template_id": odd.handle}],
        annotations={"required": ["+1"]},
    )
    [header] = read(signed_in.get(reverse("run-template-csv", args=[template.handle])))
    cells = ["=1"] * (len(header) + 1)
    file = io.StringIO()
    csv.writer(file).writerows([[*header, "=cmd()"], cells])
    post_file(signed_in, file.getvalue(), "=x.csv")
    sheet = RunSheet.objects.get()
    downloaded = read(signed_in.get(reverse("run-sheet-faulty", args=[sheet.pk])))
    assert len(downloaded) == 2
    for cell in [*header, *downloaded[0], *downloaded[1]]:
        assert cell[:1] not in set("=+-@\t\r"), cell


def test_faulty_rows_and_batches_are_downloaded_by_who_may_see_them_alone(
    signed_in: Client, stranger: Client, sheet: RunSheet, user: User
) -> None:
    answer = signed_in.get(reverse("run-sheet-faulty", args=[sheet.pk]))
    assert answer["Content-Disposition"] == 'attachment; filename="runs-faulty.csv"'
    assert len(read(answer)) == 2
    sheets.submit(sheet=sheet, by=user)
    drain()
    batch = Batch.objects.get()
    address = reverse("run-batch-csv", args=[batch.pk])
    answer = signed_in.get(address)
    assert answer["Content-Disposition"] == f'attachment; filename="model-runs-{batch.pk}.csv"'
    assert len(read(answer)) == 2
    assert stranger.get(address).status_code == 404


@pytest.mark.parametrize("name", ["été ü.csv", 'a"b;c.csv', "../../x", "x", "a\r\nb.csv", "." * 9])
def test_a_download_has_a_safe_name_whatever_the_upload_was_called(
    workflow: Workflow, user: User, signed_in: Client, name: str
) -> None:
    bad = row_of(workflow, user, cells={"agent id": ""})
    post_file(signed_in, table(workflow, user, bad), name)
    sheet = RunSheet.objects.get()
    header = signed_in.get(reverse("run-sheet-faulty", args=[sheet.pk]))["Content-Disposition"]
    assert header.startswith("attachment; filename")
    assert not set("\r\n/") & set(header)
    assert header.rstrip('"').endswith("-faulty.csv")


def test_a_run_that_is_there_already_is_registered_again_only_on_purpose(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    run = registered(workflow, user)
    address = reverse("run-register", args=[workflow.template.handle])
    assert "begins as a copy of" in text_of(signed_in.get(f"{address}?from={run.handle}"))
    values = form_of(workflow)
    record = run.info["record"]
    values |= {"display_name": record["display_name"], "description": record["description"]}
    first = signed_in.post(address, values)
    if first.status_code == 302:  # the form says something else than the factory
        drain()
    again = signed_in.post(address, values)
    assert again.status_code == 422
    assert "This says the same as the run" in text_of(again)
    assert signed_in.post(address, values | {"anyway": "on"}).status_code == 302


def test_a_revert_that_leaves_data_without_origin_is_asked_about(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    other = workflow.record(outputs=[workflow.record()["outputs"][0]], display_name="Producer")
    producer = registered(workflow, user, **other)
    matrix = other["outputs"][0] | {"dataset_id": workflow.currents.handle}
    runs.update(handle=producer.handle, record=other | {"outputs": [matrix]}, reason="r", by=user)
    drain()
    using = workflow.record(display_name="Consumer", outputs=[workflow.record()["outputs"][0]])
    registered(workflow, user, **using)
    address = reverse("item-revision", args=[producer.handle, 1])
    answer = signed_in.post(address, {"reason": "back"})
    assert answer.status_code == 422
    assert "would no longer produce data that others use" in text_of(answer)
    assert "Consumer" in text_of(answer)
    assert signed_in.post(address, {"reason": "back", "anyway": "on"}).status_code == 302


def test_rows_that_were_forced_are_left_out_again(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    row = row_of(workflow, user)
    sheet = load_rows(workflow, user, row, row)
    force = reverse("run-sheet-force", args=[sheet.pk])
    signed_in.post(force)
    page = text_of(signed_in.get(sheet.get_absolute_url()))
    assert "1 row will be registered although it is there already" in page
    signed_in.post(force, {"undo": "1"})
    assert sheet.rows.filter(state="EXISTING", is_forced=False).count() == 1


def test_a_failed_edit_is_taken_up_again_with_what_was_typed(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    run = registered(workflow, user)
    record = workflow.record(description="Typed with care")
    runs.update(handle=run.handle, record=record, reason="Better", by=user, seen=1)
    runs.update(handle=run.handle, record=workflow.record(description="x"), reason="y", by=user)
    job = Job.objects.filter(sub_type="MODEL_RUN_UPDATE").order_by("pk")[0]
    Item.objects.filter(pk=run.pk).update(system={"session_id": str(job.session_id)})
    lifecycle.cancel(job, by=user)
    page = text_of(signed_in.get(run.get_absolute_url()))
    assert "Your last change was not saved" in page
    edit = f"{reverse('run-edit', args=[run.handle])}?job={job.session_id}"
    again = signed_in.get(edit).content.decode()
    assert "Typed with care" in again
    assert "Better" in again
    page = signed_in.get(job.get_absolute_url()).content.decode()
    assert f'href="{edit}">Edit again with what you typed</a>' in page
    assert "✕ job failed" in signed_in.get("/items/?kind=MODEL_RUN").content.decode()


def test_forced_and_odd_rows_are_counted_by_their_indexes_and_by_no_page(
    sheet: RunSheet, user: User, signed_in: Client
) -> None:
    with CaptureQueriesContext(connection) as captured:
        signed_in.get(sheet.get_absolute_url())
    assert [query["sql"] for query in captured if "COUNT(" in query["sql"]] == []
    with CaptureQueriesContext(connection) as captured:
        sheets.force(sheet=sheet, by=user)
    counts = [query["sql"] for query in captured if "COUNT(*)" in query["sql"]]
    plans = []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        for sql in counts:
            explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
            cursor.execute(f"{explain} {sql}")
            plans.append(" ".join(str(row[-1]) for row in cursor.fetchall()))
    assert len(plans) == 2
    for index in ("sheet_row_forced", "sheet_row_warned"):
        assert any(index in plan for plan in plans), plans


# What is launched is called by its file.


def launch_of(user: User, **payload: Any) -> Job:
    return lifecycle.submit(
        sub_type="MODEL_RUN_BATCH_SUBMIT", payload={"records": []} | payload, owner=user
    )


def test_a_launch_is_called_by_its_file_on_its_pages(
    sheet: RunSheet, user: User, signed_in: Client
) -> None:
    job = sheets.submit(sheet=sheet, by=user).job
    assert job
    assert "Launch Batch of Model Runs: runs.csv" in text_of(signed_in.get(job.get_absolute_url()))
    assert "runs.csv" in text_of(signed_in.get(reverse("run-job", args=[job.session_id])))
    drain()
    assert Batch.objects.get().title == "1 model run of runs.csv"


def test_what_was_launched_before_launches_had_names_is_launched_without(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    job = launch_of(user, records=[workflow.record()])
    Job.objects.filter(pk=job.pk).update(payload={"records": [workflow.record()]})
    assert signed_in.get(job.get_absolute_url()).status_code == 200
    assert "Launching a batch" in text_of(signed_in.get(reverse("run-job", args=[job.session_id])))
    drain()
    assert Batch.objects.get().title == "1 model run"


def test_the_name_of_what_one_may_not_read_is_not_told(
    workflow: Workflow, user: User, sheet: RunSheet, make_user: MakeUser
) -> None:
    job = sheets.submit(sheet=sheet, by=user).job
    assert job
    services.change_access(handle=workflow.template.handle, general=[], groups={}, by=user)
    staff = make_user("staff", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_job"))
    client = Client()
    client.force_login(staff)
    page = text_of(client.get(job.get_absolute_url()))
    assert "for an item that you may not read" in page
    assert "runs.csv" not in page


def test_the_jobs_of_a_table_are_called_by_their_rows_and_found_by_them(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    bad = {"agent id": ""}
    rows = [
        row_of(workflow, user, display_name=f"Run {n}", cells=bad if n in (0, 3) else {})
        for n in range(6)
    ]
    sheets.submit(sheet=load_rows(workflow, user, *rows), by=user)
    drain()
    address = Batch.objects.get().get_absolute_url()
    page = text_of(signed_in.get(address))
    assert [name in page for name in ("Run 1 Row 3", "Run 2 Row 4", "Run 4 Row 6")] == [True] * 3
    assert "Job 1" not in page

    def searched(text: str) -> list[str]:
        return [row["job"].named for row in signed_in.get(address, {"q": text}).context["rows"]]

    assert searched("row 6") == searched("6") == searched("#06") == ["Run 4"]
    assert searched("row 5") == []


def test_the_jobs_of_a_batch_without_a_table_are_counted(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    names = ("A", "B")
    runs.register_batch(batch=[workflow.record(display_name=name) for name in names], owner=user)
    drain()
    address = Batch.objects.get().get_absolute_url()
    assert "B Job 2" in text_of(signed_in.get(address))
    found = signed_in.get(address, {"q": "job 2"}).context["rows"]
    assert [row["job"].named for row in found] == ["B"]


def test_a_batch_of_runs_is_searched_by_what_its_jobs_made_and_how_they_are_called(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    runs.register_batch(batch=[workflow.record(), workflow.record(display_name="B")], owner=user)
    drain()
    address = Batch.objects.get().get_absolute_url()
    run = Item.objects.get(display_name="B", subtype="MODEL_RUN")
    for text, count in ((run.handle, 1), ("season", 1), ("nothing", 0), ('{"', 0), ("null", 0)):
        assert len(signed_in.get(address, {"q": text}).context["rows"]) == count, text


# Mending a row.


def test_a_row_is_mended_with_pickers_and_calendars(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    cells = {
        "agent id": workflow.study.handle,
        "execution start": "2024-03-31 14:00+10:00",
        "execution end": "31/12/2024",
    }
    sheet = load_rows(workflow, user, row_of(workflow, user, cells=cells))
    answer = signed_in.get(sheet.rows.get().get_absolute_url())
    form = answer.context["form"]
    fields = {entry.field.label: entry.field for entry in form.entries}
    kinds = {label: field.shape.of for label, field in fields.items()}
    assert kinds["Agent id"] == "PERSON"
    assert kinds["Study id"] == "STUDY"
    assert kinds["Requesting organisation id"] == "ORGANISATION"
    assert kinds["Input: Forcing"] == kinds["Output: Matrix"] == "DATASET"
    assert kinds["Display name"] == kinds["currents"] == ""
    assert fields["Study id"].named.item == workflow.study
    assert fields["Agent id"].named is None  # the fault tells what it is
    assert fields["Start time"].look == moments.Look(
        "2024-03-31T14:00:00", "+10:00", "2024-03-31 04:00:00+00:00"
    )
    assert fields["End time"].look == moments.Look("", "UTC", "")
    page = answer.content.decode()
    assert page.count('data-picker="several"') == 3
    assert page.count("data-fills=") == 2
    assert 'value="31/12/2024"' in page
    assert "In UTC: 2024-03-31 04:00:00+00:00" in page
    end = fields["End time"]
    assert f'<a href="#{end.id}">End time</a>' in page


def test_the_form_of_a_row_begins_with_what_is_to_be_mended(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    cells = {"execution end": "31/12/2024", "Input resource": "a|b"}
    ids = {"Input dataset id for template: Forcing": f"{workflow.currents.handle}|10378.1/9"}
    sheet = load_rows(workflow, user, row_of(workflow, user, cells=cells | ids))
    answer = signed_in.get(sheet.rows.get().get_absolute_url())
    form = answer.context["form"]
    to_mend = [entry.field.label for entry in form.to_mend]
    assert to_mend == ["Start time", "End time", "Input: Forcing", "currents"]
    assert [entry.field.label for entry in form.entries if entry.field.is_first_wrong] == [
        "End time"
    ]
    assert answer.content.decode().count("autofocus") == 1
    page = text_of(answer)
    assert "Season 2024" in page
    assert "Row 2 of the file" in page


def test_no_two_fields_of_a_row_are_called_the_same(
    user: User, workflow: Workflow, signed_in: Client
) -> None:
    """Two templates may defer files of one key, and an annotation be called like a column."""
    resource = {"description": "d", "key": "currents", "optional": False}
    for item, changed in (
        (workflow.output, {"deferred_resources": [resource]}),
        (workflow.template, {"annotations": {"required": ["description"], "optional": []}}),
    ):
        Item.objects.filter(pk=item.pk).update(info=item.info | changed)
    sheet = load_rows(workflow, user, row_of(workflow, user, display_name=""))
    form = signed_in.get(sheet.rows.get().get_absolute_url()).context["form"]
    labels = [entry.field.label.casefold() for entry in form.entries]
    assert len(labels) == len(set(labels))
    assert {"currents (forcing, input)", "annotation: description"} <= set(labels)


def test_what_the_site_fills_in_is_not_edited_but_can_be_cleared_where_it_is_wrong(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    wrong = "not-a-job"
    sheet = load_rows(workflow, user, row_of(workflow, user, cells={"_job_id": wrong}))
    row = sheet.rows.get()
    place = sheet.columns.index("_job_id")
    address = row.get_absolute_url()
    page = signed_in.get(address).content.decode()
    assert f'name="c{place}"' not in page
    assert f'name="clear{place}"' in page
    signed_in.post(address, {f"c{place}": ""})
    row.refresh_from_db()
    assert row.cells[place] == wrong
    signed_in.post(address, {f"clear{place}": "on"})
    row.refresh_from_db()
    assert (row.cells[place], row.state) == ("", "NEW")


def test_what_a_row_holds_beside_its_fields_stays(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    header = [*columns_for(workflow, user).headers, "my own"]
    row = [*row_of(workflow, user, cells={"agent id": ""}), "a note"]
    sheet = load(tables.text_of([header, row]), user)
    address = sheet.rows.get().get_absolute_url()
    place = sheet.columns.index("agent id")
    signed_in.post(address, {f"c{place}": workflow.modeller.handle})
    mended = sheet.rows.get()
    assert (mended.state, mended.cells[-1]) == ("NEW", "a note")


def test_a_picker_of_several_looks_for_what_stands_behind_the_last_bar(
    workflow: Workflow, signed_in: Client
) -> None:
    address = reverse("item-pick")
    typed = {"field": "c7", "of": "DATASET", "c7": f"10378.1/1|{workflow.matrix.handle}"}
    options = signed_in.get(address, typed | {"several": "1"}).context["options"]
    assert [one.handle for one in options] == [workflow.matrix.handle]


def test_a_row_of_a_table_that_no_longer_fits_its_workflow_has_plain_fields(
    workflow: Workflow, sheet: RunSheet, user: User, signed_in: Client
) -> None:
    Item.objects.filter(pk=workflow.forcing.pk).update(is_complete=False)
    form = signed_in.get(sheet.rows.first().get_absolute_url()).context["form"]
    assert {entry.field.shape.form for entry in form.entries} == {"line"}


# Times.


def test_a_date_that_does_not_exist_is_told_at_its_field_and_stays_as_it_was_typed(
    workflow: Workflow, signed_in: Client
) -> None:
    typed = "2024-02-31 10:00:00+10:00"
    address = reverse("run-register", args=[workflow.template.handle])
    answer = signed_in.post(address, form_of(workflow, start_time=typed))
    assert answer.status_code == 422
    field = answer.context["form"].field("start_time")
    assert "no time that exists" in field.errors[0]
    assert field.is_first_wrong
    assert f'value="{typed}"' in answer.content.decode()


def test_an_end_before_the_start_is_told_at_the_end_and_both_keep_their_offsets(
    workflow: Workflow, signed_in: Client
) -> None:
    start, end = "2024-03-31 14:00:00+10:00", "2024-03-31 05:00:00+02:00"
    address = reverse("run-register", args=[workflow.template.handle])
    answer = signed_in.post(address, form_of(workflow, start_time=start, end_time=end))
    form = answer.context["form"]
    assert form.field("end_time").errors == ["The run cannot end before it begins."]
    page = answer.content.decode()
    for told in (start, end, "In UTC: 2024-03-31 04:00:00+00:00"):
        assert told in page, told


@pytest.mark.parametrize(
    ("text", "wall", "zone", "utc"),
    [
        ("2024-03-31 14:00:00+10:00", "2024-03-31T14:00:00", "+10:00", "2024-03-31 04:00:00"),
        ("2024/3/31T1:05 -0930", "2024-03-31T01:05:00", "-0930", "2024-03-31 10:35:00"),
        ("2024-03-31 14:00Z", "2024-03-31T14:00:00", "UTC", "2024-03-31 14:00:00"),
        ("2024-03-31", "2024-03-31T00:00:00", "UTC", "2024-03-31 00:00:00"),
        ("31/12/2024 14:00+10", "", "+10", ""),
        ("31-12-2024", "", "UTC", ""),
        ("9999-12-31 23:00:00-10:00", "", "-10:00", ""),
        ("", "", "UTC", ""),
    ],
)
def test_a_time_is_shown_as_its_own_clock_and_in_utc(
    text: str, wall: str, zone: str, utc: str
) -> None:
    assert moments.look(text) == moments.Look(wall, zone, utc and f"{utc}+00:00")


# Lists of tables.


def test_how_cells_are_read_is_open_where_a_table_has_faults(
    workflow: Workflow, signed_in: Client, sheet: RunSheet
) -> None:
    address = reverse("run-sheets")
    folded, unfolded = 'id="reading">', 'id="reading" open>'
    assert folded in signed_in.get(address).content.decode()
    assert unfolded in post_file(signed_in, b"a,b\n").content.decode()
    assert unfolded in signed_in.get(sheet.get_absolute_url()).content.decode()


def test_recent_tables_are_listed_where_runs_are_begun(
    workflow: Workflow, user: User, signed_in: Client, sheet: RunSheet
) -> None:
    for address in (reverse("run-new"), reverse("run-sheets")):
        page = text_of(signed_in.get(address))
        for told in ("runs.csv", "To mend", "1 faulty", workflow.template.display_name):
            assert told in page, (address, told)
    load_rows(workflow, user, row_of(workflow, user, display_name="Another"))
    assert "Ready to register" in text_of(signed_in.get(reverse("run-new")))


def test_no_line_breaks_within_an_id_or_a_time(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    several = f"{workflow.currents.handle}|{workflow.matrix.handle}"
    cells = {"Input dataset id for template: Forcing": several, "Input resource": "a|b"}
    sheet = load_rows(workflow, user, row_of(workflow, user, cells=cells))
    page = signed_in.get(sheet.get_absolute_url()).content.decode()
    assert f'<td class="whole">{workflow.study.handle}</td>' in page
    assert f'<td class="ids">{several}</td>' in page
    assert '<td class="whole">2023-11-14 22:13:20+00:00</td>' in page
    assert '<td class="">Season 2024</td>' in page


def test_the_tables_of_others_are_listed_nowhere(stranger: Client, sheet: RunSheet) -> None:
    for address in (reverse("run-new"), reverse("run-sheets")):
        assert "runs.csv" not in text_of(stranger.get(address))


# Finding runs.


def test_a_search_of_all_kinds_finds_runs_which_the_list_of_all_kinds_leaves_out(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    runs.register(record=workflow.record(display_name="Flowerpot reef run"), owner=user)
    drain()
    run = Item.objects.get(subtype="MODEL_RUN")
    hits = signed_in.get("/items/?q=flowerpot").context["found"].hits
    assert [hit.item for hit in hits] == [run]
    assert "Flowerpot" not in signed_in.get("/items/").content.decode()
    creations = signed_in.get("/items/?q=create").context["found"].hits
    assert not {hit.item.subtype for hit in creations} & {"CREATE", "VERSION"}
