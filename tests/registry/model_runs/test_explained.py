"""The columns of a table, explained beside its download, and the table with an example row."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from registry import services
from registry.model_runs import columns
from registry.model_runs import services as runs
from registry.models import Item
from tests.conftest import drain, registered
from tests.registry.model_runs.tables import load
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]


@pytest.fixture
def explained_page(workflow: Workflow, signed_in: Client) -> Any:
    return signed_in.get(reverse("run-ways", args=[workflow.template.handle]))


def test_each_column_is_explained_beside_the_download(
    workflow: Workflow, user: User, explained_page: Any
) -> None:
    told = {column.header: column for column in explained_page.context["columns"]}
    assert list(told) == list(columns.layout_for(workflow.template.handle, user).columns().headers)
    needs = {header: column.need for header, column in told.items()}
    assert needs["display name"] == needs["annotation: random seed"] == "required"
    assert needs["annotation: hardware"] == needs["study id"] == "optional"
    assert {need for header, need in needs.items() if header.startswith("_")} == {"leave empty"}
    assert told["agent id"].items == [workflow.modeller]
    page = explained_page.content.decode()
    assert f'data-copy="{workflow.modeller.handle}"' in page
    assert "/items/?kind=DATASET" in page
    assert '<details class="reading" id="reading" open>' in page


def test_datasets_that_runs_used_for_a_template_are_offered_first(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    runs.register(record=workflow.record(), owner=user)
    drain()
    for _ in range(4):
        registered(user, subtype="DATASET")
    address = reverse("run-ways", args=[workflow.template.handle])
    told = {column.title: column for column in signed_in.get(address).context["columns"]}
    assert told["Input: Forcing"].items[0] == workflow.currents
    assert told["Output: Matrix"].items[0] == workflow.matrix


def test_what_others_keep_to_themselves_is_offered_to_nobody_else(
    workflow: Workflow, user: User, make_user: MakeUser, client: Client
) -> None:
    services.change_access(handle=workflow.currents.handle, general=[], groups={}, by=user)
    reader = make_user("reader")
    client.force_login(reader)
    address = reverse("run-ways", args=[workflow.template.handle])
    offered = {item for column in client.get(address).context["columns"] for item in column.items}
    assert workflow.currents not in offered
    assert workflow.matrix in offered


RESOURCE = {"description": "d", "usage_type": "FORCING_DATA"}
ONE, TWO = RESOURCE | {"key": "one"}, RESOURCE | {"key": "two", "optional": True}


@pytest.mark.parametrize(
    ("files", "inputs", "outputs", "annotations"),
    [
        ([], [], [], {}),
        ([], [(0, False)], [], {}),
        ([], [], [(0, False)], {}),
        ([ONE], [(0, False)], [(1, False)], {"required": ["a"], "optional": ["b"]}),
        ([ONE, TWO], [(0, True)], [(1, True)], {"required": ["description"]}),
        ([ONE, TWO], [(0, False), (1, False)], [(0, False), (1, True)], {}),
        ([TWO], [(0, False), (1, True)], [], {"optional": ["b"]}),
    ],
)
def test_the_table_with_an_example_row_loads_without_a_fault(
    workflow: Workflow,
    user: User,
    signed_in: Client,
    files: list[dict[str, Any]],
    inputs: list[tuple[int, bool]],
    outputs: list[tuple[int, bool]],
    annotations: dict[str, list[str]],
) -> None:
    shapes = [
        registered(user, subtype="DATASET_TEMPLATE", display_name=name, deferred_resources=files)
        for name in ("A", "B")
    ]
    sides = {
        f"{side}_templates": [
            {"template_id": shapes[number].handle, "optional": is_optional}
            for number, is_optional in uses
        ]
        for side, uses in (("input", inputs), ("output", outputs))
    }
    template = registered(
        user,
        subtype="MODEL_RUN_WORKFLOW_TEMPLATE",
        software_id=workflow.model.handle,
        annotations=annotations,
        **sides,
    )
    answer = signed_in.get(reverse("run-example-csv", args=[template.handle]))
    assert (
        f"model-runs-{template.handle.replace('/', '-')}-example" in answer["Content-Disposition"]
    )
    sheet = load(b"".join(answer), user)
    row = sheet.rows.get()
    assert (row.state, row.faults, row.warnings) == ("NEW", [], None)
    assert sheet.warnings == []


def test_an_example_row_has_placeholders_for_what_nobody_has_made_yet(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    Item.objects.filter(subtype="DATASET").update(is_complete=False)
    answer = signed_in.get(reverse("run-example-csv", args=[workflow.template.handle]))
    sheet = load(b"".join(answer), user)
    row = sheet.rows.get()
    optional = next(n for n, text in enumerate(sheet.columns) if "template: Restart" in text)
    assert [cell for cell in row.cells if cell.startswith("ID OF")] == ["ID OF A DATASET"] * 2
    assert row.cells[optional] == ""
    page = signed_in.get(reverse("run-ways", args=[workflow.template.handle])).content.decode()
    assert "A placeholder: replace it." in page


def test_the_page_of_a_workflow_costs_as_many_queries_for_many_items_as_for_few(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    address = reverse("run-ways", args=[workflow.template.handle])
    counted = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            signed_in.get(address)
        counted.append(len(queries))
        for _ in range(5):
            registered(user, subtype="DATASET")
            registered(user, subtype="STUDY", title="t", description="d")
    assert counted[0] == counted[1]
