"""Our own API of jobs, batches and workflows."""

import json
import runpy
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from jobs import exports, lifecycle
from jobs.api import waiting
from jobs.models import Batch, Job, Status
from provena.api import api as whole
from registry.models import Item
from tests.api.conftest import Caller
from tests.conftest import drain

JOBS, BATCHES, WORKFLOWS = (f"/api/v1/{name}" for name in ("jobs", "batches", "workflows"))


def submit(owner: User, **fields: Any) -> Job:
    return lifecycle.submit(sub_type="REGISTRY_WAKE_UP", payload={}, owner=owner, **fields)


def cancelled(owner: User) -> Job:
    job = submit(owner)
    lifecycle.cancel(job, by=owner)
    return job


def begin_batch(owner: User, number: int = 3) -> Batch:
    return lifecycle.submit_batch(
        sub_type="REGISTRY_WAKE_UP", payloads=[{}] * number, owner=owner, title="Some"
    )


def routes() -> list[tuple[str, str]]:
    """(method, path with unknown ids) of each route of ours."""
    found = []
    for path, methods in whole.get_openapi_schema()["paths"].items():
        if path.startswith("/api/v1/"):
            filled = path
            for name in ("session_id", "batch_id", "workflow_id"):
                filled = filled.replace(f"{{{name}}}", str(uuid4()))
            found += [(method, filled) for method in methods]
    return found


@pytest.mark.parametrize("token", ["", "nonsense"])
def test_every_route_asks_for_a_token(db: None, token: str) -> None:
    assert len(routes()) == 16
    for method, path in routes():
        answer = getattr(Caller(token), method)(path)
        assert answer.status == 401, path


def test_a_job_is_told_whole(api: Caller, make_item: Callable[..., Item], user: User) -> None:
    item = make_item(user)
    first = Job.objects.get()
    drain()
    told = api.get(f"{JOBS}/{first.session_id}").json
    assert told["payload"]["created_item_id"] == told["subject"] == item.handle
    assert told["result"]["creation_activity_id"] == told["made"]
    assert told["made"] == Item.objects.get(subtype="CREATE").handle
    assert told["workflow_id"] == str(item.creation_workflow_id)
    assert (told["step"], told["attempt"], told["status"]) == (1, 1, "SUCCEEDED")
    assert datetime.fromisoformat(told["created_at"]).utcoffset() is not None
    assert told["created_at"] <= told["dequeued_at"] <= told["finished_at"]
    assert (told["remedy"], told["why_not_moving"]) == (None, None)


def test_a_job_that_waits_without_a_worker_says_why(api: Caller, user: User) -> None:
    job = submit(user)
    told = api.get(f"{JOBS}/{job.session_id}").json
    assert told["why_not_moving"]["needs_help"] is True
    assert told["why_not_moving"]["text"]


@pytest.mark.parametrize("rest", ["", "/events", "/wait"])
def test_what_is_not_mine_answers_like_what_is_not_there(
    stranger: Caller, user: User, rest: str, make_item: Callable[..., Item]
) -> None:
    batch, item = begin_batch(user), make_item(user)
    job = batch.jobs.first()
    asked = [(JOBS, job.session_id), (BATCHES, batch.pk), (WORKFLOWS, item.creation_workflow_id)]
    for path, key in asked:
        for found in (key, uuid4()):
            if (path, rest) in {(WORKFLOWS, "/wait"), (WORKFLOWS, "/events"), (BATCHES, "/events")}:
                continue
            answer = stranger.get(f"{path}/{found}{rest}")
            assert answer.status == 404
            assert answer.json["code"].startswith("unknown_")
            assert answer.detail.replace(str(found), "X").endswith("X of yours. Check the id.")
    for deed in ("retry", "cancel"):
        assert stranger.post(f"{JOBS}/{job.session_id}/{deed}").status == 404
        assert stranger.post(f"{BATCHES}/{batch.pk}/{deed}").status == 404
    assert not Job.objects.failed().exists()


def test_staff_see_all_jobs_but_no_content_about_what_they_may_not_read(
    staff: Callable[..., Caller], make_item: Callable[..., Item], user: User
) -> None:
    item = make_item(user)
    item.grants.all().delete()
    job = Job.objects.get()
    told = staff("jobs.view_job").get(f"{JOBS}/{job.session_id}").json
    assert (told["is_open"], told["payload"], told["subject"]) == (False, None, None)


