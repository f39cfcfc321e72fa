"""Two requests on one sheet at the same moment, each with a connection of its own."""

import pytest
from django.contrib.auth.models import User

from jobs import lifecycle, worker
from jobs.lifecycle import NotPossible
from jobs.models import Batch, Job, Status
from registry.model_runs import services as runs
from registry.model_runs import sheets
from registry.model_runs.sheets import Submission
from registry.models import Item, SheetRow
from registry.services import Refused
from tests.conftest import drain
from tests.jobs.test_races import all_at_once
from tests.registry.model_runs.tables import load_rows, row_of
from tests.registry.runs import Workflow
from tests.registry.test_version_races import each_at_once, in_the_middle, outcome

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_submissions_at_once_each_row_goes_once(workflow: Workflow, user: User) -> None:
    drain()
    rows = [row_of(workflow, user, display_name=f"Run {n}") for n in range(5)]
    sheet = load_rows(workflow, user, *rows)
    found = all_at_once(lambda: outcome(lambda: sheets.submit(sheet=sheet, by=user)))
    [done] = [one for one in found if isinstance(one, Submission)]
    assert done.new == 5
    assert {str(one) for one in found if isinstance(one, Refused)} == {
        "No row of this sheet is left to register."
    }
    drain()
    assert [batch.total for batch in Batch.objects.all()] == [5]
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 5


def test_two_sheets_with_the_same_row_that_are_submitted_at_once_make_one_run(
    workflow: Workflow, user: User
) -> None:
    drain()
    one, two = (load_rows(workflow, user, row_of(workflow, user)) for _ in range(2))
    found = each_at_once(
        *(lambda sheet=sheet: sheets.submit(sheet=sheet, by=user) for sheet in (one, two))
    )
    # One may see that the other has it; if both go, the second job gives the run of the first.
    assert any(isinstance(done, Submission) for done in found)
    drain()
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 1


def test_of_submissions_at_once_each_failed_job_is_tried_again_once(
    workflow: Workflow, user: User
) -> None:
    drain()
    sheets.submit(sheet=load_rows(workflow, user, row_of(workflow, user)), by=user)
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=False)
    drain()
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=True)
    sheet = load_rows(workflow, user, row_of(workflow, user))
    found = all_at_once(lambda: outcome(lambda: sheets.submit(sheet=sheet, by=user)), 3)
    assert [one.retried for one in found if isinstance(one, Submission)] == [1]
    drain()
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 1


def test_a_row_that_is_mended_while_it_is_submitted_goes_as_it_then_is(
    workflow: Workflow, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain()
    sheet = load_rows(workflow, user, row_of(workflow, user))
    cells = row_of(workflow, user, display_name="Mended")
    in_the_middle(
        monkeypatch,
        lifecycle,
        "submit",
        lambda: sheets.submit(sheet=sheet, by=user),
        lambda: sheets.mend(sheet=sheet, number=2, cells=cells, by=user),
    )
    drain()
    row, run = SheetRow.objects.get(), Item.objects.get(subtype="MODEL_RUN")
    assert row.record
    assert row.state == "SUBMITTED"
    assert (run.display_name, run.info["record"]) == (row.record["display_name"], row.record)


def test_a_launch_that_is_retried_while_its_rows_are_taken_back_doubles_nothing(
    workflow: Workflow, user: User
) -> None:
    drain()
    sheet = load_rows(workflow, user, row_of(workflow, user))
    launch = sheets.submit(sheet=sheet, by=user).job
    assert launch
    lifecycle.cancel(launch, by=user)

    def retry() -> bool:
        try:
            lifecycle.retry(Job.objects.get(pk=launch.pk), by=user)
        except NotPossible:
            return False
        return True

    taken, _ = each_at_once(lambda: sheets.take_back(sheet=sheet, by=user), retry)
    drain()
    if taken:
        sheets.submit(sheet=sheet, by=user)
        drain()
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 1
    launch.refresh_from_db()
    assert (launch.status == Status.SUCCEEDED) == (not taken)


def test_jobs_that_register_the_same_at_once_make_one_run(workflow: Workflow, user: User) -> None:
    drain()
    record = workflow.record()
    for _ in range(4):
        runs.register_batch(batch=[record], owner=user, once=True)
    for job, attempt, _ in lifecycle.claim("provena", 4):
        worker.execute(job, attempt, 60)
    claimed = lifecycle.claim("provena", 4)
    assert len(claimed) == 4
    each_at_once(*(lambda one=one: worker.execute(one[0], one[1], 60) for one in claimed))
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 1
    jobs = Job.objects.filter(sub_type="MODEL_RUN_PROV_LODGE")
    assert {job.status for job in jobs} == {Status.SUCCEEDED}
    assert len({job.result["record"]["id"] for job in jobs if job.result}) == 1
