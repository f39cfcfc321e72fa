"""The whole walk with real worker processes, on whichever database the tests run on."""

import json
import os
import signal
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import Cluster, Job, Status
from registry import services
from registry.models import Item, Relation
from tests.conftest import MODEL
from tests.stack import PATIENCE, Stack, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]


def is_done(item: Item) -> bool:
    """True when both steps of the item's creation workflow have succeeded."""
    states = list(item.creation_workflow.jobs.values_list("status", flat=True))
    return states == [Status.SUCCEEDED, Status.SUCCEEDED]


def test_a_form_becomes_an_item_an_activity_and_edges(
    stack: Stack, client: Client, user: User
) -> None:
    stack.start_worker()
    client.force_login(user)
    answer = client.post("/items/new/model/", MODEL)
    item = Item.objects.get(subtype="MODEL")
    assert answer["Location"] == item.get_absolute_url()
    wait_until(lambda: is_done(item), "the workflow succeeds")
    activity = Item.objects.get(subtype="CREATE")
    assert activity.info["created_item_id"] == item.handle
    assert set(Relation.objects.values_list("source__subtype", "type", "target__subtype")) == {
        ("MODEL", "wasGeneratedBy", "CREATE"),
        ("CREATE", "wasAssociatedWith", "PERSON"),
        ("MODEL", "wasAttributedTo", "PERSON"),
    }
    for job in Job.objects.all():
        assert job.attempt == 1
        assert job.created_at <= job.dequeued_at <= job.started_at <= job.finished_at
    page = client.get(item.get_absolute_url()).content.decode()
    assert page.count('class="state SUCCEEDED"') == 3


def test_a_job_without_a_worker_waits_for_one(
    stack: Stack, user: User, make_item: Callable[..., Item]
) -> None:
    first = stack.start_worker()
    os.kill(first.main.pid, signal.SIGTERM)
    assert first.main.wait(PATIENCE) == 0
    assert not Cluster.objects.exists()
    item = make_item(user)
    assert item.creation_workflow.jobs.get().status == Status.PENDING
    stack.start_worker()
    wait_until(lambda: is_done(item), "the workflow succeeds")


def test_register_item_waits_for_its_workflow(stack: Stack, user: User) -> None:
    stack.start_worker()
    done = stack.manage(
        "register_item", "model", "--file", "-", "--user", "ana", "--wait", input=json.dumps(MODEL)
    )
    assert done.returncode == 0, done.stderr
    handle, session_id, *changes = done.stdout.splitlines()
    item = Item.objects.get(handle=handle)
    assert str(item.creation_workflow.jobs.get(step=0).session_id) == session_id
    assert changes[-1].count("SUCCEEDED") == 2
    assert services.person_of(user) in [edge.target for edge in item.causes.all()]
