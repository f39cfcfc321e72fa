"""The Jobs tab over HTTP: what is shown, to whom, and at what cost."""

import uuid
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.models import FINISHED, Batch, Cluster, Job, Status
from registry.models import Item
from tests.conftest import drain

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]


def make_job(owner: User, **fields: object) -> Job:
    """A job row as it is, without a handler."""
    defaults: dict[str, object] = {
        "type": "REGISTRY",
        "sub_type": "REGISTER_CREATE_ACTIVITY",
        "status": Status.SUCCEEDED,
        "result": {},
    }
    status = fields.get("status", Status.SUCCEEDED)
    if status != Status.SUCCEEDED:
        defaults["result"] = None
    if status in FINISHED:
        defaults["finished_at"] = timezone.now()
    elif status != Status.PENDING:
        defaults["dequeued_at"] = timezone.now()
    return Job.objects.create(owner=owner, **(defaults | fields))


def test_an_empty_list_says_what_makes_jobs(signed_in: Client) -> None:
    page = signed_in.get("/jobs/").content.decode()
    assert "No jobs yet" in page
    assert "/items/new/" in page


def test_the_list_shows_each_job_with_its_subject(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    make_item(user, display_name="Plume <model>")
    job = Job.objects.get()
    page = signed_in.get("/jobs/").content.decode()
    assert job.get_absolute_url() in page
    assert "Plume &lt;model&gt;" in page
    for text in (
        "REGISTER_CREATE_ACTIVITY",
        "PENDING",
        "Standalone",
        "ana",
        str(job.session_id)[:8],
    ):
        assert text in page


def test_input_that_is_too_long_for_a_page_is_a_file(
    signed_in: Client, user: User, make_user: MakeUser
) -> None:
    short = make_job(user, payload={"created_item_id": "10378.1/7"})
    long = make_job(user, payload={"records": ["needle"] * 20_000})
    assert "10378.1/7" in signed_in.get(short.get_absolute_url()).content.decode()
    page = signed_in.get(long.get_absolute_url()).content.decode()
    assert "needle" not in page
    file = f"{long.get_absolute_url()}input.json"
    assert file in page
    assert len(signed_in.get(file).json()["records"]) == 20_000
    stranger = Client()
    stranger.force_login(make_user("ben"))
    assert stranger.get(file).status_code == 404


def test_a_batch_is_one_row_and_opens_to_its_jobs(signed_in: Client, user: User) -> None:
    batch = Batch.objects.create(owner=user, title="Heat stress runs", total=3)
    for index, status in enumerate([Status.SUCCEEDED, Status.SUCCEEDED, Status.PENDING]):
        make_job(user, batch=batch, batch_index=index, status=status)
    page = signed_in.get("/jobs/").content.decode()
    assert page.count('<tr id="job-') == 1
    assert batch.get_absolute_url() in page
    assert "IN_PROGRESS" in page
    page = signed_in.get(batch.get_absolute_url()).content.decode()
    assert page.count('<a class="row"') == 3


def test_load_more_walks_all_jobs_once(signed_in: Client, user: User) -> None:
    wanted = [str(make_job(user).session_id) for _ in range(60)]
    found, query, pages = [], "", 0
    while True:
        answer = signed_in.get(f"/jobs/{query}")
        found += [str(row.job.session_id) for row in answer.context["rows"]]
        pages += 1
        if not answer.context["found"].next:
            break
        query = f"?after={answer.context['found'].next}"
    assert found == wanted[::-1]
    assert pages == 3


@pytest.mark.parametrize(
    "cursor", ["x", "-1", "0", "1", "9" * 40, "%00", "1.5", "²", "1' OR '1'='1"]
)
def test_a_bad_cursor_gives_the_first_page(signed_in: Client, user: User, cursor: str) -> None:
    job = make_job(user)
    answer = signed_in.get("/jobs/", {"after": cursor}, follow=True)
    assert [row.job for row in answer.context["rows"]] == [job]


def test_more_rows_come_as_rows_only(signed_in: Client, user: User) -> None:
    jobs = [make_job(user) for _ in range(30)]
    answer = signed_in.get("/jobs/", {"after": jobs[5].pk}, headers=HTMX)
    text = answer.content.decode()
    assert "<html" not in text
    assert text.count('<a class="row"') == 5
    assert "HX-Request" in answer["Vary"]


def test_a_strangers_job_and_batch_do_not_exist(signed_in: Client, make_user: MakeUser) -> None:
    ben = make_user("ben")
    job = make_job(ben)
    batch = Batch.objects.create(owner=ben, title="t", total=0)
    assert signed_in.get(job.get_absolute_url()).status_code == 404
    assert signed_in.get(batch.get_absolute_url()).status_code == 404
    assert str(job.session_id)[:8] not in signed_in.get("/jobs/").content.decode()


def test_an_unknown_job_is_a_friendly_404(signed_in: Client) -> None:
    answer = signed_in.get(f"/jobs/{uuid.uuid4()}/")
    assert answer.status_code == 404
    assert "nothing here for you to see" in answer.content.decode()


def test_an_administrator_sees_every_job(client: Client, user: User, admin_user: User) -> None:
    job = make_job(user)
    client.force_login(admin_user)
    assert client.get(job.get_absolute_url()).status_code == 200
    assert str(job.session_id)[:8] in client.get("/jobs/").content.decode()


def test_nobody_sees_anything_without_signing_in(client: Client, user: User) -> None:
    job = make_job(user)
    for address in ("/jobs/", job.get_absolute_url()):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/account/login/")


def test_a_part_of_a_page_leads_the_whole_page_to_signing_in(client: Client, user: User) -> None:
    job = make_job(user)
    current = {"HX-Current-URL": f"http://testserver{job.get_absolute_url()}"}
    answer = client.get(job.get_absolute_url(), headers=HTMX | current)
    assert answer.status_code == 200
    assert answer["HX-Redirect"] == f"/account/login/?next={job.get_absolute_url()}"


def test_details_tell_the_whole_truth(signed_in: Client, user: User, make_item: MakeItem) -> None:
    item = make_item(user)
    drain()
    first, second = item.creation_workflow.jobs.order_by("step")
    page = signed_in.get(first.get_absolute_url()).content.decode()
    for text in (
        str(first.session_id),
        "SUCCEEDED",
        "Register Create Activity",
        "waited",
        "ran",
        "1, which succeeded",
        "Step 1 of 2",
        "Item creation workflow",
        "this job",
        item.get_absolute_url(),
        second.get_absolute_url(),
        "creation_activity_id",
        "<svg",
    ):
        assert text in page


def test_a_failed_job_says_why_and_shows_no_traceback(signed_in: Client, user: User) -> None:
    job = make_job(user, status=Status.FAILED, info="The model <b>burst</b>.", traceback="File x")
    page = signed_in.get(job.get_absolute_url()).content.decode()
    assert "The model &lt;b&gt;burst&lt;/b&gt;." in page
    assert "File x" not in page


def test_an_unfinished_page_polls_and_a_finished_one_does_not(
    signed_in: Client, user: User
) -> None:
    waiting = make_job(user, status=Status.PENDING)
    done = make_job(user)
    assert "every 1s" in signed_in.get(waiting.get_absolute_url()).content.decode()
    assert "every 1s" not in signed_in.get(done.get_absolute_url()).content.decode()


def test_polling_sends_nothing_until_something_changes(signed_in: Client, user: User) -> None:
    job = make_job(user, status=Status.PENDING)
    seen = signed_in.get(job.get_absolute_url()).context["seen"]
    assert signed_in.get(job.get_absolute_url(), {"seen": seen}, headers=HTMX).status_code == 204
    Job.objects.update(status=Status.IN_PROGRESS, dequeued_at=timezone.now())
    answer = signed_in.get(job.get_absolute_url(), {"seen": seen}, headers=HTMX)
    assert "IN_PROGRESS" in answer.content.decode()


def test_pending_is_explained_when_no_worker_runs(signed_in: Client, user: User) -> None:
    job = make_job(user, status=Status.PENDING)
    for address in ("/jobs/", job.get_absolute_url()):
        assert "No worker is running" in signed_in.get(address).content.decode()
    now = timezone.now()
    Cluster.objects.create(
        pk=uuid.uuid4(),
        host="h",
        pid=1,
        queue="provena",
        workers=2,
        started_at=now,
        beat_at=now,
    )
    for address in ("/jobs/", job.get_absolute_url()):
        assert "No worker is running" not in signed_in.get(address).content.decode()


@pytest.mark.parametrize("rows", [1, 50])
def test_the_list_costs_the_same_at_any_length(
    signed_in: Client,
    user: User,
    make_item: MakeItem,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    item = make_item(user)
    drain()
    for _ in range(rows):
        make_job(user, subject=item.handle)
    # session, user, the page of jobs, their subjects, in which states there are any
    with django_assert_num_queries(5):
        signed_in.get("/jobs/")


@pytest.mark.parametrize("batches", [1, 20])
def test_batches_cost_two_queries_more_however_many(
    signed_in: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries, batches: int
) -> None:
    for _ in range(batches):
        batch = Batch.objects.create(owner=user, title="t", total=2)
        make_job(user, batch=batch, batch_index=0)
        make_job(user, batch=batch, batch_index=1)
    # session, user, the page of jobs, the batches' counts, when those that have ended did, in which
    # states there are any
    with django_assert_num_queries(6):
        signed_in.get("/jobs/")
