"""A large table and real workers, one of which is killed in the middle of its check."""

import signal

import pytest
from django.contrib.auth.models import User

from jobs.models import Job, JobEvent, Status
from registry.model_runs import sheets, waiting
from registry.models import RunSheet, SheetPart
from tests.cluster.test_kills import kill
from tests.conftest import drain
from tests.registry.model_runs.tables import load, row_of, table
from tests.registry.runs import Workflow, workflow
from tests.stack import Stack, wait_until

__all__ = ["workflow"]

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]

ROWS = 12 * waiting.PIECE
EACH = waiting.PIECE // 2  # so many rows after a row that it says the same


def text_of(flow: Workflow, user: User) -> str:
    """A table in which the second half of every thousand says what the first half of the next
    does, and the first row of every thousand is faulty."""
    good, bad = row_of(flow, user, display_name="#"), row_of(flow, user, cells={"agent id": ""})
    names = [
        n if n % waiting.PIECE < EACH or n < waiting.PIECE else n - waiting.PIECE
        for n in range(ROWS)
    ]
    rows = [
        [f"Run {name}" if cell == "#" else cell for cell in good] if n % waiting.PIECE else bad
        for n, name in enumerate(names)
    ]
    return table(flow, user, *rows)


def found(sheet: RunSheet) -> list[tuple[int, str, str]]:
    return list(sheet.rows.values_list("number", "state", "note"))


def test_a_check_whose_worker_is_killed_goes_on_and_finds_what_one_in_one_go_finds(
    stack: Stack, user: User, workflow: Workflow
) -> None:
    drain()
    text = text_of(workflow, user)
    whole = load(text, user)
    expected = found(whole)
    assert {state for _, state, _ in expected} == {"NEW", "EXISTING", "FAULTY"}
    whole.delete()

    sheet = load(text, user, aside=True)
    stack.start_worker()

    def is_under_way() -> Job | None:
        job = waiting.job_of(sheet)
        return job if job and job.status == Status.IN_PROGRESS and job.done else None

    job = wait_until(is_under_way, "some of it is checked")
    kill([int(job.worker.split(":")[1])], signal.SIGKILL)
    assert SheetPart.objects.exists()  # it was in the middle
    wait_until(lambda: RunSheet.objects.get().is_ready, "all is checked", 90)
    wait_until(lambda: waiting.job_of(sheet).status == Status.SUCCEEDED, "its job ends")
    job.refresh_from_db()
    assert (job.attempt, job.done, job.total) == (2, ROWS, ROWS)
    assert job.events.get().kind == JobEvent.Kind.LOST
    assert found(sheet) == expected

    done = sheets.submit(sheet=sheet, by=user)
    assert done.job
    launch = done.job

    def is_launched() -> bool:
        launch.refresh_from_db()
        return launch.is_finished

    wait_until(is_launched, "its rows are launched")
    assert launch.status == Status.SUCCEEDED
    batch = Job.objects.filter(batch=launch.result["batch_id"])
    assert batch.count() == done.new == sum(state == "NEW" for _, state, _ in expected)
