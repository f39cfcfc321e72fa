"""Retry, cancel, health and retention as people reach them: pages, admin and commands."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from jobs import health, lifecycle, ops_views
from jobs.models import Batch, Cluster, Job, JobEvent, Status, Workflow
from registry.models import Item
from tests.conftest import drain, statuses
from tests.jobs.test_pages import make_job

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]
DAYS_AGO = timedelta(days=100)


def make_cluster(**fields: Any) -> Cluster:
    now = timezone.now()
    defaults = {"host": "h", "pid": 1, "queue": "provena", "workers": 2}
    return Cluster.objects.create(
        **({"pk": uuid.uuid4(), "started_at": now, "beat_at": now} | defaults | fields)
    )


def test_the_page_of_a_failed_job_retries_it(signed_in: Client, user: User) -> None:
    job = make_job(user, status=Status.FAILED, info="x")
    page = signed_in.get(job.get_absolute_url()).content.decode()
    assert f"{job.get_absolute_url()}retry/" in page
    assert "cancel/" not in page
    page = signed_in.post(f"{job.get_absolute_url()}retry/", follow=True).content.decode()
    assert "You retried this job." in page
    assert "You put it back into the queue" in page
    assert f"{job.get_absolute_url()}cancel/" in page
    page = signed_in.post(f"{job.get_absolute_url()}cancel/", follow=True).content.decode()
    assert "Cancelled by ana" in page
    assert statuses() == [Status.FAILED]


@pytest.mark.parametrize(
    ("act", "status", "question"),
    [("retry", Status.FAILED, "Retry this job?"), ("cancel", Status.PENDING, "Cancel this job?")],
)
def test_it_is_asked_before_anything_is_done(
    signed_in: Client, user: User, act: str, status: Status, question: str
) -> None:
    job = make_job(user, status=status, info="The disk was full.")
    page = signed_in.get(f"{job.get_absolute_url()}{act}/").content.decode()
    assert question in page
    assert "The disk was full." in page
    assert statuses() == [status]


def test_what_cannot_be_done_any_more_is_not_asked(signed_in: Client, user: User) -> None:
    job = make_job(user)
    for act, text in (("retry", "Only a failed job"), ("cancel", "Only a job that has not")):
        answer = signed_in.get(f"{job.get_absolute_url()}{act}/", follow=True)
        assert answer.redirect_chain == [(job.get_absolute_url(), 302)]
        assert f"This job is SUCCEEDED now. {text}" in answer.content.decode()


def test_a_button_pressed_too_late_says_so(signed_in: Client, user: User) -> None:
    job = make_job(user)
    for act in ("retry", "cancel"):
        page = signed_in.post(f"{job.get_absolute_url()}{act}/", follow=True).content.decode()
        assert "this one is SUCCEEDED" in page
    assert statuses() == [Status.SUCCEEDED]


@pytest.mark.parametrize("act", ["retry", "cancel"])
def test_a_strangers_job_cannot_be_operated(
    signed_in: Client, make_user: MakeUser, act: str
) -> None:
    job = make_job(make_user("ben"), status=Status.FAILED, info="x")
    assert signed_in.post(f"{job.get_absolute_url()}{act}/").status_code == 404
    assert signed_in.get(f"{job.get_absolute_url()}{act}/").status_code == 404
    assert statuses() == [Status.FAILED]


def test_a_job_that_waits_for_its_next_try_says_when(signed_in: Client, user: User) -> None:
    make_cluster()
    job = make_job(
        user,
        status=Status.PENDING,
        attempt=1,
        info="The disk was full.",
        run_after=timezone.now() + timedelta(seconds=40, milliseconds=900),
    )
    page = signed_in.get(job.get_absolute_url()).content.decode()
    assert "The disk was full." in page
    assert "Its last attempt failed; it is tried again in 4" in page


def test_admin_actions_retry_and_cancel(admin_client: Client, user: User) -> None:
    failed = make_job(user, status=Status.FAILED, info="x")
    waiting = make_job(user, status=Status.PENDING)
    make_job(user)
    everything = list(Job.objects.values_list("pk", flat=True))
    for action, job in (("retry", failed), ("cancel", waiting)):
        data = {"action": action, "_selected_action": [job.pk]}
        admin_client.post("/admin/jobs/job/", data)
    assert statuses() == [Status.PENDING, Status.FAILED, Status.SUCCEEDED]
    data = {"action": "cancel", "_selected_action": everything}
    page = admin_client.post("/admin/jobs/job/", data, follow=True).content.decode()
    assert "1 job cancelled." in page
    assert set(JobEvent.objects.values_list("by__username", flat=True)) == {"admin"}


def test_commands_retry_and_cancel(user: User, capsys: pytest.CaptureFixture[str]) -> None:
    failed = make_job(user, status=Status.FAILED, info="x")
    done = make_job(user)
    call_command("retry_job", str(failed.session_id))
    assert capsys.readouterr().out == f"{failed.session_id}\n"
    call_command("cancel_job", str(failed.session_id))
    assert Job.objects.get(pk=failed.pk).info.startswith("Cancelled by an operator.")
    with pytest.raises(CommandError, match="SUCCEEDED"):
        call_command("retry_job", str(done.session_id), str(failed.session_id))
    assert statuses() == [Status.PENDING, Status.SUCCEEDED]
    with pytest.raises(CommandError, match="no session id"):
        call_command("cancel_job", "7")


def test_the_sweep_command_gives_back(user: User, capsys: pytest.CaptureFixture[str]) -> None:
    make_job(user, status=Status.DEQUEUED, lease_until=timezone.now() - DAYS_AGO)
    call_command("sweep_jobs")
    assert capsys.readouterr().out == "1 job was given back.\n"
    assert statuses() == [Status.PENDING]


def test_health_is_good_when_a_worker_runs_and_nothing_waits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_cluster()
    call_command("worker_status")
    assert "2 workers" in capsys.readouterr().out
    call_command("worker_status", json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["faults"] == []
    assert facts["clusters"][0]["alive"] is True


def test_no_worker_is_a_fault() -> None:
    make_cluster(beat_at=timezone.now() - timedelta(minutes=1))
    with pytest.raises(CommandError, match="No worker is running"):
        call_command("worker_status")


def test_a_queue_without_a_worker_is_a_fault(user: User) -> None:
    make_cluster(queue="slow")
    make_job(user, status=Status.PENDING)
    assert health.look().faults == ["Jobs wait in queue provena, and no worker serves it."]


def test_waiting_too_long_is_a_fault_and_marks_the_job(user: User) -> None:
    make_cluster()
    job = make_job(user, status=Status.PENDING, run_after=timezone.now() - timedelta(minutes=5))
    now = health.look()
    assert "has waited 300 s" in now.faults[0]
    assert [stuck.job for stuck in now.stuck] == [job]


def test_a_lapsed_lease_is_stuck_with_its_reason(user: User) -> None:
    job = make_job(user, status=Status.IN_PROGRESS, lease_until=timezone.now() - DAYS_AGO)
    [stuck] = health.look().stuck
    assert stuck.job == job
    assert "lease has passed" in stuck.reason.text


def test_the_workers_page_is_for_staff(signed_in: Client, admin_client: Client, user: User) -> None:
    make_cluster(host="reef-1")
    make_cluster(host="reef-2", beat_at=timezone.now() - timedelta(minutes=1))
    make_job(user, status=Status.IN_PROGRESS, worker="c:7")
    assert signed_in.get("/jobs/workers/").status_code == 403
    page = admin_client.get("/jobs/workers/").content.decode()
    for text in ("reef-1", "ALIVE", "reef-2", "SILENT", "c:7", "Nothing is stuck"):
        assert text in page


def test_healthz_needs_no_one_signed_in(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"web": "ok", "database": "ok"})


def test_healthz_says_when_the_database_is_away(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def cursor(self) -> None:
            raise OperationalError

        def close(self) -> None: ...

    monkeypatch.setattr(ops_views, "connection", Away())
    assert client.get("/healthz").status_code == 503


def test_pruning_takes_whole_things_that_nothing_shows(
    user: User, make_item: MakeItem, capsys: pytest.CaptureFixture[str]
) -> None:
    old = {"finished_at": timezone.now() - DAYS_AGO}
    shown = make_item(user)
    drain()
    shown_jobs = set(shown.creation_workflow.jobs.values_list("pk", flat=True))
    Job.objects.update(**old)
    recent = make_job(user, finished_at=timezone.now())
    make_job(user, **old)
    waiting = make_job(user, status=Status.PENDING)
    gone = Workflow.objects.create(kind="X", subject="a/1", owner=user)
    make_job(user, workflow=gone, step=0, **old)
    half = Workflow.objects.create(kind="X", subject="a/1", owner=user)
    first = make_job(user, workflow=half, step=0, **old)
    second = make_job(user, workflow=half, step=1, finished_at=timezone.now())
    batch = Batch.objects.create(owner=user, title="t", total=2)
    for index in range(2):
        make_job(user, batch=batch, batch_index=index, **old)
    expected = "{}: 4 jobs, 1 workflow and 1 batch that finished"

    call_command("prune_jobs", older_than="90d", dry_run=True)
    assert expected.format("Would be removed") in capsys.readouterr().out
    assert Job.objects.count() == 2 + 8
    call_command("prune_jobs", older_than="90d")
    assert expected.format("Removed") in capsys.readouterr().out
    left = shown_jobs | {recent.pk, waiting.pk, first.pk, second.pk}
    assert set(Job.objects.values_list("pk", flat=True)) == left
    assert set(Workflow.objects.all()) == {shown.creation_workflow, half}
    assert not Batch.objects.exists()
    call_command("prune_jobs", older_than="90d")
    assert "0 jobs, 0 workflows" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["90", "d", "=1d", "1y", "1.5d", "999999d"])
def test_a_length_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="90d"):
        call_command("prune_jobs", older_than=text)


def test_an_operator_may_retry_a_job_whose_kind_is_gone(user: User) -> None:
    job = make_job(user, sub_type="GONE", status=Status.FAILED, info="x")
    lifecycle.retry(job, by=None)
    drain()
    job.refresh_from_db()
    assert (job.status, job.attempt) == (Status.FAILED, 1)
    assert "This site cannot do “Gone”" in job.info
