"""Model runs: every finding of a record with its message, and what their jobs write."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from prov.model import ProvActivity, ProvDocument

from jobs import lifecycle
from jobs.definitions import PermanentError
from jobs.models import Batch, Job, Status
from registry import services
from registry.kinds import Findings
from registry.model_runs import records
from registry.model_runs import services as runs
from registry.model_runs.records import Lookup
from registry.models import Item, Relation
from registry.services import NotAllowed, Refused
from tests.conftest import drain, statuses
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db

Change = Callable[[Workflow, dict[str, Any]], Any]


def texts(record: dict[str, Any], user: User) -> list[str]:
    return [one.text for one in records.check(records.parse(record), Lookup(user))]


def first(side: str, **changed: Any) -> Change:
    return lambda flow, record: record[side][0].update(changed)


def test_a_record_that_fits_has_no_findings(workflow: Workflow, user: User) -> None:
    assert texts(workflow.record(), user) == []
    assert texts(workflow.record(study_id=None), user) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f, r: r.update(study_id="10378.1/9"), "Study: there is no item 10378.1/9"),
        (lambda f, r: r.update(study_id=f.model.handle), "is a model, not a study"),
        (
            lambda f, r: r.update(workflow_template_id=f.model.handle),
            "Workflow template: {model} is a model, not a workflow template",
        ),
        (lambda f, r: r.update(inputs=[]), "The inputs lack a dataset for the template {forcing}"),
        (lambda f, r: r.update(outputs=[]), "The outputs lack a dataset for the template {output}"),
        (
            lambda f, r: r["inputs"][0].update(dataset_template_id=f.output.handle),
            "{output} is none of the input templates of this workflow",
        ),
        (
            lambda f, r: r["outputs"][0].update(dataset_template_id=f.forcing.handle),
            "{forcing} is none of the output templates of this workflow",
        ),
        (
            first("inputs", dataset_id="10378.1/9"),
            "Input dataset for template {forcing}: there is no item 10378.1/9",
        ),
        (
            lambda f, r: r["outputs"][0].update(dataset_id=f.study.handle),
            "Output dataset for template {output}: {study} is a study, not a dataset",
        ),
        (first("inputs", resources=None), "no path is given for currents"),
        (first("outputs", resources={"plot": "x"}), "the template has no file plot. It has: log"),
        (
            lambda f, r: r["associations"].update(modeller_id=f.organisation.handle),
            "Modeller: {organisation} is an organisation, not a person",
        ),
        (
            lambda f, r: r["associations"].update(requesting_organisation_id=f.modeller.handle),
            "Requesting organisation: {modeller} is a person, not an organisation",
        ),
        (
            lambda f, r: r.update(annotations={"hardware": "x"}),
            "These annotations are required and missing: random seed",
        ),
    ],
)
def test_each_rule_has_its_finding(
    workflow: Workflow, user: User, change: Change, told: str
) -> None:
    record = workflow.record()
    change(workflow, record)
    handles = {name: item.handle for name, item in vars(workflow).items()}
    assert any(told.format(**handles) in text for text in texts(record, user)), texts(record, user)


def test_all_findings_are_told_in_the_order_of_the_reference(
    workflow: Workflow, user: User
) -> None:
    record = workflow.record(study_id="10378.1/8", inputs=[], annotations=None)
    record["associations"]["modeller_id"] = "10378.1/9"
    found = texts(record, user)
    starts = ["Study:", "The inputs lack", "Modeller:", "These annotations"]
    assert [text.startswith(start) for text, start in zip(found, starts, strict=True)] == [True] * 4


@pytest.mark.parametrize(
    "changed",
    [
        {"end_time": 1},
        {"display_name": " "},
        {"description": ""},
        {"start_time": "noon"},
        {"inputs": "none"},
        {"surprise": 1},
        {"start_time": 10**18},
    ],
)
def test_a_record_of_the_wrong_shape_is_refused(
    workflow: Workflow, user: User, changed: dict[str, Any]
) -> None:
    with pytest.raises(Findings) as refused:
        runs.register(record=workflow.record(**changed), owner=user)
    assert refused.value.misshapen
    assert not Job.objects.filter(sub_type="MODEL_RUN_PROV_LODGE").exists()


def test_what_one_may_not_read_is_a_finding_that_names_it(
    workflow: Workflow, user: User, make_user: Callable[..., User]
) -> None:
    services.change_access(handle=workflow.currents.handle, general=[], groups={}, by=user)
    stranger = make_user("ben")
    with pytest.raises(runs.RunRefused) as refused:
        runs.register(record=workflow.record(), owner=stranger)
    assert refused.value.is_unreadable
    assert f"you may not read {workflow.currents.handle}" in str(refused.value)
    with pytest.raises(runs.RunRefused) as refused:
        runs.register(record=workflow.record(annotations=None), owner=stranger)
    assert not refused.value.is_unreadable


def test_looking_up_many_records_costs_no_more_than_one(
    workflow: Workflow, user: User, django_assert_max_num_queries: Any
) -> None:
    parsed = [records.parse(workflow.record(display_name=f"Run {n}")) for n in range(30)]
    lookup = Lookup(user)
    with django_assert_max_num_queries(2):  # what the record names, and what its template names
        assert not [found for record in parsed for found in records.check(record, lookup)]


def test_a_run_is_registered_with_its_edges_and_its_document(
    workflow: Workflow, user: User
) -> None:
    drain()
    job = runs.register(record=workflow.record(), owner=user)
    drain()
    job.refresh_from_db()
    assert (job.status, job.info) == (Status.SUCCEEDED, "")
    run = Item.objects.get(subtype="MODEL_RUN")
    assert job.result["record"]["id"] == run.handle
    assert (run.display_name, run.owner, run.info["record_status"]) == (
        "Season 2024",
        user,
        "LODGED",
    )
    assert run.info["record"]["start_time"] == 1_700_000_000
    edges = set(Relation.objects.filter(record=run).values_list("source", "type", "target"))
    flow = workflow
    expected = {
        (run, "used", flow.currents),
        (run, "used", flow.model),
        (run, "used", flow.template),
        (run, "wasInformedBy", flow.study),
        (run, "wasAssociatedWith", flow.modeller),
        (run, "wasAssociatedWith", flow.organisation),
        (flow.matrix, "wasGeneratedBy", run),
        (flow.matrix, "wasAttributedTo", flow.modeller),
        (flow.currents, "wasInfluencedBy", flow.forcing),
        (flow.matrix, "wasInfluencedBy", flow.output),
        (flow.template, "hadMember", flow.model),
        (flow.template, "hadMember", flow.forcing),
        (flow.template, "hadMember", flow.output),
    }
    assert edges == {(source.pk, kind, target.pk) for source, kind, target in expected}


def test_the_document_says_what_the_edges_say(workflow: Workflow, user: User) -> None:
    runs.register(record=workflow.record(), owner=user)
    drain()
    run = Item.objects.get(subtype="MODEL_RUN")
    text = run.info["prov_serialisation"]
    document = ProvDocument.deserialize(content=text, format="json")
    assert isinstance(document, ProvDocument)
    names = {item.handle: item.pk for item in Item.objects.all()}

    def key(name: Any) -> int:
        prefix, _, number = str(name.uri).removeprefix("https://hdl.handle.net/").partition("/")
        return names[f"{prefix}/{number}"]

    said = set()
    for relation in document.get_records():
        if relation.is_relation():
            (_, source), (_, target) = relation.formal_attributes[:2]
            kind = relation.get_provn().partition("(")[0]
            said.add((key(source), kind, key(target)))
    edges = set(Relation.objects.filter(record=run).values_list("source", "type", "target"))
    assert edges < said
    assert said - edges == {(workflow.matrix.pk, "wasDerivedFrom", workflow.currents.pk)}
    activities = [one for one in document.get_records() if isinstance(one, ProvActivity)]
    [activity] = [one for one in activities if one.get_startTime() is not None]
    assert activity.get_startTime().timestamp() == 1_700_000_000
    assert activity.get_endTime().timestamp() == 1_700_003_600
    assert "plan" in json.dumps(json.loads(text)["wasAssociatedWith"])


def test_a_run_whose_items_went_meanwhile_fails_and_says_why(
    workflow: Workflow, user: User
) -> None:
    drain()
    job = runs.register(record=workflow.record(), owner=user)
    services.change_access(handle=workflow.currents.handle, general=[], groups={}, by=user)
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=False)
    drain()
    job.refresh_from_db()
    assert job.status == Status.FAILED
    assert "only a reserved id" in job.info
    assert not Item.objects.filter(subtype="MODEL_RUN").exists()


def test_a_run_is_shown_with_what_it_used_and_made(
    workflow: Workflow, user: User, signed_in: Any
) -> None:
    runs.register(record=workflow.record(), owner=user)
    drain()
    run = Item.objects.get(subtype="MODEL_RUN")
    page = signed_in.get(run.get_absolute_url()).content.decode()
    for told in ("Season 2024", "One season", "Larval drift", "14 Nov 2023", "random seed"):
        assert told in page, told
    assert "prefix" not in page
    assert f"/runs/{run.handle}/edit/" in page


def test_a_batch_launches_one_job_for_each_record_in_order(workflow: Workflow, user: User) -> None:
    drain()
    batch = [workflow.record(display_name=f"Run {n}") for n in range(12)]
    batch[5]["study_id"] = "10378.1/9"
    job = runs.register_batch(batch=batch, owner=user)
    assert lifecycle.claim("nothing else", 9) == []
    drain()
    job.refresh_from_db()
    made = Batch.objects.get()
    assert job.result == {"batch_id": str(made.pk)}
    assert (made.total, made.owner, job.batch) == (12, user, None)
    children = list(made.jobs.order_by("batch_index"))
    assert [child.payload["record"]["display_name"] for child in children] == [
        f"Run {n}" for n in range(12)
    ]
    assert [child.status for child in children].count(Status.SUCCEEDED) == 11
    assert "Study: there is no item 10378.1/9" in children[5].info
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 11


def test_a_batch_that_is_launched_again_makes_no_second_children(
    workflow: Workflow, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt fails after it has made them; nothing of it remains."""
    drain()
    real, calls = lifecycle.submit_batch, []

    def fail_once(**arguments: Any) -> Batch:
        batch = real(**arguments)
        calls.append(batch)
        if len(calls) == 1:
            raise RuntimeError("in the middle")
        return batch

    monkeypatch.setattr(lifecycle, "submit_batch", fail_once)
    runs.register_batch(batch=[workflow.record()] * 3, owner=user)
    drain()
    assert Batch.objects.count() == 0
    Job.objects.filter(sub_type="MODEL_RUN_BATCH_SUBMIT").update(run_after="2020-01-01T00:00:00Z")
    drain()
    assert [batch.total for batch in Batch.objects.all()] == [3]
    assert set(statuses()) == {Status.SUCCEEDED}
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 3


def test_an_empty_batch_is_refused(user: User) -> None:
    with pytest.raises(Refused, match="at least one record"):
        runs.register_batch(batch=[], owner=user)
    with pytest.raises(PermanentError, match="at least one record"):
        lifecycle.submit_batch(
            sub_type="MODEL_RUN_PROV_LODGE", payloads=[], owner=user, title="none"
        )


def test_who_may_only_read_registers_no_run(workflow: Workflow, user: User, settings: Any) -> None:
    settings.REGISTRY_LEVEL = "read"
    with pytest.raises(NotAllowed):
        runs.register(record=workflow.record(), owner=user)
