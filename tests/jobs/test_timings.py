"""How long the last jobs took: figures of jobs whose times are known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs import lifecycle, timings
from jobs.models import Job, Status
from jobs.timings import Spread
from tests.conftest import drain
from tests.jobs.test_pages import make_job

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LODGE = "LODGE_CREATE_ACTIVITY"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def finished(user: User, *, waited: float, ran: float, **fields: Any) -> Job:
    """A job that waited and ran for so many seconds."""
    return make_job(
        user,
        created_at=NOON,
        run_after=NOON,
        started_at=NOON + seconds(waited),
        finished_at=NOON + seconds(waited + ran),
        **fields,
    )


def test_half_and_95_in_100_are_told_for_each_kind_and_for_all(user: User) -> None:
    for number in range(1, 21):
        finished(user, waited=number, ran=number * 10)
    finished(user, waited=100, ran=5, sub_type=LODGE)
    told = timings.look()
    often, seldom = told.kinds
    assert (often.sub_type, often.succeeded) == ("REGISTER_CREATE_ACTIVITY", 20)
    assert often.waited == Spread(seconds(10.5), seconds(19))
    assert often.ran == Spread(seconds(105), seconds(190))
    assert seldom.title == "Lodge Create Activity Provenance"
    assert seldom.waited == Spread(seconds(100), seconds(100))
    assert told.together.succeeded == 21
    assert told.together.waited == Spread(seconds(11), seconds(20))


def test_a_retried_job_counts_from_when_its_last_attempt_was_due(user: User) -> None:
    job = make_job(user, sub_type="UNKNOWN", status=Status.FAILED, info="No", attempt=1)
    days_ago = job.created_at - timedelta(days=3)
    Job.objects.filter(pk=job.pk).update(
        created_at=days_ago, run_after=days_ago, started_at=days_ago
    )
    lifecycle.retry(job, by=user)
    [(pk, attempt, _)] = lifecycle.claim("provena", 8)
    started = lifecycle.start(pk, attempt, 60)
    Job.objects.filter(pk=pk).update(sub_type=LODGE)
    started.sub_type = LODGE
    lifecycle.succeed(started, None)
    together = timings.look().together
    assert together.waited.median < timedelta(minutes=1)
    assert together.ran.median < timedelta(minutes=1)


def test_what_did_not_succeed_is_counted_and_not_measured(user: User) -> None:
    finished(user, waited=1, ran=2)
    finished(user, waited=900, ran=900, status=Status.FAILED, info="No")
    never = make_job(user, status=Status.PENDING)
    lifecycle.cancel(never, by=user)
    together = timings.look().together
    assert (together.succeeded, together.failed) == (1, 2)
    assert together.waited == Spread(seconds(1), seconds(1))
    assert together.ran == Spread(seconds(2), seconds(2))


def test_only_the_last_jobs_are_looked_at_in_one_query(
    user: User,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(timings, "SAMPLE", 3)
    finished(user, waited=0, ran=1, sub_type=LODGE)
    for _ in range(3):
        finished(user, waited=0, ran=2)
    with django_assert_num_queries(1):
        told = timings.look()
    assert told.together.succeeded == 3
    assert [kind.sub_type for kind in told.kinds] == ["REGISTER_CREATE_ACTIVITY"]
    assert told.since == told.until == NOON + seconds(2)


def test_the_page_is_honest_when_there_is_nothing_to_measure(signed_in: Client, user: User) -> None:
    def page() -> str:
        return signed_in.get("/help/jobs/waiting/").content.decode()

    assert timings.look() is None
    assert "No job has finished here yet" in page()
    never = make_job(user, status=Status.PENDING)
    lifecycle.cancel(never, by=user)
    told = page()
    assert "The last job that finished" in told
    assert "—" in told


def test_the_page_shows_the_figures(signed_in: Client, user: User) -> None:
    finished(user, waited=61, ran=0.25)
    page = signed_in.get("/help/jobs/waiting/").content.decode()
    assert "1 min 1 s" in page
    assert "250 ms" in page
    assert "Register Create Activity" in page


def test_jobs_that_were_really_done_are_measured(user: User, make_item: Any) -> None:
    make_item(user)
    assert drain() == 2
    together = timings.look().together
    assert together.succeeded == 2
    assert timedelta(0) <= together.waited.median < timedelta(minutes=1)
    assert timedelta(0) < together.ran.p95 < timedelta(minutes=1)
