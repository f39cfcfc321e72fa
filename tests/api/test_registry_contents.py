"""Whatever content is created is what is fetched, and the client reads it whole."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry import kinds
from registry.api.of_kinds import SIX, address
from registry.kinds import Kind
from registry.models import Item
from tests.api.conftest import Caller
from tests.registry.strategies import contents

with warnings.catch_warnings(action="ignore"):
    from ProvenaInterfaces import RegistryAPI

PREFIX = "/registry-api"
CLASSES = {
    "ORGANISATION": RegistryAPI.ItemOrganisation,
    "PERSON": RegistryAPI.ItemPerson,
    "MODEL": RegistryAPI.ItemModel,
    "MODEL_RUN_WORKFLOW_TEMPLATE": RegistryAPI.ItemModelRunWorkflowTemplate,
    "DATASET_TEMPLATE": RegistryAPI.ItemDatasetTemplate,
    "STUDY": RegistryAPI.ItemStudy,
}
# Each example is a transaction of its own here, as in the world.
often = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def holds(got: Any, sent: Any) -> bool:
    """True if all that was sent is there as it was; what was left out may be there as empty."""
    if isinstance(sent, dict):
        others = {name: value for name, value in got.items() if name not in sent}
        return not any(others.values()) and all(holds(got[name], sent[name]) for name in sent)
    if isinstance(sent, list):
        return len(got) == len(sent) and all(map(holds, got, sent))
    return bool(got == sent)


@pytest.mark.parametrize("kind", SIX)
@often
@given(data=st.data())
def test_what_is_created_is_what_is_fetched(
    kind: type[Kind],
    data: st.DataObject,
    api: Caller,
    user: User,
    make_item: Callable[..., Item],
) -> None:
    ids = {
        subtype: [make_item(user, subtype=subtype).handle]
        for subtype in ("MODEL", "DATASET_TEMPLATE")
    }
    content = data.draw(contents(kind, ids))
    path = PREFIX + address(kind)
    assert api.post(f"{path}/validate", content).success
    created = api.post(f"{path}/create", content)
    assert created.success, created.text
    item = api.get(f"{path}/fetch", id=created.json["created_item"]["id"]).json["item"]
    assert item == created.json["created_item"]
    names = set(kinds.kind(kind.subtype).model_fields)
    assert holds({name: item[name] for name in names & set(item)}, content)
    assert holds(item["history"][0]["item"], content)
    again = api.put(f"{path}/update", content, id=item["id"], reason="Again")
    assert again.success
    fetched = api.get(f"{path}/fetch", id=item["id"]).json["item"]
    assert [entry["item"] for entry in fetched["history"]] == [item["history"][0]["item"]] * 2
    with warnings.catch_warnings(action="ignore"):
        CLASSES[kind.subtype](**fetched)  # else the client would take it for a seed


def test_templates_hold_what_was_sent_and_empty_lists(
    api: Caller, user: User, make_item: Callable[..., Item]
) -> None:
    """As Provena stores them: what may be null stays absent, and only lists have a default."""
    resource = {"description": "Forcing", "usage_type": "FORCING_DATA"}
    content: dict[str, Any] = {
        "display_name": "Season",
        "defined_resources": [resource | {"path": "a.nc"}],
        "deferred_resources": [resource | {"key": "k", "optional": False}],
    }
    path = "/registry-api/registry/entity/dataset_template"
    item = api.post(f"{path}/create", content).json["created_item"]
    assert {name: item[name] for name in content} == content
    use = {"template_id": item["id"]}
    content = {
        "display_name": "Forecast",
        "software_id": make_item(user).handle,
        "input_templates": [
            use,
            {"template_id": make_item(user, subtype="DATASET_TEMPLATE").handle, "optional": True},
        ],
        "annotations": {"required": ["seed"]},
    }
    path = "/registry-api/registry/entity/model_run_workflow"
    item = api.post(f"{path}/create", content).json["created_item"]
    wanted = content | {
        "output_templates": [],
        "annotations": {"required": ["seed"], "optional": []},
    }
    assert {name: item[name] for name in wanted} == wanted
