"""The model runs on the page of a study."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from registry import services
from registry.model_runs import services as runs
from registry.models import Item
from tests.conftest import drain
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db


def make_runs(flow: Workflow, owner: User, *names: str, **changed: Any) -> list[Item]:
    batch = [flow.record(display_name=name, **changed) for name in names]
    runs.register_batch(batch=batch, owner=owner)
    drain()
    return list(Item.objects.filter(subtype="MODEL_RUN", display_name__in=names).order_by("pk"))


def shown(client: Client, study: Item, query: str = "", **headers: str) -> list[str]:
    answer = client.get(study.get_absolute_url() + query, headers=headers)
    return [reference.source.display_name for reference in answer.context["runs"].rows]


def test_a_study_lists_its_runs_the_newest_first(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    assert (
        "None yet that you may read"
        in signed_in.get(workflow.study.get_absolute_url()).content.decode()
    )
    first, second = make_runs(workflow, user, "A", "B")
    [other] = make_runs(workflow, user, "C", study_id=None)
    assert shown(signed_in, workflow.study) == ["B", "A"]
    page = signed_in.get(workflow.study.get_absolute_url()).content.decode()
    assert f'href="{first.get_absolute_url()}"' in page
    runs.link_study(handle=other.handle, study=workflow.study.handle, by=user)
    assert shown(signed_in, workflow.study) == ["C", "B", "A"]
    assert "Model runs</h2>" not in signed_in.get(second.get_absolute_url()).content.decode()


def test_runs_that_one_may_not_read_are_not_listed(
    workflow: Workflow, user: User, make_user: Callable[..., User]
) -> None:
    [hidden, _] = make_runs(workflow, user, "Hidden", "Seen")
    services.change_access(handle=hidden.handle, general=[], groups={}, by=user)
    stranger = Client()
    stranger.force_login(make_user("ben"))
    assert shown(stranger, workflow.study) == ["Seen"]


def test_load_more_brings_all_runs_at_the_same_cost(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    make_runs(workflow, user, "first")
    address = workflow.study.get_absolute_url()
    with CaptureQueriesContext(connection) as few:
        signed_in.get(address)
    make_runs(workflow, user, *[f"Run {n}" for n in range(55)])
    with CaptureQueriesContext(connection) as many:
        answer = signed_in.get(address)
    assert len(many) == len(few)
    found: list[str] = []
    while True:
        page = answer.context["runs"]
        found += [reference.source.display_name for reference in page.rows]
        if not page.next:
            break
        answer = signed_in.get(f"{address}?runs={page.next}", headers={"HX-Request": "true"})
        assert "<h1" not in answer.content.decode()
    assert len(found) == len(set(found)) == 56
    assert found[-1] == "first"
    assert "<h1" in signed_in.get(f"{address}?runs=1").content.decode()
