"""What we show of the API does what it says, on a server with a real worker."""

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from jobs.models import Job, Status
from registry.models import Item
from tests.stack import Stack

PATIENCE = 100  # seconds; the client looks after its jobs every two


@pytest.mark.cluster
@pytest.mark.timeout(PATIENCE * 2)
def test_the_example_works_as_it_stands(stack: Stack, user: User) -> None:
    url = stack.start_web()
    stack.start_worker()
    token = stack.manage("create_token", user.username, "--name", "example").stdout.strip()
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "examples/reef_study.py"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"PROVENA_URL": url, "PROVENA_TOKEN": token},
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "has registered 10 more" in told.stdout
    assert "11 MODEL_RUN" in told.stdout.splitlines()[-1]
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 11
    assert set(Job.objects.values_list("status", flat=True)) == {Status.SUCCEEDED}


@pytest.mark.cluster
def test_the_lines_of_the_readme_work(stack: Stack, user: User) -> None:
    url = stack.start_web()
    token = stack.manage("create_token", user.username, "--offline").stdout.strip()
    [code] = re.findall(
        r"```python\n(.*?)```", (settings.BASE_DIR / "README.md").read_text(), re.DOTALL
    )
    script = code.replace("http://127.0.0.1:8000", url).replace("provena-offline_...", token)
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert told.stdout == "{'PERSON': 1}\n", told.stdout + told.stderr
