"""Changing runs: edits, reverts and links to a study, checked in the request and made by a job."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs import lifecycle
from jobs.models import Job, Status
from registry import services
from registry.kinds import Findings
from registry.model_runs import repairs
from registry.model_runs import services as runs
from registry.model_runs.services import RunRefused
from registry.models import Item, Relation
from registry.services import Locked, NotAllowed, Refused
from tests.conftest import drain
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]


def registered(flow: Workflow, owner: User, **changed: Any) -> Item:
    """A run that is there, with no job left."""
    job = runs.register(record=flow.record(**changed), owner=owner)
    drain()
    job.refresh_from_db()
    return Item.objects.get(handle=job.result["record"]["id"])


@pytest.fixture
def run(workflow: Workflow, user: User) -> Item:
    return registered(workflow, user)


def edges(run: Item) -> set[tuple[str, str, str]]:
    found = Relation.objects.filter(record=run)
    return set(found.values_list("source__handle", "type", "target__handle"))


def says(run: Item, item: Item) -> bool:
    """True if the document of a run names the item."""
    return f'"item:{item.handle.partition("/")[2]}"' in run.info["prov_serialisation"]


def state(run: Item) -> Any:
    """All that an edit may change."""
    run.refresh_from_db()
    return run.info, edges(run), [revision.number for revision in run.revisions.all()]


def edit(run: Item, by: User, record: dict[str, Any], **more: Any) -> Job:
    return runs.update(handle=run.handle, record=record, reason="Wrong", by=by, **more)


def done(job: Job) -> Job:
    drain()
    job.refresh_from_db()
    return job


# Edits.


def test_an_edit_replaces_record_edges_and_document_with_one_entry_in_the_history(
    workflow: Workflow, user: User, run: Item, make_item: Any
) -> None:
    other = make_item(user, subtype="DATASET")
    record = workflow.record(display_name="Renamed", study_id=None)
    record["outputs"][0]["dataset_id"] = other.handle
    assert done(edit(run, user, record)).status == Status.SUCCEEDED
    run.refresh_from_db()
    assert (run.display_name, run.info["record_status"]) == ("Renamed", "LODGED")
    assert [(one.number, one.reason) for one in run.revisions.all()][:1] == [(2, "Wrong")]
    assert run.revisions.count() == 2
    found = edges(run)
    assert (other.handle, "wasGeneratedBy", run.handle) in found
    assert (workflow.matrix.handle, "wasGeneratedBy", run.handle) not in found
    assert not [edge for edge in found if edge[1] == "wasInformedBy"]
    assert says(run, other)
    assert not says(run, workflow.matrix)


def test_edges_that_another_run_claims_live_on(workflow: Workflow, user: User, run: Item) -> None:
    other = registered(workflow, user, display_name="Another")
    before = edges(other)
    done(edit(run, user, workflow.record(study_id=None)))
    assert edges(other) == before
    shared = Relation.objects.filter(
        source=workflow.template, type="hadMember", target=workflow.model
    )
    assert shared.count() == 2
    assert (other.handle, "wasInformedBy", workflow.study.handle) in before


def test_a_dataset_may_be_input_and_output(workflow: Workflow, user: User, run: Item) -> None:
    record = workflow.record()
    record["outputs"][0]["dataset_id"] = workflow.currents.handle
    assert done(edit(run, user, record)).status == Status.SUCCEEDED
    assert {
        (run.handle, "used", workflow.currents.handle),
        (workflow.currents.handle, "wasGeneratedBy", run.handle),
        (workflow.currents.handle, "wasInfluencedBy", workflow.forcing.handle),
        (workflow.currents.handle, "wasInfluencedBy", workflow.output.handle),
    } <= edges(run)
    assert json.loads(run.info["prov_serialisation"])


def test_of_two_edits_of_one_revision_the_second_fails_and_says_so(
    workflow: Workflow, user: User, run: Item
) -> None:
    first = edit(run, user, workflow.record(display_name="First"), seen=1)
    second = edit(run, user, workflow.record(display_name="Second"), seen=1)
    assert (done(first).status, done(second).status) == (Status.SUCCEEDED, Status.FAILED)
    assert "Nothing was changed; edit the run again" in second.info
    run.refresh_from_db()
    assert (run.display_name, run.revisions.count()) == ("First", 2)


def test_two_edits_that_saw_nothing_are_both_kept_in_order(
    workflow: Workflow, user: User, run: Item
) -> None:
    for name in ("First", "Second"):
        edit(run, user, workflow.record(display_name=name))
    drain()
    run.refresh_from_db()
    assert (run.display_name, run.revisions.count()) == ("Second", 3)


@pytest.mark.parametrize("gone", ["study", "matrix", "template", "modeller"])
def test_an_edit_whose_items_went_before_its_job_writes_nothing(
    workflow: Workflow, user: User, run: Item, gone: str
) -> None:
    before = state(run)
    job = edit(run, user, workflow.record(display_name="Renamed"))
    Item.objects.filter(pk=getattr(workflow, gone).pk).update(is_complete=False)
    assert done(job).status == Status.FAILED
    assert "only a reserved id" in job.info
    assert state(run) == before


def test_an_edit_of_a_run_that_was_locked_meanwhile_writes_nothing(
    workflow: Workflow, user: User, run: Item
) -> None:
    before = state(run)
    job = edit(run, user, workflow.record(display_name="Renamed"))
    services.lock(handle=run.handle, reason="Published", by=user)
    assert done(job).status == Status.FAILED
    assert "is locked by ana: Published" in job.info
    assert state(run) == before


def test_an_edit_whose_edges_cannot_be_written_changes_no_content_either(
    workflow: Workflow, user: User, run: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(run)

    def refuse(**_: Any) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr("registry.provenance.relations.replace", refuse)
    edit(run, user, workflow.record(display_name="Renamed"))
    drain()
    assert state(run) == before


# Who may, and in which order it is checked.


def calls(flow: Workflow, run: Item, by: User) -> dict[str, Callable[[], Any]]:
    return {
        "edit": lambda: edit(run, by, flow.record(description="New")),
        "revert": lambda: runs.revert(handle=run.handle, number=1, reason="Back", by=by),
        "link": lambda: runs.link_study(handle=run.handle, study=flow.study.handle, by=by),
    }


@pytest.mark.parametrize("call", ["edit", "revert", "link"])
def test_only_who_has_write_on_the_run_changes_it(
    workflow: Workflow, user: User, make_user: MakeUser, call: str
) -> None:
    run = registered(workflow, user, study_id=None)
    ben = make_user("ben")
    with pytest.raises(NotAllowed, match="needs the role metadata-write"):
        calls(workflow, run, ben)[call]()
    services.change_access(
        handle=run.handle, general=["metadata-read", "metadata-write"], groups={}, by=user
    )
    calls(workflow, run, ben)[call]()
    drain()
    assert Job.objects.filter(owner=ben).latest("pk").status == Status.SUCCEEDED


@pytest.mark.parametrize("call", ["edit", "revert", "link"])
def test_a_locked_run_is_not_changed(workflow: Workflow, user: User, call: str) -> None:
    run = registered(workflow, user, study_id=None)
    services.lock(handle=run.handle, reason="Published", by=user)
    before = state(run)
    with pytest.raises(Locked):
        calls(workflow, run, user)[call]()
    assert state(run) == before


@pytest.mark.parametrize("call", ["edit", "revert", "link"])
def test_who_may_only_read_the_registry_changes_nothing(
    workflow: Workflow, user: User, settings: Any, call: str
) -> None:
    run = registered(workflow, user, study_id=None)
    settings.REGISTRY_LEVEL = "read"
    with pytest.raises(NotAllowed, match="may not change the registry"):
        calls(workflow, run, user)[call]()


@pytest.mark.parametrize("call", ["edit", "revert", "link"])
def test_what_is_no_run_is_told_so(workflow: Workflow, user: User, call: str) -> None:
    with pytest.raises(Refused, match="is a model, not a model run"):
        calls(workflow, workflow.model, user)[call]()


def test_an_edit_checks_the_record_then_the_run_then_the_role_the_lock_and_the_reason(
    workflow: Workflow, user: User, run: Item, make_user: MakeUser
) -> None:
    ben = make_user("ben")
    services.lock(handle=run.handle, reason="Published", by=user)

    def refusal(by: User, handle: str, **changed: Any) -> str:
        with pytest.raises((Refused, Findings)) as refused:
            runs.update(handle=handle, record=workflow.record(**changed), reason=" ", by=by)
        return str(refused.value)

    assert "cannot end before" in refusal(ben, "0/0", end_time=1)
    assert "Study: there is no item" in refusal(ben, "0/0", study_id="10378.1/9")
    assert "There is no item '0/0'" in refusal(ben, "0/0")
    assert "needs the role" in refusal(ben, run.handle)
    assert "is locked" in refusal(user, run.handle)
    services.unlock(handle=run.handle, reason="Wrong", by=user)
    assert "Give a reason" in refusal(user, run.handle)
    assert not Job.objects.filter(sub_type="MODEL_RUN_UPDATE").exists()


# Reverts.


def test_a_revert_gives_record_and_edges_of_a_revision_again(
    workflow: Workflow, user: User, run: Item
) -> None:
    record, before, _ = state(run)
    done(edit(run, user, workflow.record(display_name="Renamed", study_id=None)))
    job = runs.revert(handle=run.handle, number=1, reason="Back", by=user)
    assert done(job).status == Status.SUCCEEDED
    assert state(run) == (record, before, [3, 2, 1])
    assert run.revisions.all()[0].reason == "Reverted to revision 1: Back"


def test_a_revert_is_refused_for_a_revision_that_is_not_there_or_not_right_today(
    workflow: Workflow, user: User, run: Item
) -> None:
    with pytest.raises(Refused, match=f"{run.handle} has no revision 7"):
        runs.revert(handle=run.handle, number=7, reason="Back", by=user)
    with pytest.raises(Refused, match="Give a reason"):
        runs.revert(handle=run.handle, number=1, reason=" ", by=user)
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=False)
    with pytest.raises(RunRefused, match="only a reserved id"):
        runs.revert(handle=run.handle, number=1, reason="Back", by=user)


def test_the_longest_reason_of_a_revert_does_not_fail_its_job(user: User, run: Item) -> None:
    try:
        job = runs.revert(handle=run.handle, number=1, reason="x" * 20_000, by=user)
    except Refused:
        return
    assert done(job).status == Status.SUCCEEDED


# Links to a study.


def test_a_link_writes_one_entry_and_its_job_the_edge_and_the_document(
    workflow: Workflow, user: User
) -> None:
    run = registered(workflow, user, study_id=None)
    assert not says(run, workflow.study)
    job = runs.link_study(handle=run.handle, study=workflow.study.handle, by=user)
    run.refresh_from_db()
    assert run.info["record"]["study_id"] == workflow.study.handle
    assert run.info["record_status"] == "COMPLETE"
    assert done(job).status == Status.SUCCEEDED
    run.refresh_from_db()
    assert run.info["record_status"] == "LODGED"
    assert (run.handle, "wasInformedBy", workflow.study.handle) in edges(run)
    assert says(run, workflow.study)
    newest, _ = run.revisions.all()
    assert newest.info == run.info
    assert newest.reason == f"Linked to the study {workflow.study.handle}"


def test_a_run_is_linked_to_one_study_at_a_time(
    workflow: Workflow, user: User, run: Item, make_item: Any
) -> None:
    other = make_item(user, subtype="STUDY")
    with pytest.raises(Refused, match=f"is part of the study {workflow.study.handle} already"):
        runs.link_study(handle=run.handle, study=other.handle, by=user)


def test_what_is_no_study_that_one_may_read_is_refused(
    workflow: Workflow, user: User, make_user: MakeUser, make_item: Any
) -> None:
    run = registered(workflow, user, study_id=None)
    hidden = make_item(make_user("ben"), subtype="STUDY")
    services.change_access(handle=hidden.handle, general=[], groups={}, by=hidden.owner)
    for study, told in (
        ("10378.1/9", "there is no item"),
        (workflow.model.handle, "is a model, not a study"),
        (hidden.handle, f"you may not read {hidden.handle}. Ask its owner, ben, for access."),
    ):
        with pytest.raises(Refused, match=f"Study: .*{told}"):
            runs.link_study(handle=run.handle, study=study, by=user)
    assert run.revisions.count() == 1


def test_a_link_whose_job_could_only_fail_is_refused_and_changes_nothing(
    workflow: Workflow, user: User
) -> None:
    run = registered(workflow, user, study_id=None)
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=False)
    before = state(run)
    with pytest.raises(RunRefused, match="only a reserved id"):
        runs.link_study(handle=run.handle, study=workflow.study.handle, by=user)
    assert state(run) == before


def test_a_link_and_an_edit_of_what_was_before_it_do_not_undo_each_other_unseen(
    workflow: Workflow, user: User
) -> None:
    run = registered(workflow, user, study_id=None)
    first = edit(run, user, workflow.record(study_id=None, display_name="Renamed"), seen=1)
    runs.link_study(handle=run.handle, study=workflow.study.handle, by=user)
    assert done(first).status == Status.FAILED
    run.refresh_from_db()
    assert (run.info["record_status"], run.revisions.count()) == ("LODGED", 2)


# Orphans, and taking provenance away.


@pytest.fixture
def consumer(workflow: Workflow, user: User, run: Item) -> Item:
    """A run that uses what `run` produced."""
    record = workflow.record(display_name="Consumer")
    record["inputs"][0]["dataset_id"] = workflow.matrix.handle
    return registered(workflow, user, inputs=record["inputs"], outputs=moved(workflow, "currents"))


def moved(flow: Workflow, to: str) -> Any:
    return [flow.record()["outputs"][0] | {"dataset_id": getattr(flow, to).handle}]


def test_an_edit_that_takes_the_origin_of_used_data_names_its_users(
    workflow: Workflow, user: User, run: Item, consumer: Item
) -> None:
    [orphan] = runs.orphans(
        run=run, record=workflow.record(outputs=moved(workflow, "currents")), user=user
    )
    assert orphan.dataset.handle == workflow.matrix.handle
    assert [one.handle for one in orphan.consumers] == [consumer.handle]


def test_data_that_is_still_produced_or_not_used_is_no_orphan(
    workflow: Workflow, user: User, run: Item, consumer: Item
) -> None:
    assert runs.orphans(run=run, record=workflow.record(), user=user) == []
    registered(workflow, user, display_name="Another producer")
    assert runs.orphans(run=run, record=workflow.record(outputs=[]), user=user) == []


def test_the_name_of_a_user_of_an_orphan_is_told_only_to_who_may_read_it(
    workflow: Workflow, user: User, run: Item, consumer: Item, make_user: MakeUser
) -> None:
    services.change_access(handle=consumer.handle, general=[], groups={}, by=user)
    ben = make_user("ben")
    [orphan] = runs.orphans(run=run, record=workflow.record(outputs=[]), user=ben)
    assert "Consumer" not in str(orphan)


def test_taking_the_provenance_of_a_run_away_leaves_the_claims_of_others(
    workflow: Workflow, user: User, run: Item, admin_user: User
) -> None:
    other = registered(workflow, user, display_name="Another")
    before = edges(other)
    with pytest.raises(NotAllowed):
        repairs.remove_provenance(handle=run.handle, by=user)
    tried = repairs.remove_provenance(handle=run.handle, by=admin_user, dry_run=True)
    assert len(tried.claims) == len(edges(run)) == 13
    assert len(repairs.remove_provenance(handle=run.handle, by=admin_user).claims) == 13
    assert (edges(run), edges(other)) == (set(), before)
    with pytest.raises(Refused, match="not a model run"):
        repairs.remove_provenance(handle=workflow.model.handle, by=admin_user)


def test_who_may_no_longer_write_lodges_nothing_anew(
    workflow: Workflow, user: User, run: Item, settings: Any
) -> None:
    job = lifecycle.submit(
        sub_type="MODEL_RUN_LODGE_ONLY",
        payload={"model_run_record_id": run.handle, "record": workflow.record()},
        owner=user,
    )
    settings.REGISTRY_LEVEL = "read"
    drain()
    job.refresh_from_db()
    assert (job.status, "may not change the registry" in job.info) == (Status.FAILED, True)
