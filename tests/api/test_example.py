"""What we show of the API does what it says, on a server with a real worker."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from jobs import lifecycle
from jobs.models import Job, Status
from registry.models import Item
from tests.conftest import drain
from tests.stack import Stack

PATIENCE = 100  # seconds; the client looks after its jobs every two


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of the examples to its end."""
    return subprocess.run(
        command,
        cwd=settings.BASE_DIR,
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def failed_once(owner: User) -> Job:
    """A job whose input was wrong at its first attempt, and is right now."""
    job = lifecycle.submit(sub_type="REGISTRY_WAKE_UP", payload={}, owner=owner)
    Job.objects.update(payload={"reason": 5})
    drain()
    Job.objects.update(payload={})
    job.refresh_from_db()
    assert job.status == Status.FAILED
    return job


@pytest.mark.cluster
@pytest.mark.timeout(PATIENCE * 2)
def test_the_examples_work_as_they_stand(
    address: str, stack: Stack, user: User, tmp_path: Path
) -> None:
    failed = failed_once(user)
    stack.start_worker()
    token = stack.manage("create_token", user.username, "--name", "example").stdout.strip()
    site = {"PROVENA_URL": address, "PROVENA_TOKEN": token}
    told = run(sys.executable, "-W", "ignore", "examples/reef_study.py", **site)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "has registered 10 more" in told.stdout
    assert "11 MODEL_RUN" in told.stdout.splitlines()[-1]
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 11

    table = tmp_path / "jobs.csv"
    told = run("sh", "examples/jobs.sh", str(table), **site)
    assert told.returncode == 0, told.stdout + told.stderr
    assert '"kind": "ATTEMPT_FAILED"' in told.stdout
    assert "It is SUCCEEDED." in told.stdout
    assert '"counts": {\n        "SUCCEEDED": 10' in told.stdout
    assert str(failed.session_id) in table.read_text()
    assert set(Job.objects.values_list("status", flat=True)) == {Status.SUCCEEDED}

    refused = run("sh", "examples/jobs.sh", **site | {"PROVENA_TOKEN": "nonsense"})
    assert refused.returncode != 0
    assert "bad_token" in refused.stderr


@pytest.mark.cluster
def test_the_lines_of_the_readme_work(address: str, stack: Stack, user: User) -> None:
    token = stack.manage("create_token", user.username, "--offline").stdout.strip()
    [code] = re.findall(
        r"```python\n(.*?)```", (settings.BASE_DIR / "README.md").read_text(), re.DOTALL
    )
    script = code.replace("http://127.0.0.1:8000", address).replace("provena-offline_...", token)
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert told.stdout == "{'PERSON': 1}\n", told.stdout + told.stderr
