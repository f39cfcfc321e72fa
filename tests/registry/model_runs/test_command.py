"""`manage.py register_model_runs`."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from jobs.models import Batch, Job
from registry.models import Item
from tests.conftest import drain
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db


def run(file: Path, *options: str) -> tuple[str, str, str]:
    """(what it printed, what it complained of, its error)."""
    out, errors, refusal = StringIO(), StringIO(), ""
    try:
        call_command(
            "register_model_runs", str(file), "--user", "ana", *options, stdout=out, stderr=errors
        )
    except CommandError as error:
        refusal = str(error)
    return out.getvalue(), errors.getvalue(), refusal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs.jsonl"


def write(file: Path, *rows: Any) -> None:
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))


def test_runs_are_registered_as_a_batch(workflow: Workflow, user: User, file: Path) -> None:
    write(file, workflow.record(), "", workflow.record(display_name="Another"))
    out, errors, refusal = run(file)
    assert (errors, refusal) == ("", "")
    assert "2 model runs submitted" in out
    drain()
    assert Batch.objects.get().total == 2
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 2


def test_every_fault_of_every_line_is_told_and_nothing_registered(
    workflow: Workflow, user: User, file: Path
) -> None:
    wrong = workflow.record(annotations=None, study_id="10378.1/9")
    write(file, workflow.record(), wrong, "{oops", workflow.record(end_time=1), "[1]")
    _, errors, refusal = run(file)
    for told in (
        "line 2: study_id: Study: there is no item 10378.1/9",
        "line 2: annotations.random seed: These annotations",
        "line 3: This is not JSON",
        "line 4: end_time: The run cannot end before it begins",
        "line 5: ",
    ):
        assert told in errors
    assert "4 of 5 are wrong" in refusal
    assert not Job.objects.filter(sub_type="MODEL_RUN_BATCH_SUBMIT").exists()
    out, _, refusal = run(file, "--skip-faulty", "--json")
    assert (json.loads(out)["submitted"], refusal) == (1, "")


def test_a_dry_run_only_checks(workflow: Workflow, user: User, file: Path) -> None:
    write(file, workflow.record())
    out, _, _ = run(file, "--dry-run")
    assert "1 model run can be registered" in out
    assert not Job.objects.filter(sub_type="MODEL_RUN_BATCH_SUBMIT").exists()


def test_an_empty_file_is_refused(user: User, file: Path) -> None:
    write(file, "", "")
    assert "holds no record" in run(file)[2]


def test_waiting_without_a_worker_says_so(workflow: Workflow, user: User, file: Path) -> None:
    write(file, workflow.record())
    assert "No worker is running" in run(file, "--wait", "--timeout", "0.1")[2]