def test_tracebacks_are_told_to_administrators_only(
    api: Caller, admin: Caller, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(user)
    Job.objects.filter(pk=job.pk).update(payload={"reason": 5})
    drain()
    path = f"{JOBS}/{job.session_id}/events"
    own, all_of_it = api.get(path).json["events"], admin.get(path).json["events"]
    assert own[0]["state"] == "PENDING"
    assert own[-1]["kind"] == "ATTEMPT_FAILED"
    assert not any(event["traceback"] or event["log"] for event in own)
    assert all_of_it[-1]["traceback"]


def test_a_failed_job_is_retried_and_a_waiting_one_cancelled(api: Caller, user: User) -> None:
    job = submit(user)
    path = f"{JOBS}/{job.session_id}"
    told = api.post(f"{path}/cancel").json
    assert (told["status"], told["cancelled_by"]) == ("FAILED", "ana")
    assert told["remedy"]
    assert api.post(f"{path}/cancel").status == 400
    assert api.post(f"{path}/retry").json["status"] == "PENDING"
    again = api.post(f"{path}/retry")
    assert (again.status, again.json["code"]) == (400, "not_possible")


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_a_walk_by_cursor_meets_every_job_once(api: Caller, user: User, limit: int) -> None:
    made = [str(submit(user).session_id) for _ in range(7)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get(JOBS, limit=limit, **cursor).json
        found += [job["session_id"] for job in page["jobs"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert found == made[::-1]


def test_the_list_takes_the_filters_of_the_page(api: Caller, stranger: Caller, user: User) -> None:
    submit(user)
    gone = cancelled(user)
    found = api.get(JOBS, status="CANCELLED", when="hour").json["jobs"]
    assert [job["session_id"] for job in found] == [str(gone.session_id)]
    assert list(found[0]) == list(exports.COLUMNS)
    assert stranger.get(JOBS).json["jobs"] == []


@pytest.mark.parametrize("path", [JOBS, f"{JOBS}/export.csv", f"{JOBS}/export.jsonl"])
def test_a_filter_that_makes_no_sense_names_each_fault(api: Caller, path: str) -> None:
    answer = api.get(path, status="LOST", since="long ago", zone="Mars")
    assert answer.status == 422
    places = [fault["loc"] for fault in answer.json["detail"]]
    assert places == [["query", "status"], ["query", "zone"], ["query", "since"]]


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 101}, {"cursor": 2**63}, {"cursor": "x"}]
)
def test_a_page_that_cannot_be_is_refused(api: Caller, query: dict[str, Any]) -> None:
    assert api.get(JOBS, **query).status == 422


def test_a_page_costs_the_same_number_of_queries_however_long_it_is(
    api: Caller, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    submit(user)
    api.get(JOBS)  # tells the use of the token
    with django_assert_num_queries(2):  # token; jobs
        api.get(JOBS)
    for _ in range(50):
        submit(user)
    with django_assert_num_queries(2):
        assert len(api.get(JOBS).json["jobs"]) == 50


def test_exports_hold_all_jobs_of_the_caller(api: Caller, stranger: Caller, user: User) -> None:
    keys = {str(job.session_id) for job in (submit(user), cancelled(user))}
    lines = api.get(f"{JOBS}/export.jsonl").text.splitlines()
    assert {json.loads(line)["session_id"] for line in lines} == keys
    table = api.get(f"{JOBS}/export.csv", status="FAILED").text.splitlines()
    assert len(table) == 1
    assert len(api.get(f"{JOBS}/export.csv", status="CANCELLED").text.splitlines()) == 2
    assert len(stranger.get(f"{JOBS}/export.csv").text.splitlines()) == 1


def test_a_batch_tells_its_true_progress_and_is_cancelled_and_retried(
    api: Caller, user: User
) -> None:
    batch = begin_batch(user)
    path = f"{BATCHES}/{batch.pk}"
    told = api.get(path).json
    assert (told["counts"], told["done"], told["is_finished"]) == ({"PENDING": 3}, 0, False)
    answer = api.post(f"{path}/cancel").json
    assert (answer["changed"], answer["batch"]["counts"]) == (3, {"CANCELLED": 3})
    told = answer["batch"]
    assert (told["status"], told["cancelled"], told["failed"]) == ("CANCELLED", 3, 0)
    assert api.post(f"{path}/retry").json["changed"] == 0
    assert api.post(f"{path}/retry-cancelled").json["changed"] == 3
    drain()
    told = api.get(path).json
    assert (told["counts"], told["status"], told["done"]) == ({"SUCCEEDED": 3}, "SUCCEEDED", 3)


def test_a_workflow_tells_steps_that_do_not_exist_yet(
    api: Caller, make_item: Callable[..., Item], user: User
) -> None:
    item = make_item(user)
    path = f"{WORKFLOWS}/{item.creation_workflow_id}"
    told = api.get(path).json
    assert [step["status"] for step in told["steps"]] == ["PENDING", "LATER"]
    assert told["subject"] == item.handle
    drain()
    told = api.get(path).json
    assert [step["status"] for step in told["steps"]] == ["SUCCEEDED", "SUCCEEDED"]
    assert told["is_finished"] is True


def test_what_matches_is_retried_by_a_job(api: Caller, stranger: Caller, user: User) -> None:
    job = cancelled(user)
    stranger.post(f"{JOBS}/retry-matching", {"status": ["CANCELLED"]})
    answer = api.post(f"{JOBS}/retry-matching", {"status": ["CANCELLED"]})
    assert answer.status == 200, answer.text
    drain()
    told = api.get(f"{JOBS}/{answer.json['session_id']}").json
    assert (told["sub_type"], told["result"]) == ("RETRY_MATCHING", {"changed": 1})
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED


def test_what_matches_is_cancelled_by_a_job(api: Caller, user: User) -> None:
    job = submit(user)
    answer = api.post(f"{JOBS}/cancel-matching", {"sub_type": "REGISTRY_WAKE_UP"})
    assert answer.status == 200, answer.text
    drain()
    job.refresh_from_db()
    assert job.shown == "CANCELLED"


@pytest.mark.parametrize("deed", ["retry", "cancel"])
@pytest.mark.parametrize(
    "body", [{"nonsense": 1}, {"status": "FAILED"}, {"since": 5}, {"zone": "Mars"}, [], None]
)
def test_a_wrong_filter_changes_nothing(api: Caller, deed: str, body: Any) -> None:
    assert api.post(f"{JOBS}/{deed}-matching", body).status in {400, 422}
    assert not Job.objects.exists()


@pytest.mark.parametrize("deed", ["retry", "cancel"])
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "at least one filter"),
        ({"all": False}, "at least one filter"),
        ({"text": "", "status": [], "zone": "UTC", "mine": False}, "at least one filter"),
        ({"all": True, "when": "today"}, "Leave one of them out"),
        ({"all": "yes"}, "neither true nor false"),
    ],
)
def test_all_jobs_are_meant_by_who_says_so_only(
    api: Caller, deed: str, body: dict[str, Any], told: str
) -> None:
    answer = api.post(f"{JOBS}/{deed}-matching", body)
    assert answer.status == 422
    [fault] = answer.json["detail"]
    assert fault["loc"] == ["body", "all"]
    assert told in fault["msg"]
    assert not Job.objects.exists()


