"""The life of a job, one rule at a time. Races are forced by the order of calls, not by sleeps."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django_q.exceptions import TimeoutException

from jobs import definitions, lifecycle, outcomes, worker
from jobs.definitions import InvalidPayload, Payload, PermanentError, UnknownKind
from jobs.models import Job, JobEvent, Status, Workflow
from jobs.worker import Run
from tests.conftest import drain, statuses

pytestmark = pytest.mark.django_db


class Count(Payload):
    number: int
    word: str = ""


@contextmanager
def kind(handler: Any, sub_type: str = "TEST", **options: Any) -> Iterator[None]:
    """A job kind that exists for one test."""
    declare = definitions.job(
        type="TEST", sub_type=sub_type, title="Test", payload=Count, **options
    )
    declare(handler)
    try:
        yield
    finally:
        del definitions._registry.jobs[sub_type]


def submit(owner: User, **fields: Any) -> Job:
    return lifecycle.submit(
        sub_type=fields.pop("sub_type", "TEST"),
        payload=fields.pop("payload", {"number": 1}),
        owner=owner,
        **fields,
    )


def claimed(job: Job) -> tuple[int, int]:
    """Take that job off the queue."""
    found = {job_id: attempt for job_id, attempt, _ in lifecycle.claim("provena", 100)}
    return job.pk, found[job.pk]


def nothing(run: Run, payload: Count) -> None:
    """A handler that has nothing to do."""


def test_a_job_runs_and_succeeds_with_an_empty_result(user: User) -> None:
    with kind(nothing):
        job = submit(user)
        assert drain() == 1
    job.refresh_from_db()
    assert (job.status, job.result, job.attempt, job.info) == (Status.SUCCEEDED, {}, 1, "")
    assert job.created_at <= job.dequeued_at <= job.started_at <= job.finished_at
    assert job.lease_until is None
    assert not job.events.exists()


@pytest.mark.django_db(transaction=True)
def test_a_handler_that_asks_the_database_nothing_succeeds(user: User) -> None:
    with kind(nothing):
        submit(user)
        drain()
    assert statuses() == [Status.SUCCEEDED]


def test_the_handler_gets_its_payload_and_owner(user: User) -> None:
    seen = []

    def look(run: Run, payload: Count) -> Count:
        seen.append((run.owner, payload))
        return Count(number=payload.number + 1)

    with kind(look, result=Count):
        job = submit(user, payload={"number": 7, "word": "reef"})
        drain()
    job.refresh_from_db()
    assert seen == [(user, Count(number=7, word="reef"))]
    assert job.result == {"number": 8, "word": ""}


def test_a_payload_that_does_not_fit_is_refused_with_every_fault(user: User) -> None:
    with kind(nothing), pytest.raises(InvalidPayload) as refused:
        submit(user, payload={"number": "many", "colour": "red"})
    assert len(refused.value.faults) == 2
    assert "number" in refused.value.faults[0]
    assert "colour" in refused.value.faults[1]
    assert not Job.objects.exists()


def test_an_unknown_kind_cannot_be_submitted(user: User) -> None:
    with pytest.raises(UnknownKind, match="NO_SUCH"):
        submit(user, sub_type="NO_SUCH")


def test_a_job_whose_kind_is_gone_fails_with_that_reason(user: User) -> None:
    with kind(nothing):
        job = submit(user)
    drain()
    job.refresh_from_db()
    assert job.status == Status.FAILED
    assert "This site cannot do “Test”" in job.info
    assert "No job kind TEST is declared. There are: " in job.traceback


def test_jobs_are_claimed_oldest_first_and_once(user: User) -> None:
    with kind(nothing):
        jobs = [submit(user) for _ in range(5)]
        first = lifecycle.claim("provena", 3)
        second = lifecycle.claim("provena", 3)
        third = lifecycle.claim("provena", 3)
    assert [row[0] for row in first] == [job.pk for job in jobs[:3]]
    assert [row[0] for row in second] == [job.pk for job in jobs[3:]]
    assert third == []
    assert set(statuses()) == {Status.DEQUEUED}
    assert all(Job.objects.values_list("lease_until", flat=True))


def test_a_job_of_another_queue_or_of_later_is_not_claimed(user: User) -> None:
    with kind(nothing, queue="slow"):
        submit(user)
        later = submit(user)
    Job.objects.filter(pk=later.pk).update(
        queue="provena", run_after=timezone.now() + timedelta(minutes=1)
    )
    assert lifecycle.claim("provena", 10) == []


def test_a_message_of_an_earlier_attempt_is_dropped(user: User) -> None:
    """Delivered late, when the job has failed and is taken off the queue again."""
    with kind(nothing):
        job_id, attempt = claimed(submit(user))
        lifecycle.fail(lifecycle.start(job_id, attempt, 60), RuntimeError("once"))
        Job.objects.update(run_after=timezone.now())
        again = claimed(Job.objects.get())
        assert again == (job_id, attempt + 1)
        assert lifecycle.start(job_id, attempt, 60) is None
        assert lifecycle.start(*again, 60).attempt == 2


def test_a_second_delivery_is_dropped(user: User) -> None:
    calls = []
    with kind(lambda run, payload: calls.append(1)):
        job_id, attempt = claimed(submit(user))
        worker.execute(job_id, attempt, 60)
        worker.execute(job_id, attempt, 60)
    assert calls == [1]


def test_an_attempt_that_lost_its_fence_rolls_back(user: User) -> None:
    def lose_the_fence(run: Run, payload: Count) -> None:
        Workflow.objects.create(kind="EFFECT", subject="x", owner=run.owner)
        Job.objects.filter(pk=run.job.pk).update(attempt=2)  # as if it were delivered again

    with kind(lose_the_fence):
        job_id, attempt = claimed(submit(user))
        worker.execute(job_id, attempt, 60)
    job = Job.objects.get(pk=job_id)
    # The rollback takes the handler's own UPDATE with it; what counts is that no effect is left.
    assert job.status == Status.IN_PROGRESS
    assert not Workflow.objects.exists()


def test_a_late_finish_cannot_overwrite_a_final_state(user: User) -> None:
    with kind(nothing):
        job_id, attempt = claimed(submit(user))
        held = lifecycle.start(job_id, attempt, 60)
        assert held is not None
        lifecycle.succeed(held, None)
        lifecycle.fail(held, PermanentError("too late"))
        with pytest.raises(lifecycle.Fenced):
            lifecycle.succeed(held, None)
    assert statuses() == [Status.SUCCEEDED]
    assert not JobEvent.objects.exists()


def test_a_permanent_error_fails_at_once(user: User) -> None:
    def refuse(run: Run, payload: Count) -> None:
        Workflow.objects.create(kind="EFFECT", subject="x", owner=run.owner)
        raise PermanentError("Person 10378.1/7 is gone. Link another one, then retry.")

    with kind(refuse):
        job = submit(user)
        drain()
    job.refresh_from_db()
    assert (job.status, job.attempt, job.result) == (Status.FAILED, 1, None)
    assert job.info == "Person 10378.1/7 is gone. Link another one, then retry."
    assert "PermanentError" in job.traceback
    assert job.events.get().attempt == 1
    assert not Workflow.objects.exists()


def test_another_error_is_retried_until_the_attempts_are_used_up(user: User) -> None:
    def break_down(run: Run, payload: Count) -> None:
        raise ZeroDivisionError("no larvae")

    with kind(break_down, max_attempts=2):
        job = submit(user)
        drain()
        job.refresh_from_db()
        assert (job.status, job.attempt) == (Status.PENDING, 1)
        assert job.run_after > timezone.now()
        Job.objects.update(run_after=timezone.now())
        drain()
    job.refresh_from_db()
    assert (job.status, job.attempt) == (Status.FAILED, 2)
    assert "ZeroDivisionError" in job.info
    assert "no larvae" not in job.info  # an unexpected text may hold anything
    assert "no larvae" in job.traceback
    assert job.events.count() == 2


def test_a_job_that_fails_once_can_succeed_later(user: User) -> None:
    def fail_first(run: Run, payload: Count) -> None:
        if run.job.attempt == 1:
            raise OSError("away")

    with kind(fail_first):
        job = submit(user)
        drain()
        Job.objects.update(run_after=timezone.now())
        drain()
    job.refresh_from_db()
    assert (job.status, job.attempt, job.info) == (Status.SUCCEEDED, 2, "")


@pytest.mark.django_db(transaction=True)
def test_a_timeout_leaves_no_effect_and_goes_on_to_django_q(user: User) -> None:
    def never_end(run: Run, payload: Count) -> None:
        Workflow.objects.create(kind="EFFECT", subject="x", owner=run.owner)
        raise TimeoutException("by alarm")

    with kind(never_end, max_attempts=1):
        job_id, attempt = claimed(submit(user))
        with pytest.raises(TimeoutException):
            worker.execute(job_id, attempt, 3)
    job = Job.objects.get(pk=job_id)
    assert job.status == Status.FAILED
    assert job.info == "It took longer than 3 s and was stopped. Nothing of it was recorded."
    assert not Workflow.objects.exists()


@pytest.mark.parametrize(("attempt", "longest"), [(1, 2), (2, 4), (3, 8), (20, 300)])
def test_backoff_doubles_up_to_a_limit(attempt: int, longest: float) -> None:
    for _ in range(50):
        assert longest / 2 <= lifecycle.backoff(attempt).total_seconds() <= longest


def test_the_next_step_commits_with_the_success_of_the_one_before(user: User) -> None:
    definitions.workflow(name="TEST_FLOW", title="t", purpose="p", steps=("FIRST", "SECOND"))

    def go_on(run: Run, payload: Count) -> None:
        run.submit_next({"number": 2})
        if run.job.attempt == 1:
            raise OSError("after the next step was queued")

    try:
        with kind(go_on, sub_type="FIRST"), kind(nothing, sub_type="SECOND"):
            with transaction.atomic():
                flow = lifecycle.start_workflow(
                    kind="TEST_FLOW", payload={"number": 1}, owner=user, subject="a/1"
                )
            drain()
            assert [job.sub_type for job in flow.jobs.all()] == ["FIRST"]
            Job.objects.update(run_after=timezone.now())
            drain()
    finally:
        del definitions._registry.workflows["TEST_FLOW"]
    steps = flow.jobs.order_by("step")
    assert [(job.sub_type, job.status, job.subject) for job in steps] == [
        ("FIRST", Status.SUCCEEDED, "a/1"),
        ("SECOND", Status.SUCCEEDED, "a/1"),
    ]


def test_a_step_exists_once_in_its_workflow(user: User) -> None:
    flow = Workflow.objects.create(kind="X", subject="a/1", owner=user)
    with kind(nothing):
        submit(user, workflow=flow, step=0)
        with pytest.raises(IntegrityError), transaction.atomic():
            submit(user, workflow=flow, step=0)


def test_the_database_refuses_a_success_without_a_result(user: User) -> None:
    with kind(nothing):
        submit(user)
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.update(status=Status.SUCCEEDED, finished_at=timezone.now())


def test_the_database_refuses_a_failure_without_a_reason(user: User) -> None:
    with kind(nothing):
        submit(user)
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.update(status=Status.FAILED, finished_at=timezone.now())


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text for you")


@pytest.mark.parametrize(
    "error",
    [
        PermanentError(),
        PermanentError("nul \x00 and lone surrogate \udc80"),
        PermanentError("x" * 100_000),
        Unprintable(),
        SystemExit(3),
    ],
    ids=["empty", "unstorable", "long", "unprintable", "exit"],
)
def test_whatever_a_handler_raises_is_stored(user: User, error: BaseException) -> None:
    def burst(run: Run, payload: Count) -> None:
        raise error

    with kind(burst, max_attempts=1):
        job = submit(user)
        drain()
    job.refresh_from_db()
    assert job.status == Status.FAILED
    assert 0 < len(job.info) <= outcomes.LONGEST_TEXT
    assert job.traceback


def test_a_stored_payload_that_no_longer_fits_fails_at_once(user: User) -> None:
    with kind(nothing):
        job = submit(user)
        Job.objects.update(payload={"old": True})
        drain()
    job.refresh_from_db()
    assert (job.status, job.attempt) == (Status.FAILED, 1)
    assert "number" in job.info


@pytest.mark.parametrize("result", [None, {"number": 1}, Payload(), 7])
def test_a_result_that_does_not_fit_its_kind_fails_at_once(user: User, result: Any) -> None:
    with kind(lambda run, payload: result, result=Count):
        job = submit(user)
        drain()
    job.refresh_from_db()
    assert (job.status, job.attempt) == (Status.FAILED, 1)
    assert "TEST" in job.info


class Anything(Payload):
    value: Any


@pytest.mark.parametrize("value", [object(), {1, object()}])
def test_a_result_that_is_no_json_fails_at_once(user: User, value: Any) -> None:
    with kind(lambda run, payload: Anything(value=value), result=Anything):
        job = submit(user)
        drain()
    job.refresh_from_db()
    assert (job.status, job.attempt) == (Status.FAILED, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK"])
def test_a_handler_that_ends_its_own_transaction_is_caught(user: User, statement: str) -> None:
    def end_it(run: Run, payload: Count) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    with kind(end_it):
        job = submit(user)
        drain()
    job.refresh_from_db()
    assert job.status == Status.FAILED
    assert "ended its own transaction" in job.info


def test_a_handler_that_swallows_a_database_error_is_caught(user: User) -> None:
    def swallow(run: Run, payload: Count) -> None:
        with suppress(IntegrityError):
            User.objects.create(username=run.owner.username)

    with kind(swallow):
        job = submit(user)
        drain()
    job.refresh_from_db()
    assert job.status == Status.FAILED
    assert "database error" in job.info


def test_the_step_after_the_last_is_refused(user: User) -> None:
    definitions.workflow(name="TEST_FLOW", title="t", purpose="p", steps=("TEST",))
    try:
        with kind(lambda run, payload: run.submit_next({"number": 2})):
            lifecycle.start_workflow(
                kind="TEST_FLOW", payload={"number": 1}, owner=user, subject="a/1"
            )
            drain()
    finally:
        del definitions._registry.workflows["TEST_FLOW"]
    job = Job.objects.get()
    assert job.status == Status.FAILED
    assert "last step" in job.info
