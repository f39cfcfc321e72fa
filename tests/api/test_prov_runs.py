"""Model runs over the API: registering, editing, linking, and what is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import Job, Status
from registry import services
from registry.model_runs import services as runs
from registry.models import Item
from tests.api.conftest import Caller
from tests.conftest import drain
from tests.registry.runs import Workflow

REGISTER = "/prov-api/model_run/register"
BATCH = "/prov-api/model_run/register_batch"
UPDATE = "/prov-api/model_run/update"
LINK = "/prov-api/model_run/edit/link_to_study"


@pytest.fixture
def run(workflow: Workflow, user: User) -> Item:
    """A run that is registered, of no study."""
    record = workflow.record()
    del record["study_id"]
    job = runs.register(record=record, owner=user)
    drain()
    job.refresh_from_db()
    return Item.objects.get(handle=job.result["record"]["id"])


def without(record: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in keys}


@pytest.mark.parametrize("optional", [(), ("study_id", "annotations"), ("study_id",)])
def test_the_record_comes_back_as_it_was_sent(
    optional: tuple[str, ...], api: Caller, workflow: Workflow
) -> None:
    record = without(workflow.record(), *optional)
    if "annotations" in optional:
        workflow.template.info["annotations"] = {}
        workflow.template.save(update_fields=["info"])
    answer = api.post(REGISTER, record)
    assert answer.success, answer.text
    job = Job.objects.get(session_id=answer.json["session_id"])
    assert job.sub_type == "MODEL_RUN_PROV_LODGE"
    assert job.payload == {"record": record, "revalidate": False, "user_info": "", "once": False}
    drain()
    job.refresh_from_db()
    assert job.result["record"]["record"] == record
    run = Item.objects.get(handle=job.result["record"]["id"])
    assert run.info["record"] == record
    assert json.loads(job.result["record"]["prov_json"])


def test_every_fault_of_shape_is_told_with_its_place(api: Caller, workflow: Workflow) -> None:
    record = workflow.record(display_name="", end_time=1, start_time=2, associations={})
    answer = api.post(REGISTER, record)
    assert answer.status == 422
    places = [fault["loc"] for fault in answer.json["detail"]]
    assert ["body", "display_name"] in places
    assert ["body", "associations", "modeller_id"] in places


def test_an_end_before_the_start_is_a_fault_of_shape(api: Caller, workflow: Workflow) -> None:
    answer = api.post(REGISTER, workflow.record(start_time=2, end_time=1))
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["body", "end_time"]


def test_a_missing_template_is_told_by_its_id(api: Caller, workflow: Workflow) -> None:
    answer = api.post(REGISTER, workflow.record(inputs=[]))
    assert answer.status == 400
    assert workflow.forcing.handle in answer.detail
    assert answer.json["ids"] == [workflow.forcing.handle]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"study_id": "10378.1/999"}, "10378.1/999"),
        ({"workflow_template_id": "10378.1/998"}, "10378.1/998"),
        ({"associations": {"modeller_id": "10378.1/997"}}, "10378.1/997"),
        ({"annotations": {"hardware": "two"}}, "random seed"),
    ],
)
def test_a_wrong_reference_or_annotation_is_told(
    changed: dict[str, Any], told: str, api: Caller, workflow: Workflow
) -> None:
    answer = api.post(REGISTER, workflow.record(**changed))
    assert (answer.status, Job.objects.filter(type="PROV_LODGE", subject="x").count()) == (400, 0)
    assert told in answer.detail


def test_an_unknown_file_is_told_by_its_key(api: Caller, workflow: Workflow) -> None:
    record = workflow.record()
    record["inputs"][0]["resources"]["winds"] = "w.nc"
    answer = api.post(REGISTER, record)
    assert answer.status == 400
    assert "winds" in answer.detail


def test_what_only_may_not_be_read_is_a_missing_right(
    stranger: Caller, workflow: Workflow, user: User
) -> None:
    services.change_access(handle=workflow.currents.handle, general=[], groups={}, by=user)
    answer = stranger.post(REGISTER, workflow.record())
    assert answer.status == 401
    assert workflow.currents.handle in answer.detail


@pytest.mark.parametrize("text", ['"a\\u0000b"', '"\\ud800"', "NaN", "[" * 100_000])
def test_what_no_database_keeps_is_refused_before_it_gets_there(
    text: str, api: Caller, workflow: Workflow, client: Client
) -> None:
    body = '{"records": [{"display_name": ' + text + "}]}"
    answer = client.post(BATCH, body, content_type="application/json", headers=api.headers)
    assert answer.status_code in {400, 422}
    assert "detail" in answer.json()


def test_the_characters_for_a_character_are_no_such_character(
    api: Caller, workflow: Workflow
) -> None:
    record = workflow.record(description="written \\u0000, \\\\u0000 and \U0001f41f")
    assert api.post(REGISTER, record).success


def test_a_batch_launches_a_job_for_each_record_in_order(api: Caller, workflow: Workflow) -> None:
    good = [workflow.record(display_name=f"Run {number}") for number in range(3)]
    bad = [workflow.record(inputs=[]), {"display_name": "nothing else"}]
    answer = api.post(BATCH, {"records": [*good, *bad]})
    assert answer.success
    drain()
    submit = Job.objects.get(session_id=answer.json["session_id"])
    assert submit.sub_type == "MODEL_RUN_BATCH_SUBMIT"
    assert set(submit.result) == {"batch_id"}
    jobs = list(Job.objects.filter(batch=submit.result["batch_id"]).order_by("batch_index"))
    assert [job.payload["record"] for job in jobs] == [*good, *bad]
    assert [job.status for job in jobs] == [*[Status.SUCCEEDED] * 3, *[Status.FAILED] * 2]
    assert jobs[0].result["record"]["record"] == good[0]
    assert workflow.forcing.handle in jobs[3].info


@pytest.mark.parametrize(("body", "status"), [({"records": []}, 400), ({}, 422), ([], 422)])
def test_a_batch_has_records(body: Any, status: int, api: Caller) -> None:
    assert api.post(BATCH, body).status == status


def test_an_edit_puts_a_record_in_the_place_of_another(
    api: Caller, run: Item, workflow: Workflow
) -> None:
    record = workflow.record(display_name="Once more")
    body = {"model_run_id": run.handle, "reason": "A typo", "record": record}
    answer = api.post(UPDATE, body)
    assert answer.status == 200, answer.text
    drain()
    job = Job.objects.get(session_id=answer.json["session_id"])
    assert (job.sub_type, job.status) == ("MODEL_RUN_UPDATE", Status.SUCCEEDED)
    assert job.result["record"]["record"] == record
    run.refresh_from_db()
    assert run.info["record"] == record
    assert run.revisions.first().reason == "A typo"


def test_an_edit_is_refused_as_the_contract_says(
    api: Caller, stranger: Caller, run: Item, workflow: Workflow, user: User
) -> None:
    def change(caller: Caller, **other: Any) -> Any:
        body = {"model_run_id": run.handle, "reason": "why", "record": workflow.record()}
        return caller.post(UPDATE, body | other)

    assert change(api, reason="  ").status == 400
    unknown = change(api, model_run_id="10378.1/999")
    assert (unknown.status, unknown.json["ids"]) == (400, ["10378.1/999"])
    assert change(api, model_run_id=workflow.model.handle).status == 400
    assert change(stranger).status == 401
    misfit = change(api, record={})
    assert misfit.status == 422
    assert ["body", "record", "start_time"] in [one["loc"] for one in misfit.json["detail"]]
    services.lock(handle=run.handle, reason="Published", by=user)
    assert change(api).status == 401


def test_a_run_is_linked_to_a_study_once(
    api: Caller, stranger: Caller, run: Item, workflow: Workflow
) -> None:
    ids = {"model_run_id": run.handle, "study_id": workflow.study.handle}
    assert stranger.post(LINK, **ids).status == 401
    answer = api.post(LINK, **ids)
    assert answer.success
    assert {name: answer.json[name] for name in ids} == ids
    drain()
    assert Job.objects.get(session_id=answer.json["session_id"]).status == Status.SUCCEEDED
    again = api.post(LINK, **ids)
    assert again.status == 400
    assert workflow.study.handle in again.detail


def test_who_may_only_read_cannot_register(
    calling: Callable[[User], Caller], make_user: Callable[..., User], settings: Any
) -> None:
    reader = calling(make_user("reader"))
    settings.REGISTRY_LEVEL = "read"
    for path in (REGISTER, BATCH, UPDATE, LINK):
        assert reader.post(path, {}).status == 401


@pytest.mark.parametrize("token", ["", "provena_" + "x" * 43])
def test_no_route_answers_without_a_valid_token(token: str, client: Client, db: None) -> None:
    described = client.get("/api/openapi.json").json()["paths"]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    asked = 0
    for path, methods in described.items():
        for method in methods:
            if path.startswith("/prov-api/") and path != "/prov-api/":
                answer = getattr(client, method)(path, headers=headers)
                assert answer.status_code == 401, path
                asked += 1
    assert asked >= 17
