"""Retrying and cancelling all jobs that a filter finds."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs import bulk, deeds, lifecycle, search, worker
from jobs.definitions import PermanentError
from jobs.filters import JobFilter
from jobs.lifecycle import NotPossible
from jobs.models import Job, JobEvent, Status
from jobs.worker import Run
from tests.conftest import drain
from tests.jobs.test_lifecycle import Count, kind, nothing, submit
from tests.jobs.test_pages import make_job

pytestmark = pytest.mark.django_db


class Moody:
    """A handler that fails while it is in a bad mood."""

    fails = False

    def __call__(self, run: Run, payload: Count) -> None:
        if self.fails:
            raise PermanentError("It was to fail.")

    def failed(self, owner: User, count: int) -> list[Job]:
        """That many jobs that have failed."""
        jobs = [submit(owner) for _ in range(count)]
        self.fails = True
        drain()
        self.fails = False
        return jobs


@pytest.fixture
def moody() -> Iterator[Moody]:
    handler = Moody()
    with kind(handler):
        yield handler


@pytest.fixture
def other(make_user: Callable[..., User]) -> User:
    return make_user("ben")


def states(jobs: list[Job]) -> list[str]:
    found = dict(Job.objects.values_list("pk", "status"))
    return [found[job.pk] for job in jobs]


def test_all_failed_jobs_that_match_are_retried_and_no_others(
    user: User, other: User, moody: Moody
) -> None:
    mine, theirs = moody.failed(user, 3), moody.failed(other, 2)
    spared = submit(user)
    launch = bulk.submit(deeds.RETRY, JobFilter(), by=user)
    drain()
    launch.refresh_from_db()
    assert (launch.status, launch.result) == (Status.SUCCEEDED, {"changed": 3})
    assert (launch.done, launch.total) == (3, 3)
    assert states(mine) == [Status.SUCCEEDED] * 3
    assert states(theirs) == [Status.FAILED] * 2
    assert not spared.events.exists()
    told = JobEvent.objects.filter(kind=JobEvent.Kind.RETRIED)
    assert list(told.values_list("by", flat=True)) == [user.pk] * 3


def test_what_fails_again_is_not_retried_for_ever(
    user: User, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 2)
    jobs = moody.failed(user, 5)
    launch = bulk.submit(deeds.RETRY, JobFilter(), by=user)
    moody.fails = True
    drain()
    launch.refresh_from_db()
    assert launch.result == {"changed": 5}
    assert states(jobs) == [Status.FAILED] * 5
    assert JobEvent.objects.filter(kind=JobEvent.Kind.RETRIED).count() == 5


def test_a_cancel_comes_before_the_jobs_that_it_cancels(user: User) -> None:
    with kind(nothing):
        jobs = [submit(user) for _ in range(3)]
        launch = bulk.submit(deeds.CANCEL, JobFilter(), by=user)
        [(first, _, _)] = lifecycle.claim("provena", 1)
        assert first == launch.pk
        worker.execute(first, 0, 60)
    assert states(jobs) == [Status.FAILED] * 3
    assert {job.cancelled_by for job in Job.objects.filter(pk__in=[one.pk for one in jobs])} == {
        user
    }
    launch.refresh_from_db()
    assert launch.result == {"changed": 3}


def test_the_filter_narrows_what_is_cancelled(user: User) -> None:
    with kind(nothing), kind(nothing, sub_type="OTHER_TEST"):
        kept, ended = submit(user), submit(user, sub_type="OTHER_TEST")
        bulk.submit(deeds.CANCEL, JobFilter(sub_type="OTHER_TEST"), by=user)
        drain()
    assert states([kept, ended]) == [Status.SUCCEEDED, Status.FAILED]


def test_jobs_of_batches_are_found_one_by_one(user: User) -> None:
    with kind(nothing):
        batch = lifecycle.submit_batch(
            sub_type="TEST", payloads=[Count(number=n) for n in range(4)], owner=user, title="Four"
        )
        bulk.submit(deeds.CANCEL, JobFilter(), by=user)
        drain()
    assert set(batch.jobs.values_list("status", flat=True)) == {Status.FAILED}


def test_jobs_that_come_later_are_not_meant(user: User) -> None:
    with kind(nothing):
        bulk.submit(deeds.CANCEL, JobFilter(), by=user)
        later = submit(user)
        drain()
    assert states([later]) == [Status.SUCCEEDED]


def test_one_that_is_begun_anew_goes_on_and_tells_the_whole_number(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 2)
    with kind(nothing):
        jobs = [submit(user) for _ in range(5)]
        launch = bulk.submit(deeds.CANCEL, JobFilter(), by=user)
        keys = search.keys

        def broken(*found: Any, **how: Any) -> Any:
            yield next(keys(*found, **how))
            raise RuntimeError("The worker has a bad day.")

        with monkeypatch.context() as bad:
            bad.setattr(search, "keys", broken)
            [(pk, attempt, _)] = lifecycle.claim("provena", 1)
            worker.execute(pk, attempt, 60)
        launch.refresh_from_db()
        assert (launch.status, launch.done, launch.total) == (Status.PENDING, 2, 5)
        Job.objects.filter(pk=launch.pk).update(run_after=timezone.now() - timedelta(hours=1))
        [(pk, attempt, _)] = lifecycle.claim("provena", 1)
        worker.execute(pk, attempt, 60)
    launch.refresh_from_db()
    assert (launch.status, launch.result) == (Status.SUCCEEDED, {"changed": 5})
    assert states(jobs) == [Status.FAILED] * 5


def test_states_that_do_not_fit_are_refused_at_once(user: User) -> None:
    with pytest.raises(NotPossible, match="No job that matches is failed"):
        bulk.submit(deeds.RETRY, JobFilter(status=("SUCCEEDED",)), by=user)
    assert not Job.objects.filter(type=bulk.TYPE).exists()


def test_the_page_asks_with_the_number_and_the_filter(
    signed_in: Client, user: User, moody: Moody
) -> None:
    moody.failed(user, 2)
    address = reverse("jobs-retry") + "?status=FAILED&sub_type=TEST"
    text = signed_in.get(address).content.decode()
    assert "Retry 2 failed jobs?" in text
    assert "Job: Test" in text
    assert not Job.objects.filter(type=bulk.TYPE).exists()
    answer = signed_in.post(address)
    launch = Job.objects.get(type=bulk.TYPE)
    assert answer["Location"] == launch.get_absolute_url()
    page = signed_in.get(launch.get_absolute_url()).content.decode()
    assert "Retry Matching Jobs: Status FAILED, Job Test" in page


def test_what_is_offered_is_called_by_the_jobs_that_are_chosen(
    signed_in: Client, user: User
) -> None:
    with kind(nothing):
        lifecycle.cancel(submit(user), by=user)

        def words(query: str) -> tuple[str, str]:
            listed = signed_in.get(f"/jobs/?{query}").context["deeds"]
            asked = signed_in.get(f"/jobs/retry/?{query}")
            return " ".join(offer["deed"].which for offer in listed), asked.context["question"]

        assert words("status=CANCELLED") == ("cancelled", "Retry 1 cancelled job?")
        both = "status=CANCELLED&status=FAILED"
        assert words(both) == ("failed", "Retry 1 failed job?")


def test_the_page_of_the_job_says_what_has_become_of_those_that_it_put_back(
    signed_in: Client, user: User, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = moody.failed(user, 3)
    others = [submit(user) for _ in range(2)]  # which were in the queue anyway
    launch = bulk.submit(deeds.RETRY, JobFilter(status=("FAILED",), sub_type="TEST"), by=user)
    submit(user)

    def page(text: str) -> Any:
        answer = signed_in.get(launch.get_absolute_url())
        assert text in answer.content.decode()
        return answer

    def work(number: int) -> None:
        for pk, attempt, _ in lifecycle.claim("provena", number):
            worker.execute(pk, attempt, 60)

    assert bulk.told(launch) == ""
    Job.objects.filter(pk=launch.pk).update(done=0, total=3)
    page("0 of 3 put back into the queue")
    work(1)
    answer = page("3 jobs put back into the queue; ended since: 0.")
    assert "3 of 3" not in answer.content.decode(), "said already"
    work(4)  # of which one was put back, behind the others
    page("3 jobs put back into the queue; ended since: 1.")
    monkeypatch.setattr(bulk, "MOST_LOOKED_AT", 1)
    page("3 jobs put back into the queue; not ended yet: at least 1.")
    drain()
    answer = page("3 jobs put back into the queue; all have ended since.")
    [link] = answer.context["details"].links
    found = [row.job for row in signed_in.get(link.url).context["rows"]]
    assert found == [*others[::-1], *jobs[::-1]]


def test_the_jobs_of_the_one_who_asked_are_found_by_whoever_reads_it(
    client: Client, user: User, other: User, make_user: Callable[..., User]
) -> None:
    with kind(nothing):
        mine, _ = submit(user), submit(other)
        launch = bulk.submit(deeds.CANCEL, JobFilter(sub_type="TEST"), by=user)
        drain()
        of_none = bulk.submit(deeds.RETRY, JobFilter(sub_type="TEST"), by=user)
        drain()
        client.force_login(make_user("admin", is_staff=True, is_superuser=True))
        answer = client.get(launch.get_absolute_url())
        assert "1 job cancelled." in answer.content.decode()
        [link] = answer.context["details"].links
        assert [row.job for row in client.get(link.url).context["rows"]] == [mine]
    page = client.get(of_none.get_absolute_url()).content.decode()
    assert "No job that matches was failed any more." in page
    answer = client.get(launch.get_absolute_url())  # of a kind that is gone
    assert "1 job cancelled." in answer.content.decode()
    assert answer.context["details"].links == []


def test_the_page_groups_the_jobs_by_cause(
    signed_in: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(number: int, info: str) -> None:
        for _ in range(number):
            make_job(user, status=Status.FAILED, info=info)

    fail(2, "The disk is full.\nAnd more of that.")
    fail(1, "Dataset 10378.1/7 is not there.")
    fail(3, "Dataset 10378.1/8 is not there.")
    for letter in "abcde":
        fail(1, f"Another reason, {letter}.")
    survey = bulk.survey(deeds.RETRY, JobFilter(), user)
    assert survey.top[:2] == [("Dataset … is not there.", 4), ("The disk is full.", 2)]
    assert (survey.counted, survey.rest, survey.is_more) == (11, 2, False)
    page = signed_in.get(reverse("jobs-retry")).content.decode()
    assert '<strong class="num">4</strong> Dataset … is not there.' in page
    assert '<strong class="num">2</strong> of other causes' in page
    monkeypatch.setattr(bulk, "COUNT_UP_TO", 3)
    page = signed_in.get(reverse("jobs-retry")).content.decode()
    assert "Retry more than 3 failed jobs?" in page
    assert "of the newest 3:" in page
    make_job(user, status=Status.PENDING)
    page = signed_in.get(reverse("jobs-cancel")).content.decode()
    assert '<strong class="num">1</strong> Register Create Activity' in page


def test_what_was_cancelled_is_retried_only_if_the_filter_says_so(user: User, moody: Moody) -> None:
    [failed], cancelled = moody.failed(user, 1), submit(user)
    lifecycle.cancel(cancelled, by=user)
    bulk.submit(deeds.RETRY, JobFilter(), by=user)
    drain()
    assert states([failed, cancelled]) == [Status.SUCCEEDED, Status.FAILED]
    bulk.submit(deeds.RETRY, JobFilter(status=("CANCELLED",)), by=user)
    drain()
    assert states([cancelled]) == [Status.SUCCEEDED]


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("FAILED", ["retry"]),
        ("PENDING", ["cancel"]),
        ("DEQUEUED", ["cancel"]),
        ("IN_PROGRESS", []),
        ("SUCCEEDED", []),
    ],
)
def test_only_what_can_be_done_is_offered(
    signed_in: Client, user: User, state: str, offered: list[str]
) -> None:
    make_job(user, status=state, info="x")
    for _ in range(30):
        make_job(user)  # so that it is on no first page
    answer = signed_in.get("/jobs/")
    assert [offer["deed"].name for offer in answer.context["deeds"]] == offered
    assert signed_in.get("/jobs/?status=SUCCEEDED").context["deeds"] == []
    answer = signed_in.get(f"/jobs/?status={state}&text=x")
    assert [offer["deed"].name for offer in answer.context["deeds"]] == offered


@pytest.mark.parametrize("query", ["?status=BROKEN", "?when=tomorrow", "?since=soon"])
def test_an_address_that_makes_no_sense_does_nothing(
    signed_in: Client, user: User, moody: Moody, query: str
) -> None:
    moody.failed(user, 1)
    text = signed_in.post(reverse("jobs-retry") + query, follow=True).content.decode()
    assert "Choose one of" in text or "is no time" in text
    assert not Job.objects.filter(type=bulk.TYPE).exists()


def test_who_sees_all_jobs_retries_those_of_others_and_nobody_else_does(
    user: User, other: User, moody: Moody, make_user: Callable[..., User]
) -> None:
    jobs = moody.failed(other, 2)
    bulk.submit(deeds.RETRY, JobFilter(), by=user)
    drain()
    assert states(jobs) == [Status.FAILED] * 2
    admin = make_user("admin", is_staff=True, is_superuser=True)
    bulk.submit(deeds.RETRY, JobFilter(user=other.get_username()), by=admin)
    drain()
    assert states(jobs) == [Status.SUCCEEDED] * 2
