"""Large tables: a job checks their rows in pieces, whatever happens meanwhile."""

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from jobs import lifecycle, worker
from jobs.models import Batch, Job, QueuePause, Status
from registry.model_runs import launching, sheets, table_jobs, waiting
from registry.model_runs import services as runs
from registry.models import Item, RunSheet, SheetPart, SheetRow
from registry.services import NotAllowed, Refused
from tests.conftest import drain
from tests.registry.model_runs.tables import found, row_of, table
from tests.registry.model_runs.test_pages import text_of
from tests.registry.runs import Workflow

pytestmark = pytest.mark.django_db

Rows = list[tuple[int, str, str]]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch, workflow: Workflow) -> None:
    """A table of more than two rows is large, and checked two rows at a time; no job waits."""
    monkeypatch.setattr(waiting, "AT_ONCE", 2)
    monkeypatch.setattr(waiting, "PIECE", 2)
    drain()


def file_of(flow: Workflow, user: User, *more: Any) -> str:
    """Seven rows: the third is faulty, the last says the same as the first, the fifth as the
    second."""
    names = ["A", "B", "", "D", "B", "F", "A"]
    cells = [row_of(flow, user, display_name=name or "x") for name in names]
    cells[2] = row_of(flow, user, cells={"display name": ""})
    return table(flow, user, *cells, *more)


def upload(client: Client, text: str) -> RunSheet:
    answer = client.post(
        reverse("run-sheets"), {"file": SimpleUploadedFile("many.csv", text.encode())}
    )
    assert answer.status_code == 302, text_of(answer)
    return RunSheet.objects.latest("created_at")


@pytest.fixture
def sheet(workflow: Workflow, user: User, signed_in: Client) -> RunSheet:
    """A large table that waits for its check."""
    return upload(signed_in, file_of(workflow, user))


def check_of(sheet: RunSheet) -> Job:
    sheet.refresh_from_db()
    job = waiting.job_of(sheet)
    assert job
    return job


def rows_of(sheet: RunSheet) -> Rows:
    return list(sheet.rows.values_list("number", "state", "note"))


def pieces(count: int) -> Callable[[], None]:
    """What is called at the end of each piece: the one after so many raises SystemExit, as if the
    worker were told to end in its middle."""
    left = iter(range(count))

    def end() -> None:
        if next(left, None) is None:
            raise SystemExit

    return end


def interrupted(monkeypatch: pytest.MonkeyPatch, sheet: RunSheet, count: int) -> None:
    """Run the check until its worker ends in the middle of the piece after so many."""
    end, write = pieces(count), waiting._write

    def write_or_end(*arguments: Any) -> None:
        write(*arguments)
        end()

    with monkeypatch.context() as patched:
        patched.setattr(waiting, "_write", write_or_end)
        [(job, attempt, _)] = lifecycle.claim("provena", 1)
        worker.execute(job, attempt, 60)
    Job.objects.update(run_after=timezone.now())


EXPECTED = [
    (2, "NEW", ""),
    (3, "NEW", ""),
    (4, "FAULTY", ""),
    (5, "NEW", ""),
    (6, "EXISTING", "The same as row 3 of this file."),
    (7, "NEW", ""),
    (8, "EXISTING", "The same as row 2 of this file."),
]


