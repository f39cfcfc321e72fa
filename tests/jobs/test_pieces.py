"""Jobs that commit in pieces: how far they are, and what stays when they end early."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from jobs import lifecycle, worker
from jobs.definitions import PermanentError
from jobs.models import Job, Status, Workflow
from jobs.worker import PIECE, Run
from tests.conftest import drain
from tests.jobs.test_lifecycle import Count, claimed, kind, submit

pytestmark = pytest.mark.django_db


def leave(run: Run, number: int) -> None:
    """An effect of a piece."""
    Workflow.objects.create(kind="TEST", subject=str(number), owner=run.owner)


def effects() -> list[str]:
    return sorted(Workflow.objects.values_list("subject", flat=True))


def test_each_piece_commits_with_how_far_the_job_is(user: User) -> None:
    seen = []

    def handler(run: Run, payload: Count) -> None:
        for number in (1, 2):
            with run.piece(number * 10, of=20):
                leave(run, number)
            job = Job.objects.get(pk=run.job.pk)
            assert job.lease_until is not None
            left = job.lease_until - timezone.now()
            seen.append((job.done, job.total, job.status, left < timedelta(seconds=PIECE + 20)))

    with kind(handler, in_pieces=True, timeout=3600):
        job = submit(user)
        drain()
    assert seen == [(10, 20, "IN_PROGRESS", True), (20, 20, "IN_PROGRESS", True)]
    job.refresh_from_db()
    assert (job.status, job.result, job.done, job.total) == (Status.SUCCEEDED, {}, 20, 20)
    assert effects() == ["1", "2"]


def test_before_its_first_piece_it_has_the_lease_of_one(user: User) -> None:
    def handler(run: Run, payload: Count) -> None:
        job = Job.objects.get(pk=run.job.pk)
        assert job.lease_until is not None
        assert job.lease_until < timezone.now() + timedelta(seconds=PIECE + 20)

    with kind(handler, in_pieces=True, timeout=3600):
        job = submit(user)
        drain()
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED


def test_one_that_is_cancelled_ends_at_its_next_piece_and_keeps_what_it_did(user: User) -> None:
    reached = []

    def handler(run: Run, payload: Count) -> None:
        with run.piece(1, of=3):
            leave(run, 1)
        lifecycle.cancel(Job.objects.get(pk=run.job.pk), by=user)
        with run.piece(2, of=3):
            leave(run, 2)
        reached.append("the third")

    with kind(handler, in_pieces=True):
        job = submit(user)
        drain()
    job.refresh_from_db()
    assert (job.status, job.done, job.total) == (Status.FAILED, 1, 3)
    assert job.info == "Cancelled by ana. What it had done by then stays."
    assert effects() == ["1"]
    assert not reached


def test_a_later_attempt_goes_on_from_what_is_done(user: User) -> None:
    def handler(run: Run, payload: Count) -> None:
        for number in range(run.job.done or 0, 3):
            with run.piece(number + 1, of=3):
                leave(run, number)
                if number == 2 and run.job.attempt == 1:
                    raise RuntimeError("in the middle of the third")

    with kind(handler, in_pieces=True):
        job = submit(user)
        worker.execute(*claimed(job), 60)
        job.refresh_from_db()
        assert (job.status, job.done, effects()) == (Status.PENDING, 2, ["0", "1"])
        assert "What it had done by then stays." in job.info
        Job.objects.update(run_after=timezone.now())
        drain()
    job.refresh_from_db()
    assert (job.status, job.done) == (Status.SUCCEEDED, 3)
    assert effects() == ["0", "1", "2"]


def test_an_attempt_that_was_given_to_another_worker_commits_no_piece(user: User) -> None:
    def handler(run: Run, payload: Count) -> None:
        with run.piece(1, of=2):
            leave(run, 1)
        if run.job.attempt == 1:
            Job.objects.update(lease_until=timezone.now() - timedelta(hours=1))
            assert lifecycle.sweep() == 1
            drain()  # another worker does it from its beginning
            with run.piece(2, of=2):
                leave(run, 99)

    with kind(handler, in_pieces=True):
        job = submit(user)
        drain()
    job.refresh_from_db()
    assert (job.status, job.attempt) == (Status.SUCCEEDED, 2)
    assert "99" not in effects()
    assert "What it had done by then stays." in job.events.get().message


@pytest.mark.django_db(transaction=True)
def test_nothing_is_locked_between_pieces(user: User) -> None:
    locked = []

    def handler(run: Run, payload: Count) -> None:
        locked.append(connection.in_atomic_block)
        with run.piece(1, of=1):
            locked.append(connection.in_atomic_block)
        locked.append(connection.in_atomic_block)

    with kind(handler, in_pieces=True):
        submit(user)
        drain()
    assert locked == [False, True, False]


def test_a_failed_job_says_what_stays_of_it(user: User) -> None:
    def refuses(run: Run, payload: Count) -> None:
        raise PermanentError("No.")

    for in_pieces, told in ((True, "what it had done by then stays"), (False, "nothing of it")):
        with kind(refuses, in_pieces=in_pieces):
            job = submit(user)
            drain()
            job.refresh_from_db()
            assert job.status == Status.FAILED
            assert told in job.meaning
