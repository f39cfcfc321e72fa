"""The jobs API as Provena's Python client calls it (contract, section 6)."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from jobs import lifecycle
from jobs.api import compat
from jobs.models import Batch, Job, Status
from registry.models import Item
from tests.api.conftest import Caller
from tests.conftest import drain

FETCH, LIST, LIST_BATCH = (f"/job-api/jobs/user/{name}" for name in ("fetch", "list", "list_batch"))
LAUNCH, ADMIN_FETCH, ADMIN_LIST, ADMIN_BATCH = (
    f"/job-api/jobs/admin/{name}" for name in ("launch", "fetch", "list", "list_batch")
)
WAKE_UP = {"job_type": "REGISTRY", "job_sub_type": "REGISTRY_WAKE_UP", "job_payload": {}}


def submit(owner: User, **fields: Any) -> Job:
    return lifecycle.submit(sub_type="REGISTRY_WAKE_UP", payload={}, owner=owner, **fields)


def pages(caller: Caller, path: str, **body: Any) -> list[dict[str, Any]]:
    """All jobs of a list, page by page to the end."""
    found, key = [], None
    while True:
        asked = body | ({"pagination_key": key} if key else {})
        answer = caller.post(path, asked)
        assert answer.status == 200, answer.text
        found += answer.json["jobs"]
        key = answer.json["pagination_key"]
        if key is None:
            return found


def test_a_job_is_told_as_the_contract_says(
    api: Caller, make_item: Callable[..., Item], user: User
) -> None:
    item = make_item(user)
    drain()
    first, second = Job.objects.order_by("id")
    answer = api.get(FETCH, session_id=str(first.session_id))
    assert answer.json["job"] == {
        "session_id": str(first.session_id),
        "created_timestamp": int(first.created_at.timestamp()),
        "username": "ana",
        "batch_id": None,
        "payload": {
            "created_item_id": item.handle,
            "created_item_subtype": "MODEL",
            "linked_person_id": user.person_link.person.handle,
        },
        "job_type": "REGISTRY",
        "job_sub_type": "REGISTER_CREATE_ACTIVITY",
        "status": "SUCCEEDED",
        "info": None,
        "result": {
            "creation_activity_id": Item.objects.get(subtype="CREATE").handle,
            "lodge_session_id": str(second.session_id),
        },
        "gsi_status": "ok",
    }
    assert api.get(FETCH, session_id=str(second.session_id)).json["job"]["result"] == {}


def test_a_cancelled_job_is_failed_and_says_why(api: Caller, user: User) -> None:
    job = submit(user)
    lifecycle.cancel(job, by=user)
    told = api.get(FETCH, session_id=str(job.session_id)).json["job"]
    assert told["status"] == "FAILED"
    assert "ana" in told["info"]
    assert told["result"] is None


def test_jobs_that_cannot_be_had_are_told_alike(
    api: Caller, user: User, make_user: Callable[..., User]
) -> None:
    foreign = submit(make_user("eve"))
    unknown_kind = submit(user)
    Job.objects.filter(pk=unknown_kind.pk).update(type="JOBS", sub_type="RETRY_ALL")
    answers = [
        api.get(FETCH, session_id=str(key))
        for key in (foreign.session_id, unknown_kind.session_id, uuid4(), "nonsense")
    ]
    assert {answer.status for answer in answers} == {400}
    assert (
        len({answer.detail.split("'")[0] + answer.detail.split("'")[2] for answer in answers}) == 1
    )


@pytest.mark.parametrize("limit", [1, 3, 7, 100, 1000])
def test_paging_gives_every_job_once_newest_first(api: Caller, user: User, limit: int) -> None:
    alone = [submit(user) for _ in range(3)]
    batch = lifecycle.submit_batch(
        sub_type="REGISTRY_WAKE_UP", payloads=[{}] * 5, owner=user, title="Five"
    )
    alone += [submit(user) for _ in range(2)]
    expected = [
        str(key) for key in Job.objects.order_by("-id").values_list("session_id", flat=True)
    ]
    assert [job["session_id"] for job in pages(api, LIST, limit=limit)] == expected
    in_batch = pages(api, LIST_BATCH, limit=limit, batch_id=str(batch.pk))
    assert [job["batch_id"] for job in in_batch] == [str(batch.pk)] * 5
    assert [job["session_id"] for job in in_batch] == [
        one for one in expected if one in {str(job.session_id) for job in batch.jobs.all()}
    ]


def test_kinds_that_the_client_does_not_know_are_left_out_however_many(
    api: Caller, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, "LOOK", 4)
    known = submit(user)
    others = [submit(user) for _ in range(10)]
    Job.objects.filter(pk__in=[job.pk for job in others]).update(type="JOBS", sub_type="RETRY_ALL")
    newest = submit(user)
    assert [job["session_id"] for job in pages(api, LIST, limit=3)] == [
        str(newest.session_id),
        str(known.session_id),
    ]


def test_a_page_costs_the_same_number_of_queries_however_long_it_is(
    api: Caller, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    submit(user)
    api.post(LIST, {"limit": 50})  # tells the use of the token
    with django_assert_num_queries(5):  # token; the last looked at and the jobs, of each walk
        api.post(LIST, {"limit": 50})
    for _ in range(60):
        submit(user)
    with django_assert_num_queries(5):
        assert len(api.post(LIST, {"limit": 50}).json["jobs"]) == 50


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (LIST, {"limit": 0}, 422),
        (LIST, {"limit": "many"}, 422),
        (LIST, {"pagination_key": "text"}, 422),
        (LIST, {"pagination_key": {}}, 400),
        (LIST, {"pagination_key": {"id": "1"}}, 400),
        (LIST, {"pagination_key": {"id": 2**64}}, 400),
        (LIST, {"pagination_key": {"t": 1, "id": 5}}, 400),
        (LIST_BATCH, {}, 422),
        (LIST_BATCH, {"batch_id": "\0"}, 400),
        (FETCH, {}, 405),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    api: Caller, path: str, body: dict[str, Any], status: int
) -> None:
    answer = api.post(path, body)
    assert answer.status == status
    assert answer.text


def test_a_batch_that_is_not_mine_is_empty(
    api: Caller, user: User, make_user: Callable[..., User]
) -> None:
    foreign = lifecycle.submit_batch(
        sub_type="REGISTRY_WAKE_UP", payloads=[{}], owner=make_user("eve"), title="Hers"
    )
    for batch_id in (str(foreign.pk), str(uuid4()), "nonsense"):
        assert api.post(LIST_BATCH, {"batch_id": batch_id}).json == {
            "jobs": [],
            "pagination_key": None,
        }


def test_routes_of_administrators_are_closed_to_others(
    api: Caller, staff: Callable[..., Caller], user: User
) -> None:
    job = submit(user)
    reader, launcher = staff("jobs.view_job"), staff("jobs.add_job", username="launcher")
    session_id = str(job.session_id)
    for caller, may in ((api, (False, False)), (reader, (True, False)), (launcher, (False, True))):
        assert (caller.get(ADMIN_FETCH, session_id=session_id).status == 200) is may[0]
        assert (caller.post(ADMIN_LIST, {}).status == 200) is may[0]
        assert (caller.post(ADMIN_BATCH, {"batch_id": session_id}).status == 200) is may[0]
        assert (caller.post(LAUNCH, WAKE_UP).status == 200) is may[1]
    assert api.post(LAUNCH, {}).status == 401  # the right comes before the shape


def test_staff_see_the_jobs_of_one_user(admin: Caller, user: User) -> None:
    mine = submit(user)
    admin.post(LAUNCH, WAKE_UP)
    everybodys = pages(admin, ADMIN_LIST, limit=1)
    assert len(everybodys) == 2
    assert [job["session_id"] for job in pages(admin, ADMIN_LIST, username_filter="ana")] == [
        str(mine.session_id)
    ]
    assert pages(admin, ADMIN_LIST, username_filter="nobody") == []


def test_staff_who_may_not_see_an_item_see_no_payload_about_it(
    staff: Callable[..., Caller], make_item: Callable[..., Item], user: User
) -> None:
    item = make_item(user)
    item.grants.all().delete()
    job = Job.objects.get()
    told = staff("jobs.view_job").get(ADMIN_FETCH, session_id=str(job.session_id)).json["job"]
    assert told["payload"] == {}


def test_a_job_is_launched_for_a_user_and_runs_as_theirs(admin: Caller, user: User) -> None:
    answer = admin.post(LAUNCH, WAKE_UP | {"username": "ana"})
    assert answer.status == 200
    assert answer.json["batch_id"] is None
    drain()
    job = Job.objects.get(session_id=answer.json["session_id"])
    assert (job.owner, job.status) == (user, Status.SUCCEEDED)


def test_a_launched_job_may_begin_a_batch_and_others_join_it(admin: Caller) -> None:
    begun = admin.post(LAUNCH, WAKE_UP | {"request_batch_id": True}).json["batch_id"]
    drain()
    for _ in range(2):
        assert admin.post(LAUNCH, WAKE_UP | {"add_to_batch": begun}).json["batch_id"] == begun
    batch = Batch.objects.get(pk=begun)
    assert batch.total == 3
    assert sorted(batch.jobs.values_list("batch_index", flat=True)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "status", "why"),
    [
        ({"job_payload": {"reason": 5}}, 400, "reason"),
        ({"job_payload": {"nonsense": 5}}, 400, "nonsense"),
        ({"job_type": "EMAIL"}, 400, "REGISTRY"),
        ({"job_sub_type": "NONSENSE"}, 400, "NONSENSE"),
        ({"username": "nobody"}, 400, "nobody"),
        ({"add_to_batch": str(uuid4())}, 400, "no batch"),
        ({"add_to_batch": "nonsense"}, 422, "add_to_batch"),
        ({"add_to_batch": str(uuid4()), "request_batch_id": True}, 422, "not both"),
        ({"job_payload": "text"}, 422, "job_payload"),
    ],
)
def test_a_launch_that_cannot_be_says_why_and_leaves_nothing(
    admin: Caller, change: dict[str, Any], status: int, why: str
) -> None:
    answer = admin.post(LAUNCH, WAKE_UP | change)
    assert (answer.status, why in answer.text) == (status, True), answer.text
    assert not Job.objects.exists()
    assert not Batch.objects.exists()


def test_a_job_of_another_kind_or_owner_cannot_join_a_batch(admin: Caller, user: User) -> None:
    batch = admin.post(LAUNCH, WAKE_UP | {"request_batch_id": True}).json["batch_id"]
    joining = {"add_to_batch": batch}
    other = {"job_type": "EMAIL", "job_sub_type": "EMAIL_WAKE_UP", "job_payload": {}}
    assert admin.post(LAUNCH, other | joining).status == 400
    assert admin.post(LAUNCH, WAKE_UP | joining | {"username": "ana"}).status == 400
    assert Batch.objects.get().total == 1
