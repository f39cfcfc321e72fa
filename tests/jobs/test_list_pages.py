"""The list of jobs over HTTP: its filters, rows and news, its files, and what each costs."""

import csv
import io
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs import batches, lifecycle, list_views, queues, search
from jobs.models import Batch, Cluster, Job, Status
from provena import tables
from registry import services
from registry.models import Item
from tests.conftest import drain
from tests.jobs.test_batches import make_batch
from tests.jobs.test_list_filters import sue
from tests.jobs.test_operations import make_cluster
from tests.jobs.test_pages import HTMX, make_job

__all__ = ["sue"]

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]


def shown(answer: Any) -> list[Job]:
    return [row.job for row in answer.context["rows"]]


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.fixture
def staff(sue: User) -> Client:
    client = Client()
    client.force_login(sue)
    return client


def test_filters_of_the_address_choose_the_jobs_and_are_shown(
    signed_in: Client, user: User
) -> None:
    failed = make_job(user, status=Status.FAILED, info="It burst.")
    make_job(user)
    answer = signed_in.get("/jobs/?status=FAILED&text=BURST")
    assert shown(answer) == [failed]
    page = text_of(answer)
    assert 'value="FAILED" checked' in page
    assert 'name="text" value="BURST"' in page
    assert 'href="/jobs/?text=BURST"' in page  # a chip, which takes the state away
    assert 'href="/jobs/?status=FAILED"' in page
    assert ">Clear<" in page
    assert "listed one by one" in page
    assert ">Clear<" not in text_of(signed_in.get("/jobs/"))


def test_an_empty_field_of_the_form_leaves_no_trace_in_the_address(
    signed_in: Client, user: User
) -> None:
    answer = signed_in.get("/jobs/?text=&when=&status=FAILED&zone=Australia/Brisbane&item=")
    assert (answer.status_code, answer["Location"]) == (302, "/jobs/?status=FAILED")
    answer = signed_in.get("/jobs/?text=&when=today&zone=Australia/Brisbane")
    assert answer["Location"] == "/jobs/?when=today&zone=Australia%2FBrisbane"
    assert signed_in.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize("address", ["/jobs/", "/jobs/jobs.csv", "/jobs/jobs.jsonl"])
def test_a_value_that_makes_no_sense_is_named_and_nothing_is_listed(
    signed_in: Client, user: User, address: str
) -> None:
    make_job(user)
    answer = signed_in.get(f"{address}?status=BROKEN&since=<b>&text=reef")
    assert answer.status_code == 400
    page = text_of(answer)
    assert "“BROKEN” is no state of a job. Choose one of PENDING" in page
    assert "“&lt;b&gt;” is no time" in page
    assert 'href="/jobs/?text=reef"' in page
    assert shown(answer) == []
    fragment = signed_in.get("/jobs/?status=BROKEN", headers=HTMX)
    assert (fragment.status_code, shown(fragment)) == (200, [])


def test_nothing_found_is_not_nothing_there(signed_in: Client, staff: Client, user: User) -> None:
    assert "No jobs yet" in text_of(signed_in.get("/jobs/"))
    assert "No job matches" in text_of(signed_in.get("/jobs/?status=FAILED"))
    assert "There is no user “nobody”" in text_of(staff.get("/jobs/?user=nobody"))
    assert "There is no user" not in text_of(staff.get("/jobs/?user=ana"))
    assert "There is no user" not in text_of(signed_in.get("/jobs/?user=nobody"))


