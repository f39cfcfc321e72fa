"""The page of one job: its timeline, its head, what it took and gave, and who sees what of it."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs import definitions, lifecycle, timeline, worker
from jobs.definitions import Link, PermanentError
from jobs.details import attempts_told
from jobs.models import Batch, Job, JobEvent, Status
from jobs.worker import Run
from registry.models import Grant, Item
from tests.conftest import drain
from tests.jobs.test_lifecycle import Count, claimed, kind, nothing, submit
from tests.jobs.test_pages import HTMX, make_job

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]
SECOND = timedelta(seconds=1)


def fails(run: Run, payload: Count) -> None:
    logging.getLogger("registry").info("reading row %s", run.job.attempt)
    raise ValueError("needle in the traceback")


def attempt(job: Job) -> None:
    """Do the next attempt at once."""
    Job.objects.filter(pk=job.pk).update(run_after=timezone.now())
    worker.execute(*claimed(job), 60)


def told(job: Job, reader: User) -> list[tuple[str | None, str]]:
    job = Job.objects.get(pk=job.pk)
    line = timeline.of(job, reader, with_details=False)
    assert [m.at for m in line.moments] == sorted(m.at for m in line.moments)
    return [(moment.state, moment.what) for moment in line.moments]


def page_of(client: Client, job: Job, **headers: str) -> str:
    answer = client.get(job.get_absolute_url(), headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def overseer(make_user: MakeUser) -> User:
    """Staff who see all jobs, and no more items than others."""
    staff = make_user("otto", linked=False, is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_job"))
    return staff


def test_a_job_that_goes_well_has_a_time_line_and_no_event(user: User) -> None:
    with kind(nothing):
        job = submit(user)
        assert told(job, user) == [("PENDING", "Submitted by ana")]
        drain()
    assert told(job, user) == [
        ("PENDING", "Submitted by ana"),
        ("DEQUEUED", "Taken off the queue by a worker"),
        ("IN_PROGRESS", "Attempt 1 began"),
        ("SUCCEEDED", "Done"),
    ]
    assert not JobEvent.objects.exists()


def test_the_time_line_of_a_life_in_which_everything_happens(user: User, admin_user: User) -> None:
    taken, waits = ("DEQUEUED", "Taken off the queue by a worker"), "In the queue again for its "
    again = ("PENDING", f"{waits}next attempt")
    with kind(fails, max_attempts=2):
        job = submit(user)
        attempt(job)
        attempt(job)
        lifecycle.retry(job, by=user)
        lifecycle.start(*claimed(job), 60)
        Job.objects.update(lease_until=timezone.now() - SECOND)
        lifecycle.sweep()
        lifecycle.start(*claimed(job), 60)
        lifecycle.cancel(job, by=admin_user)
        lifecycle.retry(job, by=None)
        lifecycle.cancel(job, by=user)
        lifecycle.retry(job, by=user)
    with kind(nothing, max_attempts=2):
        attempt(job)
    assert told(job, user) == [
        ("PENDING", "Submitted by ana"),
        taken,
        ("IN_PROGRESS", "Attempt 1 began"),
        (None, "Attempt 1 failed"),
        again,
        taken,
        ("IN_PROGRESS", "Attempt 2 began"),
        ("FAILED", "Attempt 2 failed, for good"),
        ("PENDING", "You put it back into the queue"),
        taken,
        ("IN_PROGRESS", "Attempt 3 began"),
        (None, "Attempt 3 was lost with its worker"),
        again,
        taken,
        ("IN_PROGRESS", "Attempt 4 began"),
        ("FAILED", "admin cancelled it"),
        ("PENDING", "An operator put it back into the queue"),
        ("FAILED", "You cancelled it"),
        ("PENDING", "You put it back into the queue"),
        taken,
        ("IN_PROGRESS", "Attempt 5 began"),
        ("SUCCEEDED", "Done"),
    ]
    assert ("PENDING", "ana put it back into the queue") in told(job, admin_user)


def test_the_time_line_says_how_long_each_state_lasted(user: User) -> None:
    """As it would be of a job that failed after a second, was retried and runs."""
    start = timezone.now() - timedelta(hours=1)
    at = [start + second * SECOND for second in (0, 3, 4, 5, 65, 68, 70)]
    job = make_job(
        user,
        status=Status.IN_PROGRESS,
        attempt=2,
        created_at=at[0],
        dequeued_at=at[5],
        started_at=at[6],
    )
    failed, retried = JobEvent.Kind.ATTEMPT_FAILED, JobEvent.Kind.RETRIED
    job.events.create(kind=failed, attempt=1, dequeued_at=at[1], started_at=at[2], at=at[3])
    job.events.create(kind=retried, attempt=1, by=user, at=at[4])
    line = timeline.of(job, user, with_details=False)
    lengths = [moment.lasted and moment.lasted.seconds for moment in line.moments]
    #       waits, held, runs, FAILED, waits, held, runs still
    assert lengths == [3, 1, 1, None, 3, 2, None]
    assert (line.waiting, line.running) == (9 * SECOND, SECOND)


def test_a_length_is_the_same_in_the_time_line_and_in_lists(user: User, admin_user: User) -> None:
    with kind(fails, max_attempts=2):
        job = submit(user)
        attempt(job)
        attempt(job)
    job.refresh_from_db()
    line = timeline.of(job, user, with_details=False)
    lengths = [moment.lasted for moment in line.moments if moment.state == Status.IN_PROGRESS]
    assert (line.runs, job.ran) == (2, lengths[1])
    JobEvent.objects.update(at=timezone.now() + timedelta(hours=1))  # noted later than it happened
    assert timeline.of(job, user, with_details=False).moments[-1].at == job.finished_at


def test_a_job_that_ended_while_it_waited_has_not_run(user: User) -> None:
    with kind(fails):
        job = submit(user)
        attempt(job)
        lifecycle.cancel(job, by=user)
    job.refresh_from_db()
    assert job.started_at
    assert job.ran is None


def test_the_main_thing_to_do_is_the_one_that_can_help(
    signed_in: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(run: Run, payload: Count) -> None:
        raise PermanentError("No such reef.", remedy="Name another reef.")

    offered = {"TEST": lambda user, job: [Link("Mend it", "/mend/")]}
    monkeypatch.setattr(definitions._registry, "job_links", offered)
    with kind(refuses):
        refused = submit(user)
        attempt(refused)
    with kind(fails, max_attempts=1):
        failed = submit(user)
        attempt(failed)
    page = page_of(signed_in, refused)
    assert '<a class="btn main" id="link-1"' in page
    assert '<a class="btn" id="retry"' in page
    assert "<dd>1; it was not tried again, because that could not help</dd>" in page
    question = signed_in.get(f"{refused.get_absolute_url()}retry/").content.decode()
    assert "Name another reef." in question
    page = page_of(signed_in, failed)
    assert '<a class="btn" id="link-1"' in page
    assert '<a class="btn main" id="retry"' in page
    assert "<dd>1 of 1; it is not tried again by itself</dd>" in page


def test_attempts_are_told_as_they_were(user: User) -> None:
    def told_of(job: Job) -> str:
        job.refresh_from_db()
        return attempts_told(job, timeline.of(job, user, with_details=False))

    with kind(fails):
        job = submit(user)
        assert told_of(job) == "not started yet"
        attempt(job)
        assert told_of(job) == "1 of at most 3"
    with kind(nothing):
        attempt(job)
    assert told_of(job) == "2, the last succeeded"
    with kind(fails):
        job = submit(user)
        attempt(job)
        lifecycle.cancel(job, by=None)
    assert told_of(job) == "1; then it was cancelled"
    job = make_job(user, status=Status.PENDING)
    lifecycle.cancel(job, by=user)
    assert told_of(job) == "never started"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", "Administrators of this site: admin."),
        ("help@example.org", '<a href="mailto:help@example.org">help@example.org</a>'),
        ("https://help.example.org", '<a href="https://help.example.org">'),
        ("Room 12, or call @ana", "Administrators of this site: Room 12, or call @ana."),
    ],
)
def test_a_failed_job_says_how_to_reach_an_administrator(
    signed_in: Client, user: User, admin_user: User, settings: Any, said: str, told: str
) -> None:
    settings.ADMIN_CONTACT = said
    failed = make_job(user, status=Status.FAILED, info="x")
    assert told in page_of(signed_in, failed)
    assert told in signed_in.get("/help/jobs/trouble/").content.decode()
    assert "Administrators of" not in page_of(signed_in, make_job(user))


@pytest.mark.parametrize("what", ["retry", "cancel"])
def test_the_tab_is_marked_on_the_pages_that_ask(signed_in: Client, user: User, what: str) -> None:
    status = Status.FAILED if what == "retry" else Status.PENDING
    job = make_job(user, status=status, info="x")
    page = signed_in.get(f"{job.get_absolute_url()}{what}/").content.decode()
    assert '<a href="/jobs/" aria-current="page">Jobs</a>' in page


def test_one_tab_is_marked_where_staff_look_after_workers(admin_client: Client) -> None:
    for address in ("/jobs/workers/", "/jobs/workers/wake-up/", "/jobs/workers/queue/provena/"):
        bar = admin_client.get(address).content.decode().partition("</header>")[0]
        assert bar.count("aria-current") == 1
        assert '<a href="/jobs/workers/" aria-current="page">' in bar


def test_a_long_life_is_cut_at_its_beginning(signed_in: Client, user: User) -> None:
    job = make_job(user, status=Status.FAILED, info="x")
    for number in range(timeline.MOST_EVENTS + 5):
        job.events.create(
            kind=JobEvent.Kind.ATTEMPT_FAILED, attempt=number, message=f"number {number}."
        )
    page = page_of(signed_in, job)
    assert "What was before that is not shown." in page
    assert "number 4." not in page
    assert "number 5." in page


def test_traceback_and_log_are_for_administrators_only(
    signed_in: Client, user: User, overseer: User
) -> None:
    with kind(fails):
        job = submit(user)
        attempt(job)
        page = page_of(signed_in, job)
        assert "Attempt 1 failed" in page
        assert "An unexpected error (ValueError) stopped it." in page
        signed_in.force_login(overseer)
        admins = page_of(signed_in, job)
    for secret in ("needle in the traceback", "reading row 1", "Technical details"):
        assert secret not in page
        assert secret in admins


def test_of_a_lost_attempt_it_is_said_that_nothing_could_be_kept(
    client: Client, user: User, overseer: User
) -> None:
    with kind(nothing):
        job = submit(user)
        lifecycle.start(*claimed(job), 60)
        Job.objects.update(lease_until=timezone.now() - SECOND)
        lifecycle.sweep()
    client.force_login(overseer)
    assert "with it went what it had logged" in page_of(client, job)


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.PENDING])
def test_of_a_strangers_job_there_is_nothing(
    signed_in: Client, make_user: MakeUser, status: Status
) -> None:
    job = make_job(make_user("ben"), status=status, info="x")
    for address in ("", "input.json", "output.json", "retry/", "cancel/"):
        assert signed_in.get(f"{job.get_absolute_url()}{address}").status_code == 404
    assert signed_in.get(job.get_absolute_url(), headers=HTMX).status_code == 404


def test_who_may_not_read_the_item_sees_neither_input_nor_output_nor_name(
    client: Client, user: User, overseer: User, make_item: MakeItem
) -> None:
    item, made = make_item(user), make_item(user, display_name="Secret model")
    Grant.objects.all().delete()
    job = make_job(
        user,
        sub_type="MODEL_RUN_PROV_LODGE",
        subject=item.handle,
        payload={"record": {"display_name": "Secret run", "workflow_template_id": "10378.1/9"}},
        result={"record": {"id": made.handle}},
    )
    client.force_login(overseer)
    page = page_of(client, job)
    assert "Secret" not in page
    assert "10378.1/9" not in page
    assert made.handle not in page
    assert "made an item that you may not read" in page
    assert page.count("It is about an item that you may not read.") == 2
    for file in ("input.json", "output.json"):
        assert client.get(f"{job.get_absolute_url()}{file}").status_code == 403
    client.force_login(user)
    page = page_of(client, job)
    assert "Lodge Model Run: Secret run" in page
    assert "Secret model</a>" in page


def test_input_and_output_are_files_too(signed_in: Client, user: User) -> None:
    job = make_job(user, payload={"name": "Bäume"}, result={"id": 7})
    for file, data in (("input", {"name": "Bäume"}), ("output", {"id": 7})):
        answer = signed_in.get(f"{job.get_absolute_url()}{file}.json")
        assert answer.json() == data
        assert f"{job.session_id}-{file}.json" in answer["Content-Disposition"]
    waiting = make_job(user, status=Status.PENDING)
    assert signed_in.get(f"{waiting.get_absolute_url()}output.json").status_code == 404


def test_long_input_and_output_are_folded_and_very_long_ones_are_files(
    signed_in: Client, user: User
) -> None:
    short = page_of(signed_in, make_job(user, payload={"a": 1}, result={"b": 2}))
    assert short.count("<details open>") + short.count('<details id="job-output" open>') == 2
    many = {"rows": list(range(50))}
    long = page_of(signed_in, make_job(user, payload=many, result=many))
    assert "open>" not in long
    assert "&quot;rows&quot;" in long
    huge = {"rows": ["needle"] * 20_000}
    page = page_of(signed_in, make_job(user, payload=huge, result=huge))
    assert "needle" not in page
    assert page.count("Download it as JSON") == 2


def test_a_job_of_a_batch_says_which_and_leads_to_its_neighbours(
    signed_in: Client, user: User
) -> None:
    batch = Batch.objects.create(owner=user, title="Heat stress", total=3)
    jobs = [make_job(user, batch=batch, batch_index=index) for index in range(3)]
    pages = [page_of(signed_in, job) for job in jobs]
    assert "Job 2 of <a" in pages[1]
    for page, near in zip(pages, [[1], [0, 2], [1]], strict=True):
        links = [
            index for index in range(3) if f'href="{jobs[index].get_absolute_url()}">J' in page
        ]
        assert links == near


def test_a_job_leads_to_the_next_in_the_list_of_its_owner(
    signed_in: Client, user: User, make_user: MakeUser
) -> None:
    old = make_job(user)
    make_job(make_user("ben"))
    middle = make_job(user)
    batch = Batch.objects.create(owner=user, title="Heat stress", total=2)
    for index in range(2):
        make_job(user, batch=batch, batch_index=index)
    page = page_of(signed_in, middle)
    assert f'href="{old.get_absolute_url()}">Older' in page
    assert f'href="{batch.get_absolute_url()}">Newer' in page
    assert ">Older" not in page_of(signed_in, old)


def test_who_came_from_a_list_goes_on_in_it_and_back_to_its_place(
    signed_in: Client, user: User
) -> None:
    batch = Batch.objects.create(owner=user, title="Heat stress", total=3)
    burst: dict[str, Any] = {"status": Status.FAILED, "info": "It burst."}
    first, _, last = (
        make_job(user, batch=batch, batch_index=index, **({} if index == 1 else burst))
        for index in range(3)
    )
    make_job(user)
    newest = make_job(user, **burst)
    page = signed_in.get("/jobs/?status=FAILED").content.decode()
    came = f"?status=FAILED&amp;rows={newest.pk}-0"
    assert f'href="{last.get_absolute_url()}{came}"' in page
    answer = signed_in.get(f"{last.get_absolute_url()}?status=FAILED&rows={newest.pk}-0")
    text = answer.content.decode()
    assert f'id="back" href="/jobs/{came}#job-{last.pk}">' in text
    assert f'id="before" href="{newest.get_absolute_url()}{came}">Newer' in text
    assert f'id="after" href="{first.get_absolute_url()}{came}">Older' in text
    assert "Heat stress" in text
    retry = f"{last.get_absolute_url()}retry/?status=FAILED&rows={newest.pk}-0"
    assert retry.replace("&", "&amp;") in text
    answer = signed_in.post(retry)
    assert answer["Location"] == f"{last.get_absolute_url()}?status=FAILED&rows={newest.pk}-0"
    # A walk beyond the rows that were shown leads back to its place, too.
    older = signed_in.get(f"{first.get_absolute_url()}?rows={newest.pk}-{last.pk}")
    assert older.context["back"].url == f"/jobs/?rows={newest.pk}-{first.pk}#job-{first.pk}"


@pytest.mark.parametrize(
    "query", ["status=BROKEN&rows=9-1", "status=FAILED", "rows=//evil.example-1", "rows=x-y"]
)
def test_an_address_that_tells_of_no_list_leads_where_it_always_does(
    signed_in: Client, user: User, query: str
) -> None:
    job = make_job(user)
    page = signed_in.get(f"{job.get_absolute_url()}?{query}").content.decode()
    assert 'id="back" href="/jobs/">' in page
    assert "evil" not in page


def test_its_step_is_marked_in_the_drawing_and_in_words(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    drain()
    first, second = item.creation_workflow.jobs.order_by("step")
    page = page_of(signed_in, first)
    drawing = page[page.index("<svg") : page.index("</svg>")]
    assert drawing.count("current") == 1
    assert drawing.index("this job") < drawing.index("Lodge Create")
    assert page.count('aria-current="step"') == 1
    assert "(this job)" in page
    assert second.get_absolute_url() in page
    assert "current" not in signed_in.get(item.get_absolute_url()).content.decode().split("<svg")[1]


def test_what_a_job_made_is_linked(signed_in: Client, user: User, make_item: MakeItem) -> None:
    item = make_item(user)
    drain()
    first = item.creation_workflow.jobs.get(step=0)
    activity = Item.objects.get(subtype="CREATE")
    assert f'id="made" href="{activity.get_absolute_url()}"' in page_of(signed_in, first)


def test_links_that_a_kind_offers_are_shown_to_who_sees_its_input(
    signed_in: Client, user: User, overseer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def links(reader: User, job: Job) -> list[Link]:
        return [Link("Mend it", f"/mend/{job.session_id}")]

    monkeypatch.setattr(definitions._registry, "job_links", {"TEST": links})
    job = make_job(user, sub_type="TEST", subject="10378.1/1")
    link = f'href="/mend/{job.session_id}">Mend it</a>'
    assert link in page_of(signed_in, job)
    signed_in.force_login(overseer)
    assert link not in page_of(signed_in, job)


@pytest.mark.parametrize("attempts", [1, 40])
def test_the_page_costs_the_same_however_long_its_life_was(
    signed_in: Client,
    user: User,
    make_item: MakeItem,
    django_assert_num_queries: DjangoAssertNumQueries,
    attempts: int,
) -> None:
    job = make_item(user).creation_workflow.jobs.get()
    for number in range(attempts):
        job.events.create(kind=JobEvent.Kind.RETRIED, attempt=number, message="x", by=user)
    # session, user, job, its workflow's jobs, clusters alive, pauses, events, its neighbours,
    # what stands in its texts, its subject, its input, the job whose place it took
    with django_assert_num_queries(12):
        signed_in.get(job.get_absolute_url())
    seen = signed_in.get(job.get_absolute_url()).context["seen"]
    # session, user, job, its workflow's jobs, clusters alive, pauses
    with django_assert_num_queries(6):
        answer = signed_in.get(job.get_absolute_url(), {"seen": seen}, headers=HTMX)
    assert answer.status_code == 204
