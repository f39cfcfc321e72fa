"""Why a job does not move: each reason in a constellation that has it, and at what cost."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs import health, lifecycle, queues, stuck, tallies, worker
from jobs.models import Cluster, Job, Status, Tally
from jobs.stuck import Reason
from jobs.worker import Run
from tests.conftest import drain
from tests.jobs.test_lifecycle import Count, claimed, kind, nothing, submit
from tests.jobs.test_operations import make_cluster
from tests.jobs.test_pages import make_job

pytestmark = pytest.mark.django_db


def ago(**length: float) -> Any:
    return timezone.now() - timedelta(**length)


def reason_of(job: Job) -> Reason | None:
    job.refresh_from_db()
    return stuck.explain([job]).get(job.pk)


def code_of(job: Job) -> str:
    reason = reason_of(job)
    return reason.code if reason else ""


def held_by(cluster: Cluster, owner: User, **fields: Any) -> Job:
    now = timezone.now()
    usual = {"status": Status.IN_PROGRESS, "started_at": now, "attempt": 1}
    usual |= {"lease_until": now + timedelta(seconds=75), "worker": f"{cluster.pk}:7"}
    return make_job(owner, **(usual | fields))


def test_a_job_on_its_way_needs_no_reason(user: User) -> None:
    cluster = make_cluster()
    waiting = make_job(user, status=Status.PENDING)
    jobs = [
        waiting,
        held_by(cluster, user),
        make_job(user),
        make_job(user, status=Status.FAILED, info="x"),
    ]
    assert stuck.explain(jobs) == {}


def test_no_worker_for_its_queue(user: User) -> None:
    make_cluster(beat_at=ago(minutes=1))
    job = make_job(user, status=Status.PENDING)
    reason = reason_of(job)
    assert reason.code == "no-worker"
    assert "manage.py qcluster." in reason.text
    with kind(nothing, "TEST_RARE", queue="rare"):
        rare = make_job(user, status=Status.PENDING, queue="rare")
        assert "qcluster --queue rare" in reason_of(rare).text
    assert code_of(rare) == "unknown-queue"
    Cluster.objects.update(beat_at=timezone.now())
    assert code_of(job) == ""


def test_a_paused_queue_goes_before_all_else(user: User) -> None:
    job = make_job(user, status=Status.PENDING)
    queues.pause("provena", by=user if queues.may_pause(user) else None, reason="Moving.")
    reason = reason_of(job)
    assert reason.code == "paused"
    assert "an operator paused queue provena 1 s ago: Moving. Jobs wait" in reason.text


def test_a_retry_says_when(user: User) -> None:
    def fails(run: Run, payload: Count) -> None:
        raise OSError("The disk was full.")

    make_cluster()
    with kind(fails):
        job = submit(user)
        drain()
    assert code_of(job) == "retry"
    Job.objects.update(run_after=timezone.now() + timedelta(seconds=40, milliseconds=400))
    reason = reason_of(job)
    assert not reason.needs_help
    assert "it is tried again in 40 s" in reason.text


def test_a_long_queue_says_how_many_are_before_it_and_how_long_they_take(user: User) -> None:
    make_cluster()
    began = ago(seconds=20)
    for _ in range(10):
        make_job(user, started_at=began)
    first, *_, last = [
        make_job(user, status=Status.PENDING, run_after=ago(seconds=30)) for _ in range(61)
    ]
    make_job(user, status=Status.PENDING, queue="other", run_after=ago(seconds=50))
    make_job(user, status=Status.PENDING, run_after=timezone.now() + timedelta(hours=1))
    reasons = stuck.explain([last, first])
    assert (reasons[first.pk].code, reasons[last.pk].code) == ("next", "queue")
    assert reasons[last.pk].short == "60 jobs before it, about 2 min"
    assert not reasons[last.pk].needs_help
    Job.objects.filter(pk=last.pk).update(run_after=ago(minutes=2))
    assert reason_of(last).needs_help
    assert code_of(last) == "next"


def test_what_is_before_a_job_is_counted_as_one_would(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_cluster()
    moments = [ago(seconds=30 + number % 4) for number in range(4)]
    jobs = [make_job(user, status=Status.PENDING, run_after=moments[n % 4]) for n in range(40)]
    order = sorted(jobs, key=lambda job: (job.run_after, job.pk))
    asked = jobs[::7]
    counted = stuck._before(asked)
    assert counted == {job.pk: (order.index(job), False) for job in asked}
    monkeypatch.setattr(stuck, "MOST_BEFORE", 5)
    assert stuck._before([order[20]]) == {order[20].pk: (5, True)}
    assert reason_of(order[20]).short == "more than 5 jobs before it"


def test_running_longer_than_usual(user: User) -> None:
    cluster = make_cluster()
    limit = timezone.now() + timedelta(minutes=30)
    job = held_by(cluster, user, started_at=ago(minutes=1), lease_until=limit)
    assert code_of(job) == ""  # nobody knows what is usual
    slot = tallies._slot(timezone.now(), tallies.COARSE)
    common = {"width": tallies.COARSE, "slot": slot, "queue": "provena", "failed": 0}
    Tally.objects.create(sub_type=job.sub_type, bucket=5, number=10, ran=30.0, **common)
    reason = reason_of(job)
    assert reason.code == "slow"
    assert reason.short == "running for 60 s, usually 3 s"
    Tally.objects.update(ran=400.0)
    assert code_of(job) == ""


def test_a_lease_about_to_end(user: User) -> None:
    with kind(nothing, timeout=60):
        job = lifecycle.start(*claimed(submit(user)), 60)
        assert code_of(job) == ""
        Job.objects.update(
            started_at=ago(seconds=55), lease_until=timezone.now() + timedelta(seconds=20)
        )
        reason = reason_of(job)
    assert reason.code == "ending"
    assert "of the 60 s that it may take" in reason.text


def test_a_lapsed_lease(user: User) -> None:
    job = held_by(make_cluster(), user, lease_until=ago(seconds=1))
    assert code_of(job) == "lapsed"
    taken = held_by(make_cluster(pid=2), user, status=Status.DEQUEUED, lease_until=ago(seconds=1))
    assert code_of(taken) == "lapsed"


def test_a_worker_that_stopped_beating(user: User) -> None:
    cluster = make_cluster(host="reef-2", beat_at=ago(seconds=40))
    job = held_by(cluster, user)
    reason = reason_of(job)
    assert (reason.code, reason.needs_help) == ("silent", True)
    assert "on reef-2, have not reported for 40 s" in reason.text
    cluster.delete()
    assert code_of(job) == "stopping"
    Job.objects.update(worker="")
    assert code_of(job) == ""


@pytest.mark.parametrize("number", [1, 300])
def test_the_cost_depends_on_nothing(
    user: User, django_assert_num_queries: DjangoAssertNumQueries, number: int
) -> None:
    cluster = make_cluster()
    jobs = []
    for _ in range(number):
        jobs.append(make_job(user, status=Status.PENDING, run_after=ago(seconds=30)))
        jobs.append(held_by(cluster, user, started_at=ago(seconds=20)))
    # clusters alive, pauses, what is before, how fast; clusters, what is usual
    with django_assert_num_queries(6):
        stuck.explain(jobs)


def test_the_workers_page_shows_all_that_is_stuck_and_only_that(
    admin_client: Client, user: User
) -> None:
    alive, silent = make_cluster(), make_cluster(pid=2, beat_at=ago(minutes=2))
    healthy = held_by(alive, user)
    lost = held_by(silent, user)
    late = make_job(user, status=Status.PENDING, run_after=ago(minutes=2))
    recent = make_job(user, status=Status.PENDING, run_after=ago(seconds=20))
    stray = make_job(user, status=Status.PENDING, queue="gone", run_after=ago(seconds=1))
    now = health.look()
    assert {one.job for one in now.stuck} == {lost, late, stray}
    page = admin_client.get("/jobs/workers/").content.decode()
    for job in (lost, late, stray):
        assert f'id="stuck-{job.pk}" href="{job.get_absolute_url()}"' in page
    for job in (healthy, recent):
        assert f'id="stuck-{job.pk}"' not in page


def test_a_stale_delivery_of_what_was_given_back_is_dropped(user: User) -> None:
    with kind(nothing):
        job_id, attempt = claimed(submit(user))
        assert lifecycle.give_back_unstarted("provena") == 1
        worker.execute(job_id, attempt, 60)
        assert Job.objects.get().status == Status.PENDING
        assert drain() == 1
