"""Pausing and resuming a queue: what is handed out, who may, and what races."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from jobs import health, lifecycle, queues, stuck, worker
from jobs.lifecycle import NotPossible
from jobs.models import Job, QueuePause, Status
from tests.conftest import drain, statuses
from tests.jobs.test_lifecycle import kind, nothing, submit
from tests.jobs.test_operations import make_cluster
from tests.jobs.test_pages import make_job
from tests.jobs.test_races import all_at_once, with_connection
from tests.stack import PATIENCE, wait_until

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]


@pytest.fixture
def staff(make_user: MakeUser) -> Callable[..., User]:
    """Make a member of staff with these permissions on jobs."""

    def make(*permissions: str) -> User:
        made = make_user("-".join(("staff", *permissions)), linked=False, is_staff=True)
        found = Permission.objects.filter(codename__in=permissions, content_type__app_label="jobs")
        made.user_permissions.set(found)
        return made

    return make


@pytest.fixture
def operator(staff: Callable[..., User]) -> User:
    return staff("view_job", "change_job")


def test_a_paused_queue_hands_out_nothing_until_it_is_resumed(user: User, operator: User) -> None:
    with kind(nothing):
        submit(user)
        queues.pause("provena", by=operator, reason="The disk is replaced.")
        assert lifecycle.claim("provena", 8) == []
        assert drain() == 0
        queues.resume("provena", by=operator)
        assert drain() == 1
    assert statuses() == [Status.SUCCEEDED]
    [pause] = QueuePause.objects.all()
    assert (pause.by, pause.ended_by, pause.reason) == (operator, operator, "The disk is replaced.")
    assert pause.at <= pause.ended_at


def test_other_queues_go_on(user: User) -> None:
    make_job(user, status=Status.PENDING, queue="slow")
    queues.pause("provena", by=None)
    assert len(lifecycle.claim("slow", 8)) == 1


def test_what_runs_ends_and_what_was_taken_goes_back(user: User) -> None:
    with kind(nothing):
        running, taken = submit(user), submit(user)
        (first, attempt, _), (second, _, _) = lifecycle.claim("provena", 8)
        held = lifecycle.start(first, attempt, 60)
        queues.pause("provena", by=None)
        lifecycle.succeed(held, None)
        worker.execute(second, 0, 60)  # which the worker still knows of
        assert statuses() == [Status.SUCCEEDED, Status.PENDING]
        queues.resume("provena", by=None)
        assert drain() == 1
    taken.refresh_from_db()
    running.refresh_from_db()
    assert (running.attempt, taken.attempt) == (1, 1)
    assert not taken.events.exists()


def test_pausing_twice_says_who_did_it(operator: User) -> None:
    queues.pause("provena", by=operator)
    with pytest.raises(NotPossible, match=f"paused already, by {operator.username}"):
        queues.pause("provena", by=None)
    queues.resume("provena", by=None)
    with pytest.raises(NotPossible, match="is not paused"):
        queues.resume("provena", by=None)
    with pytest.raises(NotPossible, match="There is no queue 'nowhere'"):
        queues.pause("nowhere", by=None)


def test_the_database_keeps_it_to_one_pause_at_a_time() -> None:
    QueuePause.objects.create(queue="provena")
    with pytest.raises(IntegrityError), transaction.atomic():
        QueuePause.objects.create(queue="provena")


def test_only_staff_who_may_change_jobs_pause(
    user: User, staff: Callable[..., User], client: Client
) -> None:
    for who in (user, staff("view_job"), staff("add_job", "view_job")):
        with pytest.raises(NotPossible, match="staff who may change jobs"):
            queues.pause("provena", by=who)
        client.force_login(who)
        client.post("/jobs/workers/queue/provena/", {"do": "pause"})
        assert not QueuePause.objects.exists()
    client.force_login(user)
    assert client.get("/jobs/workers/queue/provena/").status_code == 403


def test_the_page_pauses_resumes_and_remembers(client: Client, operator: User, user: User) -> None:
    client.force_login(operator)
    address = "/jobs/workers/queue/provena/"
    data = {"do": "pause", "reason": "Backup <tonight>"}
    page = client.post(address, data, follow=True).content.decode()
    assert "Queue provena is paused." in page
    assert "PAUSED" in page
    assert "Backup &lt;tonight&gt;" in page
    page = client.get(address).content.decode()
    assert f"{operator.username} paused queue provena" in page
    page = client.post(address, {"do": "resume"}, follow=True).content.decode()
    assert "Queue provena is resumed." in page
    assert "Backup &lt;tonight&gt;" in client.get(address).content.decode()
    page = client.post(address, {"do": "resume"}, follow=True).content.decode()
    assert "Queue provena is not paused." in page
    assert client.get("/jobs/workers/queue/nowhere/").status_code == 404


def test_whose_jobs_wait_is_told_who_paused_and_why(
    client: Client, user: User, make_item: Any, operator: User
) -> None:
    make_cluster()
    item = make_item(user)
    queues.pause("provena", by=operator, reason="Moving house")
    client.force_login(user)
    for address in ("/", item.get_absolute_url()):
        page = client.get(address).content.decode()
        assert operator.username in page, address
        assert "Moving house" in page, address


def test_commands_pause_and_resume(capsys: pytest.CaptureFixture[str], user: User) -> None:
    make_cluster()
    late = timezone.now() - timedelta(minutes=5)
    job = make_job(user, status=Status.PENDING, run_after=late)
    call_command("pause_queue", "provena", reason="Night")
    call_command("worker_status")  # a pause is somebody's will, and no fault
    told = capsys.readouterr().out
    assert "paused by an operator since" in told
    assert "Night" in told
    call_command("show_job", str(job.session_id))
    assert "an operator paused queue provena" in capsys.readouterr().out
    assert [one.reason.code for one in health.look().stuck] == ["paused"]
    call_command("resume_queue", "provena")
    with pytest.raises(CommandError, match="is not paused"):
        call_command("resume_queue", "provena")
    with pytest.raises(CommandError, match="has waited 300 s"):
        call_command("worker_status")


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_ends_after_the_pause_leaves_nothing_taken(user: User) -> None:
    """Its transaction is held open until the pause is there, as a slow commit would be."""
    with kind(nothing):
        for _ in range(4):
            submit(user)
    claimed, may_commit = threading.Event(), threading.Event()

    def claim() -> None:
        with transaction.atomic():
            assert len(lifecycle.claim("provena", 3)) == 3
            claimed.set()
            assert may_commit.wait(PATIENCE)

    with ThreadPoolExecutor(2) as pool:
        claiming = pool.submit(with_connection, claim)
        assert claimed.wait(PATIENCE)
        pausing = pool.submit(with_connection, lambda: queues.pause("provena", by=None))
        if connection.vendor == "postgresql":  # on SQLite the claim holds the only write lock
            wait_until(QueuePause.objects.exists, "the pause is there")
        may_commit.set()
        claiming.result(PATIENCE)
        pausing.result(PATIENCE)
    assert set(statuses()) == {Status.PENDING}
    assert lifecycle.claim("provena", 8) == []


@pytest.mark.django_db(transaction=True)
def test_nothing_is_claimed_once_pause_has_returned(user: User) -> None:
    with kind(nothing):
        for _ in range(300):
            submit(user)
    paused = threading.Event()
    late: list[Any] = []

    def keep_claiming() -> None:
        while not paused.is_set():
            lifecycle.claim("provena", 1)
        late.extend(lifecycle.claim("provena", 8))

    with ThreadPoolExecutor(3) as pool:
        doing = [pool.submit(with_connection, keep_claiming) for _ in range(3)]
        wait_until(Job.objects.leased().exists, "claims are made")
        queues.pause("provena", by=None)
        taken = Job.objects.leased().count()
        paused.set()
        for one in doing:
            one.result(PATIENCE)
    assert (taken, late, Job.objects.leased().count()) == (0, [], 0)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_pause_at_once_one_did_it() -> None:
    def pause() -> bool:
        try:
            queues.pause("provena", by=None)
        except NotPossible:
            return False
        return True

    assert sum(all_at_once(pause)) == 1
    assert QueuePause.objects.count() == 1
    assert stuck.standstills(["provena"])["provena"].code == "paused"
