"""What an administrator does, in a real browser: pausing, waking up, watching."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs.models import Job, Status, Tally, TallyMark
from registry.models import Item
from tests.jobs.test_pages import make_job
from tests.jobs.test_tallies import roll_all
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OpenPage = Callable[..., Page]
MakeItem = Callable[..., Item]


def test_pause_see_a_job_wait_with_the_reason_resume_and_see_it_finish(
    open_page: OpenPage, stack: Stack, user: User, admin_user: User, make_item: MakeItem
) -> None:
    stack.start_worker()
    admin = open_page(admin_user)
    admin.goto("/jobs/workers/")
    admin.get_by_role("link", name="Pause queue provena").click()
    admin.get_by_label("Reason").fill("The disk is replaced.")
    admin.get_by_role("button", name="Pause queue").click()
    expect(admin.get_by_text("PAUSED", exact=True)).to_be_visible()

    item = make_item(user)
    page = open_page(user)
    page.goto(item.get_absolute_url())
    told = page.get_by_text("admin paused queue provena")
    expect(told).to_contain_text("The disk is replaced.")
    stuck = admin.get_by_role("region", name="Stuck").get_by_role("link")
    expect(stuck).to_have_text("Register Create Activity")

    admin.get_by_role("link", name="Resume queue provena").click()
    admin.get_by_role("button", name="Resume queue").click()
    expect(admin.get_by_text("OPEN", exact=True)).to_be_visible()
    expect(told).to_have_count(0)
    expect(page.locator("#workflow-state")).to_have_text("SUCCEEDED")
    expect(admin.get_by_text("Nothing is stuck.")).to_be_visible()


def test_all_of_it_works_without_javascript(
    open_page: OpenPage, stack: Stack, admin_user: User
) -> None:
    page = open_page(admin_user)
    page.context.close()
    page = open_page(admin_user, java_script_enabled=False)
    page.goto("/jobs/workers/")
    page.get_by_role("link", name="Pause queue provena").click()
    page.get_by_role("button", name="Pause queue").click()
    page.get_by_role("link", name="Wake up").click()
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_text("admin paused queue provena").first).to_be_visible()
    page.goto("/jobs/workers/queue/provena/")
    page.get_by_role("button", name="Resume queue").click()
    page.goto("/")
    expect(page.get_by_text("No worker is running").first).to_be_visible()


def test_a_wake_up_tells_how_long_it_took(
    open_page: OpenPage, stack: Stack, admin_user: User
) -> None:
    stack.start_worker()
    page = open_page(admin_user)
    page.goto("/jobs/workers/wake-up/")
    page.get_by_role("button", name="Launch").click()
    launched = page.get_by_role("region", name="What was launched").get_by_role("listitem")
    expect(launched.filter(has_text="after the click")).to_have_count(Job.objects.count())
    expect(page.locator("#wake-ups[hx-trigger]")).to_have_count(0)


def test_figures_stay_unfolded_and_focus_stays_when_news_come(
    open_page: OpenPage, user: User, admin_user: User
) -> None:
    past = timezone.now() - timedelta(minutes=3)
    make_job(user, finished_at=past, created_at=past)
    roll_all()
    page = open_page(admin_user)
    page.goto("/jobs/workers/")
    hour = page.get_by_role("region", name="The last hour")
    hour.get_by_text("The figures").click()
    stuck = make_job(user, status=Status.PENDING)
    link = page.get_by_role("region", name="Stuck").get_by_role("link")
    link.focus()
    make_job(user, finished_at=past, created_at=past)
    TallyMark.objects.update(upto=past - timedelta(minutes=1))
    Tally.objects.all().delete()
    roll_all()
    make_job(user, status=Status.IN_PROGRESS)
    expect(page.get_by_role("region", name="Running now").get_by_role("link")).to_have_count(1)
    expect(page.locator(f"#stuck-{stuck.pk}")).to_be_focused()
    expect(hour.get_by_text("2 jobs ended in the last hour")).to_be_visible(timeout=20_000)
    expect(hour.get_by_role("table")).to_be_visible()


def test_a_page_that_nobody_sees_asks_for_nothing(
    open_page: OpenPage, user: User, admin_user: User
) -> None:
    page = open_page(admin_user)
    page.goto("/jobs/workers/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    hide = "Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}})"
    with page.expect_request("**/workers/?part=now*"):
        pass
    page.evaluate(hide.format("true"))
    refused = """new Promise((done) => {
        let count = 0;
        document.addEventListener("htmx:beforeRequest", (event) => {
            count += event.defaultPrevented;
            if (count === 2) done(count);
        });
    })"""
    asked.clear()
    assert page.evaluate(refused) == 2
    assert not asked
    page.evaluate(hide.format("false"))
    with page.expect_request("**/workers/?part=now*"):
        pass
