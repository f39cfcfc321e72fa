"""Whatever process is killed, jobs move again by themselves, none is lost and none done twice.

With STOCK_CLUSTER=1 these run against Django-Q2's own cluster, and fail.
"""

import os
import signal
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection

from jobs import lifecycle
from jobs.models import Cluster, Job, JobEvent, Status, Workflow
from tests.cluster.app import kinds  # noqa: F401 - declares them here too
from tests.stack import PATIENCE, Stack, Worker, is_alive, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]


def submit(owner: User, sub_type: str = "TEST_QUICK") -> Job:
    return lifecycle.submit(sub_type=sub_type, payload={}, owner=owner)


def finished(job: Job) -> bool:
    job.refresh_from_db()
    return job.is_finished


def succeeds(job: Job) -> None:
    """Wait for the job's end and see that it was done once."""
    wait_until(lambda: finished(job), f"{job} ends")
    assert (job.status, job.info) == (Status.SUCCEEDED, "")
    assert effects(job) == 1


def effects(job: Job) -> int:
    return Workflow.objects.filter(subject=str(job.session_id)).count()


def kill(pids: list[int], number: int = signal.SIGKILL) -> None:
    assert pids
    for pid in pids:
        os.kill(pid, number)
    if number == signal.SIGKILL:
        wait_until(lambda: not any(map(is_alive, pids)), "the killed are dead")


def is_complete(worker: Worker) -> Callable[[], bool]:
    """True once the cluster has its sentinel, two workers, monitor and pusher (again)."""
    return lambda: (
        [len(worker.processes(role)) for role in ("sentinel", "worker", "monitor", "pusher")]
        == [1, 2, 1, 1]
    )


@pytest.fixture
def worker(stack: Stack, user: User) -> Worker:
    """A cluster that has done a job, so that all its processes are at work."""
    started = stack.start_worker()
    succeeds(submit(user))
    wait_until(is_complete(started), "the cluster is complete")
    return started


@pytest.mark.parametrize("role", ["worker", "pusher", "monitor", "sentinel"])
def test_a_killed_process_is_replaced_and_jobs_go_on(worker: Worker, user: User, role: str) -> None:
    victims = worker.processes(role)
    kill(victims)
    jobs = [submit(user) for _ in range(30)]
    for job in jobs:
        succeeds(job)
    wait_until(is_complete(worker), "the cluster is complete again")
    assert not any(map(is_alive, victims))


def test_killing_one_idle_worker_after_another_never_stops_the_rest(
    worker: Worker, user: User
) -> None:
    """An idle worker waits for work with, in stock Django-Q2, the queue's lock in its hand."""
    for _ in range(4):
        kill(worker.processes("worker")[:1])
        succeeds(submit(user))
        wait_until(is_complete(worker), "the cluster is complete again")


def test_what_a_killed_busy_worker_held_is_done_by_another(worker: Worker, user: User) -> None:
    job = submit(user, "TEST_HANGS_ONCE")
    wait_until(lambda: Job.objects.filter(pk=job.pk, status=Status.IN_PROGRESS), "it runs")
    job.refresh_from_db()
    kill([int(job.worker.split(":")[1])])
    succeeds(job)  # its lease would have held it for an hour
    assert job.attempt == 2
    assert job.events.get().kind == JobEvent.Kind.LOST


def test_what_a_killed_pusher_had_claimed_comes_back(worker: Worker, user: User) -> None:
    """Claimed by the pusher and then lost on the way: as it is between its two statements."""
    kill(worker.processes("pusher"), signal.SIGSTOP)
    [pusher] = worker.processes("pusher")
    job = submit(user)
    cluster = Cluster.objects.get()
    assert lifecycle.claim("provena", 1, f"{cluster.pk}:{pusher}")
    kill([pusher])
    succeeds(job)
    assert job.attempt == 1


def test_a_job_that_kills_its_worker_is_given_up(worker: Worker, user: User) -> None:
    job = submit(user, "TEST_KILLS_ITS_WORKER")
    wait_until(lambda: finished(job), "it is given up")
    assert (job.status, job.attempt, effects(job)) == (Status.FAILED, 2, 0)
    assert "given up after 2 attempts" in job.info
    succeeds(submit(user))


