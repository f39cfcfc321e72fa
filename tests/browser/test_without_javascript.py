"""Without JavaScript every page reads, and whatever can be done on it is a plain link or form."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.pages import PAGES, SitePage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OpenPages = Callable[..., Iterator[tuple[SitePage, Page]]]
NAMED = {page.name: page for page in PAGES}
PLAIN = [page for page in PAGES if page.is_ours and not page.then]

# What nobody can use: buttons that only a script hears, links that lead nowhere, and what updates
# itself without being a link or a part of a form. What updates by itself while one looks (a block
# that polls) has the Refresh link beside it.
DEAD = """() => {
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true });
  const texts = (selector, isDead) => [...document.querySelectorAll(selector)]
    .filter((element) => isShown(element) && isDead(element))
    .map((element) => element.outerHTML.slice(0, 160));
  const leads = (link) => /^(https?|mailto):/.test(link.href) && link.getAttribute("href") !== "#";
  return [
    ...texts("button", (button) => button.type === "button" || !button.form),
    ...texts("a:not(svg a)", (link) => !leads(link)),
    ...texts("[hx-get]:not([hx-trigger])", (element) => !element.matches("a[href], form")),
    ...texts("[hx-post]", (element) => element.form?.method !== "post"),
    ...texts("form[method=post]", (form) => !form.querySelector("[name=csrfmiddlewaretoken]")),
    ...texts("form", (form) => !form.querySelector("button")),
    ...texts(".js-only", () => true),
  ];
}"""


@pytest.mark.timeout(600)
def test_every_page_reads_and_nothing_on_it_is_dead(open_pages: OpenPages) -> None:
    faults: list[str] = []
    for wanted, page in open_pages(PLAIN, java_script_enabled=False):
        if page.get_by_role("heading", level=1).count() != 1:
            faults.append(f"{wanted.name}: has no heading, or several")
        if page.get_by_role("main").inner_text().strip() == "":
            faults.append(f"{wanted.name}: says nothing")
        updates_itself = page.locator("[hx-trigger*=every]").count()
        if updates_itself and not page.get_by_role("link", name="Refresh").count():
            faults.append(f"{wanted.name}: updates itself, and has no link that does")
        faults += [f"{wanted.name}: {text}" for text in page.evaluate(DEAD)]
    assert not faults, "\n".join(faults)


def load_more_items(page: Page) -> None:
    first = page.locator("tbody a.row").first.inner_text()
    page.get_by_role("link", name="Load More").click()
    expect(page.locator("tbody a.row").first).not_to_have_text(first)


def filter_by_kind(page: Page) -> None:
    page.get_by_role("link", name="Datasets", exact=True).click()
    page.get_by_label("Search").fill("currents")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("main a.row").first).to_contain_text("Currents of the Great Barrier Reef")


def filter_a_batch(page: Page) -> None:
    page.get_by_label("Show").select_option("FAILED")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody .state")).to_have_text(["FAILED"] * 4)


def retry_a_job(page: Page) -> None:
    page.get_by_role("link", name="Retry").click()
    page.get_by_role("button", name="Retry job").click()
    expect(page.locator("h1 .state")).to_have_text("PENDING")


def cancel_a_job(page: Page) -> None:
    page.get_by_role("link", name="Cancel job").click()
    page.get_by_role("button", name="Cancel job").click()
    expect(page.locator("h1 .state")).to_have_text("CANCELLED")


def filter_jobs(page: Page) -> None:
    page.get_by_role("checkbox", name="FAILED").check()
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_role("link", name="Retry failed").click()
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Retry Matching Jobs")


def retry_a_batch(page: Page) -> None:
    page.get_by_role("button", name="Retry 4 failed").click()
    expect(page.locator("h1 .state")).not_to_have_text("FAILED")


def register_a_study(page: Page) -> None:
    page.get_by_role("link", name="Study", exact=True).click()
    page.get_by_label("Display name").fill("What will be left?")
    page.get_by_label("Title").fill("What will be left of the reefs?")
    page.get_by_label("Description").fill("Of the reefs of the south")
    page.get_by_role("button", name="Register", exact=True).last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("What will be left?")


def upload_a_table(page: Page) -> None:
    file: FilePayload = {"name": "x.csv", "mimeType": "text/csv", "buffer": b"a,b"}
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was kept of the file.")


def mend_a_row(page: Page) -> None:
    page.get_by_role("combobox", name="Agent id").fill("10378.1/9999999")
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_role("main")).to_contain_text("10378.1/9999999")


def submit_a_table(page: Page) -> None:
    page.get_by_role("button", name="Register", exact=False).first.click()
    expect(page.get_by_role("main")).to_contain_text("Batch of model runs")


DEEDS: dict[str, Callable[[Page], None]] = {
    "explore-runs": load_more_items,
    "explore-kind": filter_by_kind,
    "choose-kind": register_a_study,
    "batch-failed": filter_a_batch,
    "batch-retry": retry_a_batch,
    "job-failed": retry_a_job,
    "jobs": filter_jobs,
    "job-waiting": cancel_a_job,
    "upload": upload_a_table,
    "sheet-row": mend_a_row,
    "sheet-good": submit_a_table,
}


@pytest.mark.timeout(300)
def test_what_can_be_done_is_done_by_links_and_forms(open_pages: OpenPages) -> None:
    wanted = [NAMED[name] for name in DEEDS]
    for one, page in open_pages(wanted, java_script_enabled=False):
        DEEDS[one.name](page)
