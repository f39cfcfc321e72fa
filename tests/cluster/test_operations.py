"""Pausing, waking up and counting with real workers, on whichever database the tests run on."""

import functools
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs import queues, tallies
from jobs.models import Job, Status
from tests.cluster.test_kills import effects, finished, submit, succeeds
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]


def test_a_pause_holds_jobs_back_whatever_restarts_until_it_ends(stack: Stack, user: User) -> None:
    first = stack.start_worker()
    succeeds(submit(user))
    assert stack.manage("pause_queue", "provena", "--reason", "Night").returncode == 0
    jobs = [submit(user) for _ in range(40)]
    stack.start_worker()
    first.main.terminate()
    first.main.wait(30)
    # Another queue's job is done meanwhile, so a worker had the time for these, too.
    stack.start_worker("--queue", "slow", "--workers", "1")
    succeeds(submit(user, "TEST_SLOW_QUEUE"))
    assert set(
        Job.objects.filter(pk__in=[job.pk for job in jobs]).values_list("status", flat=True)
    ) == {Status.PENDING}
    told = stack.manage("worker_status")
    assert "paused by an operator" in told.stdout
    resumed = timezone.now()
    assert stack.manage("resume_queue", "provena").returncode == 0
    for job in jobs:
        succeeds(job)
        assert job.attempt == 1
        assert job.dequeued_at > resumed


def test_a_pause_in_the_middle_of_much_work_lets_what_runs_end_and_nothing_begin(
    stack: Stack, user: User
) -> None:
    stack.start_worker()
    jobs = [submit(user) for _ in range(400)]
    wait_until(lambda: finished(jobs[0]), "work has begun")
    queues.pause("provena", by=None)
    paused = timezone.now()
    own = Job.objects.filter(pk__in=[job.pk for job in jobs])
    wait_until(lambda: not own.leased().exists(), "what ran has ended")
    assert not own.filter(started_at__gt=paused).exists()
    assert own.filter(status=Status.PENDING).exists()
    queues.resume("provena", by=None)
    for job in jobs:
        wait_until(functools.partial(finished, job), "all are done")
    assert [effects(job) for job in jobs] == [1] * 400


def test_a_wake_up_goes_the_whole_way(stack: Stack, client: Client, admin_user: User) -> None:
    stack.start_worker()
    done = stack.manage("wake_up", "--user", "admin", "--reason", "After the move")
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"_WAKE_UP +SUCCEEDED +[0-9.]+ m?s", done.stdout)) == Job.objects.count()
    client.force_login(admin_user)
    answer = client.post("/jobs/workers/wake-up/", {"kind": "REGISTRY_WAKE_UP"})
    address = answer["Location"]

    def is_done() -> Any:
        return "after the click" in client.get(address).content.decode()

    wait_until(is_done, "the page says how long it took")


def test_a_cluster_counts_what_its_workers_did(stack: Stack, user: User) -> None:
    stack.start_worker()
    for job in [submit(user) for _ in range(5)]:
        succeeds(job)
    wait_until(lambda: tallies.last_hour()[0] >= 5, "they are counted")
    assert tallies.last_hour() == (5, 0)
