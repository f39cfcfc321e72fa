"""The whole walk with real worker processes, on whichever database the tests run on."""

import json
import os
import signal
import subprocess
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import Cluster, Job, Status
from registry import services
from registry.models import Item, Relation
from tests.conftest import MODEL
from tests.stack import Stack, wait_until

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
    os.killpg(first.pid, signal.SIGTERM)
    assert first.wait(30) == 0
    assert not Cluster.objects.exists()
    item = make_item(user)
    assert item.creation_workflow.jobs.get().status == Status.PENDING
    stack.start_worker()
    wait_until(lambda: is_done(item), "the workflow succeeds")


def test_every_process_of_a_cluster_ends_with_it(stack: Stack) -> None:
    main = stack.start_worker()
    family = descendants(main.pid)
    assert len(family) == 5  # sentinel, two workers, monitor, pusher
    os.kill(main.pid, signal.SIGKILL)
    main.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in family), "no orphan is left")


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


def descendants(pid: int) -> list[int]:
    """The ids of all processes below one."""
    found, parents = [], {pid}
    while parents:
        parents = {child for child, parent, _ in processes() if parent in parents}
        found += sorted(parents)
    return found


def is_alive(pid: int) -> bool:
    """True while the process runs; a zombie does not."""
    return any(found == pid and state != "Z" for found, _, state in processes())


def processes() -> list[tuple[int, int, str]]:
    """(id, id of the parent, state) of each process of this machine."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,state="], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in listed.stdout.splitlines())
    return [(int(pid), int(parent), state) for pid, parent, state in rows]