def test_a_small_table_is_checked_at_once(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    sheet = upload(signed_in, table(workflow, user, row_of(workflow, user)))
    assert (sheet.is_ready, sheet.check_job, found(sheet)) == (True, None, [(2, "NEW")])
    assert not Job.objects.filter(sub_type="MODEL_RUN_SHEET_CHECK").exists()


def test_a_large_table_is_checked_by_a_job_that_tells_how_far_it_is(
    sheet: RunSheet, user: User
) -> None:
    assert (sheet.is_ready, sheet.checked, sheet.total, rows_of(sheet)) == (False, 0, 7, [])
    drain()
    job = check_of(sheet)
    assert (job.status, job.owner, job.done, job.total) == (Status.SUCCEEDED, user, 7, 7)
    assert job.result == {"rows": {"NEW": 4, "FAULTY": 1, "EXISTING": 2}}
    assert rows_of(sheet) == EXPECTED
    assert (sheet.is_ready, sheet.checked) == (True, 7)
    assert not SheetPart.objects.exists()


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_check_that_is_begun_anew_finds_the_same(
    sheet: RunSheet, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    interrupted(monkeypatch, sheet, after)
    sheet.refresh_from_db()
    assert rows_of(sheet) == EXPECTED[: 2 * after]
    assert (sheet.checked, check_of(sheet).status) == (2 * after, Status.PENDING)
    drain()
    assert rows_of(sheet) == EXPECTED
    assert (check_of(sheet).status, sheet.is_ready) == (Status.SUCCEEDED, True)
    assert +Counter(sheet.counts()) == {"FAULTY": 1, "NEW": 4, "EXISTING": 2}


def test_a_check_whose_end_was_not_noted_ends_when_it_is_begun_anew(sheet: RunSheet) -> None:
    [(job, attempt, _)] = lifecycle.claim("provena", 1)
    waiting.check(sheet, sheet.owner)
    worker.execute(job, attempt, 60)
    assert check_of(sheet).status == Status.SUCCEEDED
    assert rows_of(sheet) == EXPECTED


def test_rows_of_runs_and_of_tables_that_were_submitted_exist(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    runs.register(record=workflow.record(display_name="A"), owner=user)
    drain()
    first = upload(signed_in, table(workflow, user, row_of(workflow, user, display_name="B")))
    sheets.submit(sheet=first, by=user)
    sheet = upload(signed_in, file_of(workflow, user))
    [(job, attempt, _)] = lifecycle.claim("provena", 9)[1:]
    worker.execute(job, attempt, 60)
    notes = {number: note for number, state, note in rows_of(sheet) if state == "EXISTING"}
    run = Item.objects.get(subtype="MODEL_RUN")
    assert notes[2] == f"The same as the run {run.handle}."
    assert notes[3] == "The same as row 2 of many.csv, submitted before."


def test_nothing_is_done_with_a_table_before_it_is_checked(
    sheet: RunSheet, user: User, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(monkeypatch, sheet, 1)
    for act in (sheets.submit, sheets.force, sheets.leave_out, sheets.take_back):
        with pytest.raises(Refused, match="still being checked"):
            act(sheet=sheet, by=user)
    with pytest.raises(Refused, match="still being checked"):
        sheets.mend(sheet=sheet, number=2, cells=[], by=user)
    answer = signed_in.post(reverse("run-sheet-submit", args=[sheet.pk]), follow=True)
    assert "still being checked" in text_of(answer)
    row = signed_in.get(reverse("run-sheet-row", args=[sheet.pk, 2]))
    assert row["Location"] == sheet.get_absolute_url()
    assert rows_of(sheet) == EXPECTED[:2]


def test_a_table_that_is_discarded_while_it_is_checked_ends_its_check(
    sheet: RunSheet, user: User, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, checked = check_of(sheet), waiting._checked

    def discard_meanwhile(of: RunSheet, *more: Any) -> Any:
        found = checked(of, *more)
        if of.checked:
            sheets.discard(sheet=sheet, by=user)
        return found

    monkeypatch.setattr(waiting, "_checked", discard_meanwhile)
    drain()
    job.refresh_from_db()
    assert (job.status, job.result) == (Status.SUCCEEDED, {"rows": {}})
    for model in (RunSheet, SheetRow, SheetPart):
        assert not model._default_manager.exists()
    assert "a table that was discarded" in text_of(signed_in.get(job.get_absolute_url()))


def test_a_table_that_is_discarded_before_its_check_is_no_failure(
    sheet: RunSheet, user: User, signed_in: Client
) -> None:
    job = check_of(sheet)
    answer = signed_in.post(reverse("run-sheet-discard", args=[sheet.pk]), follow=True)
    assert "many.csv is gone" in text_of(answer)
    drain()
    job.refresh_from_db()
    assert (job.status, job.result) == (Status.SUCCEEDED, {"rows": {}})


def test_a_check_that_cannot_go_on_is_told_on_the_page_and_goes_on_when_it_can(
    sheet: RunSheet, workflow: Workflow, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(monkeypatch, sheet, 1)
    Item.objects.filter(pk=workflow.template.pk).update(deleted_at=timezone.now())
    drain()
    page = text_of(signed_in.get(sheet.get_absolute_url(), follow=True))
    for told in ("stopped", f"{workflow.template.handle} was deleted", "2 of 7 rows checked"):
        assert told in page
    again = reverse("run-sheet-again", args=[sheet.pk])
    signed_in.post(again)
    drain()
    assert check_of(sheet).status == Status.FAILED
    Item.objects.filter(pk=workflow.template.pk).update(deleted_at=None)
    signed_in.post(again)
    drain()
    assert rows_of(sheet) == EXPECTED
    signed_in.post(again)  # in another tab
    assert check_of(sheet).status == Status.SUCCEEDED


def test_who_may_no_longer_write_checks_nothing_and_can_go_on_later(
    sheet: RunSheet, user: User, signed_in: Client, settings: Any
) -> None:
    settings.REGISTRY_LEVEL = "read"
    drain()
    page = text_of(signed_in.get(sheet.get_absolute_url(), follow=True))
    assert "may not change the registry" in page
    with pytest.raises(NotAllowed):
        waiting.start_again(sheet=sheet, by=user)
    refused = signed_in.post(reverse("run-sheet-again", args=[sheet.pk]), follow=True)
    assert "may not change the registry" in text_of(refused)
    settings.REGISTRY_LEVEL = "write"
    waiting.start_again(sheet=sheet, by=user)
    drain()
    assert rows_of(sheet) == EXPECTED


def test_a_check_whose_job_is_no_longer_kept_is_begun_by_another(
    sheet: RunSheet, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(monkeypatch, sheet, 1)
    check_of(sheet).delete()
    page = text_of(signed_in.get(sheet.get_absolute_url(), follow=True))
    assert "Its job is no longer kept" in page
    signed_in.post(reverse("run-sheet-again", args=[sheet.pk]))
    drain()
    assert rows_of(sheet) == EXPECTED


def test_a_cancelled_check_keeps_what_it_found(
    sheet: RunSheet, user: User, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(monkeypatch, sheet, 2)
    lifecycle.cancel(check_of(sheet), by=user)
    page = text_of(signed_in.get(sheet.get_absolute_url(), follow=True))
    assert "Cancelled by ana" in page
    assert "4 of 7 rows checked , 1 faulty" in page
    waiting.start_again(sheet=sheet, by=user)
    drain()
    assert rows_of(sheet) == EXPECTED


# The page that follows it.


def ask(client: Client, address: str) -> Any:
    return client.get(address, headers={"HX-Request": "true"})


def next_ask(answer: Any) -> str:
    """The address by which a fragment asks for news."""
    page = answer.content.decode()
    start = page.index('hx-get="') + len('hx-get="')
    return str(page[start : page.index('"', start)]).replace("&amp;", "&")


def test_the_page_follows_the_check_to_the_table(
    sheet: RunSheet, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = reverse("run-sheet-check", args=[sheet.pk])
    assert signed_in.get(sheet.get_absolute_url())["Location"] == address
    page = signed_in.get(address)
    for told in ("0 of 7 rows checked", "No worker is running", "Discard this table"):
        assert told in text_of(page)
    assert ask(signed_in, next_ask(page)).status_code == 204

    interrupted(monkeypatch, sheet, 2)
    news = ask(signed_in, next_ask(page))
    assert "4 of 7 rows checked" in text_of(news)
    assert "This field is required" in text_of(news)  # the faulty row
    assert 'aria-valuenow="4"' in news.content.decode()
    assert ask(signed_in, next_ask(news)).status_code == 204

    drain()
    assert ask(signed_in, next_ask(news))["HX-Redirect"] == sheet.get_absolute_url()
    assert signed_in.get(address)["Location"] == sheet.get_absolute_url()
    assert "1 row cannot be registered yet" in text_of(signed_in.get(sheet.get_absolute_url()))


def test_faulty_rows_come_once_and_the_last_announcement_too(
    sheet: RunSheet, signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = signed_in.get(reverse("run-sheet-check", args=[sheet.pk]))
    interrupted(monkeypatch, sheet, 2)
    news = ask(signed_in, next_ask(page)).content.decode()
    assert news.count('id="faulty-so-far"') == news.count('id="announcer"') == 1
    known = next_ask(ask(signed_in, next_ask(page))).replace("seen=", "seen=x")
    later = ask(signed_in, known).content.decode()
    assert "faulty-so-far" not in later
    assert "announcer" not in later


def test_a_stranger_sees_nothing_of_a_check(
    sheet: RunSheet, make_user: Callable[..., User], client: Client
) -> None:
    stranger = Client()
    stranger.force_login(make_user("ben"))
    for name in ("run-sheet-check", "run-sheet"):
        assert stranger.get(reverse(name, args=[sheet.pk])).status_code == 404
    assert stranger.post(reverse("run-sheet-again", args=[sheet.pk])).status_code == 404


def test_the_lists_of_tables_and_jobs_name_a_table_that_is_checked(
    sheet: RunSheet, signed_in: Client
) -> None:
    assert "7 to be checked" in text_of(signed_in.get(reverse("run-sheets")))
    job = check_of(sheet)
    page = signed_in.get(job.get_absolute_url()).content.decode()
    assert f'<a href="{sheet.get_absolute_url()}">many.csv</a>' in page
    assert "many.csv" in text_of(signed_in.get(reverse("job-list")))


def test_a_file_that_is_refused_in_its_middle_keeps_nothing(
    workflow: Workflow, user: User, signed_in: Client
) -> None:
    text = file_of(workflow, user) + '"'
    answer = signed_in.post(
        reverse("run-sheets"), {"file": SimpleUploadedFile("many.csv", text.encode())}
    )
    assert "never closed" in text_of(answer)
    for model in (RunSheet, SheetRow, SheetPart, Job):
        assert not model._default_manager.filter(pk__isnull=False).exists() or model is Job
    assert not Job.objects.filter(sub_type="MODEL_RUN_SHEET_CHECK").exists()


# Submitting it.


@pytest.fixture
def ready(sheet: RunSheet) -> RunSheet:
    drain()
    sheet.refresh_from_db()
    return sheet


def test_all_rows_are_launched_in_order_with_the_payload_that_their_kind_declares(
    ready: RunSheet, user: User
) -> None:
    sheets.force(sheet=ready, by=user, number=8)
    assert RunSheet.objects.get().tally["FORCED"] == 1
    launch = sheets.submit(sheet=ready, by=user).job
    assert launch
    [(job, attempt, _)] = lifecycle.claim("provena", 1)
    worker.execute(job, attempt, 60)
    batch = Batch.objects.get()
    launch.refresh_from_db()
    assert (launch.result, batch.total) == ({"batch_id": str(batch.pk)}, 5)
    assert batch.title == "5 model runs of many.csv"
    jobs = list(batch.jobs.order_by("batch_index"))
    rows = list(ready.rows.filter(state="SUBMITTED"))
    assert [job.batch_index for job in jobs] == list(range(5))
    assert [job.session_id for job in jobs] == [row.session_id for row in rows]
    assert [job.pk for job in jobs] == sorted(job.pk for job in jobs)
    for one, row in zip(jobs, rows, strict=True):
        assert one.payload == {
            "record": row.record,
            "revalidate": True,
            "user_info": "",
            "once": row.number != 8,
            "row": row.number,
        }
    like = lifecycle.of_batch("MODEL_RUN_PROV_LODGE", batch)
    for name in ("type", "queue", "status", "attempt", "max_attempts", "owner_id", "done"):
        assert {getattr(one, name) for one in jobs} == {getattr(like, name)}, name
    drain()
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 5


def test_the_tally_is_true_after_whatever_is_done(ready: RunSheet, user: User) -> None:
    def is_true() -> None:
        held = RunSheet.objects.get(pk=ready.pk)
        forced = ready.rows.filter(state="NEW", is_forced=True).count()
        assert {name: held.in_state(name) for name in held.counts()} == held.counts()
        assert held.in_state("FORCED") == forced

    is_true()
    good = ready.rows.get(number=2).cells
    sheets.mend(sheet=ready, number=4, cells=[*good[:1], "New", *good[2:]], by=user)
    is_true()
    sheets.force(sheet=ready, by=user)
    is_true()
    sheets.leave_out(sheet=ready, by=user)
    is_true()
    launch = sheets.submit(sheet=ready, by=user).job
    assert launch
    is_true()
    assert RunSheet.objects.get().launches == [str(launch.session_id)]
    lifecycle.cancel(launch, by=user)
    sheets.take_back(sheet=ready, by=user)
    is_true()
    assert RunSheet.objects.get().launches == []
    sheets.submit(sheet=ready, by=user)
    is_true()
    drain()
    is_true()
    sheets.discard(sheet=ready, by=user)
    is_true()
    assert RunSheet.objects.get().in_state("EXISTING") == 0


class Killed(BaseException):
    """The end of a worker in the middle of something."""


def kill_in_piece(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let the worker end before that piece of its job, counted from 1, is committed."""
    begun = itertools.count(1)
    advance = lifecycle.advance

    def dying(job: Job, seconds: int, **progress: int) -> None:
        advance(job, seconds, **progress)
        if progress and next(begun) == number:
            raise Killed

    monkeypatch.setattr(lifecycle, "advance", dying)


@pytest.mark.parametrize("piece", [1, 2, 3])
def test_a_launch_that_is_killed_goes_on_and_doubles_nothing(
    ready: RunSheet, user: User, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(launching, "PIECE", 2)
    launch = sheets.submit(sheet=ready, by=user).job
    assert launch
    assert found(ready)[0] == (2, "NEW")
    with monkeypatch.context() as once:
        kill_in_piece(once, piece)
        [(job, attempt, _)] = lifecycle.claim("provena", 1)
        with pytest.raises(Killed):
            worker.execute(job, attempt, 60)
    assert Batch.objects.count() == 0
    assert ready.rows.filter(state="SUBMITTED").count() == 2 * (piece - 1)
    for act in (sheets.submit, sheets.force, sheets.leave_out, sheets.discard):
        with pytest.raises(Refused, match="is being submitted"):
            act(sheet=ready, by=user)
    lifecycle.release("")
    Job.objects.filter(pk=launch.pk).update(lease_until=timezone.now())
    lifecycle.sweep()
    drain()
    batch = Batch.objects.get()
    assert (batch.total, batch.subject) == (4, str(ready.pk))
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 4
    ready.refresh_from_db()
    assert (ready.launching, ready.in_state("NEW"), ready.in_state("SUBMITTED")) == (None, 0, 4)


def test_a_launch_whose_success_was_not_noted_launches_nothing_again(
    ready: RunSheet, user: User
) -> None:
    launch = sheets.submit(sheet=ready, by=user).job
    assert launch
    [(job, attempt, _)] = lifecycle.claim("provena", 1)
    held = lifecycle.start(job, attempt, 60)
    assert held
    ready.refresh_from_db()
    batch = launching.launch(worker.Run(held), ready)
    assert batch
    assert launching.launch(worker.Run(held), ready) == batch
    lifecycle.succeed(held, table_jobs.BatchResult(batch_id=batch.pk))
    drain()
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 4


def test_rows_of_a_large_launch_that_was_cancelled_are_taken_back_and_submitted_again(
    ready: RunSheet, user: User, signed_in: Client
) -> None:
    launch = sheets.submit(sheet=ready, by=user).job
    assert launch
    page = text_of(signed_in.get(ready.get_absolute_url()))
    assert "Register 4 runs" not in page
    assert "PENDING see its job" in page
    lifecycle.cancel(launch, by=user)
    signed_in.post(reverse("run-sheet-take-back", args=[ready.pk]))
    assert sheets.submit(sheet=ready, by=user).new == 4
    lifecycle.retry(launch, by=user)
    drain()
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 4
    launch.refresh_from_db()
    assert launch.info.startswith("None of its rows is left to launch")


@pytest.fixture
def failed(ready: RunSheet, workflow: Workflow, user: User, signed_in: Client) -> RunSheet:
    """The large table once more, after all four runs of it have failed."""
    sheets.submit(sheet=ready, by=user)
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=False)
    drain()
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=True)
    again = upload(signed_in, file_of(workflow, user))
    drain()
    again.refresh_from_db()
    assert again.in_state("RETRY") == 4
    return again


@pytest.mark.parametrize("piece", [1, 2, 3])
def test_failed_jobs_of_a_large_table_are_retried_by_its_job_once_also_if_that_is_killed(
    failed: RunSheet, user: User, signed_in: Client, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(launching, "PIECE", 2)
    launch = sheets.submit(sheet=failed, by=user).job
    assert launch
    assert failed.rows.filter(state="RETRY").count() == 4
    with monkeypatch.context() as once:
        kill_in_piece(once, piece)
        [(job, attempt, _)] = lifecycle.claim("provena", 1)
        with pytest.raises(Killed):
            worker.execute(job, attempt, 60)
    assert failed.rows.filter(state="SUBMITTED").count() == 2 * (piece - 1)
    lifecycle.release("")
    Job.objects.filter(pk=launch.pk).update(lease_until=timezone.now())
    lifecycle.sweep()
    drain()
    launch.refresh_from_db()
    assert (launch.status, launch.result) == (Status.SUCCEEDED, {})
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 4
    assert {job.attempt for job in Job.objects.filter(batch__isnull=False)} == {2}
    answer = signed_in.get(reverse("run-job", args=[launch.session_id]))
    assert answer["Location"] == failed.get_absolute_url()
    failed.refresh_from_db()
    assert (failed.launching, failed.tally["RETRY"], failed.tally["SUBMITTED"]) == (None, 0, 4)


def test_a_table_that_is_uploaded_while_another_is_being_submitted_sees_its_rows(
    ready: RunSheet, workflow: Workflow, user: User, signed_in: Client
) -> None:
    sheets.submit(sheet=ready, by=user)
    other = upload(signed_in, table(workflow, user, row_of(workflow, user, display_name="A")))
    assert other.rows.get().note == "The same as row 2 of many.csv, submitted before."


def test_the_page_of_a_check_says_that_its_queue_is_paused_and_by_whom(
    sheet: RunSheet, user: User, signed_in: Client
) -> None:
    QueuePause.objects.create(queue="provena", by=user, reason="Disk swap")
    page = signed_in.get(sheet.get_absolute_url(), follow=True).content.decode()
    assert "ana paused queue provena" in page
    assert "Disk swap" in page
