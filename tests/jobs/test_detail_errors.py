"""What a failed job says: what happened, what can be done, and what was logged meanwhile."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.test import Client
from django.utils import timezone
from django_q.exceptions import TimeoutException

from jobs import batches, lifecycle, logs, worker
from jobs.definitions import JobError, PermanentError
from jobs.models import Batch, Job, JobEvent, Status
from jobs.worker import Run
from registry.models import Item
from tests.conftest import drain
from tests.jobs.test_lifecycle import Count, claimed, kind, nothing, submit

pytestmark = pytest.mark.django_db

MakeItem = Callable[..., Item]
logger = logging.getLogger("registry.rows")


def raising(error: BaseException) -> Any:
    def fail(run: Run, payload: Count) -> None:
        raise error

    return fail


def page_of(client: Client, job: Job) -> str:
    return client.get(job.get_absolute_url()).content.decode().replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("error", "happened", "remedy"),
    [
        (
            PermanentError("Person 7 is gone.", remedy="Link another one, then retry."),
            "Person 7 is gone.",
            "Link another one, then retry.",
        ),
        (PermanentError("The end is before the start."), "The end is", "when that has been put"),
        (JobError("The instrument is off.", remedy="Switch it on."), "The instrument", "Switch it"),
        (PermanentError(), "Its handler gave no reason", "when that has been put right"),
        (OperationalError("no route"), "The database did not answer", "a matter of time"),
        (InterfaceError("closed"), "The database did not answer", "a matter of time"),
        (IntegrityError("UNIQUE"), "An unexpected error (IntegrityError)", "A retry is safe"),
        (MemoryError(), "It needed more memory than its worker has", "try less at once"),
        (SystemExit(3), "It was told to stop", "A retry is safe"),
        (ValueError("secret"), "An unexpected error (ValueError)", "id of this job to an admin"),
    ],
)
def test_each_failure_says_what_happened_and_what_can_be_done(
    signed_in: Client, user: User, error: BaseException, happened: str, remedy: str
) -> None:
    with kind(raising(error), max_attempts=1):
        job = submit(user)
        drain()
    job.refresh_from_db()
    assert job.status == Status.FAILED
    page = page_of(signed_in, job)
    note = page[page.index('class="note error"') : page.index('class="facts"')]
    assert happened in note
    assert remedy in note
    assert str(job.session_id) in note
    assert "secret" not in page


@pytest.mark.django_db(transaction=True)
def test_a_failure_of_the_engine_says_so_too(signed_in: Client, user: User) -> None:
    def returns_a_number(run: Run, payload: Count) -> Any:
        return 7

    def ends_its_transaction(run: Run, payload: Count) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")

    jobs = []
    for handler in (returns_a_number, ends_its_transaction):
        with kind(handler):
            jobs.append(submit(user))
            drain()
    for job, text in zip(jobs, ("returned int", "ended its own transaction"), strict=True):
        page = page_of(signed_in, job)
        assert text in page
        assert "until a programmer has mended it" in page


def test_a_changed_payload_and_a_missing_kind_say_where_to_turn(
    signed_in: Client, user: User
) -> None:
    with kind(nothing):
        misfit, orphan = submit(user), submit(user)
        Job.objects.filter(pk=misfit.pk).update(payload={"colour": "red"})
        worker.execute(*claimed(misfit), 60)
    Job.objects.filter(pk=orphan.pk).update(dequeued_at=timezone.now(), status=Status.DEQUEUED)
    worker.execute(orphan.pk, 0, 60)
    assert "begin again on the page where you began it" in page_of(signed_in, misfit)
    page = page_of(signed_in, orphan)
    assert "This site cannot do “Test”" in page
    assert "Known kinds" not in page
    assert "No job kind" not in page
    assert "install the app that this kind of job belongs to" in page


@pytest.mark.django_db(transaction=True)
def test_a_job_that_ran_out_of_time_says_so_and_where(signed_in: Client, user: User) -> None:
    def wait_for_ever(run: Run, payload: Count) -> None:
        logger.warning("Waiting for the tide.")
        raise TimeoutException("by alarm")

    with kind(wait_for_ever, max_attempts=1):
        job = submit(user)
        with pytest.raises(TimeoutException):
            worker.execute(*claimed(job), 3)
    page = page_of(signed_in, job)
    assert "It took longer than 3 s and was stopped." in page
    assert "can allow this kind of job more time" in page
    event = job.events.get()
    assert "Waiting for the tide." in event.log
    assert "in wait_for_ever" in event.traceback


def test_a_job_that_is_lost_each_time_says_what_may_be_the_cause(
    signed_in: Client, user: User
) -> None:
    with kind(nothing, max_attempts=1):
        job = submit(user)
        lifecycle.start(*claimed(job), 60)
        Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        lifecycle.sweep()
    page = page_of(signed_in, job)
    assert "It was given up after 1 attempt," in page
    assert "more memory than a worker has" in page


def test_a_cancelled_job_can_be_retried_one_by_one_or_in_a_batch(
    signed_in: Client, user: User
) -> None:
    batch = Batch.objects.create(owner=user, title="t", total=2)
    with kind(nothing):
        alone, in_batch = submit(user), submit(user, batch=batch, batch_index=0)
        lifecycle.cancel(alone, by=user)
        batches.cancel_waiting(batch, by=user)
    for job in (alone, in_batch):
        page = page_of(signed_in, job)
        assert "You cancelled it" in page
        assert "Retry it if it should be done after all." in page


def test_provenance_of_a_deleted_item_says_that_there_is_nothing_to_retry(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    Item.objects.filter(pk=item.pk).update(deleted_at=timezone.now())
    drain()
    page = page_of(signed_in, item.creation_workflow.jobs.get(step=0))
    assert f"Item {item.handle} is not in the registry any more" in page
    assert "there is nothing to retry" in page


def test_what_an_attempt_logs_is_kept_if_it_fails_and_only_then(user: User) -> None:
    def log_and_fail_once(run: Run, payload: Count) -> None:
        logger.info("Row %s of attempt %s", payload.number, run.job.attempt)
        if run.job.attempt == 1:
            raise OSError("disk")

    with kind(log_and_fail_once):
        job = submit(user)
        worker.execute(*claimed(job), 60)
        Job.objects.update(run_after=timezone.now())
        drain()
        other = submit(user)
        logger.warning("Between the jobs")
        worker.execute(*claimed(other), 60)
    lines = job.events.get().log.splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["INFO registry.rows: Row 1 of attempt 1"]
    (line,) = other.events.get().log.splitlines()
    assert "Between" not in line
    assert logs._lines not in logging.root.handlers


def test_the_log_of_an_attempt_is_bounded_and_says_what_is_left_out(user: User) -> None:
    def talk(run: Run, payload: Count) -> None:
        for number in range(logs.MOST_LINES + 7):
            logger.info("line %d.", number)
        logger.info("x" * 100_000)
        raise OSError("disk")

    with kind(talk, max_attempts=1):
        job = submit(user)
        drain()
    lines = job.events.get(kind=JobEvent.Kind.ATTEMPT_FAILED).log.splitlines()
    assert lines[0] == "(8 earlier lines are not kept)"
    assert len(lines) == logs.MOST_LINES + 1
    assert "line 8." in lines[1]
    assert len(lines[-1]) < logs.LONGEST_LINE + 10


def test_a_line_that_cannot_be_printed_ends_nothing() -> None:
    kept = logs.Lines()
    kept.handle(logging.LogRecord("n", logging.INFO, "f", 1, "%d of them", ("no number",), None))
    assert kept.text() == "INFO n: '%d of them' (its arguments do not fit)"
