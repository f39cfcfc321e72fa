"""Acts on many jobs of a batch at once, alone and while workers and other people are at it."""

import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from jobs import batches, lifecycle, progress
from jobs.definitions import PermanentError
from jobs.lifecycle import NotPossible
from jobs.models import Batch, Job, JobEvent, Status
from jobs.worker import Run
from tests.conftest import drain, statuses
from tests.jobs.test_lifecycle import Count, kind, nothing
from tests.jobs.test_pages import make_job
from tests.jobs.test_races import all_at_once, with_connection
from tests.stack import PATIENCE, wait_until

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]


def make_batch(owner: User, *states: str, **fields: Any) -> Batch:
    """A batch with a job in each of these states."""
    batch = Batch.objects.create(owner=owner, title="Runs", total=len(states))
    for index, status in enumerate(states):
        info = "It burst." if status == Status.FAILED else ""
        row = {"batch": batch, "batch_index": index, "status": status, "info": info}
        make_job(owner, **(row | fields))
    return batch


def test_retrying_all_failed_leaves_the_others_alone(user: User) -> None:
    batch = make_batch(user, "FAILED", "SUCCEEDED", "PENDING", "IN_PROGRESS", "FAILED", attempt=2)
    elsewhere = make_job(user, status=Status.FAILED, info="x")
    assert batches.retry_failed(batch, by=user) == 2
    assert statuses() == ["PENDING", "SUCCEEDED", "PENDING", "IN_PROGRESS", "PENDING", "FAILED"]
    first = batch.jobs.get(batch_index=0)
    assert (first.info, first.finished_at, first.dequeued_at) == ("", None, None)
    assert (first.attempt, first.max_attempts) == (2, 5)
    for job in batch.jobs.filter(batch_index__in=[0, 4]):
        event = job.events.get()
        assert (event.kind, event.attempt, event.by) == ("RETRIED", 2, user)
    assert JobEvent.objects.count() == 2
    assert not elsewhere.events.exists()
    assert batches.retry_failed(batch, by=user) == 0


def test_what_was_cancelled_is_counted_and_retried_apart(user: User) -> None:
    batch = make_batch(user, "FAILED", "SUCCEEDED", "PENDING", "PENDING", "IN_PROGRESS")
    assert batches.cancel_waiting(batch, by=user) == 2
    now = progress.of_batch(batch)
    assert (now.failed, now.cancelled, now.done) == (1, 2, 4)
    assert (now.told, now.status) == ("4 of 5 done, 1 failed, 2 cancelled", Status.IN_PROGRESS)
    assert [part.status for part in now.segments] == [
        *("SUCCEEDED", "CANCELLED", "FAILED", "IN_PROGRESS"),
    ]
    before = now.fingerprint
    batch.jobs.filter(batch_index=0).update(cancelled_at=timezone.now())
    assert progress.of_batch(batch).fingerprint != before
    batch.jobs.filter(batch_index=0).update(cancelled_at=None)
    assert batches.retry_failed(batch, by=user) == 1
    assert batches.retry_cancelled(batch, by=user) == 2
    assert statuses() == ["PENDING", "SUCCEEDED", "PENDING", "PENDING", "IN_PROGRESS"]


@pytest.mark.parametrize(
    ("states", "together"),
    [
        (["SUCCEEDED", "CANCELLED"], "CANCELLED"),
        (["CANCELLED"], "CANCELLED"),
        (["SUCCEEDED", "CANCELLED", "FAILED"], "FAILED"),
        (["CANCELLED", "MENDED"], "CANCELLED"),
        (["SUCCEEDED", "MENDED"], "SUCCEEDED"),
        (["CANCELLED", "PENDING"], "IN_PROGRESS"),
        (["FAILED", "CANCELLED", "DEQUEUED"], "IN_PROGRESS"),
    ],
)
def test_one_state_for_all(states: list[str], together: str) -> None:
    assert progress.combined(states) == together


def test_a_retried_batch_runs_to_its_end(user: User) -> None:
    def work(run: Run, payload: Count) -> None:
        if run.job.attempt == 1:
            raise PermanentError("Not yet.")

    with kind(work):
        payloads = [{"number": number} for number in range(20)]
        with transaction.atomic():
            batch = lifecycle.submit_batch(
                sub_type="TEST", payloads=payloads, owner=user, title="Runs"
            )
        drain()
        assert batches.retry_failed(batch, by=user) == 20
        drain()
    assert set(statuses()) == {Status.SUCCEEDED}


