"""The pages of the site, for all that looks at each of them: `make screenshots`, accessibility,
weight, and reading without JavaScript.

To add a page, add a line. An address may begin with a {place} of `tests/world.py`.
"""

from collections.abc import Callable
from typing import NamedTuple

from playwright.sync_api import FilePayload, Page

from jobs import help_views


def press(name: str) -> Callable[[Page], None]:
    """Press the last button of that name, and wait for what it brings."""
    return lambda page: page.get_by_role("button", name=name, exact=True).last.click()


def choose_a_node(page: Page) -> None:
    page.locator("#drawing .node").first.click()
    page.locator("#chosen:not([hidden])").wait_for()


def add_a_row(page: Page) -> None:
    page.get_by_role("button", name="Add a row to Keywords").click()
    page.get_by_role("button", name="Remove row 1").wait_for()


def open_picker(page: Page) -> None:
    page.get_by_role("combobox", name="Model").press_sequentially("mod")
    page.get_by_role("option").first.wait_for()


def send_a_bad_table(page: Page) -> None:
    file: FilePayload = {"name": "x.csv", "mimeType": "text/csv", "buffer": b"a,b"}
    page.get_by_label("CSV file").set_input_files(file)
    press("Upload and check")(page)
    page.get_by_role("alert").first.wait_for()


def load_more(page: Page) -> None:
    page.get_by_role("link", name="Load More").click()
    page.get_by_role("link", name="Mend row 28").wait_for()


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    element = "document.documentElement"
    return int(page.evaluate(f"{element}.scrollWidth - {element}.clientWidth"))


class SitePage(NamedTuple):
    """One page, or one state of a page."""

    name: str
    address: str
    who: str = "modeller"  # "" is nobody, signed out
    status: int = 200
    then: Callable[[Page], None] | None = None  # what to do there first; needs JavaScript
    is_ours: bool = True  # False for Django admin, whose pages are Django's to judge
    picture: str = ""  # the file of static/screenshots that it is, for the README


