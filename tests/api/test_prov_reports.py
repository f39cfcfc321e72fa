"""Reports over the API."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from docx import Document

from jobs.models import Job, Status
from registry import services
from registry.model_runs import services as runs
from registry.reports import contents
from registry.reports.files import WORD
from tests.api.conftest import Caller
from tests.conftest import drain
from tests.registry.runs import Workflow

REPORT = "/prov-api/explore/generate/report"


def wanted(workflow: Workflow, **other: Any) -> dict[str, Any]:
    return {"id": workflow.study.handle, "item_subtype": "STUDY", "depth": 1} | other


def test_whoever_accepts_a_word_document_gets_it_at_once(
    api: Caller, workflow: Workflow, client: Client
) -> None:
    answer = client.post(
        REPORT,
        wanted(workflow),
        content_type="application/json",
        headers=api.headers | {"Accept": WORD},
    )
    assert (answer.status_code, answer["Content-Type"]) == (200, WORD)
    assert workflow.study.handle in Document(io.BytesIO(answer.content)).paragraphs[1].text
    assert not Job.objects.filter(type="REPORT").exists()


def test_others_get_a_job_whose_result_is_a_link(
    api: Caller, workflow: Workflow, client: Client
) -> None:
    answer = api.post(REPORT, wanted(workflow))
    assert answer.success
    drain()
    job = Job.objects.get(session_id=answer.json["session_id"])
    assert (job.type, job.sub_type, job.status) == ("REPORT", "GENERATE_REPORT", Status.SUCCEEDED)
    address = job.result["report_url"]
    assert address.startswith("http://testserver/")
    assert client.get(address.removeprefix("http://testserver")).content.startswith(b"PK")


def test_a_report_is_refused_as_the_contract_says(
    api: Caller,
    stranger: Caller,
    workflow: Workflow,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for depth in (0, 4, "deep"):
        assert api.post(REPORT, wanted(workflow, depth=depth)).status == 422
    model = wanted(workflow, id=workflow.model.handle, item_subtype="MODEL")
    assert api.post(REPORT, model).status == 400
    assert api.post(REPORT, wanted(workflow, item_subtype="MODEL_RUN")).status == 400
    unknown = api.post(REPORT, wanted(workflow, id="10378.1/999"))
    assert (unknown.status, unknown.json["ids"]) == (400, ["10378.1/999"])
    runs.register(record=workflow.record(), owner=user)
    drain()
    monkeypatch.setattr(contents, "MOST", 3)
    large = api.post(REPORT, wanted(workflow))
    assert large.status == 400
    assert "at most 3 items" in large.detail
    services.change_access(handle=workflow.study.handle, general=[], groups={}, by=user)
    assert stranger.post(REPORT, wanted(workflow)).status == 401
