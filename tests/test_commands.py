"""Commands: what they print, and that errors are on stderr with exit code 1 (CommandError)."""

import json
import uuid
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from jobs.models import Job, Status, Workflow
from registry import demo, services
from registry.models import Item
from tests.conftest import MODEL, drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Run a command; its output, line by line."""

    def run(*arguments: str, **options: Any) -> list[str]:
        call_command(*arguments, **options)
        return capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def file(tmp_path: Path) -> Callable[[Any], str]:
    """A file that holds something as JSON, or as it is."""

    def write(content: Any) -> str:
        path = tmp_path / "item.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)

    return write


Run = Callable[..., list[str]]
File = Callable[[Any], str]


def test_register_item_prints_id_and_session_id(run: Run, file: File, user: User) -> None:
    handle, session_id = run("register_item", "model", file=file(MODEL), user="ana")
    item = Item.objects.get(handle=handle)
    assert item.info == MODEL
    assert Job.objects.get(session_id=session_id).subject == handle


def test_register_item_of_a_kind_without_a_workflow_prints_its_id(
    run: Run, file: File, user: User
) -> None:
    content = {"display_name": "n", "name": "n"}
    [handle] = run("register_item", "ORGANISATION", file=file(content), user="ana", wait=True)
    assert Item.objects.filter(handle=handle).exists()


def test_a_file_with_a_byte_order_mark_is_read(run: Run, file: File, user: User) -> None:
    marked = b"\xef\xbb\xbf" + json.dumps(MODEL).encode()
    assert run("register_item", "model", file=file(marked), user="ana")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON in UTF-8"),
        ([MODEL], "must hold one JSON object"),
        ({}, "documentation_url: This field is required."),
        (MODEL | {"colour": "red"}, "colour: There is no such field"),
    ],
)
def test_register_item_refuses_bad_content(
    run: Run, file: File, user: User, content: Any, message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        run("register_item", "model", file=file(content), user="ana")
    assert not Job.objects.exists()


def test_register_item_lists_every_fault(run: Run, file: File, user: User) -> None:
    with pytest.raises(CommandError) as refused:
        run("register_item", "model", file=file({"name": "x"}), user="ana")
    assert len(str(refused.value).splitlines()) == 1 + 4


def test_register_item_names_what_is_unknown(run: Run, file: File, user: User) -> None:
    with pytest.raises(CommandError, match="no user 'nobody'"):
        run("register_item", "model", file=file(MODEL), user="nobody")
    with pytest.raises(CommandError, match="no item kind 'unicorn'"):
        run("register_item", "unicorn", file=file(MODEL), user="ana")
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        run("register_item", "model", file="/nowhere.json", user="ana")


def test_register_item_says_when_a_person_is_missing(
    run: Run, file: File, make_user: Callable[..., User]
) -> None:
    make_user("new", linked=False)
    with pytest.raises(CommandError, match="linked to a Person"):
        run("register_item", "model", file=file(MODEL), user="new")


def test_waiting_without_a_worker_ends_with_the_reason(run: Run, file: File, user: User) -> None:
    with pytest.raises(CommandError, match="No worker is running"):
        run("register_item", "model", file=file(MODEL), user="ana", wait=True, timeout=0)
    assert Item.objects.filter(subtype="MODEL").exists()


def test_waiting_for_a_workflow_that_fails_ends_with_its_reason(
    run: Run, file: File, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = services.register

    def register_and_fail(**arguments: Any) -> Item:
        item = whole(**arguments)
        failed = {"status": Status.FAILED, "finished_at": timezone.now()}
        Job.objects.update(info="The disk is full.", **failed)
        return item

    monkeypatch.setattr(services, "register", register_and_fail)
    with pytest.raises(CommandError, match="The disk is full"):
        run("register_item", "model", file=file(MODEL), user="ana", wait=True)


def test_list_jobs_filters(run: Run, user: User, make_item: Callable[..., Item]) -> None:
    item = make_item(user)
    drain()
    assert len(run("list_jobs")) == 2
    assert len(run("list_jobs", limit=1)) == 1
    assert len(run("list_jobs", user="ana", subject=item.handle, status="SUCCEEDED")) == 2
    assert run("list_jobs", status="FAILED") == []
    first, _ = map(json.loads, run("list_jobs", json=True))
    assert (first["sub_type"], first["subject"]) == ("LODGE_CREATE_ACTIVITY", item.handle)


def test_list_jobs_takes_the_filters_of_the_page(
    run: Run, user: User, make_item: Callable[..., Item]
) -> None:
    item = make_item(user)
    drain()
    Job.objects.filter(sub_type="LODGE_CREATE_ACTIVITY").update(
        status=Status.FAILED, info="=The disk is full.", result=None
    )
    for arguments, number in (
        (["--status", "failed", "--status", "PENDING"], 1),
        (["--type", "REGISTRY"], 1),
        (["--sub-type", "LODGE_CREATE_ACTIVITY", "--item", item.handle], 1),
        (["--batch", "only"], 0),
        (["--when", "today", "--zone", "UTC"], 2),
        (["--since", "2001-01-01", "--until", "2001-01-02"], 0),
        (["--text", "DISK"], 1),
        (["--text", item.handle], 2),
    ):
        assert len(run("list_jobs", *arguments)) == number, arguments
    header, row = run("list_jobs", "--csv", "--status", "FAILED")
    assert header.startswith("\ufeffsession_id,type,sub_type,title,status")
    assert "'=The disk is full." in row
    [line] = run("list_jobs", "--json", "--status", "FAILED")
    assert json.loads(line)["title"] == "Lodge Create Activity Provenance"


def test_list_jobs_refuses_what_makes_no_sense(run: Run, user: User) -> None:
    with pytest.raises(CommandError, match="“soon” is no time"):
        run("list_jobs", "--since", "soon")
    with pytest.raises(CommandError, match="no user"):
        run("list_jobs", user="nobody")
    with pytest.raises(CommandError, match="at least 1"):
        run("list_jobs", limit=0)


def test_show_job_tells_everything(run: Run, user: User, make_item: Callable[..., Item]) -> None:
    make_item(user)
    drain()
    job = Job.objects.get(sub_type="REGISTER_CREATE_ACTIVITY")
    text = "\n".join(run("show_job", str(job.session_id)))
    for part in ("SUCCEEDED", "ana", "1 of 3", "created_item_id", "lodge_session_id"):
        assert part in text
    [line] = run("show_job", str(job.session_id), json=True)
    assert json.loads(line)["result"] == job.result


@pytest.mark.parametrize("bad", ["7", "not-an-id", str(uuid.UUID(int=7))])
def test_show_job_names_an_id_that_is_none(run: Run, bad: str) -> None:
    with pytest.raises(CommandError, match=bad):
        run("show_job", bad)


def test_demo_twice_is_demo_once(run: Run) -> None:
    run("demo")
    before = list(Item.objects.values_list("handle", "updated_at")), Workflow.objects.count()
    run("demo")
    assert (list(Item.objects.values_list("handle", "updated_at")), Workflow.objects.count()) == (
        before
    )
    assert len(before[0]) == len(demo.ITEMS)
    for name in ("modeller", "reviewer"):
        user = User.objects.get(username=name)
        assert user.check_password("provena-demo")
        assert services.person_of(user) is not None
    assert User.objects.get(username="admin").is_superuser


def test_demo_passwords_stay_out_of_a_database_with_users_of_its_own(run: Run, user: User) -> None:
    with pytest.raises(CommandError, match="users of its own"):
        run("demo")
    assert User.objects.count() == 1


def test_demo_leaves_a_changed_password_alone(run: Run) -> None:
    run("demo")
    user = User.objects.get(username="modeller")
    user.set_password("my own")
    user.save()
    run("demo")
    user.refresh_from_db()
    assert user.check_password("my own")


def test_list_jobs_says_when_there_are_more(make_item: Any, user: User) -> None:
    for _ in range(3):
        make_item(user)
    out, errors = StringIO(), StringIO()
    call_command("list_jobs", limit=2, stdout=out, stderr=errors)
    assert len(out.getvalue().splitlines()) == 2
    assert "There are more than these 2" in errors.getvalue()
    errors = StringIO()
    call_command("list_jobs", limit=3, stdout=StringIO(), stderr=errors)
    assert errors.getvalue() == ""
