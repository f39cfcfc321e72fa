"""A batch, as a person watches it: from waiting to its end, with a failure that is retried."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from playwright.sync_api import Page, expect

from jobs import lifecycle
from jobs.definitions import Nothing
from jobs.models import Batch
from tests.cluster.app import kinds  # noqa: F401 - declares them
from tests.jobs.test_batch_pages import finish
from tests.jobs.test_batches import make_batch
from tests.stack import Stack

pytestmark = [
    pytest.mark.browser,
    pytest.mark.cluster,
    pytest.mark.django_db(transaction=True),
]

OpenPage = Callable[..., Page]


def submit_batch(owner: User, number: int) -> Batch:
    with transaction.atomic():
        return lifecycle.submit_batch(
            sub_type="TEST_ROW_FIVE_FAILS_ONCE",
            payloads=[Nothing()] * number,
            owner=owner,
            title="Heat stress",
        )


def test_a_batch_runs_and_what_failed_is_retried(
    open_page: OpenPage, stack: Stack, user: User
) -> None:
    batch = submit_batch(user, 60)
    page = open_page(user)
    page.goto("/jobs/")
    page.get_by_role("link", name="TEST_ROW_FIVE_FAILS_ONCE").click()
    bar, rows = page.get_by_role("progressbar"), page.locator("tbody.rows tr")
    expect(page.get_by_text("0 of 60 done")).to_be_visible()
    expect(page.get_by_text("No worker is running")).to_be_visible()
    expect(bar).to_have_attribute("aria-valuenow", "0")
    expect(page.get_by_text(" left")).to_have_count(0)
    page.evaluate("window.notReloaded = true")

    stack.start_worker()
    expect(page.locator("h1 .state")).to_have_text("FAILED")
    expect(bar).to_have_attribute("aria-valuenow", "60")
    expect(page.get_by_text("60 of 60 done, 1 failed", exact=True)).to_be_visible()
    expect(page.get_by_role("status").get_by_text("FAILED: 60 of 60 done")).to_be_attached()
    expect(rows.nth(4)).to_contain_text("The end is before the start.")
    expect(rows.locator(".state")).to_have_text(["SUCCEEDED"] * 4 + ["FAILED"] + ["SUCCEEDED"] * 20)
    expect(page.locator(".dot")).to_have_count(0)
    assert page.locator("#batch").get_attribute("hx-trigger") is None
    assert page.evaluate("window.notReloaded") is True

    page.get_by_role("link", name="Refresh").click()
    expect(rows.first).to_contain_text("Job 5")
    page.get_by_role("link", name="Retry 1 failed").click()
    expect(page.get_by_role("heading", name="Retry 1 failed job?")).to_be_visible()
    page.get_by_role("button", name="Retry 1 failed").click()
    expect(page.get_by_text("1 job put back into the queue.")).to_be_visible()
    expect(page.locator("h1 .state")).to_have_text("SUCCEEDED")
    expect(page.get_by_role("link", name="Retry")).to_have_count(0)
    assert batch.jobs.get(batch_index=4).attempt == 2


def test_rows_stay_where_they_are_and_keep_the_focus_while_they_change(
    open_page: OpenPage, user: User
) -> None:
    batch = make_batch(user, *["PENDING"] * 60)
    page = open_page(user)
    page.goto(batch.get_absolute_url())
    rows = page.locator("tbody.rows tr")
    page.get_by_role("link", name="Load More").press("Enter")
    expect(rows).to_have_count(50)
    expect(page.get_by_role("link", name="Job 26")).to_be_focused()
    before = [row.bounding_box() for row in rows.all()]

    for index, status in ((30, "FAILED"), (2, "SUCCEEDED"), (25, "SUCCEEDED")):
        finish(batch.jobs.get(batch_index=index), status)
    expect(rows.nth(30).locator(".state")).to_have_text("FAILED")
    expect(rows.nth(2).locator(".state")).to_have_text("SUCCEEDED")
    expect(page.get_by_text("3 of 60 done, 1 failed", exact=True)).to_be_visible()
    assert [row.bounding_box() for row in rows.all()] == before
    expect(page.get_by_role("link", name="Job 26")).to_be_focused()
    page.get_by_role("link", name="Load More").click()
    expect(rows).to_have_count(60)


def test_filters_survive_load_more_refresh_and_the_back_button(
    open_page: OpenPage, user: User
) -> None:
    batch = make_batch(user, *["FAILED", "SUCCEEDED"] * 30)
    page = open_page(user)
    page.goto(batch.get_absolute_url())
    rows = page.locator("tbody.rows tr")
    page.get_by_role("link", name="FAILED 30").click()
    page.get_by_role("searchbox", name="Search").fill("burst")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url(f"**{batch.get_absolute_url()}?status=FAILED&q=burst")
    page.get_by_role("link", name="Load More").click()
    expect(rows).to_have_count(30)
    page.get_by_role("link", name="Refresh").click()
    expect(rows).to_have_count(25)
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("burst")
    page.get_by_role("link", name="Job 1", exact=True).click()
    expect(page.locator("h1 .state")).to_have_text("FAILED")
    page.go_back()
    expect(rows.locator(".state")).to_have_text(["FAILED"] * 25)
    expect(page.get_by_label("Show")).to_have_value("FAILED")


def test_the_batch_page_works_without_javascript(open_page: OpenPage, user: User) -> None:
    batch = make_batch(user, *["PENDING"] * 30)
    page = open_page(user, java_script_enabled=False)
    page.goto(batch.get_absolute_url())
    expect(page.get_by_text("Press Refresh to see changes")).to_be_visible()
    page.get_by_role("link", name="Load More").click()
    expect(page.locator("a.row")).to_have_count(5)
    page.get_by_role("link", name="First rows").click()
    expect(page.locator("a.row")).to_have_count(25)
    page.get_by_role("link", name="Cancel 30 waiting").click()
    page.get_by_role("button", name="Cancel 30 waiting").click()
    expect(page.get_by_text("30 jobs cancelled.")).to_be_visible()
    expect(page.locator("h1 .state")).to_have_text("CANCELLED")
