"""The page of one job, as a person uses it: it fails, says why, and is retried to its end."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from playwright.sync_api import Page, expect

from jobs import lifecycle
from jobs.definitions import Nothing
from jobs.models import Job, Status
from tests.cluster.app import kinds  # noqa: F401 - declares them here too
from tests.jobs.test_pages import make_job
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OpenPage = Callable[..., Page]


def submit(owner: User) -> Job:
    """A job that waits, and whose first attempt will fail for good: the fifth row of a batch."""
    with transaction.atomic():
        batch = lifecycle.submit_batch(
            sub_type="TEST_ROW_FIVE_FAILS_ONCE",
            payloads=[Nothing()] * 6,
            owner=owner,
            title="Heat stress",
        )
    return batch.jobs.get(batch_index=4)


def tab_to(page: Page, name: str) -> None:
    """Press the Tab key until the link or button of that name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"The Tab key does not lead to {name}.")


def test_a_job_is_seen_failing_and_is_retried_with_the_keyboard(
    open_page: OpenPage, stack: Stack, user: User
) -> None:
    job = submit(user)
    page = open_page(user)
    page.goto(job.get_absolute_url())
    expect(page.get_by_text("Job 5 of Heat stress")).to_be_visible()
    expect(page.locator("h1 .state")).to_have_text("PENDING")
    expect(page.get_by_text("Submitted by ana")).to_be_visible()
    page.evaluate("window.notReloaded = true")

    stack.start_worker()
    expect(page.locator("h1 .state")).to_have_text("FAILED")
    note = page.locator(".note.error")
    expect(note).to_contain_text("The end is before the start.")
    expect(note).to_contain_text("Retry it when that has been put right.")
    expect(note).to_contain_text(str(job.session_id))
    expect(page.get_by_text("Attempt 1 failed, for good")).to_be_visible()
    expect(page.get_by_role("status").get_by_text("Job FAILED.")).to_be_attached()
    expect(page.get_by_text("Technical details")).to_have_count(0)
    assert page.evaluate("window.notReloaded") is True
    assert page.locator("#job").get_attribute("hx-trigger") is None

    tab_to(page, "Retry")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Retry this job?")).to_be_visible()
    tab_to(page, "Retry job")
    page.keyboard.press("Enter")
    expect(page.get_by_text("You retried this job.")).to_be_visible()
    expect(page.locator("h1 .state")).to_have_text("SUCCEEDED")
    line = page.locator(".timeline > li")
    expect(line.nth(4)).to_contain_text("You put it back into the queue")
    expect(line.last).to_contain_text("Done · SUCCEEDED")
    job.refresh_from_db()
    assert (job.status, job.attempt) == (Status.SUCCEEDED, 2)


def test_input_and_output_are_copied_and_downloaded(open_page: OpenPage, user: User) -> None:
    job = make_job(user, payload={"name": "Bäume <1>"}, result={"id": "10378.1/7"})
    page = open_page(user)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(job.get_absolute_url())
    copied = "navigator.clipboard.readText()"
    output = page.locator("#job-output")
    output.get_by_role("button", name="Copy").click()
    expect(output.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate(copied) == '{\n  "id": "10378.1/7"\n}'
    page.get_by_role("button", name="Copy", exact=True).first.click()
    page.wait_for_function(f"{copied}.then((text) => text.includes('Bäume <1>'))")
    with page.expect_download() as download:
        output.get_by_role("link", name="Download JSON").click()
    assert download.value.suggested_filename == f"job-{job.session_id}-output.json"


def test_neighbours_are_walked_and_times_are_the_readers_own(
    open_page: OpenPage, user: User
) -> None:
    job = submit(user)
    page = open_page(user, timezone_id="Australia/Brisbane")
    page.goto(job.get_absolute_url())
    utc = f"{job.created_at:%H:%M:%S}.{job.created_at.microsecond // 1000:03d}"
    shown = page.locator(".timeline time").first.text_content() or ""
    assert shown.endswith(utc[3:])
    assert not shown.endswith(utc)
    page.get_by_role("navigation", name="Jobs").get_by_role("link", name="Job 6").click()
    expect(page.get_by_text("Job 6 of Heat stress")).to_be_visible()
    page.get_by_role("navigation", name="Jobs").get_by_role("link", name="Job 5").click()
    expect(page.get_by_text("Job 5 of Heat stress")).to_be_visible()


def test_a_job_is_followed_cancelled_and_retried_without_javascript(
    open_page: OpenPage, user: User
) -> None:
    job = make_job(user, status=Status.PENDING, payload={"needle": 1})
    page = open_page(user, java_script_enabled=False)
    page.goto(job.get_absolute_url())
    expect(page.get_by_text('"needle": 1')).to_be_visible()
    expect(page.get_by_text("Press Refresh to see changes")).to_be_visible()
    page.get_by_role("link", name="Cancel job").click()
    page.get_by_role("link", name="Back").click()
    expect(page.locator("h1 .state")).to_have_text("PENDING")
    page.get_by_role("link", name="Cancel job").click()
    page.get_by_role("button", name="Cancel job").click()
    expect(page.locator("h1 .state")).to_have_text("CANCELLED")
    expect(page.get_by_text("Retry it if it should be done after all.")).to_be_visible()
    page.get_by_role("link", name="Retry").click()
    page.get_by_role("button", name="Retry job").click()
    expect(page.locator("h1 .state")).to_have_text("PENDING")
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_text("You put it back into the queue")).to_be_visible()
