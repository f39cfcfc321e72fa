"""Every method of the Python client that speaks to the prov API, on real processes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from docx import Document
from provenaclient.models.general import AsyncAwaitSettings
from provenaclient.utils.exceptions import AuthException, BadRequestException
from ProvenaInterfaces.ProvenanceAPI import (
    GenerateReportRequest,
    ModelRunRecord,
    RegisterBatchModelRunRequest,
)
from ProvenaInterfaces.RegistryAPI import ItemModelRun, ItemSubType

from jobs.models import Job
from provena.tokens import keeping
from registry.api import shapes
from registry.models import Item, Relation
from tests.api.client import Provena, connect, wait_for
from tests.registry.runs import Workflow
from tests.stack import wait_until

pytestmark = pytest.mark.cluster

Result = dict[str, Any]
OFTEN = AsyncAwaitSettings(job_polling_interval=1)


def result_of(provena: Provena, session_id: str | None) -> Result:
    """What a job gave, when it has ended well."""
    asked = provena.job_api.await_successful_job_completion(session_id, settings=OFTEN)
    return dict(wait_for(asked).result)


def test_runs_from_registration_to_report(
    provena: Provena, workflow: Workflow, tmp_path: Path
) -> None:
    prov = provena.prov_api
    record = ModelRunRecord(**workflow.record())

    # One run
    registered = wait_for(prov.register_model_run(model_run_payload=record))
    assert registered.status.success
    lodged = result_of(provena, registered.session_id)["record"]
    assert ModelRunRecord(**lodged["record"]) == record
    run = Item.objects.get(handle=lodged["id"])
    lacking = ModelRunRecord(**workflow.record(inputs=[]))
    with pytest.raises(BadRequestException, match=workflow.forcing.handle):
        wait_for(prov.register_model_run(model_run_payload=lacking))

    # Its lineage, both ways, and the special queries
    up = wait_for(prov.explore_upstream(starting_id=run.handle, depth=1))
    assert up.record_count == len(up.graph.nodes)
    named = {node.id for node in up.graph.nodes}
    assert {workflow.currents.handle, workflow.model.handle, workflow.study.handle} <= named
    assert {end for link in up.graph.links for end in (link.source, link.target)} <= named
    down = wait_for(prov.explore_downstream(starting_id=workflow.currents.handle, depth=2))
    assert workflow.matrix.handle in {node.id for node in down.graph.nodes}
    for ask, start, wanted in [
        (prov.get_contributing_datasets, workflow.matrix, workflow.currents),
        (prov.get_effected_datasets, workflow.currents, workflow.matrix),
        (prov.get_contributing_agents, workflow.matrix, workflow.modeller),
        (prov.get_effected_agents, workflow.currents, workflow.modeller),
    ]:
        found = wait_for(ask(starting_id=start.handle, depth=3))
        assert wanted.handle in {node.id for node in found.graph.nodes}
    with pytest.raises(BadRequestException, match=r"10378\.1/999"):
        wait_for(prov.explore_upstream(starting_id="10378.1/999"))

    # An edit
    changed = ModelRunRecord(**workflow.record(description="Once more"))
    updated = wait_for(
        prov.update_model_run(model_run_id=run.handle, reason="A typo", record=changed)
    )
    assert ModelRunRecord(**result_of(provena, updated.session_id)["record"]["record"]) == changed

    # Ten in a batch, as a table, and back
    records = [ModelRunRecord(**workflow.record(display_name=f"Run {n}")) for n in range(10)]
    batch = RegisterBatchModelRunRequest(records=records)
    submitted = wait_for(prov.register_batch_model_runs(batch_model_run_payload=batch))
    batch_id = result_of(provena, submitted.session_id)["batch_id"]
    jobs = list(Job.objects.filter(batch=batch_id).order_by("batch_index"))
    results = [result_of(provena, str(job.session_id)) for job in jobs]
    assert [ModelRunRecord(**result["record"]["record"]) for result in results] == records
    header = wait_for(prov.generate_csv_template(workflow_template_id=workflow.template.handle))
    assert header.startswith("_workflow template id ")
    table = wait_for(prov.regenerate_csv_from_model_run_batch(batch_id=batch_id))
    converted = wait_for(prov.convert_model_runs(model_run_content=table))
    assert converted.existing_records == [str(job.session_id) for job in jobs]
    for job in jobs:
        table = table.replace(str(job.session_id), "")
    file = tmp_path / "runs.csv"
    file.write_text(table, newline="")
    again = wait_for(prov.convert_model_runs_to_csv_with_file(file_path=str(file)))
    assert (again.new_records, again.existing_records) == (records, [])
    assert len(again.warnings) == 10
    broken = table.replace(workflow.modeller.handle, "nobody")
    with pytest.raises(BadRequestException, match="Row 2, agent id"):
        wait_for(prov.convert_model_runs(model_run_content=broken))

    # The report
    for item, kind in [(run, ItemSubType.MODEL_RUN), (workflow.study, ItemSubType.STUDY)]:
        request = GenerateReportRequest(id=item.handle, item_subtype=kind, depth=2)
        wait_for(prov.generate_report(report_request=request, file_path=f"{tmp_path}/"))
        [written] = tmp_path.glob(f"{item.handle.replace('/', '_')}*.docx")
        [rows] = Document(str(written)).tables
        assert workflow.matrix.handle in rows.rows[3].cells[1].text


def test_what_administrators_do_to_runs(
    provena: Provena, address: str, workflow: Workflow, make_user: Callable[..., User]
) -> None:
    record = ModelRunRecord(**workflow.record())
    registered = wait_for(provena.prov_api.register_model_run(model_run_payload=record))
    handle = result_of(provena, registered.session_id)["record"]["id"]
    run = ItemModelRun(**shapes.item(shapes.full(Item.objects.get(handle=handle))))
    with pytest.raises(AuthException):
        wait_for(provena.prov_api.admin.store_record(registry_record=run))
    root = make_user("root", is_staff=True, is_superuser=True)
    admin = connect(address, keeping.issue(user=root, name="client")[1]).prov_api.admin
    claims = Relation.objects.filter(record__handle=handle)
    count = claims.count()
    trial = wait_for(admin.delete_model_run_provenance(model_run_id=handle, trial_mode=True))
    assert {"REMOVE_LINK", "REMOVE_NODE"} <= {change["action_type"] for change in trial.diff}
    for store in (
        lambda: admin.store_record(registry_record=run),
        lambda: admin.store_multiple_records(registry_record=[run], validate_record=False),
        admin.store_all_registry_records,
    ):
        wait_for(admin.delete_model_run_provenance(model_run_id=handle))
        assert not claims.exists()
        assert wait_for(store()).status.success
        wait_until(lambda: claims.count() == count, "the relations are there again")
