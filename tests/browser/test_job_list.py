"""The list of jobs, as a person uses it: filters, more rows and back again, and what is new."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs import search
from jobs.models import Job, Status
from tests.conftest import drain
from tests.jobs.test_batches import make_batch
from tests.jobs.test_operations import make_cluster
from tests.jobs.test_pages import make_job

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OpenPage = Callable[..., Page]
SELDOM = 20_000  # ms within which a list in which nothing moves has asked for news


def failed(user: User, info: str = "It burst.") -> Job:
    return make_job(user, status=Status.FAILED, info=info)


def test_filters_work_by_keyboard_and_each_can_be_taken_away(
    open_page: OpenPage, user: User
) -> None:
    for _ in range(3):
        failed(user)
        make_job(user)
    failed(user, "Another reason.")
    page = open_page(user)
    page.goto("/jobs/")
    rows = page.locator("a.row")
    expect(rows).to_have_count(7)
    page.get_by_role("searchbox", name="Text").focus()
    page.keyboard.type("burst")
    page.keyboard.press("Tab")  # to the window of time
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Filter", exact=True)).to_be_focused()
    for _ in range(5):
        page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="FAILED")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs/?status=FAILED&text=burst")
    expect(rows).to_have_count(3)
    page.get_by_role("link", name="Text: “burst”").press("Enter")
    page.wait_for_url("**/jobs/?status=FAILED")
    expect(rows).to_have_count(4)
    page.get_by_role("link", name="Clear").press("Enter")
    page.wait_for_url("**/jobs/")
    expect(rows).to_have_count(7)
    page.go_back()
    expect(rows).to_have_count(4)
    expect(page.get_by_role("checkbox", name="FAILED")).to_be_checked()


def test_a_window_of_time_is_meant_in_the_readers_zone(open_page: OpenPage, user: User) -> None:
    failed(user)
    page = open_page(user, timezone_id="Australia/Brisbane")
    page.goto("/jobs/")
    page.get_by_label("Created", exact=True).select_option("Today")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_url("**/jobs/?when=today&zone=Australia%2FBrisbane")
    expect(page.locator("a.row")).to_have_count(1)


def test_back_from_a_job_leads_to_the_same_rows_at_the_same_place(
    open_page: OpenPage, user: User
) -> None:
    jobs = [failed(user) for _ in range(90)][::-1]
    make_job(user)
    page = open_page(user)
    page.goto("/jobs/?status=FAILED")
    rows = page.locator("a.row")
    for number in (50, 75):
        page.get_by_role("link", name="Load More").press("Enter")
        expect(rows).to_have_count(number)
        expect(rows.nth(number - 25)).to_be_focused()
    there = page.locator(f"#open-{jobs[60].pk}")
    there.scroll_into_view_if_needed()
    place = there.bounding_box()
    failed(user)  # which must not move anything
    there.click()
    page.wait_for_url(f"**{jobs[60].get_absolute_url()}?status=FAILED&rows=*")
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="Jobs that match").click()
    expect(rows).to_have_count(75)
    expect(page.locator(f"#open-{jobs[61].pk}")).to_be_in_viewport()
    for _ in range(3):
        page.go_back()
    expect(rows).to_have_count(75)
    expect(there).to_be_in_viewport()
    page.wait_for_function(
        "([id, y]) => Math.abs(document.getElementById(id).getBoundingClientRect().y - y) < 2",
        arg=[f"open-{jobs[60].pk}", place["y"]],
    )
    page.get_by_role("link", name="Load More").click()
    expect(rows).to_have_count(90)
    page.get_by_role("link", name="Refresh").click()
    expect(rows).to_have_count(25)
    page.wait_for_url("**/jobs/?status=FAILED")
    page.reload()
    expect(rows).to_have_count(25)


def test_new_jobs_are_told_above_and_rows_change_in_their_places(
    open_page: OpenPage, user: User
) -> None:
    jobs = [make_job(user, status=Status.PENDING, queue="none") for _ in range(3)][::-1]
    page = open_page(user)
    page.goto("/jobs/")
    states = page.locator("#job-list .state")
    expect(states).to_have_text(["PENDING"] * 3)
    page.locator(f"#open-{jobs[1].pk}").focus()
    page.evaluate("window.notReloaded = true")
    now = timezone.now()
    Job.objects.filter(pk=jobs[1].pk).update(
        status=Status.SUCCEEDED, result={}, started_at=now, dequeued_at=now, finished_at=now
    )
    expect(states).to_have_text(["PENDING", "SUCCEEDED", "PENDING"])
    expect(
        page.get_by_role("status").get_by_text("Register Create Activity SUCCEEDED")
    ).to_have_count(1)
    expect(page.locator(f"#open-{jobs[1].pk}")).to_be_focused()
    make_job(user)
    make_job(user)
    pill = page.get_by_role("link", name="2 new jobs")
    expect(pill).to_be_visible()
    expect(states).to_have_count(3)
    pill.click()
    expect(states).to_have_text(["SUCCEEDED", "SUCCEEDED", "PENDING", "SUCCEEDED", "PENDING"])
    expect(pill).to_have_count(0)
    assert page.evaluate("window.notReloaded") is True


def test_an_open_list_tells_what_others_do_elsewhere(open_page: OpenPage, user: User) -> None:
    """Two windows: in one the jobs are retried, and the queue is paused; the other says so."""
    make_cluster(beat_at=timezone.now() + timedelta(hours=1))
    jobs = [failed(user) for _ in range(3)][::-1]
    user.is_staff = user.is_superuser = True
    user.save()
    watching = open_page(user)
    watching.goto("/jobs/")
    states = watching.locator("#job-list .state")
    expect(states).to_have_text(["FAILED"] * 3)
    watching.evaluate("window.notReloaded = true")
    banner, said = watching.locator("#standing .note"), watching.locator("#announcer")

    acting = open_page(user)
    acting.goto(f"{jobs[1].get_absolute_url()}retry/")
    acting.get_by_role("button", name="Retry job").click()
    acting.wait_for_url(f"**{jobs[1].get_absolute_url()}")
    expect(states).to_have_text(["FAILED", "PENDING", "FAILED"], timeout=SELDOM)
    expect(banner).to_have_count(0)
    acting.goto("/jobs/workers/queue/provena/")
    acting.get_by_label("Reason").fill("Tidying")
    acting.get_by_role("button", name="Pause").click()
    expect(banner).to_contain_text("Tidying")
    expect(said).to_contain_text("Tidying")
    acting.goto("/jobs/workers/queue/provena/")
    acting.get_by_role("button", name="Resume").click()
    expect(banner).to_have_count(0)
    expect(said).to_have_text("Nothing holds up the jobs that wait any more.")
    assert watching.evaluate("window.notReloaded") is True


def test_the_line_of_new_jobs_stays_in_sight_and_covers_no_row(
    open_page: OpenPage, user: User
) -> None:
    for _ in range(25):
        make_job(user)
    page = open_page(user, reduced_motion="reduce")
    page.goto("/jobs/")
    page.locator("a.row").last.scroll_into_view_if_needed()
    make_job(user)
    pill = page.get_by_role("link", name="1 new job")
    expect(pill).to_be_in_viewport(ratio=1, timeout=SELDOM)
    bottom = pill.evaluate("(pill) => pill.getBoundingClientRect().bottom")
    page.locator("a.row").last.focus()
    for _ in range(24):
        page.keyboard.press("k")
        top = page.evaluate("document.activeElement.closest('tr').getBoundingClientRect().top")
        assert top >= bottom - 1
    page.locator("a.row").last.scroll_into_view_if_needed()
    pill.click()
    expect(pill).to_have_count(0)
    expect(page.locator("#job-list")).to_be_in_viewport()
    expect(page.locator("a.row").first).to_be_in_viewport()


def test_updates_can_be_paused_and_stop_while_nobody_looks(open_page: OpenPage, user: User) -> None:
    job = make_job(user, status=Status.PENDING, queue="none")
    page = open_page(user)
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.url) if "/news/" in request.url else None
    )
    page.clock.install()
    page.goto("/jobs/")
    page.get_by_role("button", name="Pause updates").click()
    page.clock.run_for(60_000)
    assert asked == []
    page.reload()  # it is remembered
    page.clock.run_for(60_000)
    assert asked == []
    with page.expect_response("**/jobs/news/**"):
        page.get_by_role("button", name="Resume updates").click()
    page.evaluate(
        """Object.defineProperty(document, "hidden", {value: true, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"))"""
    )
    before = len(asked)
    page.clock.run_for(60_000)
    assert len(asked) == before
    with page.expect_response("**/jobs/news/**"):
        page.evaluate(
            """Object.defineProperty(document, "hidden", {value: false});
            document.dispatchEvent(new Event("visibilitychange"))"""
        )
    Job.objects.filter(pk=job.pk).update(
        status=Status.FAILED, info="x", finished_at=timezone.now(), dequeued_at=timezone.now()
    )
    with page.expect_response("**/jobs/news/**"):
        page.clock.run_for(2_500)
    expect(page.locator("#job-list .state")).to_have_text("FAILED")
    before = len(asked)  # nothing shown is unfinished any more, so it asks seldom
    page.clock.run_for(9_000)
    assert len(asked) == before
    with page.expect_response("**/jobs/news/**"):
        page.clock.run_for(2_000)


def test_a_search_goes_on_by_itself_until_it_finds(open_page: OpenPage, user: User) -> None:
    make_job(user, type="PROV_LODGE", sub_type="MODEL_RUN_PROV_LODGE", payload={"note": "needle"})
    make = make_job(user)
    Job.objects.bulk_create(
        Job(
            owner=user,
            type="REGISTRY",
            sub_type="REGISTER_CREATE_ACTIVITY",
            status=Status.SUCCEEDED,
            result={},
            finished_at=make.finished_at,
        )
        for _ in range(3 * search.LOOK_AT_TEXT)
    )
    page = open_page(user)
    page.goto("/jobs/?text=needle")
    expect(page.get_by_text("Nothing found yet")).to_be_visible()
    page.get_by_role("link", name="Search further").click()
    expect(page.get_by_role("link", name="Lodge Model Run")).to_be_visible()
    page.get_by_role("link", name="Lodge Model Run").click()
    page.go_back()
    expect(page.get_by_role("link", name="Lodge Model Run")).to_be_visible()


def test_times_are_told_as_people_do_and_exactly_for_the_keyboard(
    open_page: OpenPage, user: User
) -> None:
    job = make_job(user, created_at=timezone.now() - timedelta(minutes=3, seconds=5))
    page = open_page(user, timezone_id="Australia/Brisbane")
    page.goto("/jobs/")
    time = page.locator(f"#job-{job.pk} time")
    expect(time).to_have_text("3 min ago")
    expect(time).to_have_attribute("title", f"{time.get_attribute('title')}")
    assert "GMT+10" in time.get_attribute("title") or "AEST" in time.get_attribute("title")
    page.locator(f"#open-{job.pk}").focus()
    told = time.evaluate("(time) => getComputedStyle(time, '::after').content")
    assert told.strip('"') == time.get_attribute("title")


def test_the_list_works_without_javascript(open_page: OpenPage, user: User) -> None:
    for _ in range(30):
        failed(user)
    make_batch(user, "SUCCEEDED", "FAILED")
    page = open_page(user, java_script_enabled=False)
    page.goto("/jobs/")
    rows = page.locator("a.row")
    expect(page.get_by_text("Press Refresh to see changes")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    page.get_by_role("checkbox", name="FAILED").check()
    page.get_by_text("More filters").click()
    page.get_by_label("Batches").select_option("Standalone")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_url("**/jobs/?status=FAILED&batch=none")
    expect(rows).to_have_count(25)
    page.get_by_role("link", name="Load More").click()
    expect(rows).to_have_count(5)
    page.get_by_role("link", name="Newest").click()
    expect(rows).to_have_count(25)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert len(download.value.path().read_bytes().splitlines()) == 31


def test_all_that_match_are_retried_by_keyboard_and_watched(
    open_page: OpenPage, user: User
) -> None:
    wake_up = {"type": "REGISTRY", "sub_type": "REGISTRY_WAKE_UP", "payload": {}}
    for _ in range(3):
        make_job(user, status=Status.FAILED, info="It burst.", **wake_up)
    failed(user, "Another reason.")
    page = open_page(user)
    page.goto("/jobs/?text=burst")
    page.get_by_role("link", name="Retry failed").press("Enter")
    expect(page.get_by_role("heading", name="Retry 3 failed jobs?")).to_be_visible()
    expect(page.get_by_text("Text: “burst”")).to_be_visible()
    page.get_by_role("button", name="Retry 3 failed").press("Enter")
    expect(page.get_by_role("heading", name="Retry Matching Jobs")).to_be_visible()
    drain()
    expect(page.locator("h1 .state")).to_have_text("SUCCEEDED")
    expect(page.get_by_text("3 jobs put back into the queue")).to_be_visible()
    page.goto("/jobs/?status=FAILED")
    expect(page.locator("a.row")).to_have_count(1)