def test_the_beginning_of_an_id_leads_there_if_it_is_the_only_one(
    signed_in: Client, user: User, make_user: MakeUser
) -> None:
    make_job(make_user("ben"), session_id="53f7041e-0000-4000-8000-000000000001")
    assert signed_in.get("/jobs/", {"text": "53f7041e"}).status_code == 200
    job = make_job(user, session_id="53f7041e-0000-4000-8000-000000000002")
    for text in ("53f7041e", "53F7041E-0000", "53f7041e0000"):
        assert signed_in.get("/jobs/", {"text": text})["Location"] == (
            f"/jobs/{job.session_id}/"
        ), text
    assert signed_in.get("/jobs/", {"text": "53f704"}).status_code == 200
    make_job(user, session_id="53f7041e-0000-4000-8000-000000000003")
    assert signed_in.get("/jobs/", {"text": "53f7041e"}).status_code == 200


def test_an_id_as_text_leads_to_its_job_or_batch(
    signed_in: Client, user: User, make_user: MakeUser
) -> None:
    job, batch = make_job(user), make_batch(user, "PENDING")
    for own in (job, batch):
        address = own.get_absolute_url()
        assert signed_in.get("/jobs/", {"text": address.split("/")[-2]})["Location"] == address
    foreign = make_job(make_user("ben", linked=False))
    for unknown in (str(foreign.session_id), str(uuid.uuid4()), "f" * 33):
        assert signed_in.get("/jobs/", {"text": unknown}).status_code == 200


def test_a_row_says_in_words_what_the_job_is(
    signed_in: Client, user: User, make_item: MakeItem
) -> None:
    item = make_item(user, display_name="Plume model")
    named = {"record": {"display_name": "Larvae, <summer>"}}
    make_job(user, sub_type="MODEL_RUN_PROV_LODGE", payload=named, subject=item.handle)
    make_job(user, status=Status.FAILED, info="The end is before the start.\nLine two.")
    now = timezone.now()
    make_job(
        user,
        status=Status.PENDING,
        attempt=1,
        run_after=now + timedelta(minutes=5),
        info="It timed out.",
    )
    page = text_of(signed_in.get("/jobs/"))
    assert "Larvae, &lt;summer&gt; · " in page
    assert 'class="id">MODEL_RUN_PROV_LODGE<' in page
    assert ">Register Create Activity</a>" in page
    assert "Plume model · " in page
    assert "The end is before the start.<" in page
    assert "Line two" not in page
    assert "An attempt failed: It timed out." in page
    assert page.count("retries <time") == 1


def test_a_row_hides_from_staff_what_they_may_not_read(
    staff: Client, user: User, make_item: MakeItem
) -> None:
    item = make_item(user, display_name="Secret model")
    services.change_access(handle=item.handle, general=[], groups={}, by=user)
    named = {"record": {"display_name": "Secret run"}}
    make_job(user, sub_type="MODEL_RUN_PROV_LODGE", payload=named, subject=item.handle)
    for address in ("/jobs/", "/jobs/?status=SUCCEEDED", "/jobs/jobs.csv", "/jobs/jobs.jsonl"):
        answer = staff.get(address)
        page = answer.getvalue().decode()
        assert "MODEL_RUN_PROV_LODGE" in page
        assert "Secret" not in page
        assert item.handle not in page
    page = text_of(staff.get(f"/jobs/?item={item.handle}"))
    assert "none that you may read" in page
    assert "Secret" not in page


def test_a_cancelled_job_is_told_from_one_that_failed(signed_in: Client, user: User) -> None:
    failed = make_job(user, status=Status.FAILED, info="It burst.")
    cancelled, by_operator = (make_job(user, status=Status.PENDING) for _ in range(2))
    lifecycle.cancel(cancelled, by=user)
    lifecycle.cancel(by_operator, by=None)
    assert shown(signed_in.get("/jobs/?status=FAILED")) == [failed]
    answer = signed_in.get("/jobs/?status=CANCELLED")
    assert shown(answer) == [by_operator, cancelled]
    page = text_of(answer)
    assert 'value="CANCELLED" checked' in page
    assert 'class="state CANCELLED">CANCELLED<' in page
    assert "Cancelled by ana" in page
    assert 'class="sub why"' not in page
    assert len(shown(signed_in.get("/jobs/?status=CANCELLED&status=FAILED"))) == 3
    lines = signed_in.get("/jobs/jobs.jsonl?status=CANCELLED").getvalue().decode().splitlines()
    assert [(one["status"], bool(one["cancelled_at"])) for one in map(json.loads, lines)] == [
        ("FAILED", True)
    ] * 2
    page = text_of(signed_in.get(cancelled.get_absolute_url()))
    assert ">CANCELLED<" in page
    assert 'class="btn" id="retry"' in page
    assert "note error" not in page