def test_cancelling_ends_what_no_worker_has_begun(user: User) -> None:
    batch = make_batch(user, "PENDING", "DEQUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED")
    assert batches.cancel_waiting(batch, by=user) == 2
    assert statuses() == ["FAILED", "FAILED", "IN_PROGRESS", "SUCCEEDED", "FAILED"]
    for job in batch.jobs.filter(batch_index__in=[0, 1]):
        assert job.info == "Cancelled by ana. Nothing of it was recorded."
        assert job.cancelled_by == user
        assert job.events.get().kind == "CANCELLED"
    assert JobEvent.objects.count() == 2


def test_an_operators_command_is_nobodys_name(user: User) -> None:
    batch = make_batch(user, "PENDING", "PENDING")
    assert batches.cancel_waiting(batch, by=None) == 2
    assert batches.retry_cancelled(batch, by=None) == 2
    assert set(JobEvent.objects.values_list("by", flat=True)) == {None}


def test_jobs_of_a_kind_that_is_gone_get_one_attempt(user: User) -> None:
    batch = make_batch(user, "FAILED", "FAILED", attempt=3)
    batch.jobs.filter(batch_index=1).update(sub_type="GONE")
    assert batches.retry_failed(batch, by=user) == 2
    assert [job.max_attempts for job in batch.jobs.order_by("batch_index")] == [6, 4]


@pytest.mark.parametrize(
    "act", [batches.retry_failed, batches.retry_cancelled, batches.cancel_waiting]
)
def test_a_stranger_may_do_neither(user: User, make_user: MakeUser, act: Any) -> None:
    batch = make_batch(user, "FAILED", "PENDING")
    with pytest.raises(NotPossible, match="owner"):
        act(batch, by=make_user("ben"))
    assert statuses() == ["FAILED", "PENDING"]


def test_the_statements_do_not_grow_with_the_jobs(
    user: User, django_assert_max_num_queries: Any
) -> None:
    batch = make_batch(user, *["PENDING"] * 60)
    # savepoint, locking the jobs, events, update, release
    with django_assert_max_num_queries(6):
        assert batches.cancel_waiting(batch, by=user) == 60


