"""Leases, sweep and what people do to jobs: who wins, and what is left."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from jobs import lifecycle, worker
from jobs.definitions import PermanentError
from jobs.lifecycle import Fenced, NotPossible
from jobs.models import Job, JobEvent, Status, Workflow
from jobs.worker import Run
from registry.models import Item, Relation
from tests.conftest import drain, statuses
from tests.jobs.test_lifecycle import Count, claimed, kind, nothing, submit

pytestmark = pytest.mark.django_db

LATER = timedelta(hours=1)


def lapse() -> None:
    """All leases pass."""
    Job.objects.exclude(lease_until=None).update(lease_until=timezone.now() - LATER)


def test_a_lease_that_has_not_passed_is_left_alone(user: User) -> None:
    with kind(nothing):
        job_id, attempt = claimed(submit(user))
        assert lifecycle.start(job_id, attempt, 60, "c:1") is not None
        submit(user)
        lifecycle.claim("provena", 1, "c:2")
        assert lifecycle.sweep() == 0
    assert statuses() == [Status.IN_PROGRESS, Status.DEQUEUED]
    assert list(Job.objects.order_by("id").values_list("worker", flat=True)) == ["c:1", "c:2"]


def test_a_dequeued_job_whose_lease_passed_has_lost_nothing(user: User) -> None:
    with kind(nothing):
        job = submit(user)
        claimed(job)
        lapse()
        assert lifecycle.sweep() == 1
        job.refresh_from_db()
        assert (job.status, job.attempt, job.lease_until) == (Status.PENDING, 0, None)
        assert not job.events.exists()
        drain()
    assert statuses() == [Status.SUCCEEDED]


def test_a_running_job_whose_lease_passed_has_lost_an_attempt(user: User) -> None:
    with kind(nothing):
        job = submit(user)
        lifecycle.start(*claimed(job), 60)
        lapse()
        assert lifecycle.sweep() == 1
        job.refresh_from_db()
        assert (job.status, job.attempt) == (Status.PENDING, 1)
        assert job.events.get().kind == JobEvent.Kind.LOST
        drain()
    job.refresh_from_db()
    assert (job.status, job.attempt, job.info) == (Status.SUCCEEDED, 2, "")


def test_a_job_that_ends_its_worker_each_time_is_given_up(user: User) -> None:
    with kind(nothing, max_attempts=3):
        job = submit(user)
        for _ in range(3):
            lifecycle.start(*claimed(job), 60)
            lapse()
            assert lifecycle.sweep() == 1
        assert lifecycle.sweep() == 0
    job.refresh_from_db()
    assert (job.status, job.attempt) == (Status.FAILED, 3)
    assert "given up after 3 attempts" in job.info
    assert job.events.count() == 3


def test_a_zombie_cannot_finish_what_was_given_to_another(user: User) -> None:
    """The first worker was thought dead and comes back after the second has begun."""
    with kind(nothing):
        job = submit(user)
        zombie = lifecycle.start(*claimed(job), 60)
        lapse()
        lifecycle.sweep()
        second = lifecycle.start(*claimed(job), 60)
        assert zombie is not None
        assert second is not None
        with pytest.raises(Fenced):
            lifecycle.succeed(zombie, None)
        lifecycle.fail(zombie, PermanentError("I was first"))
        lifecycle.succeed(second, None)
    job.refresh_from_db()
    assert (job.status, job.attempt, job.info) == (Status.SUCCEEDED, 2, "")


def test_a_sweep_gives_back_a_limited_number_at_once(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "SWEEP_LIMIT", 2)
    with kind(nothing):
        for _ in range(5):
            submit(user)
        lifecycle.claim("provena", 5)
    lapse()
    assert [lifecycle.sweep() for _ in range(4)] == [2, 2, 1, 0]


def test_what_a_dead_process_held_comes_back_at_once_and_nothing_else(user: User) -> None:
    with kind(nothing):
        jobs = [submit(user) for _ in range(4)]
        for holder in ("dead:1", "dead:2", "alive:1", "dead:11"):
            lifecycle.claim("provena", 1, holder)
        assert lifecycle.release("dead:1") == 1
        assert statuses() == [Status.PENDING] + [Status.DEQUEUED] * 3
        assert lifecycle.release("dead") == 2
    assert statuses() == [Status.PENDING, Status.PENDING, Status.DEQUEUED, Status.PENDING]
    assert len(jobs) == 4


@pytest.mark.django_db(transaction=True)
def test_a_handler_can_extend_its_lease(user: User) -> None:
    def work_long(run: Run, payload: Count) -> None:
        run.extend_lease(3600)

    with kind(work_long):
        job = submit(user)
        held = lifecycle.start(*claimed(job), 60)
        assert held is not None
        before = Job.objects.get().lease_until
        Run(held).extend_lease(3600)
        assert Job.objects.get().lease_until - before > timedelta(minutes=55)
        Job.objects.update(attempt=2)
        with pytest.raises(Fenced):
            Run(held).extend_lease(3600)


def test_a_failed_job_is_retried_as_the_same_job(user: User) -> None:
    def fail_three_times(run: Run, payload: Count) -> None:
        if run.job.attempt <= 3:
            raise PermanentError("not yet")

    with kind(fail_three_times, max_attempts=1):
        job = submit(user)
        drain()
        for _ in range(3):
            job.refresh_from_db()
            assert job.status == Status.FAILED
            lifecycle.retry(job, by=user)
            drain()
    job.refresh_from_db()
    assert (job.status, job.attempt, job.info) == (Status.SUCCEEDED, 4, "")
    kinds = list(job.events.values_list("kind", flat=True))
    assert kinds == ["ATTEMPT_FAILED", "RETRIED"] * 3
    assert {event.by for event in job.events.filter(kind="RETRIED")} == {user}


def test_a_retried_step_takes_its_workflow_on(
    user: User, make_item: Callable[..., Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    item = make_item(user)
    first = item.creation_workflow.jobs.get()
    lifecycle.cancel(first, by=user)
    drain()
    assert item.creation_workflow.jobs.count() == 1
    lifecycle.retry(first, by=user)
    drain()
    assert statuses() == [Status.SUCCEEDED, Status.SUCCEEDED]
    assert Relation.objects.count() == 3


@pytest.mark.parametrize("state", ["PENDING", "DEQUEUED", "IN_PROGRESS"])
def test_a_job_can_be_cancelled_in_any_unfinished_state(user: User, state: str) -> None:
    def work(run: Run, payload: Count) -> None:
        Workflow.objects.create(kind="EFFECT", subject="x", owner=run.owner)

    with kind(work):
        job = submit(user)
        message = claimed(job) if state != "PENDING" else (job.pk, 0)
        held = lifecycle.start(*message, 60) if state == "IN_PROGRESS" else None
        assert statuses() == [state]
        lifecycle.cancel(job, by=user)
        if held:
            with pytest.raises(Fenced):
                lifecycle.succeed(held, None)
        else:
            worker.execute(*message, 60)
    job.refresh_from_db()
    assert (job.status, job.cancelled_by, job.result) == (Status.FAILED, user, None)
    assert job.info == "Cancelled by ana. Nothing of it was recorded."
    assert job.events.get().kind == JobEvent.Kind.CANCELLED
    assert not Workflow.objects.exists()


@pytest.mark.parametrize("state", [Status.SUCCEEDED, Status.PENDING])
def test_only_a_failed_job_can_be_retried(user: User, state: str) -> None:
    with kind(nothing):
        job = submit(user)
    if state == Status.SUCCEEDED:
        Job.objects.update(status=state, result={}, finished_at=timezone.now())
    with pytest.raises(NotPossible, match=state):
        lifecycle.retry(job, by=user)
    assert not JobEvent.objects.exists()


@pytest.mark.parametrize("state", [Status.SUCCEEDED, Status.FAILED])
def test_a_finished_job_cannot_be_cancelled(user: User, state: str) -> None:
    with kind(nothing):
        job = submit(user)
    result: dict[str, str] | None = {} if state == Status.SUCCEEDED else None
    Job.objects.update(status=state, result=result, info="x", finished_at=timezone.now())
    with pytest.raises(NotPossible, match=state):
        lifecycle.cancel(job, by=user)
    assert not JobEvent.objects.exists()


def test_strangers_can_neither_retry_nor_cancel(
    user: User, make_user: Callable[..., User], admin_user: User
) -> None:
    stranger = make_user("ben")
    with kind(nothing):
        job = submit(user)
        for act in (lifecycle.retry, lifecycle.cancel):
            with pytest.raises(NotPossible, match="owner"):
                act(job, by=stranger)
        lifecycle.cancel(job, by=admin_user)
        lifecycle.retry(job, by=None)
    assert statuses() == [Status.PENDING]
    assert list(job.events.values_list("by__username", flat=True)) == ["admin", None]