def test_a_row_that_is_cancelled_elsewhere_says_so(signed_in: Client, user: User) -> None:
    make_cluster()
    job = make_job(user, status=Status.PENDING)
    same = f"top={job.pk}&new=0&watch={mark(signed_in, job)}"
    lifecycle.cancel(job, by=user)
    page = text_of(news(signed_in, same))
    assert f'data-watch="{job.pk}.C0" hx-swap-oob' in page
    assert "Register Create Activity CANCELLED." in page
    lifecycle.retry(job, by=user)
    page = text_of(news(signed_in, f"watch={job.pk}.C0"))
    assert "PENDING" in page


def test_jobs_of_a_batch_are_found_one_by_one_by_state(signed_in: Client, user: User) -> None:
    batch = make_batch(user, "SUCCEEDED", "FAILED", "PENDING")
    assert [row.batch for row in signed_in.get("/jobs/").context["rows"]] == [batch]
    answer = signed_in.get("/jobs/?status=FAILED")
    assert shown(answer) == [batch.jobs.get(batch_index=1)]
    page = text_of(answer)
    assert batch.get_absolute_url() in page
    assert "Job 2<" in page


def test_a_batch_is_found_by_its_title(signed_in: Client, user: User) -> None:
    batch = make_batch(user, "SUCCEEDED", "FAILED", "FAILED")
    Batch.objects.update(title="Heat stress 2024")
    make_job(user)
    answer = signed_in.get("/jobs/?text=heat+STRESS")
    assert [row.batch for row in answer.context["rows"]] == [batch]
    assert "3 of 3 done, 2 failed" in text_of(answer)
    answer = signed_in.get("/jobs/?text=heat+stress&status=FAILED")
    assert [job.batch_index for job in shown(answer)] == [2, 1]
    assert [row.batch for row in answer.context["rows"]] == [None, None]


def test_the_job_that_launched_a_batch_leads_to_it(signed_in: Client, user: User) -> None:
    batch = make_batch(user, "PENDING")
    result = {"batch_id": str(batch.pk)}
    launch = make_job(user, sub_type="MODEL_RUN_BATCH_SUBMIT", result=result)
    page = text_of(signed_in.get("/jobs/?sub_type=MODEL_RUN_BATCH_SUBMIT"))
    assert launch.get_absolute_url() in page
    assert f'href="{batch.get_absolute_url()}">its batch</a>' in page


def test_waiting_in_vain_is_told_where_a_job_that_waits_is_shown(
    signed_in: Client, user: User
) -> None:
    make_job(user, status=Status.PENDING)
    make_job(user)
    make_cluster(queue="slow")
    assert "No worker is running" in text_of(signed_in.get("/jobs/"))
    assert "No worker is running" not in text_of(signed_in.get("/jobs/?status=SUCCEEDED"))
    Cluster.objects.update(queue="provena")
    assert "No worker is running" not in text_of(signed_in.get("/jobs/"))