PAGES = [
    # The registry
    SitePage("home", "/"),
    SitePage("home-newcomer", "/", who="newcomer"),
    SitePage("explore", "/items/"),
    SitePage("explore-sorted", "/items/?sort=name&owner=me"),
    SitePage("explore-kind", "/items/?kind=MODEL"),
    SitePage("explore-runs", "/items/?kind=MODEL_RUN"),
    SitePage("explore-none", "/items/?kind=STUDY&owner=me", who="newcomer"),
    SitePage("search", "/items/?q=coral"),
    SitePage("search-corrected", "/items/?q=corall"),
    SitePage("search-nothing", "/items/?q=qqzzqq"),
    SitePage("groups", "/groups/"),
    SitePage("kinds", "/help/kinds/"),
    # Items
    SitePage("model", "{model}", picture="item.png"),
    SitePage("model-superseded", "{old_model}"),
    SitePage("model-long", "{long_model}"),
    SitePage("model-waiting", "{waiting}"),
    SitePage("person", "{person}"),
    SitePage("organisation", "{organisation}"),
    SitePage("study", "{study}"),
    SitePage("dataset", "{dataset}"),
    SitePage("dataset-template", "{dataset_template}"),
    SitePage("workflow-template", "{template}"),
    SitePage("run", "{run}"),
    SitePage("create-activity", "{create}"),
    SitePage("version-activity", "{version}"),
    SitePage("history", "{model}history/"),
    SitePage("history-long", "{long_model}history/"),
    SitePage("revision", "{model}history/1/"),
    SitePage("versions", "{model}versions/"),
    SitePage("log", "{old_model}log/"),
    SitePage("settings", "{model}settings/"),
    SitePage("release-request", "{matrices}settings/"),
    SitePage("release-decide", "{dataset}settings/", who="reviewer"),
    SitePage("settings-locked", "{old_model}settings/"),
    SitePage("lineage", "{dataset}lineage/"),
    SitePage("lineage-chosen", "{dataset}lineage/", then=choose_a_node),
    SitePage("lineage-run", "{run}lineage/"),
    SitePage("lineage-deep", "{person}lineage/?query=downstream&depth=4&most=250"),
    SitePage("lineage-filtered", "{model}lineage/?query=upstream&kind=PERSON"),
    SitePage("lineage-found", "{dataset}lineage/?query=effected_datasets"),
    SitePage("lineage-wrong", "{dataset}lineage/?depth=11", status=400),
    SitePage("lineage-none", "{waiting}lineage/"),
    SitePage("lineage-stranger", "{person}lineage/", who="reviewer"),
    SitePage("prov", "{run}prov/"),
    SitePage("report", "{run}report/?depth=2"),
    SitePage("report-study", "{study}report/"),
    SitePage("report-expired", "/reports/nothing/docx", who="", status=410),
    # Forms
    SitePage("choose-kind", "/items/new/"),
    SitePage("form-model", "/items/new/model/"),
    SitePage("form-person", "/items/new/person/"),
    SitePage("form-dataset", "/items/new/dataset/"),
    SitePage("form-workflow", "/items/new/model_run_workflow_template/"),
    SitePage("form-picker", "/items/new/model_run_workflow_template/", then=open_picker),
    SitePage("form-rows", "/items/new/dataset/", then=add_a_row),
    SitePage("form-refused", "/items/new/dataset/", then=press("Register")),
    SitePage("form-no-person", "/items/new/model/", who="newcomer"),
    SitePage("edit", "{dataset}edit/"),
    SitePage("new-version", "{dataset}versions/new/"),
    SitePage("delete", "{dataset}delete/", who="admin"),
    # Model runs
    SitePage("run-choose", "/runs/new/"),
    SitePage("run-choose-wrong", "/runs/new/?template=10378.1/9"),
    SitePage("run-ways", "/runs/of/{template_id}/"),
    SitePage("run-ways-newcomer", "/runs/of/{template_id}/", who="newcomer"),
    SitePage("run-form", "/runs/of/{template_id}/new/"),
    SitePage("run-refused", "/runs/of/{template_id}/new/", then=press("Register")),
    SitePage("run-waiting", "{waiting_run_job}"),
    SitePage("run-failed", "{failed_run_job}"),
    SitePage("run-edit", "/runs/{run_id}/edit/"),
    SitePage("run-study", "/runs/{run_id}/study/"),
    SitePage("upload", "/runs/sheets/"),
    SitePage("upload-refused", "/runs/sheets/", then=send_a_bad_table),
    SitePage("upload-newcomer", "/runs/sheets/", who="newcomer"),
    SitePage("sheet", "{sheet}"),
    SitePage("sheet-more", "{sheet}", then=load_more),
    SitePage("sheet-all", "{sheet}?state="),
    SitePage("sheet-existing", "{sheet}?state=EXISTING"),
    SitePage("sheet-good", "{good_sheet}"),
    SitePage("sheet-submitted", "{sent_sheet}"),
    SitePage("sheet-row", "{sheet}rows/2/"),
    # Jobs
    SitePage("jobs", "/jobs/"),
    SitePage("jobs-admin", "/jobs/", who="admin"),
    SitePage("jobs-newcomer", "/jobs/", who="newcomer"),
    SitePage("jobs-filtered", "/jobs/?status=FAILED&status=PENDING&batch=none&text=e"),
    SitePage("jobs-none", "/jobs/?text=nowhere"),
    SitePage("jobs-wrong", "/jobs/?status=BROKEN", status=400),
    SitePage("jobs-retry", "/jobs/retry/?status=FAILED"),
    SitePage("job", "{done_job}"),
    SitePage("job-lodged", "{lodged_job}"),
    SitePage("job-failed", "{failed_job}"),
    SitePage("job-failed-admin", "{failed_job}", who="admin"),
    SitePage("job-retry", "{failed_job}retry/"),
    SitePage("job-cancel", "{waiting_job}cancel/"),
    SitePage("job-cancelled", "{cancelled_job}"),
    SitePage("job-bulk", "{bulk_job}"),
    SitePage("job-waiting", "{waiting_job}"),
    SitePage("job-running", "{running_job}"),
    SitePage("job-in-batch", "{batch_job}"),
    SitePage("batch", "{batch}"),
    SitePage("batch-failed", "{failed_batch}"),
    SitePage("batch-running", "{half_batch}"),
    SitePage("batch-filtered", "{failed_batch}?status=FAILED&q=nothing"),
    SitePage("batch-retry", "{failed_batch}retry/"),
    SitePage("batch-cancel", "{half_batch}cancel/"),
    SitePage("workers", "/jobs/workers/", who="admin"),
    SitePage("queue", "/jobs/workers/queue/provena/", who="admin"),
    SitePage("wake-up", "/jobs/workers/wake-up/", who="admin"),
    SitePage("workers-modeller", "/jobs/workers/", status=403),
    # Help
    SitePage("help", "/help/"),
    SitePage("help-runs", "/help/runs/"),
    *(SitePage(f"help-{name}", f"/help/jobs/{name}/") for name in help_views.PAGES),
    # People
    SitePage("sign-in", "/account/login/", who=""),
    SitePage("account", "/account/"),
    SitePage("account-newcomer", "/account/", who="newcomer"),
    SitePage("password", "/account/password/"),
    # What cannot be shown
    SitePage("not-found", "/nothing/", status=404),
    SitePage("hidden", "{hidden}", who="reviewer", status=403),
    SitePage("deleted", "{deleted}", status=410),
    # Django admin
    SitePage("admin", "/admin/", who="admin", is_ours=False),
    SitePage("admin-jobs", "/admin/jobs/job/", who="admin", is_ours=False),
    SitePage("admin-items", "/admin/registry/entity/", who="admin", is_ours=False),
]
