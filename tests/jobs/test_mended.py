"""A failed job that another one has taken the place of: nobody retries it, and it says so."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from jobs import attention, batches, bulk, deeds, diagram, job_rows, lifecycle, progress
from jobs.filters import JobFilter
from jobs.lifecycle import NotPossible
from jobs.models import CANCELLED, MENDED, Batch, Job, JobEvent, JobQuerySet, Status
from tests.conftest import drain
from tests.jobs.test_lifecycle import Count, kind, nothing, submit
from tests.jobs.test_races import all_at_once

pytestmark = pytest.mark.django_db


def fail(jobs: JobQuerySet, user: User) -> None:
    """Let these waiting jobs be such as failed by themselves."""
    batches.cancel_all(jobs, by=user)
    jobs.update(cancelled_by=None, cancelled_at=None)


def failed(user: User, **fields: Any) -> Job:
    """A job that failed by itself."""
    job = submit(user, **fields)
    fail(Job.objects.filter(pk=job.pk), user)
    job.refresh_from_db()
    return job


def mended(user: User, **fields: Any) -> tuple[Job, Job]:
    """A job that failed, and the one that took its place."""
    job, other = failed(user, **fields), submit(user)
    lifecycle.mend(job, by_job=other, by=user)
    job.refresh_from_db()
    return job, other


@pytest.fixture(autouse=True)
def known() -> Any:
    with kind(nothing):
        yield


def batch_of(user: User, number: int) -> Batch:
    payloads = [Count(number=n) for n in range(number)]
    return lifecycle.submit_batch(sub_type="TEST", payloads=payloads, owner=user, title="Rows")


def test_a_mended_job_is_retried_by_nobody(user: User, admin_user: User) -> None:
    job, other = mended(user)
    with pytest.raises(NotPossible, match=f"job {other.session_id} took its place"):
        lifecycle.retry(job, by=user)
    assert batches.retry_all(Job.objects.all(), by=user) == 0
    assert bulk.survey(deeds.RETRY, JobFilter(), user).number == 0
    bulk.submit(deeds.RETRY, JobFilter(), by=user)
    drain()
    with pytest.raises(CommandError, match=str(other.session_id)):
        call_command("retry_job", str(job.session_id))
    job.refresh_from_db()
    assert (job.status, job.mended_by) == (Status.FAILED, other.session_id)


def test_the_admin_action_says_what_took_the_place_of_a_mended_job(
    user: User, admin_client: Client
) -> None:
    job, other = mended(user)
    chosen = {"action": "retry", "_selected_action": [job.pk]}
    answer = admin_client.post(reverse("admin:jobs_job_changelist"), chosen, follow=True)
    page = answer.content.decode()
    assert "0 jobs retried." in page
    assert f'<a href="{other.get_absolute_url()}">job {other.session_id}</a> took its place' in page


def test_drawings_and_django_admin_say_the_word_that_the_pages_say(
    user: User, admin_client: Client
) -> None:
    cancelled = submit(user)
    lifecycle.cancel(cancelled, by=user)
    cancelled.refresh_from_db()
    ended = {Status.FAILED.value: failed(user), CANCELLED: cancelled, MENDED: mended(user)[0]}
    for state, job in ended.items():
        flow = progress.of_job(job, purpose="", open_jobs=True)
        assert (flow.shown, flow.status) == (state, Status.FAILED)
        assert flow.sentence == f"Test {state.lower()}: 0 of 1 steps done."
        drawn = diagram.dot(flow, job)
        assert f"step {state} current" in drawn
        assert f"{diagram.SIGNS[state]} {state}" in drawn
        page = admin_client.get(reverse("admin:jobs_job_changelist"), {"state": state})
        assert [found.pk for found in page.context["cl"].result_list] == [job.pk]
        assert f'<td class="field-shown">{state}</td>' in page.content.decode()


def test_a_job_is_mended_once_and_only_while_it_is_failed(user: User) -> None:
    job, other = mended(user)
    with pytest.raises(NotPossible, match=f"job {other.session_id} took its place"):
        lifecycle.mend(job, by_job=submit(user), by=user)
    with pytest.raises(NotPossible, match="Only a failed job can be mended"):
        lifecycle.mend(other, by_job=submit(user), by=user)
    event = job.events.latest("id")
    assert (event.kind, event.by) == (JobEvent.Kind.MENDED, user)


@pytest.mark.django_db(transaction=True)
def test_of_a_retry_and_a_mend_at_once_one_wins(user: User) -> None:
    for _ in range(5):
        job, other = failed(user), submit(user)
        mend = partial(lifecycle.mend, job, by_job=other, by=user)
        deeds = iter([partial(lifecycle.retry, job, by=user), mend])

        def act(deeds: Any = deeds) -> bool:
            try:
                next(deeds)()
            except NotPossible:
                return False
            return True

        assert sorted(all_at_once(act, 2)) == [False, True]
        job.refresh_from_db()
        assert (job.status == Status.PENDING) == (job.mended_by is None)


def test_a_mended_job_is_found_as_mended_and_not_as_failed(user: User, client: Client) -> None:
    client.force_login(user)
    [job, _], own = mended(user), failed(user)

    def found(state: str) -> list[Job]:
        answer = client.get(reverse("job-list"), {"status": state})
        assert f'value="{state}" checked' in answer.content.decode()
        return [row.job for row in answer.context["rows"]]

    assert (found("FAILED"), found("CANCELLED"), found(MENDED)) == ([own], [], [job])


def test_a_mended_job_wants_no_attention(user: User) -> None:
    failed(user)
    assert len(attention.of_user(user).failed) == 1
    Job.objects.all().delete()
    mended(user)
    assert attention.of_user(user).failed == []


def test_a_batch_counts_what_was_mended_apart(user: User) -> None:
    batch = batch_of(user, 3)
    fail(batch.jobs.all(), user)
    one = batch.jobs.get(batch_index=0)
    lifecycle.mend(one, by_job=submit(user), by=user)
    now = progress.of_batch(batch)
    assert (now.failed, now.counts[MENDED], now.status) == (2, 1, Status.FAILED)
    assert now.told == "3 of 3 done, 2 failed, 1 mended"
    assert batches.retry_failed(batch, by=user) == 2
    batches.cancel_waiting(batch, by=user)  # what was cancelled can be mended, too
    for job in batch.jobs.unmended():
        lifecycle.mend(job, by_job=submit(user), by=user)
    now = progress.of_batch(batch)
    assert (now.failed, now.counts[MENDED], now.status) == (0, 3, Status.SUCCEEDED)


def test_pages_lead_from_a_mended_job_to_the_other_and_back(user: User, client: Client) -> None:
    client.force_login(user)
    job, other = mended(user)
    page = client.get(job.get_absolute_url()).content.decode()
    assert f'id="mended-by" href="{other.get_absolute_url()}"' in page
    assert 'id="retry"' not in page
    assert f'id="mends" href="{job.get_absolute_url()}"' in (
        client.get(other.get_absolute_url()).content.decode()
    )
    assert other.get_absolute_url() in client.get(reverse("job-list")).content.decode()
    answer = client.post(reverse("job-retry", args=[job.session_id]), follow=True)
    assert "took its place" in answer.content.decode()


def test_the_page_of_a_batch_tells_failed_jobs_from_mended_ones(user: User, client: Client) -> None:
    client.force_login(user)
    batch = batch_of(user, 3)
    fail(batch.jobs.all(), user)
    job, other = batch.jobs.get(batch_index=0), submit(user)
    lifecycle.mend(job, by_job=other, by=user)

    def rows(query: str) -> list[int]:
        page = client.get(batch.get_absolute_url() + query)
        return [row["job"].batch_index for row in page.context["rows"]]

    assert (rows(""), rows("?status=FAILED"), rows("?status=MENDED")) == ([1, 2, 0], [1, 2], [0])
    page = client.get(batch.get_absolute_url()).content.decode()
    assert "Retry 2 failed" in page
    assert other.get_absolute_url() in page


def test_an_open_list_reads_a_mended_job_no_second_time(client: Client, user: User) -> None:
    job, other = mended(user)
    [row] = job_rows.rows(user, list(Job.objects.filter(pk=job.pk).for_lists()), JobFilter())
    watched: dict[str, Any] = {"watch": f"{job.pk}.{row.mark}", "top": other.pk, "new": 0}
    client.force_login(user)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(reverse("job-news"), watched).status_code == 204
    assert not [one for one in asked if "payload" in one["sql"]]
