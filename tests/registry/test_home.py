"""The home page: what concerns a user, what it costs, and how one begins."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs import attention, batches, lifecycle, queues
from jobs.models import Batch, Job, Status, Workflow
from registry.models import Item, RunSheet, SheetRow
from tests.conftest import drain
from tests.jobs.test_batches import make_batch
from tests.jobs.test_operations import make_cluster
from tests.jobs.test_pages import make_job

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]


def home(client: Client) -> str:
    return client.get("/").content.decode()


def test_a_newcomer_sees_three_steps_and_loses_them_when_done(
    client: Client, make_user: MakeUser, make_item: MakeItem
) -> None:
    client.force_login(make_user("new", linked=False))
    page = home(client)
    assert "Three steps to begin with" in page
    assert "/items/new/person/?me" in page
    linked = make_user("ben")
    client.force_login(linked)
    page = home(client)
    assert "Three steps to begin with" in page
    assert "/items/new/person/?me" not in page
    make_item(linked)
    page = home(client)
    assert "Three steps" not in page
    assert "/items/new/model/" in page


def test_who_may_only_read_is_not_asked_to_register(
    client: Client, make_user: MakeUser, settings: Any
) -> None:
    settings.REGISTRY_LEVEL = "read"
    client.force_login(make_user("new", linked=False))
    page = home(client)
    assert "Three steps" not in page
    assert "/items/new/model/" not in page
    assert 'name="q"' in page


def test_failed_jobs_are_there_with_retry_at_hand(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    item = make_item(user, display_name="Plume")
    job = Job.objects.get()
    job.status, job.info, job.finished_at = Status.FAILED, "The person is <gone>.", timezone.now()
    job.save()
    page = home(signed_in)
    assert "The person is &lt;gone&gt;." in page
    assert item.display_name in page
    retry = f"{job.get_absolute_url()}retry/"
    assert f'action="{retry}"' in page
    signed_in.post(retry)
    page = home(signed_in)
    assert f'action="{retry}"' not in page
    assert "step 1 of 2, Item creation workflow" in page
    drain()
    assert "Nothing is under way and nothing failed" in home(signed_in)


def test_a_job_has_the_name_that_its_owner_gave(signed_in: Client, user: User) -> None:
    payload = {"record": {"display_name": "Winter & spring"}}
    make_job(
        user, status=Status.FAILED, info="No.", sub_type="MODEL_RUN_PROV_LODGE", payload=payload
    )
    assert "Winter &amp; spring · " in home(signed_in)


def test_a_batch_is_one_row_and_hides_nothing(signed_in: Client, user: User) -> None:
    old = timezone.now() - timedelta(days=1)
    alone = make_job(user, status=Status.FAILED, info="Alone.", finished_at=old)
    batch = make_batch(user, *["FAILED"] * 150, "SUCCEEDED")
    busy = make_batch(user, *["PENDING"] * 150)
    shown = attention.of_user(user)
    assert [row.url for row in shown.failed] == [batch.get_absolute_url(), alone.get_absolute_url()]
    assert [row.url for row in shown.under_way] == [busy.get_absolute_url()]
    page = home(signed_in)
    assert "151 of 151 done, 150 failed" in page
    assert f'href="/jobs/batch/{batch.pk}/retry/"' in page


def test_what_somebody_cancelled_wants_no_look(signed_in: Client, user: User) -> None:
    batch, job = make_batch(user, "PENDING", "FAILED"), make_job(user, status=Status.PENDING)
    lifecycle.cancel(job, by=None)
    batches.cancel_waiting(batch, by=user)
    shown = attention.of_user(user)
    assert [row.url for row in shown.failed] == [batch.get_absolute_url()]
    Job.objects.filter(batch_index=1).update(cancelled_at=timezone.now())
    assert attention.of_user(user).failed == []
    assert "Nothing is under way and nothing failed" in home(signed_in)


def test_others_jobs_and_tables_are_not_shown(
    signed_in: Client, make_user: MakeUser, make_item: MakeItem
) -> None:
    other = make_user("ben")
    make_job(other, status=Status.FAILED, info="Secret failure")
    make_batch(other, "FAILED")
    template = make_item(other, subtype="MODEL_RUN_WORKFLOW_TEMPLATE")
    sheet = RunSheet.objects.create(
        owner=other, template=template, file_name="secret.csv", columns=[], is_ready=True
    )
    SheetRow.objects.create(sheet=sheet, number=2, cells=[], state="FAULTY")
    page = home(signed_in)
    for secret in ("Secret failure", "secret.csv", "/jobs/batch/"):
        assert secret not in page


def test_tables_that_wait_say_what_for(signed_in: Client, user: User, make_item: MakeItem) -> None:
    template = make_item(user, subtype="MODEL_RUN_WORKFLOW_TEMPLATE")

    def sheet(name: str, *states: str, is_ready: bool = True) -> None:
        made = RunSheet.objects.create(
            owner=user, template=template, file_name=name, columns=[], is_ready=is_ready
        )
        for number, state in enumerate(states, 2):
            SheetRow.objects.create(sheet=made, number=number, cells=[], state=state)

    sheet("mend.csv", "FAULTY", "FAULTY", "NEW", "RETRY")
    sheet("done.csv", "SUBMITTED", "EXISTING")
    sheet("loading.csv", "FAULTY", is_ready=False)
    page = home(signed_in)
    assert "mend.csv" in page
    assert "2 to mend" in page
    assert "2 ready to be registered" in page
    assert "done.csv" not in page
    assert "loading.csv" not in page


def test_how_the_system_is(client: Client, user: User, admin_user: User) -> None:
    client.force_login(user)
    assert "No worker is running" in home(client)
    make_cluster()
    assert "2 workers are running, and nothing waits." in home(client)
    make_job(user, status=Status.PENDING)
    assert "2 workers running, 1 job waits." in home(client)
    queues.pause("provena", by=None, reason="Tidying")
    page = home(client)
    assert "Tidying" in page
    assert "ended in the last hour" not in page
    assert "/jobs/workers/" not in page
    client.force_login(admin_user)
    page = home(client)
    assert "0 jobs ended in the last hour" in page
    assert "/jobs/workers/" in page


def test_the_jobs_ask_for_news_often_while_any_is_under_way(signed_in: Client, user: User) -> None:
    make_job(user, status=Status.FAILED, info="x")
    assert 'hx-trigger="every 10s"' in home(signed_in)
    make_cluster()
    job = make_job(user, status=Status.PENDING)
    page = home(signed_in)
    assert 'hx-trigger="every 2s"' in page
    seen = page.partition("?seen=")[2].partition('"')[0]
    assert signed_in.get(f"/?seen={seen}", headers=HTMX).status_code == 204
    Job.objects.filter(pk=job.pk).update(
        status=Status.IN_PROGRESS, dequeued_at=timezone.now(), started_at=timezone.now()
    )
    part = signed_in.get(f"/?seen={seen}", headers=HTMX)
    assert part.status_code == 200
    assert "IN_PROGRESS" in part.content.decode()
    assert "<html" not in part.content.decode()


def test_the_line_about_the_system_is_sent_when_it_changes_and_told_when_that_is_news(
    signed_in: Client, user: User
) -> None:
    make_cluster()
    make_job(user, status=Status.PENDING)

    def seen(page: str) -> str:
        return page.partition("?system=")[2].partition('"')[0]

    now = seen(home(signed_in))
    assert signed_in.get(f"/?system={now}", headers=HTMX).status_code == 204
    make_job(user, status=Status.PENDING)
    line = signed_in.get(f"/?system={now}", headers=HTMX).content.decode()
    assert "2 jobs wait." in line
    assert "announcer" not in line
    queues.pause("provena", by=None, reason="Tidying")
    line = signed_in.get(f"/?system={seen(line)}", headers=HTMX).content.decode()
    assert line.count("Tidying") == 2  # shown, and announced
    queues.resume("provena", by=None)
    line = signed_in.get(f"/?system={seen(line)}", headers=HTMX).content.decode()
    assert line.count("2 jobs wait.") == 2


@pytest.mark.parametrize("rows", [1, 40])
def test_it_costs_the_same_however_much_there_is(
    signed_in: Client,
    user: User,
    make_item: MakeItem,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    template = make_item(user, subtype="MODEL_RUN_WORKFLOW_TEMPLATE")
    cluster = make_cluster()
    past = timezone.now() - timedelta(minutes=1)
    flow = Workflow.objects.create(kind="ITEM_CREATION", subject=template.handle, owner=user)
    for number in range(rows):
        make_batch(user, "FAILED", "PENDING")
        make_job(user, status=Status.FAILED, info="x", subject=template.handle)
        make_job(user, status=Status.PENDING, run_after=past, workflow=flow, step=number + 5)
        make_job(user, status=Status.IN_PROGRESS, started_at=past, worker=f"{cluster.pk}:1")
        sheet = RunSheet.objects.create(
            owner=user, template=template, file_name="a", columns=[], is_ready=True
        )
        SheetRow.objects.create(sheet=sheet, number=2, cells=[], state="FAULTY")
    # session, user; jobs: batches, their counts, failed, unfinished,
    # their items; why: clusters alive, pauses, what is before, how fast, clusters, what is usual;
    # own items, person link, tables of runs and their rows; how it is: clusters alive, what waits,
    # who serves it, pauses
    with django_assert_num_queries(21):
        signed_in.get("/")
    assert Batch.objects.count() == rows
