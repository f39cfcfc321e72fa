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