def test_more_rows_keep_the_filter_and_tell_the_address_what_is_shown(
    signed_in: Client, user: User
) -> None:
    failed = [make_job(user, status=Status.FAILED, info="It burst.") for _ in range(60)][::-1]
    first = signed_in.get("/jobs/?status=FAILED")
    more = first.context["more"]
    assert more == f"/jobs/?status=FAILED&after={failed[24].pk}"
    answer = signed_in.get(f"{more}&top={failed[0].pk}", headers=HTMX)
    assert shown(answer) == failed[25:50]
    address = f"/jobs/?status=FAILED&rows={failed[0].pk}-{failed[49].pk}"
    assert answer["HX-Replace-Url"] == address
    assert f"status=FAILED&amp;after={failed[49].pk}&amp;top={failed[0].pk}" in text_of(answer)

    make_job(user, status=Status.FAILED, info="It burst.")
    again = signed_in.get(address)
    assert shown(again) == failed[:50]
    last = signed_in.get(f"{again.context['more']}&top={failed[0].pk}", headers=HTMX)
    assert shown(last) == failed[50:]
    assert last["HX-Replace-Url"] == f"/jobs/?status=FAILED&rows={failed[0].pk}-0"
    everything = signed_in.get(last["HX-Replace-Url"])
    assert shown(everything) == failed
    assert everything.context["more"] == ""


