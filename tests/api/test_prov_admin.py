"""What administrators do to the provenance of runs over the API."""

from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.models import Batch, Job, Status
from registry.model_runs import services as runs
from registry.models import Item, Relation
from tests.api.conftest import Caller
from tests.conftest import drain
from tests.registry.runs import Workflow

DELETE = "/prov-api/model_run/delete"
STORE = "/prov-api/admin/store_record"
STORE_MANY = "/prov-api/admin/store_records"
STORE_ALL = "/prov-api/admin/store_all_registry_records"


def made(workflow: Workflow, user: User, **changed: Any) -> Item:
    job = runs.register(record=workflow.record(**changed), owner=user)
    drain()
    job.refresh_from_db()
    return Item.objects.get(handle=job.result["record"]["id"])


def edges(run: Item) -> set[tuple[int, str, int]]:
    return set(Relation.objects.filter(record=run).values_list("source", "type", "target"))


def test_removing_the_provenance_of_a_run_tells_what_it_does(
    admin: Caller, api: Caller, workflow: Workflow, user: User
) -> None:
    run, other = made(workflow, user), made(workflow, user, display_name="Another")
    before = edges(run), edges(other)
    body = {"record_id": run.handle, "trial_mode": True}
    assert api.post(DELETE, body).status == 401
    tried = admin.post(DELETE, body)
    assert tried.status == 200, tried.text
    assert (edges(run), edges(other)) == before
    diff = tried.json["diff"]
    kinds = Counter(change["action_type"] for change in diff)
    # What only this run says goes; what the other one says, too, stays.
    gone = [one for one in diff if one["action_type"] == "REMOVE_LINK"]
    assert all(run.handle in (one["source"], one["target"]) for one in gone)
    assert kinds["REMOVE_LINK"] + kinds["REMOVE_RECORD_ID_FROM_LINK"] == len(before[0])
    assert kinds["REMOVE_RECORD_ID_FROM_LINK"] > 0
    assert [one["node_id"] for one in diff if one["action_type"] == "REMOVE_NODE"] == [run.handle]
    assert admin.post(DELETE, {"record_id": run.handle}).json["diff"] == diff
    assert (edges(run), edges(other)) == (set(), before[1])
    assert admin.post(DELETE, {"record_id": run.handle}).json["diff"] == []
    assert admin.post(DELETE, {"record_id": workflow.model.handle}).status == 400
    assert admin.post(DELETE, {"record_id": "10378.1/999"}).status == 400


@pytest.mark.parametrize("validate", [True, False])
def test_the_provenance_of_runs_is_recorded_anew(
    validate: bool, admin: Caller, api: Caller, workflow: Workflow, user: User
) -> None:
    found = [made(workflow, user, display_name=f"Run {number}") for number in range(3)]
    before = [edges(run) for run in found]
    Relation.objects.all().delete()
    bodies = [{"id": run.handle, "item_subtype": "MODEL_RUN"} | run.info for run in found]
    assert api.post(STORE, bodies[0]).status == 401
    one = admin.post(STORE, bodies[0], validate_record=validate)
    assert one.success, one.text
    drain()
    assert [edges(run) for run in found] == [before[0], set(), set()]
    assert admin.post(STORE_MANY, bodies[1:2], validate_record=validate).success
    drain()
    assert [edges(run) for run in found] == [*before[:2], set()]
    assert admin.post(STORE_ALL, validate_record=validate).success
    drain()
    assert [edges(run) for run in found] == before
    batch = Batch.objects.order_by("-created_at")[0]
    assert [job.payload for job in batch.jobs.order_by("batch_index")] == [
        {
            "model_run_record_id": run.handle,
            "record": run.info["record"],
            "revalidate": validate,
            "user_info": "",
        }
        for run in found
    ]
    assert not Job.objects.exclude(status=Status.SUCCEEDED).exists()


def test_recording_anew_is_no_way_to_change_a_run(
    admin: Caller, workflow: Workflow, user: User
) -> None:
    assert admin.post(STORE_ALL).status == 400  # there is no run
    run = made(workflow, user)
    changed = {"id": run.handle, "record": workflow.record(display_name="Another name")}
    answer = admin.post(STORE, changed)
    assert answer.status == 400
    assert run.handle in answer.detail
    nothing = {"id": workflow.model.handle, "record": {}}
    assert admin.post(STORE, nothing).status == 400
    assert admin.post(STORE_MANY, []).status == 400
    assert admin.post(STORE, {"id": run.handle}).status == 422
