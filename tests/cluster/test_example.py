"""Who follows the help on a new type of job, and nothing else, gets there."""

import html
import re
import shutil
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import Job, Status
from tests.stack import PATIENCE, Stack, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]

SETUP = "make setup\n"  # it has been done for this very test
NOT_IN_A_CHECKOUT = shutil.ignore_patterns(".*", "var", "__pycache__", "*.egg-info")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh copy of this system, in which somebody may work."""
    copy = tmp_path / "checkout"
    shutil.copytree(settings.BASE_DIR, copy, ignore=NOT_IN_A_CHECKOUT)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


def blocks(page: str, attribute: str) -> dict[str, str]:
    """The blocks of code on the page that have that attribute, by its value."""
    found = re.findall(rf'<pre [^>]*{attribute}="([^"]+)">(.*?)</pre>', page, re.DOTALL)
    return {name: html.unescape(text) for name, text in found}


def test_the_example_of_the_help_works_as_it_stands(
    stack: Stack, checkout: Path, client: Client, make_user: Callable[..., User]
) -> None:
    modeller = make_user("modeller")
    client.force_login(modeller)
    page = client.get("/help/jobs/new-type/").content.decode()
    files, commands = blocks(page, "data-file"), blocks(page, "data-run")

    stack.use(checkout)
    prepare = commands["prepare"].removeprefix(SETUP)
    assert prepare != commands["prepare"]
    assert stack.run(prepare).returncode == 0
    for name, text in files.items():
        (checkout / name).write_text(text)

    tested = stack.run(f"unset DATABASE_URL\n{commands['test']}")
    assert "2 passed" in tested.stdout, tested.stdout + tested.stderr

    stack.use(checkout, "tides")
    stack.start_worker()
    submitted = stack.run(commands["submit"])
    assert submitted.returncode == 0, submitted.stderr
    first = Job.objects.get(session_id=submitted.stdout.strip())
    wait_until(lambda: ended(first), "both jobs succeed")
    assert results(first) == [{"left_out": 1}, {"lowest": -3.9, "highest": 4.2}]

    stack.start_web()
    types = look(stack, client, "/help/jobs/types/")
    for told in ("TIDES_CHECK", "Leave out levels that no tide can have", "Tide workflow"):
        assert told in types
    assert "Name of the tide gauge." in types
    assert "Sum Up Tide Levels" in look(stack, client, first.get_absolute_url())


def ended(first: Job) -> bool:
    states = list(first.workflow.jobs.values_list("status", flat=True))
    return states == [Status.SUCCEEDED, Status.SUCCEEDED]


def results(first: Job) -> list[dict[str, Any]]:
    return list(first.workflow.jobs.order_by("step").values_list("result", flat=True))


def look(stack: Stack, client: Client, path: str) -> str:
    """A page of the running site, as the user of the client sees it."""
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{stack.url}{path}", headers=cookie), timeout=PATIENCE * 2
    ) as answer:
        return str(answer.read().decode())