def test_a_job_that_times_out_is_stopped_and_tried_again(worker: Worker, user: User) -> None:
    job = submit(user, "TEST_TIMES_OUT_ONCE")
    wait_until(job.events.exists, "it times out")
    Job.objects.update(run_after=job.created_at)  # the pause before the next try is not the point
    succeeds(job)
    assert job.attempt == 2
    event = job.events.get()
    assert "longer than 1 s" in event.message
    assert "This will take an hour." in event.log
    assert "in times_out_once" in event.traceback
    wait_until(is_complete(worker), "the interrupted process is replaced")


@pytest.mark.parametrize("role", ["main", "all"])
def test_nothing_of_a_cluster_outlives_its_main_process(
    stack: Stack, worker: Worker, user: User, role: str
) -> None:
    family = worker.family
    assert len(family) == 5
    kill(worker.processes(role)[::-1])
    worker.main.wait(PATIENCE)
    wait_until(lambda: not any(map(is_alive, family)), "no orphan is left")
    job = submit(user)
    stack.start_worker()  # as a supervisor would
    succeeds(job)


@pytest.mark.parametrize("role", ["main", "all"])
def test_a_cluster_stops_cleanly_when_told(worker: Worker, user: User, role: str) -> None:
    """SIGTERM to main, and to every process at once as some supervisors do: what runs is finished
    and what waits is left."""
    family = worker.family
    jobs = [submit(user) for _ in range(50)]
    kill(worker.processes(role), signal.SIGTERM)
    assert worker.main.wait(PATIENCE) == 0
    assert not any(map(is_alive, family))
    assert not Cluster.objects.exists()
    for job in jobs:
        job.refresh_from_db()
        assert job.status in {Status.SUCCEEDED, Status.PENDING}, job.status
        assert effects(job) == (job.status == Status.SUCCEEDED)
        assert not job.events.exists()


def test_a_stop_ends_even_if_all_workers_die_during_it(worker: Worker, user: User) -> None:
    """Nobody replaces them any more, and the pusher waits for one to empty the local queue."""
    kill(worker.processes("worker"), signal.SIGSTOP)
    for _ in range(60):
        submit(user)
    waiting = Job.objects.exclude(status=Status.SUCCEEDED)
    wait_until(lambda: waiting.filter(status=Status.DEQUEUED).exists(), "some are taken")
    kill([worker.main.pid], signal.SIGTERM)
    wait_until(lambda: not Cluster.objects.exists(), "it is stopping")
    kill(worker.processes("worker"))
    assert worker.main.wait(PATIENCE) == 0
    assert set(waiting.values_list("status", flat=True)) == {Status.PENDING}


def test_a_stop_while_the_sentinel_is_replaced_is_heard(worker: Worker) -> None:
    kill(worker.processes("sentinel"))
    kill([worker.main.pid], signal.SIGTERM)
    assert worker.main.wait(PATIENCE) == 0


def test_a_database_that_goes_away_comes_back(worker: Worker, user: User) -> None:
    """All of the cluster's connections are cut; on SQLite there is none to cut."""
    if connection.vendor == "postgresql":
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                assert cursor.fetchone()[0] > 0
            succeeds(submit(user))
    wait_until(is_complete(worker), "the cluster is complete")
    succeeds(submit(user))


def test_two_clusters_share_the_work_and_do_each_job_once(stack: Stack, user: User) -> None:
    first, second = stack.start_worker(), stack.start_worker()
    jobs = [submit(user) for _ in range(200)]
    for job in jobs:
        succeeds(job)
    holders = {job.worker.split(":")[0] for job in jobs}
    assert len(holders) == 2
    assert {job.attempt for job in jobs} == {1}
    assert set(first.family) & set(second.family) == set()


def test_a_named_queue_has_workers_of_its_own(stack: Stack, user: User) -> None:
    slow = submit(user, "TEST_SLOW_QUEUE")
    quick = submit(user)
    stack.start_worker("--queue", "slow", "--workers", "1")
    succeeds(slow)
    assert not finished(quick)
    stack.start_worker()
    succeeds(quick)
    assert slow.worker.split(":")[0] != quick.worker.split(":")[0]