def test_commands_act_on_a_batch_and_print_how_many(
    user: User, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = make_batch(user, "FAILED", "FAILED", "PENDING", "SUCCEEDED")
    call_command("cancel_job", "--batch", str(batch.pk))
    assert capsys.readouterr().out == "1\n"
    call_command("retry_job", "--batch", str(batch.pk))
    assert capsys.readouterr().out == "2\n"
    call_command("retry_job", "--batch", str(batch.pk), "--cancelled")
    assert capsys.readouterr().out == "1\n"
    assert statuses() == ["PENDING"] * 3 + ["SUCCEEDED"]
    assert set(JobEvent.objects.values_list("by", flat=True)) == {None}


@pytest.mark.parametrize("command", ["retry_job", "cancel_job", "show_batch"])
def test_commands_name_an_id_that_is_no_batch(command: str, user: User) -> None:
    option = [] if command == "show_batch" else ["--batch"]
    with pytest.raises(CommandError, match="'7' is no id of a batch"):
        call_command(command, *option, "7")
    with pytest.raises(CommandError, match="There is no batch"):
        call_command(command, *option, str(uuid.uuid4()))


@pytest.mark.parametrize("command", ["retry_job", "cancel_job"])
def test_commands_want_jobs_or_a_batch(command: str, user: User) -> None:
    batch = make_batch(user, "FAILED")
    for arguments in ([], [str(Job.objects.get().session_id), "--batch", str(batch.pk)]):
        with pytest.raises(CommandError, match="or one batch"):
            call_command(command, *arguments)
    assert statuses() == ["FAILED"]


def test_a_single_job_is_named_whether_it_was_cancelled_or_not(user: User) -> None:
    with pytest.raises(CommandError, match="--cancelled goes with --batch"):
        call_command("retry_job", "--cancelled", str(uuid.uuid4()))


def test_show_batch_tells_how_far_it_is(user: User, capsys: pytest.CaptureFixture[str]) -> None:
    batch = make_batch(user, "FAILED", "SUCCEEDED", "PENDING", "PENDING")
    call_command("show_batch", str(batch.pk))
    text = capsys.readouterr().out
    for part in ("Runs", "ana", "PENDING      2", "IN_PROGRESS  0", "so far"):
        assert part in text
    call_command("show_batch", str(batch.pk), "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "IN_PROGRESS"
    assert (told["total"], told["counts"]["FAILED"]) == (4, 1)
    batch.jobs.filter(status="PENDING").delete()
    Batch.objects.update(total=2)
    call_command("show_batch", str(batch.pk))
    assert "so far" not in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("act", "before", "after"),
    [
        (batches.retry_failed, "FAILED", "PENDING"),
        (batches.cancel_waiting, "PENDING", "FAILED"),
    ],
)
def test_of_two_who_press_at_once_each_job_changes_once(
    user: User, act: Any, before: str, after: str
) -> None:
    batch = make_batch(user, *[before] * 40)
    assert sum(all_at_once(lambda: act(batch, by=user))) == 40
    assert set(statuses()) == {after}
    assert JobEvent.objects.count() == 40


@pytest.mark.django_db(transaction=True)
def test_cancelling_while_workers_claim_and_run_loses_and_doubles_nothing(user: User) -> None:
    """Some jobs are cancelled before they start, the others run to their end, none both."""
    with kind(nothing), ThreadPoolExecutor(2) as pool:
        payloads = [{"number": number} for number in range(200)]
        with transaction.atomic():
            batch = lifecycle.submit_batch(
                sub_type="TEST", payloads=payloads, owner=user, title="Runs"
            )
        working = [pool.submit(with_connection, drain) for _ in range(2)]
        wait_until(batch.jobs.filter(status=Status.SUCCEEDED).exists, "the first has ended")
        number = batches.cancel_waiting(batch, by=user)
        for future in working:
            future.result(PATIENCE)
    gone = batch.jobs.filter(status=Status.FAILED)
    assert gone.count() == number == JobEvent.objects.filter(kind="CANCELLED").count()
    assert gone.filter(attempt__gt=0).count() == 0
    assert batch.jobs.filter(status=Status.SUCCEEDED).count() == 200 - number


@pytest.mark.django_db(transaction=True)
def test_a_job_that_a_worker_has_just_claimed_is_cancelled_once_the_claim_is_there(
    user: User,
) -> None:
    batch = make_batch(user, "PENDING")
    taken, may_commit = threading.Event(), threading.Event()

    def claim_slowly() -> list[Any]:
        with transaction.atomic():
            rows = lifecycle.claim("provena", 1)
            taken.set()
            assert may_commit.wait(PATIENCE)
        return rows

    with ThreadPoolExecutor(2) as pool:
        claiming = pool.submit(with_connection, claim_slowly)
        assert taken.wait(PATIENCE)
        cancelling = pool.submit(with_connection, lambda: batches.cancel_waiting(batch, by=user))
        may_commit.set()
        [(job, attempt, _)] = claiming.result(PATIENCE)
        assert cancelling.result(PATIENCE) == 1
    assert lifecycle.start(job, attempt, 60) is None
    assert statuses() == [Status.FAILED]


@pytest.mark.django_db(transaction=True)
def test_a_job_that_starts_while_the_others_are_cancelled_is_left_to_run(user: User) -> None:
    batch = make_batch(user, "DEQUEUED", "PENDING")
    first = Job.objects.get(batch_index=0)
    started, may_commit = threading.Event(), threading.Event()

    def start_slowly() -> None:
        with transaction.atomic():
            assert lifecycle.start(first.pk, 0, 60)
            started.set()
            assert may_commit.wait(PATIENCE)

    with ThreadPoolExecutor(2) as pool:
        starting = pool.submit(with_connection, start_slowly)
        assert started.wait(PATIENCE)
        cancelling = pool.submit(with_connection, lambda: batches.cancel_waiting(batch, by=user))
        may_commit.set()
        starting.result(PATIENCE)
        assert cancelling.result(PATIENCE) == 1
    assert statuses() == [Status.IN_PROGRESS, Status.FAILED]
    assert JobEvent.objects.count() == 1