def test_who_says_so_changes_all_that_they_may_see(
    api: Caller, stranger: Caller, user: User
) -> None:
    job = submit(user)
    stranger.post(f"{JOBS}/cancel-matching", {"all": True})
    assert api.post(f"{JOBS}/cancel-matching", {"all": True}).status == 200
    drain()
    job.refresh_from_db()
    assert (job.shown, job.cancelled_by) == ("CANCELLED", user)


def test_waiting_takes_at_most_half_of_the_threads_of_a_process() -> None:
    served = runpy.run_path(str(settings.BASE_DIR / "gunicorn.conf.py"))
    assert served["threads"] // 2 >= waiting.AT_ONCE


def test_who_finds_no_place_to_wait_is_told_at_once_when_to_ask_again(
    api: Caller, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waited"))
    job, batch = submit(user), begin_batch(user)
    with waiting._place():
        answer = api.get(f"{JOBS}/{job.session_id}/wait")
        of_batch = api.get(f"{BATCHES}/{batch.pk}/wait")
        not_waited = api.get(f"{JOBS}/{job.session_id}/wait", seconds=0)
    for one in (answer, of_batch):
        assert (one.status, one.json["code"]) == (503, "too_many_wait")
        assert one.headers["Retry-After"] == "2"
    assert (not_waited.status, not_waited.json["is_finished"]) == (200, False)


def test_who_waits_is_told_when_it_ends(
    api: Caller, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, batch = submit(user), begin_batch(user)
    monkeypatch.setattr(time, "sleep", lambda seconds: drain())  # while it sleeps, workers work
    assert api.get(f"{JOBS}/{job.session_id}/wait").json["job"]["status"] == "SUCCEEDED"
    again = begin_batch(user)
    for one in (batch, again):
        assert api.get(f"{BATCHES}/{one.pk}/wait").json["is_finished"] is True
    free = waiting.AT_ONCE
    assert all(waiting._places.acquire(blocking=False) for _ in range(free))
    for _ in range(free):
        waiting._places.release()


def test_a_wait_ends_with_its_time_and_with_its_caller(
    api: Caller, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{JOBS}/{submit(user).session_id}/wait"
    assert api.get(path, seconds=0.01).json["is_finished"] is False
    assert api.get(path, seconds=26).status == 422
    monkeypatch.setattr(waiting, "_has_gone", lambda request: True)
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waited"))
    assert api.get(path).json["is_finished"] is False
