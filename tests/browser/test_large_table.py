"""A table that is too large to be checked while its user waits, as a person follows it."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from jobs.models import Job
from registry.model_runs import waiting
from registry.models import Item, RunSheet
from tests.browser.test_runs import Table, column, downloaded, filled, upload
from tests.conftest import drain
from tests.registry.runs import Workflow, workflow
from tests.stack import Stack, wait_until

__all__ = ["workflow"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.cluster,
    pytest.mark.django_db(transaction=True),
]

OpenPage = Callable[..., Page]
ROWS = waiting.AT_ONCE + waiting.PIECE


@pytest.fixture
def large(workflow: Workflow, open_page: OpenPage, user: User) -> Callable[[Page], Table]:
    """Fill in a large table, from its template, with two faulty rows."""
    drain()

    def fill(page: Page) -> Table:
        page.goto(f"/runs/of/{workflow.template.handle}/")
        [blank] = downloaded(page, "Download CSV template")
        table = [filled(blank, workflow, number % 1000) for number in range(ROWS)]
        for number, row in enumerate(table):
            row[column(row, "display name")] = f"Run {number}"
        table[3][column(blank, "agent id")] = ""
        table[ROWS - 1][column(blank, "execution start")] = "noon"
        return table

    return fill


def test_a_large_table_is_followed_while_it_is_checked_and_then_mended(
    open_page: OpenPage, stack: Stack, user: User, large: Callable[[Page], Table]
) -> None:
    page = open_page(user, accept_downloads=True)
    table = large(page)
    page.goto("/runs/sheets/")
    upload(page, table, "ensemble.csv")
    bar = page.get_by_role("progressbar", name="Rows checked")
    expect(page.get_by_text(f"0 of {ROWS:,} rows checked").first).to_be_visible()
    expect(page.get_by_text("No worker is running")).to_be_visible()
    expect(bar).to_have_attribute("aria-valuenow", "0")
    expect(page.get_by_role("button", name="Register")).to_have_count(0)

    # One piece, as a worker does it that then goes: the page tells how far it is.
    sheet = RunSheet.objects.get()
    first_piece(sheet)
    Job.objects.filter(session_id=sheet.check_job).update(done=waiting.PIECE, attempt=1)
    expect(bar).to_have_attribute("aria-valuenow", str(waiting.PIECE))
    expect(page.get_by_role("heading", name="Faulty so far")).to_be_visible()
    expect(page.locator("td.wrong")).to_have_count(1)
    expect(page.get_by_role("status").get_by_text("1 faulty")).to_be_attached()

    stack.start_worker()
    page.wait_for_url("**" + sheet.get_absolute_url())
    expect(page.get_by_text("2 rows cannot be registered yet")).to_be_visible()
    expect(page.get_by_role("button", name=f"Register {ROWS - 2:,} runs")).to_be_visible()
    page.get_by_role("link", name="Mend row 5").click()
    page.get_by_label("Agent id").or_(page.get_by_label("Modeller")).first.fill(
        table[0][column(table[0], "agent id")]
    )
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_text("Row 5 is right now")).to_be_visible()
    page.goto(sheet.get_absolute_url())
    page.get_by_role("button", name=f"Register {ROWS - 1:,} runs").click()
    page.wait_for_url("**/jobs/batch/**")
    wait_until(lambda: Item.objects.filter(subtype="MODEL_RUN").exists(), "runs are registered")


def test_a_check_is_followed_without_javascript(
    open_page: OpenPage, user: User, large: Callable[[Page], Table]
) -> None:
    page = open_page(user, accept_downloads=True, java_script_enabled=False)
    table = large(page)
    page.goto("/runs/sheets/")
    upload(page, table, "ensemble.csv")
    expect(page.get_by_text(f"0 of {ROWS:,} rows checked").first).to_be_visible()
    first_piece(RunSheet.objects.get())
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_text(f"{waiting.PIECE:,} of {ROWS:,} rows checked").first).to_be_visible()
    drain()
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_text("2 rows cannot be registered yet")).to_be_visible()


def first_piece(sheet: RunSheet) -> None:
    """Check the first rows that wait, as a worker does."""
    part = sheet.parts.first()
    assert part
    waiting._write(sheet, part, waiting._checked(sheet, part, sheet.owner))
