"""The page of a batch: what it tells, its list, its updates, and what is done to all its jobs."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs import batches, definitions, lifecycle, progress
from jobs.definitions import Link
from jobs.models import Batch, Job, JobEvent, Status
from registry.models import Item
from tests.conftest import statuses
from tests.jobs.test_batches import make_batch
from tests.jobs.test_operations import make_cluster
from tests.jobs.test_pages import HTMX

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MIXED = ["SUCCEEDED", "FAILED", "IN_PROGRESS", "PENDING", "DEQUEUED", "FAILED", "SUCCEEDED"]


def rows(answer: Any) -> list[int]:
    """The rows that a page shows, from 0."""
    return [row["job"].batch_index for row in answer.context["rows"]]


def walk(client: Client, batch: Batch, query: str = "?") -> Iterator[list[int]]:
    """The rows of each page, as Load More leads on."""
    while query:
        answer = client.get(f"{batch.get_absolute_url()}{query}")
        yield rows(answer)
        query = answer.context["more"]


def finish(job: Job, status: str) -> None:
    now = timezone.now()
    ended: dict[str, Any] = {"result": {}} if status == Status.SUCCEEDED else {"info": "It burst."}
    Job.objects.filter(pk=job.pk).update(status=status, finished_at=now, dequeued_at=now, **ended)


def test_the_page_tells_how_far_the_batch_is(signed_in: Client, user: User) -> None:
    batch = make_batch(user, *MIXED)
    page = signed_in.get(batch.get_absolute_url()).content.decode()
    for text in (
        "4 of 7 done, 2 failed",
        'role="progressbar"',
        'aria-valuemax="7" aria-valuenow="4"',
        "Retry 2 failed",
        "Cancel 2 waiting",
        "IN_PROGRESS",
        str(batch.pk),
        "by ana",
        "It burst.",
    ):
        assert text in page
    assert "style=" not in page


def test_a_new_batch_has_its_whole_length_at_once_and_no_estimate(
    signed_in: Client, user: User
) -> None:
    batch = make_batch(user, *["PENDING"] * 3)
    page = signed_in.get(batch.get_absolute_url()).content.decode()
    assert "0 of 3 done" in page
    assert "No worker is running" in page
    assert "so far" in page
    assert " left" not in page
    make_cluster()
    assert "No worker is running" not in signed_in.get(batch.get_absolute_url()).content.decode()


def test_a_batch_of_another_queue_needs_a_worker_of_that_queue(
    signed_in: Client, user: User
) -> None:
    make_cluster()
    batch = make_batch(user, "PENDING", queue="gone")
    assert "no worker will take it" in signed_in.get(batch.get_absolute_url()).content.decode()


def test_the_time_left_is_judged_by_what_was_done_lately(user: User) -> None:
    batch = make_batch(user, *["SUCCEEDED"] * 10, *["PENDING"] * 20)
    assert progress.of_batch(batch).left is None  # none of them ever started
    started = timezone.now() - timedelta(seconds=5)
    batch.jobs.filter(status="SUCCEEDED").update(started_at=started)
    told = progress.of_batch(batch)
    assert 9 < told.left.total_seconds() < 11
    assert told.per_time == "2 jobs/s"
    batch.jobs.filter(status="SUCCEEDED").update(finished_at=timezone.now() - timedelta(hours=1))
    assert progress.of_batch(batch).left is None


def test_a_finished_batch_tells_how_long_it_took_and_asks_no_more(
    signed_in: Client, user: User
) -> None:
    batch = make_batch(user, "SUCCEEDED", "FAILED")
    Batch.objects.update(created_at=timezone.now() - timedelta(seconds=90))
    page = signed_in.get(batch.get_absolute_url()).content.decode()
    assert "took 1 min 30 s" in page
    assert "every " not in page
    assert "Cancel" not in page


def after_a_day(user: User, failed: int = 2) -> Batch:
    """A batch that took a minute, of which some jobs failed; it ended a day ago."""
    batch = make_batch(user, *["SUCCEEDED"] * 3, *["FAILED"] * failed)
    ended = timezone.now() - timedelta(days=1)
    Batch.objects.update(created_at=ended - timedelta(minutes=1))
    batch.jobs.update(started_at=ended - timedelta(seconds=30), finished_at=ended)
    batch.refresh_from_db()
    return batch


@pytest.mark.parametrize("all_at_once", [True, False])
def test_time_in_which_nothing_was_left_to_do_does_not_count(user: User, all_at_once: bool) -> None:
    batch = after_a_day(user)
    if all_at_once:
        assert batches.retry_failed(batch, by=user) == 2
    else:
        for job in batch.jobs.failed():
            lifecycle.retry(job, by=user)
    batch.refresh_from_db()
    now = progress.of_batch(batch)
    assert timedelta(seconds=60) <= now.took < timedelta(seconds=70)
    assert now.left is None
    for job in batch.jobs.unfinished():
        finish(job, "SUCCEEDED")
    assert timedelta(seconds=60) <= progress.of_batch(batch).took < timedelta(seconds=70)


def test_the_time_left_after_a_retry_is_judged_by_what_was_done_since(user: User) -> None:
    batch = after_a_day(user, failed=4)
    recently = timezone.now() - timedelta(minutes=5)
    batch.jobs.update(started_at=recently, finished_at=recently)
    batches.retry_failed(batch, by=user)
    batch.refresh_from_db()
    assert progress.of_batch(batch).left is None
    since = timezone.now() - timedelta(minutes=2)
    Batch.objects.update(resumed_at=since)
    batch.refresh_from_db()
    for job in batch.jobs.unfinished()[:2]:
        finish(job, "SUCCEEDED")
        Job.objects.filter(pk=job.pk).update(started_at=since)
    assert timedelta(seconds=119) < progress.of_batch(batch).left < timedelta(seconds=140)


@pytest.mark.parametrize(
    ("done", "seconds", "is_enough"),
    [(1, 600, False), (4, 3, False), (50, 1, False), (5, 3, True), (2, 90, True)],
)
def test_an_estimate_is_made_only_of_enough_jobs_in_enough_time(
    user: User, done: int, seconds: int, is_enough: bool
) -> None:
    batch = make_batch(user, *["SUCCEEDED"] * done, *["PENDING"] * 9)
    started = timezone.now() - timedelta(seconds=seconds)
    batch.jobs.filter(status="SUCCEEDED").update(started_at=started)
    assert (progress.of_batch(batch).left is not None) == is_enough


def test_failed_jobs_are_offered_first_only_where_the_list_does_not_have_them_so(
    signed_in: Client, user: User
) -> None:
    batch = make_batch(user, "FAILED", "SUCCEEDED", "PENDING")
    poll = signed_in.get(batch.get_absolute_url()).context["poll"]

    def news() -> str:
        return signed_in.get(f"{batch.get_absolute_url()}{poll}", headers=HTMX).content.decode()

    [last] = batch.jobs.unfinished()
    finish(last, "SUCCEEDED")
    assert " first</a>" not in news()
    Job.objects.filter(pk=last.pk).update(status="FAILED", result=None, info="It burst.")
    assert "Show them first</a>" in news()
    batch.jobs.filter(batch_index=1).update(status="FAILED", result=None, info="It burst.")
    assert " first</a>" not in news(), "all of them failed"


def test_a_retry_while_the_batch_goes_on_takes_nothing_off_its_time(user: User) -> None:
    batch = make_batch(user, "FAILED", "PENDING")
    batches.retry_failed(batch, by=user)
    batch.refresh_from_db()
    assert (batch.idle, batch.resumed_at) == (timedelta(0), None)


def test_few_failures_among_many_can_be_seen_in_the_bar(user: User) -> None:
    batch = Batch(owner=user, title="t", total=200_000)
    counts = Counter({"SUCCEEDED": 199_999, "FAILED": 1})
    done, failed = progress.BatchProgress(batch, counts, timedelta(0), None).segments
    assert failed.length >= 4
    assert done.length + failed.length == pytest.approx(1000)


def test_what_failed_comes_first(signed_in: Client, user: User) -> None:
    batch = make_batch(user, *MIXED)
    assert rows(signed_in.get(batch.get_absolute_url())) == [1, 5, 0, 2, 3, 4, 6]


@pytest.mark.parametrize("status", Status.values)
def test_the_list_shows_one_state_only(signed_in: Client, user: User, status: str) -> None:
    batch = make_batch(user, *MIXED)
    answer = signed_in.get(batch.get_absolute_url(), {"status": status})
    assert rows(answer) == [index for index, one in enumerate(MIXED) if one == status]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3", [2]),
        ("row 3", [2]),
        ("#2", [1]),
        ("BURST", [1, 5]),
        ("0", []),
        ("999999999", []),
        ("%", []),
        ("nothing", []),
        ("'\"\\\0", []),
        ("x" * 5000, []),
    ],
)
def test_the_list_is_searched_by_row_and_by_message(
    signed_in: Client, user: User, text: str, found: list[int]
) -> None:
    batch = make_batch(user, *MIXED)
    other = make_batch(user, *MIXED)
    assert rows(signed_in.get(batch.get_absolute_url(), {"q": text})) == found
    assert rows(signed_in.get(other.get_absolute_url(), {"q": text, "status": "PENDING"})) == []


def test_load_more_keeps_what_was_asked_for(signed_in: Client, user: User) -> None:
    batch = make_batch(user, *["SUCCEEDED", "FAILED"] * 40)
    pages = list(walk(signed_in, batch, "?status=FAILED&q=burst"))
    assert [len(page) for page in pages] == [25, 15]
    assert [row for page in pages for row in page] == list(range(1, 80, 2))


def test_a_walk_meets_each_job_once_while_jobs_end(signed_in: Client, user: User) -> None:
    """Failures come in rows that were passed, in rows still to come, and in the page itself."""
    states = ["FAILED" if index % 3 == 0 else "PENDING" for index in range(120)]
    batch = make_batch(user, *states)
    met: list[int] = []
    for page in walk(signed_in, batch):
        met += page
        for job in batch.jobs.filter(status="PENDING").order_by("?")[:20]:
            finish(job, "FAILED" if job.batch_index % 2 else "SUCCEEDED")
    assert sorted(met) == list(range(120))
    assert met[:40] == list(range(0, 120, 3))


@pytest.mark.parametrize("after", ["x", "7", "1.", ".1", "0.x", "9.9", "-1.2", "0.99999", "1.1.1"])
def test_a_bad_cursor_gives_the_first_page(signed_in: Client, user: User, after: str) -> None:
    batch = make_batch(user, *MIXED)
    answer = signed_in.get(batch.get_absolute_url(), {"after": after, "at": "junk"})
    assert answer.status_code == 200
    assert set(rows(answer)) <= set(range(7))
    assert rows(answer)


@pytest.mark.parametrize("at", ["0", "9" * 16, "9" * 40, "-5", "²"])
def test_any_moment_in_the_address_is_answered(signed_in: Client, user: User, at: str) -> None:
    batch = make_batch(user, *MIXED)
    assert sorted(rows(signed_in.get(batch.get_absolute_url(), {"at": at}))) == list(range(7))


def test_more_rows_come_as_rows_only(signed_in: Client, user: User) -> None:
    batch = make_batch(user, *["PENDING"] * 30)
    more = signed_in.get(batch.get_absolute_url()).context["more"]
    text = signed_in.get(f"{batch.get_absolute_url()}{more}", headers=HTMX).content.decode()
    assert "<html" not in text
    assert text.count('<a class="row"') == 5
    assert text.count("autofocus") == 1


def test_a_poll_gets_nothing_until_something_changes(signed_in: Client, user: User) -> None:
    batch = make_batch(user, "PENDING", "PENDING")
    first = signed_in.get(batch.get_absolute_url())
    address = f"{batch.get_absolute_url()}{first.context['poll']}"
    assert signed_in.get(address, headers=HTMX).status_code == 204
    finish(batch.jobs.get(batch_index=0), "FAILED")
    answer = signed_in.get(address, headers=HTMX)
    assert "1 of 2 done, 1 failed" in answer.content.decode()
    assert "announcer" in answer.content.decode()
    assert answer["HX-Trigger"] == '{"batch-changed": {}}'


def test_time_alone_is_shown_but_neither_announced_nor_told_to_the_rows(
    signed_in: Client, user: User
) -> None:
    batch = make_batch(user, "PENDING")
    first = signed_in.get(batch.get_absolute_url())
    Batch.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    address = f"{batch.get_absolute_url()}{first.context['poll']}"
    answer = signed_in.get(address, headers=HTMX)
    assert "1 min so far" in answer.content.decode() or "2 min so far" in answer.content.decode()
    assert "announcer" not in answer.content.decode()
    assert "HX-Trigger" not in answer


def test_shown_rows_keep_their_places_when_their_states_change(
    signed_in: Client, user: User
) -> None:
    batch = make_batch(user, "PENDING", "FAILED", "PENDING")
    shown = signed_in.get(batch.get_absolute_url()).context["shown"]
    assert shown == "1F-0P-2P"
    address = f"{batch.get_absolute_url()}?rows={shown}"
    assert signed_in.get(address, headers=HTMX).status_code == 204
    finish(batch.jobs.get(batch_index=2), "FAILED")
    answer = signed_in.get(address, headers=HTMX)
    assert rows(answer) == [1, 0, 2]
    assert "batch-changed" in answer.content.decode()


def test_rows_that_are_all_done_wait_for_nothing(signed_in: Client, user: User) -> None:
    batch = make_batch(user, "SUCCEEDED", "SUCCEEDED")
    assert "batch-changed" not in signed_in.get(batch.get_absolute_url()).content.decode()


@pytest.mark.parametrize("shown", ["x", "1", "999999999P", "-".join(["5P"] * 400), "٣P"])
def test_rows_that_are_none_of_the_batch_are_left_out(
    signed_in: Client, user: User, shown: str
) -> None:
    batch = make_batch(user, "PENDING")
    answer = signed_in.get(batch.get_absolute_url(), {"rows": shown}, headers=HTMX)
    assert answer.status_code == 204


def test_a_row_links_to_what_its_job_made_if_that_may_be_read(
    signed_in: Client, user: User, make_user: MakeUser, make_item: Callable[..., Item]
) -> None:
    item = make_item(user, display_name="Run <1>")
    batch = make_batch(user, "SUCCEEDED", "SUCCEEDED", sub_type="MODEL_RUN_PROV_LODGE")
    for index, handle in enumerate((item.handle, "10378.1/0")):
        batch.jobs.filter(batch_index=index).update(result={"record": {"id": handle}})
    page = signed_in.get(batch.get_absolute_url()).content.decode()
    assert f'<a href="{item.get_absolute_url()}">Run &lt;1&gt;</a>' in page
    assert "An item that you may not read" in page
    assert "10378.1/0" not in page


def test_links_that_are_offered_for_a_kind_are_shown(
    signed_in: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def links(user: User, batch: Batch) -> list[Link]:
        return [Link("Download CSV", f"/runs/{batch.pk}.csv")]

    offered = {"MODEL_RUN_PROV_LODGE": links}
    monkeypatch.setattr(definitions._registry, "batch_links", offered)
    batch = make_batch(user, "PENDING", sub_type="MODEL_RUN_PROV_LODGE")
    page = signed_in.get(batch.get_absolute_url()).content.decode()
    assert f'href="/runs/{batch.pk}.csv">Download CSV</a>' in page
    other = make_batch(user, "PENDING")
    assert "Download CSV" not in signed_in.get(other.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("act", "question", "done", "after"),
    [
        ("retry", "Retry 2 failed jobs?", "2 jobs put back into the queue.", "PENDING"),
        ("cancel", "Cancel 2 waiting jobs?", "2 jobs cancelled.", "FAILED"),
    ],
)
def test_all_are_retried_or_cancelled_after_a_question(
    signed_in: Client, user: User, act: str, question: str, done: str, after: str
) -> None:
    batch = make_batch(user, *MIXED)
    address = f"{batch.get_absolute_url()}{act}/"
    assert question in signed_in.get(address).content.decode()
    assert statuses() == MIXED
    page = signed_in.post(address, follow=True).content.decode()
    assert done in page
    assert set(JobEvent.objects.values_list("job__status", "by")) == {(after, user.pk)}
    assert "any more." in signed_in.get(address, follow=True).content.decode()
    assert "any more." in signed_in.post(address, follow=True).content.decode()
    assert JobEvent.objects.count() == 2


def test_a_retry_that_cannot_help_is_not_what_the_page_asks_for(
    signed_in: Client, user: User
) -> None:
    """As on the page of a job: by the event, or, of old ones, by attempts that were left."""
    batch = make_batch(user, "FAILED", "FAILED", "SUCCEEDED", attempt=3)
    first, second = batch.jobs.failed().order_by("batch_index")

    def is_asked_for() -> bool:
        page = signed_in.get(batch.get_absolute_url()).content.decode()
        question = signed_in.get(f"{batch.get_absolute_url()}retry/").content.decode()
        is_main = 'class="btn main" id="retry-failed"' in page
        assert is_main != ("they would fail again" in question)
        return is_main

    assert is_asked_for()
    event = {"kind": "ATTEMPT_FAILED", "message": "x", "is_permanent": True}
    JobEvent.objects.create(job=first, attempt=3, **event)
    JobEvent.objects.create(job=second, attempt=2, **event)  # and since it was lost, say
    assert is_asked_for()
    Job.objects.filter(pk=second.pk).update(attempt=1)
    assert not is_asked_for()


def test_what_was_cancelled_is_shown_filtered_and_retried_apart(
    signed_in: Client, user: User
) -> None:
    batch = make_batch(user, *MIXED)
    shown = signed_in.get(batch.get_absolute_url()).context["shown"]
    batches.cancel_waiting(batch, by=user)
    answer = signed_in.get(batch.get_absolute_url())
    page = answer.content.decode()
    for text in ("6 of 7 done, 2 failed, 2 cancelled", "Retry 2 failed", "Retry 2 cancelled"):
        assert text in page
    assert rows(answer) == [1, 5, 0, 2, 3, 4, 6]
    assert rows(signed_in.get(f"{batch.get_absolute_url()}?status=CANCELLED")) == [3, 4]
    assert rows(signed_in.get(f"{batch.get_absolute_url()}?status=FAILED")) == [1, 5]
    news = signed_in.get(f"{batch.get_absolute_url()}?rows={shown}", headers=HTMX)
    assert 'class="state CANCELLED"' in news.content.decode()
    assert "2 failed, 2 cancelled" in signed_in.get("/jobs/").content.decode()
    address = f"{batch.get_absolute_url()}retry-cancelled/"
    assert "Retry 2 cancelled jobs?" in signed_in.get(address).content.decode()
    assert (
        "2 jobs put back into the queue." in signed_in.post(address, follow=True).content.decode()
    )
    assert statuses() == [*MIXED[:4], "PENDING", *MIXED[5:]]


@pytest.mark.parametrize("act", ["retry", "retry-cancelled", "cancel"])
def test_a_strangers_batch_does_not_exist(signed_in: Client, make_user: MakeUser, act: str) -> None:
    batch = make_batch(make_user("ben"), "FAILED", "PENDING")
    for query in ("", "?rows=0F", "?seen=x", "?after=0.0"):
        address = f"{batch.get_absolute_url()}{query}"
        assert signed_in.get(address).status_code == 404
        assert signed_in.get(address, headers=HTMX).status_code == 404
    for answer in (
        signed_in.get(f"{batch.get_absolute_url()}{act}/"),
        signed_in.post(f"{batch.get_absolute_url()}{act}/"),
    ):
        assert answer.status_code == 404
    assert statuses() == ["FAILED", "PENDING"]


def test_an_administrator_retries_for_somebody_else(
    client: Client, user: User, admin_user: User
) -> None:
    batch = make_batch(user, "FAILED")
    client.force_login(admin_user)
    client.post(f"{batch.get_absolute_url()}retry/")
    assert JobEvent.objects.get().by == admin_user
    assert Job.objects.get().owner == user


@pytest.mark.parametrize("number", [1, 50])
def test_the_page_costs_the_same_at_any_length(
    signed_in: Client,
    user: User,
    make_item: Callable[..., Item],
    django_assert_num_queries: DjangoAssertNumQueries,
    number: int,
) -> None:
    item = make_item(user)
    result = {"record": {"id": item.handle}}
    batch = make_batch(user, *["SUCCEEDED"] * number, "PENDING", sub_type="MODEL_RUN_PROV_LODGE")
    batch.jobs.filter(status="SUCCEEDED").update(result=result)
    # session, user, batch, the kind of its jobs, counts, how fast it is, clusters alive, pauses,
    # failed rows, other rows, what they made
    with django_assert_num_queries(11):
        signed_in.get(batch.get_absolute_url())


def test_looking_again_costs_few_queries(
    signed_in: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    batch = make_batch(user, *["PENDING"] * 30)
    poll = signed_in.get(batch.get_absolute_url()).context["poll"]
    # session, user, batch, the kind of its jobs, counts, how fast it is, clusters alive, pauses
    with django_assert_num_queries(8):
        signed_in.get(f"{batch.get_absolute_url()}{poll}", headers=HTMX)


def test_the_job_list_tells_how_far_a_batch_is(signed_in: Client, user: User) -> None:
    batch = make_batch(user, *MIXED)
    page = signed_in.get("/jobs/").content.decode()
    assert "Runs · 4 of 7 done, 2 failed" in page
    assert page.count('<tr id="job-') == 1
    batches.retry_failed(batch, by=user)
    assert "Runs · 2 of 7 done" in signed_in.get("/jobs/").content.decode()


def test_the_job_list_tells_how_long_a_batch_took_when_it_has_ended(
    signed_in: Client, user: User
) -> None:
    batch = after_a_day(user)
    Batch.objects.update(total=200_000)  # however many jobs it has
    [row] = signed_in.get("/jobs/").context["rows"]
    assert row.took == progress.of_batch(batch).took == timedelta(minutes=1)
    batches.retry_failed(batch, by=user)
    [row] = signed_in.get("/jobs/").context["rows"]
    assert row.took is None
