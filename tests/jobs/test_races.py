"""Two at once, each with a connection of its own. Barriers and open transactions force the race."""

import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone
from django_q.exceptions import TimeoutException
from django_q.timeout import TimeoutHandler

from jobs import lifecycle, worker
from jobs.lifecycle import Fenced, NotPossible
from jobs.models import Job, JobEvent, Status
from jobs.worker import Run
from tests.conftest import statuses
from tests.jobs.test_lifecycle import Count, claimed, kind, nothing, submit
from tests.stack import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 6


def with_connection(work: Callable[..., Any], *arguments: Any) -> Any:
    """Do it, and close this thread's connection."""
    try:
        return work(*arguments)
    finally:
        connection.close()


def all_at_once(work: Callable[[], Any], times: int = CROWD) -> list[Any]:
    """What each of some threads gets that do the same at the same moment."""
    barrier = threading.Barrier(times)

    def meet_and_do() -> Any:
        connection.ensure_connection()
        barrier.wait(PATIENCE)
        return work()

    with ThreadPoolExecutor(times) as pool:
        doing = [pool.submit(with_connection, meet_and_do) for _ in range(times)]
        return [future.result(PATIENCE) for future in doing]


class HeldFinish:
    """A worker that has finished its job, in a transaction that is still open."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._finished, self._may_commit = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self._future: Future[None] = self._pool.submit(with_connection, self._finish)
        assert self._finished.wait(PATIENCE)

    def _finish(self) -> None:
        with transaction.atomic():
            lifecycle.succeed(self._job, None)
            self._finished.set()
            assert self._may_commit.wait(PATIENCE)

    def commit(self) -> None:
        self._may_commit.set()
        self._future.result(PATIENCE)
        self._pool.shutdown()


@pytest.fixture
def running(user: User) -> Any:
    """A job in progress."""
    with kind(nothing):
        held = lifecycle.start(*claimed(submit(user)), 60)
        yield held


def test_brokers_that_claim_at_once_share_the_jobs(user: User) -> None:
    with kind(nothing):
        jobs = {submit(user).pk for _ in range(60)}
    taken: list[list[int]] = []
    while len(jobs) > sum(map(len, taken)):
        taken += [
            [row[0] for row in rows] for rows in all_at_once(lambda: lifecycle.claim("provena", 7))
        ]
    flat = [job for rows in taken for job in rows]
    assert sorted(flat) == sorted(jobs)
    assert max(map(len, taken)) == 7


def test_of_two_deliveries_one_starts(user: User) -> None:
    with kind(nothing):
        job_id, attempt = claimed(submit(user))
    started = all_at_once(lambda: lifecycle.start(job_id, attempt, 60))
    assert len([job for job in started if job]) == 1
    assert Job.objects.get().attempt == 1


def test_of_two_finishes_one_counts(running: Job) -> None:
    def finish() -> bool:
        try:
            with transaction.atomic():
                lifecycle.succeed(running, None)
        except Fenced:
            return False
        return True

    assert sum(all_at_once(finish)) == 1
    assert statuses() == [Status.SUCCEEDED]


def test_of_two_cancels_one_counts(user: User, running: Job) -> None:
    def cancel() -> bool:
        try:
            lifecycle.cancel(running, by=user)
        except NotPossible:
            return False
        return True

    assert sum(all_at_once(cancel)) == 1
    assert JobEvent.objects.count() == 1


def test_sweeps_at_once_give_each_job_back_once(user: User) -> None:
    with kind(nothing):
        for _ in range(30):
            lifecycle.start(*claimed(submit(user)), 60)
    Job.objects.update(lease_until=timezone.now() - timedelta(hours=1))
    given = all_at_once(lifecycle.sweep)
    given += [lifecycle.sweep()]
    assert sum(given) == 30
    assert JobEvent.objects.count() == 30
    assert set(Job.objects.values_list("status", "attempt")) == {(Status.PENDING, 1)}


def test_a_sweep_leaves_alone_what_is_about_to_commit(running: Job) -> None:
    Job.objects.update(lease_until=timezone.now() - timedelta(hours=1))
    finish = HeldFinish(running)
    with ThreadPoolExecutor(1) as pool:
        sweeping = pool.submit(with_connection, lifecycle.sweep)
        if connection.vendor == "postgresql":  # where it does not even wait
            assert sweeping.result(PATIENCE) == 0
        finish.commit()
        assert sweeping.result(PATIENCE) == 0
    assert statuses() == [Status.SUCCEEDED]


def test_a_cancel_that_comes_while_the_finish_commits_is_too_late(user: User, running: Job) -> None:
    finish = HeldFinish(running)
    with ThreadPoolExecutor(1) as pool:
        cancelling = pool.submit(with_connection, lambda: lifecycle.cancel(running, by=user))
        finish.commit()
        with pytest.raises(NotPossible, match="SUCCEEDED"):
            cancelling.result(PATIENCE)
    assert statuses() == [Status.SUCCEEDED]
    assert not JobEvent.objects.exists()


def test_a_retry_and_its_twin_put_the_job_back_once(user: User, running: Job) -> None:
    lifecycle.cancel(running, by=user)

    def retry() -> bool:
        try:
            lifecycle.retry(running, by=user)
        except NotPossible:
            return False
        return True

    assert sum(all_at_once(retry)) == 1
    assert statuses() == [Status.PENDING]


def test_an_alarm_that_strikes_inside_begin_leaves_no_transaction_open(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite another writer holds the lock, so that the alarm comes while the transaction of the
    handler is about to begin; on PostgreSQL, where nothing waits there, it comes in the handler."""
    whole_start = lifecycle.start
    locked = threading.Event()

    def hold_the_lock() -> None:
        with transaction.atomic():
            Job.objects.update(subject="held")
            locked.set()
            wait_until(lambda: signal.getitimer(signal.ITIMER_REAL)[0] == 0, "the alarm strikes")

    def start_and_lose_the_lock(*arguments: Any) -> Job | None:
        job = whole_start(*arguments)
        if connection.vendor == "sqlite":
            pool.submit(with_connection, hold_the_lock)
            assert locked.wait(PATIENCE)
        return job

    def work(run: Run, payload: Count) -> None:
        signal.pause()

    monkeypatch.setattr(lifecycle, "start", start_and_lose_the_lock)
    with kind(work), ThreadPoolExecutor(1) as pool:
        job_id, attempt = claimed(submit(user))
        with pytest.raises(TimeoutException), TimeoutHandler(1):
            worker.execute(job_id, attempt, 1)
    job = Job.objects.get()
    assert (job.status, job.attempt) == (Status.PENDING, 1)
    assert "longer than 1 s" in job.events.get().message
    assert all_at_once(lambda: Job.objects.update(subject="free"), 2) == [1, 1]