def test_a_search_goes_on_from_where_it_stopped(
    signed_in: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LOOK_AT_TEXT", 10)
    wanted = make_job(user, payload={"note": "sediment"})
    others = [make_job(user) for _ in range(25)][::-1]
    answer = signed_in.get("/jobs/?text=sediment")
    page = text_of(answer)
    assert "Nothing found yet. Looked through the jobs back to" in page
    assert "Search further" in page
    assert "No job matches" not in page
    address = f"{answer.context['more']}&top={answer.context['top']}&on=1"
    further = signed_in.get(address, headers=HTMX)
    assert 'hx-trigger="load' in text_of(further)  # goes on by itself
    assert ">Stop</a>" in text_of(further)
    address = f"{further.context['more']}&top={answer.context['top']}&on=1"
    found = signed_in.get(address, headers=HTMX)
    assert shown(found) == [wanted]
    assert found["HX-Replace-Url"] == f"/jobs/?text=sediment&rows={others[0].pk}-0"
    assert shown(signed_in.get(found["HX-Replace-Url"])) == [wanted]


def test_what_comes_back_is_limited(
    signed_in: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_views, "MOST_AT_ONCE", 40)
    jobs = [make_job(user) for _ in range(60)][::-1]
    answer = signed_in.get(f"/jobs/?rows={jobs[0].pk}-{jobs[-1].pk}")
    assert shown(answer) == jobs[:40]
    assert answer.context["more"] == f"/jobs/?after={jobs[39].pk}"


@pytest.mark.parametrize("rows", ["x", "1", "9-", "-9", "9-x", f"{'9' * 30}-1", "5-7", "²-1"])
def test_a_mangled_place_leads_to_the_newest_jobs(signed_in: Client, user: User, rows: str) -> None:
    job = make_job(user)
    answer = signed_in.get("/jobs/", {"rows": rows})
    assert answer.status_code == 200
    assert shown(answer) in ([job], [])


def news(client: Client, query: str) -> Any:
    return client.get(f"/jobs/news/?{query}", headers=HTMX)


def test_news_are_sent_only_when_there_are_any(signed_in: Client, user: User) -> None:
    make_cluster()
    job = make_job(user, status=Status.PENDING)
    assert f'data-watch="{job.pk}.P0"' in text_of(signed_in.get("/jobs/"))
    same = f"top={job.pk}&new=0&watch={job.pk}.P0"
    assert news(signed_in, same).status_code == 204
    now = timezone.now()
    Job.objects.update(status=Status.IN_PROGRESS, attempt=1, dequeued_at=now)
    answer = news(signed_in, same)
    page = text_of(answer)
    assert f'<tr id="job-{job.pk}" data-watch="{job.pk}.I1" data-moves hx-swap-oob="true">' in page
    assert "Register Create Activity IN_PROGRESS." in page
    same = f"top={job.pk}&new=0&watch={job.pk}.I1"
    assert news(signed_in, same).status_code == 204
    Job.objects.update(attempt=2)
    page = text_of(news(signed_in, same))
    assert "I2" in page
    assert "announcer" not in page  # the state is the same


def test_news_tell_how_many_new_jobs_there_are(signed_in: Client, user: User) -> None:
    top = make_job(user).pk
    make_job(user, status=Status.FAILED, info="It burst.")
    page = text_of(news(signed_in, f"top={top}&new=0"))
    assert "1 new job " in page
    assert 'role="status"' not in page
    assert news(signed_in, f"top={top}&new=1").status_code == 204
    assert news(signed_in, f"status=PENDING&top={top}&new=0").status_code == 204
    assert "1 new job" in text_of(news(signed_in, f"status=FAILED&top={top}&new=0"))
    for _ in range(30):
        make_job(user)
    assert "More than 25 new jobs" in text_of(news(signed_in, f"top={top}&new=1"))
    assert news(signed_in, f"top={top}&new=26").status_code == 204


def test_news_of_a_batch_are_its_progress(signed_in: Client, user: User) -> None:
    batch = make_batch(user, "SUCCEEDED", "IN_PROGRESS", "PENDING")
    head = batch.jobs.get(batch_index=0)
    page = text_of(signed_in.get("/jobs/"))
    mark = page.split('data-watch="')[1].split('"')[0]
    assert mark.startswith(f"{head.pk}.I")
    same = f"top={Job.objects.latest('pk').pk}&new=0&watch={mark}"
    assert news(signed_in, same).status_code == 204
    batch.jobs.filter(batch_index=1).update(
        status=Status.SUCCEEDED, result={}, finished_at=timezone.now()
    )
    page = text_of(news(signed_in, same))
    assert "2 of 3 done" in page
    assert "announcer" not in page


def mark(client: Client, job: Job) -> str:
    """What the list shows the row of the job with."""
    page = text_of(client.get("/jobs/"))
    return page.partition(f'id="job-{job.pk}" data-watch="')[2].partition('"')[0]


def test_a_row_that_had_ended_changes_when_it_is_retried_elsewhere(
    signed_in: Client, user: User
) -> None:
    job = make_job(user, status=Status.FAILED, info="It burst.", attempt=1)
    same = f"top={job.pk}&new=0&watch={mark(signed_in, job)}"
    assert same.endswith(".F1")
    assert news(signed_in, same).status_code == 204
    make_cluster()
    lifecycle.retry(job, by=user)
    page = text_of(news(signed_in, same))
    assert f'data-watch="{job.pk}.P1" data-moves' in page
    assert "PENDING" in page
    assert "It burst." not in page


def test_a_batch_that_had_ended_changes_when_some_of_it_is_retried(
    signed_in: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    batch = make_batch(user, "SUCCEEDED", "FAILED")
    head = batch.jobs.get(batch_index=0)
    same = f"top={Job.objects.latest('pk').pk}&new=0&watch={mark(signed_in, head)}"
    with django_assert_num_queries(4):  # session, user, newer ones, states: it is not counted again
        assert news(signed_in, same).status_code == 204
    make_cluster()
    batches.retry_failed(batch, by=user)
    assert "1 of 2 done" in text_of(news(signed_in, same))
    # It may end again between two looks.
    batch.jobs.filter(batch_index=1).update(
        status=Status.FAILED, info="Again.", finished_at=timezone.now()
    )
    page = text_of(news(signed_in, same))
    assert "2 of 2 done, 1 failed" in page
    assert "announcer" not in page


def test_many_rows_are_asked_about_at_once(signed_in: Client, user: User) -> None:
    jobs = [make_job(user, status=Status.FAILED, info="x") for _ in range(60)]
    same = "watch=" + "_".join(f"{job.pk}.F0" for job in jobs)
    assert news(signed_in, same).status_code == 204
    make_cluster()
    for job in jobs[:2]:
        lifecycle.retry(job, by=user)
    page = text_of(news(signed_in, same))
    assert page.count("<tr ") == 2


def test_why_jobs_stand_still_comes_and_goes_and_is_announced_once(
    signed_in: Client, user: User
) -> None:
    make_cluster()
    job = make_job(user, status=Status.PENDING)
    done = make_job(user)
    same = f"top={done.pk}&new=0&watch={job.pk}.P0_{done.pk}.S0"

    def ask(page: str) -> Any:
        seen = page.partition('data-seen="')[2].partition('"')[0]
        return news(signed_in, f"{same}&standing={seen}")

    page = text_of(signed_in.get("/jobs/"))
    assert ask(page).status_code == 204
    pause = queues.pause("provena", by=None, reason="Tidying")
    page = text_of(ask(page))
    assert page.count("Tidying") == 2  # the banner, and its announcement
    assert "<tr" not in page
    assert text_of(signed_in.get("/jobs/")).count("Tidying") == 1
    pause.at -= timedelta(hours=2)
    pause.save()
    page = text_of(ask(page))
    assert page.count("Tidying") == 1  # how long ago it was is no news
    assert "announcer" not in page
    assert ask(page).status_code == 204
    queues.resume("provena", by=None)
    page = text_of(ask(page))
    assert "Tidying" not in page
    assert "Nothing holds up the jobs that wait any more." in page
    Cluster.objects.all().delete()
    assert text_of(ask(page)).count("No worker is running") == 2


@pytest.mark.parametrize(
    "query", ["", "top=x&watch=7", "watch=%00", "watch=1.P0", "status=BROKEN&top=1", "top=-1"]
)
def test_news_of_nothing_are_none(signed_in: Client, make_user: MakeUser, query: str) -> None:
    foreign = make_job(make_user("ben", linked=False), status=Status.PENDING)
    assert news(signed_in, f"{query}&watch={foreign.pk}.I7").status_code == 204


COMBINED = (
    "status=SUCCEEDED&status=FAILED&type=REGISTRY&sub_type=REGISTER_CREATE_ACTIVITY&batch=none"
    "&since=2020-01-01&until=2100-01-01&text=needle"
)


@pytest.mark.parametrize("rows", [1, 300])
def test_filters_cost_the_same_at_any_length(
    signed_in: Client,
    user: User,
    make_item: MakeItem,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    item = make_item(user)
    drain()
    kept = {"payload": {"note": "needle"}, "subject": item.handle}
    for _ in range(rows):
        make_job(user, **kept)
    # session, user, ids of the window, how far to look, two parts, subjects
    with django_assert_num_queries(7):
        assert signed_in.get(f"/jobs/?{COMBINED}").context["rows"]
    # session, user, how far to look, the page, subjects, subjects for the chip
    with django_assert_num_queries(6):
        assert signed_in.get(f"/jobs/?item={item.handle}").context["rows"]
    # session, user, whether there is any newer job, the state of the watched row, clusters, pauses
    make_cluster()
    unfinished = make_job(user, status=Status.PENDING, **kept)
    with django_assert_num_queries(6):
        same = f"text=needle&top={unfinished.pk}&new=0&watch={unfinished.pk}.P0"
        assert news(signed_in, same).status_code == 204


def test_a_link_behind_all_jobs_leads_to_the_newest_ones(
    signed_in: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, *_ = [make_job(user, payload={"note": "needle"}) for _ in range(3)]
    # session, user, ids of the window, how far to look, two parts
    with django_assert_num_queries(6):
        answer = signed_in.get(f"/jobs/?{COMBINED}&after={first.pk}")
    assert signed_in.get(answer["Location"]).context["rows"]
    assert "after=" not in answer["Location"]


def test_staff_pay_for_their_rights_once(
    staff: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(30):
        make_job(user, payload={"note": "needle"})
    # as above in one part, and two for permissions
    with django_assert_num_queries(7):
        assert staff.get(f"/jobs/?{COMBINED}").context["rows"]


def test_files_hold_all_jobs_of_the_filter(
    signed_in: Client, user: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "CHUNK", 7)
    item = make_item(user)
    made = {"record": {"id": item.handle}}
    batch = make_batch(user, "SUCCEEDED", "FAILED")
    for number in range(30):
        make_job(user, status=Status.FAILED, info=f"=HYPERLINK({number})\nand Größe")
    make_job(user, sub_type="MODEL_RUN_PROV_LODGE", result=made, subject=item.handle)
    for query in ("", "status=FAILED", "status=SUCCEEDED"):
        answer = signed_in.get(f"/jobs/jobs.jsonl?{query}")
        assert answer["Content-Type"] == "application/x-ndjson; charset=utf-8"
        records = [json.loads(line) for line in answer.getvalue().decode().splitlines()]
        text = signed_in.get(f"/jobs/jobs.csv?{query}").getvalue().decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        wanted = Job.objects.filter(status__in=[query[7:]]) if query else Job.objects.listed()
        assert [one["session_id"] for one in records] == [str(job.session_id) for job in wanted]
        assert [{name: tables.plain(value) for name, value in row.items()} for row in rows] == [
            {name: "" if value is None else str(value) for name, value in one.items()}
            for one in records
        ]
    lodged = next(one for one in records if one["sub_type"] == "MODEL_RUN_PROV_LODGE")
    assert (lodged["made"], lodged["subject"]) == (item.handle, item.handle)
    assert (lodged["title"], lodged["username"]) == ("Lodge Model Run", "ana")
    [of_batch] = [one for one in records if one["batch_id"]]
    assert (of_batch["batch_id"], of_batch["batch_row"]) == (str(batch.pk), 1)
    assert "'=HYPERLINK(7)" in signed_in.get("/jobs/jobs.csv").getvalue().decode()


def test_files_name_what_a_job_is_about_and_its_row_in_the_file(
    signed_in: Client, staff: Client, user: User, make_item: MakeItem
) -> None:
    item = make_item(user, display_name="Plume model")
    drain()
    services.change_access(handle=item.handle, general=[], groups={}, by=user)
    Job.objects.all().delete()
    about = make_job(user, subject=item.handle)
    batch = Batch.objects.create(owner=user, title="Runs", total=1)
    payload = {"record": {"display_name": "Larvae, summer"}, "row": 7}
    run = make_job(
        user, sub_type="MODEL_RUN_PROV_LODGE", payload=payload, batch=batch, batch_index=4
    )

    def named(client: Client) -> dict[str, tuple[Any, Any]]:
        lines = client.get("/jobs/jobs.jsonl?status=SUCCEEDED").getvalue().decode().splitlines()
        found = [json.loads(line) for line in lines]
        return {one["session_id"]: (one["name"], one["file_row"]) for one in found}

    assert named(signed_in) == {
        str(about.session_id): ("Plume model", None),
        str(run.session_id): ("Larvae, summer", 7),
    }
    assert named(staff)[str(about.session_id)] == (None, None)


def test_files_hold_no_job_of_others(signed_in: Client, make_user: MakeUser) -> None:
    make_job(make_user("ben", linked=False))
    assert signed_in.get("/jobs/jobs.jsonl?user=ben").getvalue() == b""
    assert len(signed_in.get("/jobs/jobs.csv").getvalue().splitlines()) == 1


def test_a_batch_that_is_gone_from_sight_is_never_linked(
    signed_in: Client, make_user: MakeUser
) -> None:
    foreign = Batch.objects.create(owner=make_user("ben", linked=False), title="Foreign", total=1)
    make_job(foreign.owner, batch=foreign, batch_index=0)
    for query in ("", "?batch=only", "?status=SUCCEEDED", "?user=ben"):
        assert "Foreign" not in text_of(signed_in.get(f"/jobs/{query}"))
