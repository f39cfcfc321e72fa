"""`manage.py register_model_runs`."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import BufferedReader, BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from jobs.models import Batch, Job
from registry.model_runs import records, services, sheets
from registry.model_runs.records import Lookup
from registry.models import Item, RunSheet
from tests.conftest import drain
from tests.registry.model_runs.tables import load_rows, row_of, table
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
    assert Batch.objects.get().title == "2 model runs of runs.jsonl"
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


# CSV.


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "runs.csv"


def bad_row(flow: Workflow, user: User) -> Any:
    return row_of(flow, user, cells={"agent id": "", "execution start": "31/12/2024"})


def launches() -> int:
    return Job.objects.filter(sub_type="MODEL_RUN_BATCH_SUBMIT").count()


def run_count() -> int:
    return Item.objects.filter(subtype="MODEL_RUN").count()


def test_a_table_is_registered_as_a_batch(workflow: Workflow, user: User, sheet: Path) -> None:
    rows = [row_of(workflow, user, display_name=f"Run {n}") for n in range(3)]
    sheet.write_text(table(workflow, user, *rows))
    out, errors, refusal = run(sheet, "--json")
    assert (errors, refusal) == ("", "")
    outcome = json.loads(out)
    job = Job.objects.get(sub_type="MODEL_RUN_BATCH_SUBMIT")
    assert outcome == {
        "submitted": 3,
        "retried": 0,
        "existing": 0,
        "faulty": 0,
        "session_id": str(job.session_id),
    }
    drain()
    assert run_count() == 3


def test_a_faulty_table_registers_nothing_unless_told_to_leave_faulty_rows_out(
    workflow: Workflow, user: User, sheet: Path
) -> None:
    sheet.write_text(table(workflow, user, bad_row(workflow, user), row_of(workflow, user)))
    _, errors, refusal = run(sheet)
    assert "row 2: agent id: This field is required." in errors
    assert "row 2: execution start time" in errors
    assert "Nothing was registered: 1 of 2 are wrong" in refusal
    assert (launches(), RunSheet.objects.count()) == (0, 0)
    out, errors, refusal = run(sheet, "--skip-faulty")
    assert "1 model run (1 left out, which are wrong) submitted" in out
    assert "row 2" in errors
    assert (refusal, launches()) == ("", 1)


def test_a_dry_run_of_a_table_keeps_nothing(workflow: Workflow, user: User, sheet: Path) -> None:
    sheet.write_text(table(workflow, user, row_of(workflow, user)))
    out, _, _ = run(sheet, "--dry-run", "--json")
    assert json.loads(out)["submitted"] == 1
    assert "1 model run can be registered." in run(sheet, "--dry-run")[0]
    assert (launches(), RunSheet.objects.count()) == (0, 0)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_what_exists_already_is_left_out_unless_forced(
    workflow: Workflow, user: User, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / f"runs.{kind}"
    if kind == "csv":
        file.write_text(table(workflow, user, row_of(workflow, user)))
    else:
        write(file, workflow.record())
    run(file)
    drain()
    out, _, refusal = run(file, "--json")
    assert (json.loads(out)["submitted"], json.loads(out)["existing"], refusal) == (0, 1, "")
    assert run_count() == 1
    assert json.loads(run(file, "--json", "--force")[0])["submitted"] == 1
    drain()
    assert run_count() == 2


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_run_whose_job_failed_does_not_exist(
    workflow: Workflow, user: User, tmp_path: Path, kind: str
) -> None:
    drain()
    sheets.submit(sheet=load_rows(workflow, user, row_of(workflow, user)), by=user)
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=False)
    drain()
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=True)
    file = tmp_path / f"runs.{kind}"
    if kind == "csv":
        file.write_text(table(workflow, user, row_of(workflow, user)))
    else:
        write(file, workflow.record())
    outcome = json.loads(run(file, "--json")[0])
    assert (outcome["submitted"] + outcome["retried"], outcome["existing"]) == (1, 0)
    drain()
    assert run_count() == 1


@pytest.fixture
def failed(workflow: Workflow, user: User, sheet: Path) -> Path:
    """A table whose run failed, because its dataset was away."""
    drain()
    sheet.write_text(table(workflow, user, row_of(workflow, user)))
    run(sheet)
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=False)
    drain()
    Item.objects.filter(pk=workflow.currents.pk).update(is_complete=True)
    return sheet


def followed(file: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[str, str, str]:
    """What `--wait` tells while a worker is at it."""
    monkeypatch.setattr("time.sleep", lambda seconds: drain())
    return run(file, "--wait", *options)


def test_waiting_for_what_is_only_tried_again_tells_how_it_ended(
    failed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _, refusal = followed(failed, monkeypatch)
    assert "0/1" in out
    assert "1 model run (1 tried again) submitted; 1 succeeded, 0 failed." in out
    assert (refusal, run_count(), Batch.objects.count()) == ("", 1, 1)


def test_what_is_tried_again_and_fails_again_is_told(
    workflow: Workflow, failed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(seconds: float) -> None:
        Item.objects.filter(pk=workflow.currents.pk).update(is_complete=False)
        drain()

    monkeypatch.setattr("time.sleep", away)
    out, _, refusal = run(failed, "--wait")
    assert "submitted; 0 succeeded, 1 failed." in out
    assert refusal == "1 run failed; its job says why."


def test_waiting_is_for_new_runs_and_for_those_tried_again(
    workflow: Workflow, user: User, failed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = row_of(workflow, user, display_name="Another")
    failed.write_text(table(workflow, user, row_of(workflow, user), new))
    outcome = json.loads(followed(failed, monkeypatch, "--json")[0])
    assert (outcome["submitted"], outcome["retried"]) == (1, 1)
    assert (outcome["succeeded"], outcome["failed"]) == (2, 0)
    assert str(Batch.objects.latest("created_at").pk) == outcome["batch_id"]


def test_waiting_for_what_is_tried_again_without_a_worker_says_so(failed: Path) -> None:
    assert "No worker is running" in run(failed, "--wait", "--timeout", "0.1")[2]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_equal_runs_of_a_file_are_registered_once(
    workflow: Workflow, user: User, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / f"runs.{kind}"
    if kind == "csv":
        file.write_text(table(workflow, user, *[row_of(workflow, user)] * 2))
    else:
        write(file, workflow.record(), workflow.record())
    run(file)
    drain()
    assert run_count() == 1


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_runs_come_from_standard_input_too(
    workflow: Workflow, user: User, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    csv = table(workflow, user, row_of(workflow, user))
    text = csv if kind == "csv" else json.dumps(workflow.record())
    stream = TextIOWrapper(BufferedReader(BytesIO(f"\ufeff{text}".encode())))
    monkeypatch.setattr("sys.stdin", stream)
    out, errors, refusal = run(Path("-"), "--json")
    assert (json.loads(out)["submitted"], errors, refusal) == (1, "", "")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no record"),
        (b"a,b\n1,2\n", "no column"),
        (b"\xff\xfea\x00", "UTF-16"),
        (b"PK\x03\x04", "a workbook"),
        (b'[{"a": 1}]', "holds a JSON list"),
        (b"{\n", "spreads an object"),
        (b'{"\xff": 1}', "1 of 1 are wrong"),
        (b'{"display_name": "a\\ud800", "inputs": 7}', "1 of 1 are wrong"),
    ],
)
def test_a_file_that_holds_no_runs_is_refused(
    user: User, sheet: Path, content: bytes, told: str
) -> None:
    sheet.write_bytes(content)
    assert told in run(sheet)[2]
    assert launches() == 0


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_who_may_only_read_registers_nothing(
    workflow: Workflow, user: User, settings: Any, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / f"runs.{kind}"
    write(
        file, table(workflow, user, row_of(workflow, user)) if kind == "csv" else workflow.record()
    )
    settings.REGISTRY_LEVEL = "read"
    assert "may not change the registry" in run(file)[2]
    assert launches() == 0


def test_a_file_that_is_not_there_and_an_unknown_user_are_told(user: User, tmp_path: Path) -> None:
    assert "cannot be read: No such file" in run(tmp_path / "none.csv")[2]
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        call_command("register_model_runs", "-", "--user", "nobody")


# By chance.

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@example_settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_json_is_a_record_or_is_told_what_is_wrong(
    workflow: Workflow, user: User, data: Any
) -> None:
    record: Any = json.loads(json.dumps(workflow.record()))
    for _ in range(data.draw(st.integers(1, 3))):
        part, key = record, data.draw(st.sampled_from(sorted(record)))
        if isinstance(part[key], list) and part[key] and data.draw(st.booleans()):
            part, key = part[key], 0
        if isinstance(part[key], dict) and part[key] and data.draw(st.booleans()):
            part, key = part[key], data.draw(st.sampled_from(sorted(part[key])))
        part[key] = data.draw(_values)
    found, findings = records.examine(record, Lookup(user))
    assert bool(found) != bool(findings)


@example_settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(_values)
def test_json_that_is_no_object_is_told_so(user: User, value: Any) -> None:
    found, findings = records.examine(value, Lookup(user))
    assert found is None
    assert findings


def test_lines_submitted_twice_before_a_worker_comes_are_registered_once(
    workflow: Workflow, user: User, file: Path
) -> None:
    write(file, workflow.record(), workflow.record(display_name="Another"))
    run(file)
    run(file)
    drain()
    assert list(Batch.objects.values_list("total", flat=True)) == [2, 2]
    assert Item.objects.filter(subtype="MODEL_RUN").count() == 2


def test_the_relations_of_a_run_are_removed_by_command(
    workflow: Workflow, user: User, make_user: Callable[..., User]
) -> None:
    admin = make_user("root", is_staff=True, is_superuser=True)
    services.register(record=workflow.record(), owner=user)
    drain()
    item = Item.objects.get(subtype="MODEL_RUN")
    out = StringIO()
    call_command("remove_provenance", item.handle, user=admin.username, dry_run=True, stdout=out)
    assert f"{item.handle} used {workflow.model.handle}" in out.getvalue()
    assert item.claims.count() == 13
    call_command("remove_provenance", item.handle, user=admin.username, stdout=out)
    item.refresh_from_db()
    assert (item.claims.count(), item.info["record_status"]) == (0, "COMPLETE")
    with pytest.raises(CommandError, match="administer"):
        call_command("remove_provenance", item.handle, user=user.username)


def test_old_tables_are_forgotten_by_command(workflow: Workflow, user: User) -> None:
    rows = [row_of(workflow, user)]
    old, new = load_rows(workflow, user, *rows), load_rows(workflow, user, *rows)
    RunSheet.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=91))
    call_command("prune_sheets", older_than="90d", dry_run=True, stdout=StringIO())
    assert RunSheet.objects.count() == 2
    call_command("prune_sheets", older_than="90d", stdout=StringIO())
    assert RunSheet.objects.get().pk == new.pk
