"""Commands on one item: what they print and do, and that each refusal names the way out."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from jobs.models import Job, Status
from registry import services
from registry.models import Item, LockEvent, PersonLink, Tombstone
from tests.conftest import MODEL, drain

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]
WHY = {"user": "ana", "reason": "A good reason"}


def printed(*arguments: str, **options: Any) -> list[str]:
    """Run a command; its output, line by line."""
    out = StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue().splitlines()


def refusal(*arguments: str, **options: Any) -> str:
    """Run a command that must fail; what it says."""
    with pytest.raises(CommandError) as refused:
        printed(*arguments, **options)
    return str(refused.value)


@pytest.fixture
def item(user: User, make_item: MakeItem) -> Item:
    return make_item(user)


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    return make_user("ada", is_staff=True, is_superuser=True)


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """A file with the content of a model, changed as stated."""

    def write(**changes: Any) -> str:
        path = tmp_path / "item.json"
        path.write_text(json.dumps(MODEL | changes))
        return str(path)

    return write


File = Callable[..., str]


# update_item


def test_an_update_is_one_more_revision(item: Item, file: File) -> None:
    lines = printed("update_item", item.handle, file=file(name="Better"), **WHY)
    assert lines == [f"{item.handle} is at revision 2."]
    item.refresh_from_db()
    assert item.info == MODEL | {"name": "Better"}
    assert item.revisions.first().reason == "A good reason"


def test_an_update_starts_no_workflow_and_so_does_not_wait(item: Item, file: File) -> None:
    jobs = Job.objects.count()
    assert len(printed("update_item", item.handle, file=file(), wait=True, **WHY)) == 1
    assert Job.objects.count() == jobs


def test_an_update_completes_a_reserved_id_without_a_reason(user: User, file: File) -> None:
    seed = services.seed(subtype="MODEL", owner=user)
    sentence, session_id = printed("update_item", seed.handle, file=file(), user="ana")
    assert sentence == f"{seed.handle} is at revision 1."
    assert Job.objects.get(session_id=session_id).subject == seed.handle


def test_completing_a_reserved_id_can_be_followed(user: User, file: File) -> None:
    seed = services.seed(subtype="MODEL", owner=user)
    told = refusal("update_item", seed.handle, file=file(), user="ana", wait=True, timeout=0)
    assert "The item is saved" in told
    assert "No worker is running: start one with manage.py qcluster." in told


def test_an_update_needs_a_reason(item: Item, file: File) -> None:
    told = refusal("update_item", item.handle, file=file(), user="ana", reason=" ")
    assert "Give a reason" in told
    assert item.revisions.count() == 1


def test_an_update_lists_every_fault_on_a_line_of_its_own(item: Item, file: File) -> None:
    told = refusal("update_item", item.handle, file=file(name="", colour="red"), **WHY)
    assert told.splitlines() == [
        "The item was refused:",
        "name: This field is required.",
        "colour: There is no such field here.",
    ]


def test_an_update_of_a_locked_item_says_who_can_unlock_it(item: Item, file: File) -> None:
    services.lock(handle=item.handle, reason="Published", by=item.owner)
    told = refusal("update_item", item.handle, file=file(), **WHY)
    assert "locked by ana: Published" in told
    assert "can unlock it" in told


def test_an_update_by_a_stranger_says_who_can_give_the_role(
    item: Item, file: File, make_user: MakeUser
) -> None:
    make_user("ben")
    told = refusal("update_item", item.handle, file=file(), user="ben", reason="r")
    assert "needs the role metadata-write" in told
    assert "ana" in told


def test_an_update_without_a_person_names_the_commands_that_help(
    item: Item, file: File, make_user: MakeUser
) -> None:
    make_user("new", linked=False)
    told = refusal("update_item", item.handle, file=file(), user="new", reason="r")
    assert "linked to a Person" in told
    assert "manage.py person_link" in told


def test_what_jobs_make_cannot_be_updated(item: Item, file: File) -> None:
    drain()
    activity = Item.objects.get(subtype="CREATE")
    told = refusal("update_item", activity.handle, file=file(), **WHY)
    assert "made by the system only. You can register" in told


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("update_item", {"file": "item.json"}),
        ("version_item", {}),
        ("revert_item", {"revision": 1}),
        ("lock_item", {}),
        ("lock_item", {"unlock": True}),
        ("delete_item", {}),
    ],
)
def test_unknown_users_and_items_are_named(
    user: User, file: File, command: str, arguments: dict[str, Any]
) -> None:
    if "file" in arguments:
        arguments |= {"file": file()}
    number = [str(arguments["revision"])] if "revision" in arguments else []
    options = {key: value for key, value in arguments.items() if key != "revision"}
    told = refusal(command, "10378.1/9", *number, **options, **WHY)
    assert "There is no item '10378.1/9'. Check the id." in told
    told = refusal(command, "10378.1/9", *number, **options, **(WHY | {"user": "nobody"}))
    assert "There is no user 'nobody'. Check the name" in told


# version_item


def test_a_new_version_prints_its_id_and_session_id(item: Item) -> None:
    handle, session_id = printed("version_item", item.handle, **WHY)
    new = Item.objects.get(handle=handle)
    assert (new.version, new.previous_version, new.info) == (2, item, MODEL)
    assert Job.objects.get(session_id=session_id).subject == handle


def test_a_new_version_can_be_followed_to_the_end(
    item: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = services.create_version

    def version_and_work(**arguments: Any) -> Item:
        new = whole(**arguments)
        drain()
        return new

    monkeypatch.setattr(services, "create_version", version_and_work)
    *_, last = printed("version_item", item.handle, wait=True, **WHY)
    assert last.count(str(Status.SUCCEEDED)) == 2


def test_waiting_for_a_version_without_a_worker_ends_with_the_reason(item: Item) -> None:
    told = refusal("version_item", item.handle, wait=True, timeout=0, **WHY)
    assert "No worker is running: start one" in told
    assert Item.objects.filter(previous_version=item).exists()


def test_only_the_latest_version_can_have_a_next_one(item: Item) -> None:
    [handle, _] = printed("version_item", item.handle, **WHY)
    told = refusal("version_item", item.handle, **WHY)
    assert f"{handle} follows it. Make the new version from the latest one." in told


def test_a_kind_without_versions_is_updated_instead(user: User, make_item: MakeItem) -> None:
    study = make_item(user, subtype="STUDY")
    assert "Update the item instead." in refusal("version_item", study.handle, **WHY)


# revert_item


def test_a_revert_brings_former_content_back(item: Item, file: File) -> None:
    printed("update_item", item.handle, file=file(name="Worse"), **WHY)
    assert printed("revert_item", item.handle, "1", **WHY) == [
        f"{item.handle} is at revision 3, with the content of revision 1."
    ]
    item.refresh_from_db()
    assert item.info == MODEL
    assert item.revisions.first().reason == "Reverted to revision 1: A good reason"


@pytest.mark.parametrize("number", ["0", "7", "99999999999999999999"])
def test_a_revision_that_is_none_leads_to_the_history(item: Item, number: str) -> None:
    told = refusal("revert_item", item.handle, number, **WHY)
    assert f"has no revision {number}. Its history lists those there are." in told


def test_a_revision_is_a_number(item: Item) -> None:
    assert "invalid int value" in refusal("revert_item", item.handle, "first", **WHY)


# lock_item


def test_an_item_is_locked_and_unlocked(item: Item) -> None:
    assert printed("lock_item", item.handle, **WHY) == [f"{item.handle} is locked."]
    item.refresh_from_db()
    assert item.is_locked
    lines = printed("lock_item", item.handle, unlock=True, **WHY)
    assert lines == [f"{item.handle} can be changed again."]
    reasons = LockEvent.objects.filter(item=item).values_list("action", "reason")
    assert list(reasons) == [("UNLOCK", "A good reason"), ("LOCK", "A good reason")]


def test_locking_twice_says_where_to_look(item: Item) -> None:
    printed("lock_item", item.handle, **WHY)
    told = refusal("lock_item", item.handle, **WHY)
    assert "locked already. Its Settings tab shows who changed that last." in told
    assert LockEvent.objects.count() == 1


def test_a_lock_needs_a_reason(item: Item) -> None:
    assert "Give a reason" in refusal("lock_item", item.handle, user="ana", reason="")


# delete_item


def test_an_administrator_deletes_what_nothing_depends_on(
    user: User, admin: User, make_item: MakeItem
) -> None:
    study = make_item(user, subtype="STUDY")
    reason = {"user": "ada", "reason": "Twice"}
    assert printed("delete_item", study.handle, user="ada", dry_run=True) == [
        f"{study.handle} can be deleted: nothing depends on it."
    ]
    assert printed("delete_item", study.handle, **reason) == [
        f"{study.handle} was deleted. Its id is not used again."
    ]
    tombstone = Tombstone.objects.get(item=study)
    assert (tombstone.by, tombstone.reason) == (admin, "Twice")
    [again] = printed("delete_item", study.handle, **reason)
    assert again.endswith("already.")


def test_a_dry_run_prints_what_depends_on_an_item(
    user: User, admin: User, make_item: MakeItem, capsys: pytest.CaptureFixture[str]
) -> None:
    template = make_item(user, subtype="MODEL_RUN_WORKFLOW_TEMPLATE")
    model = Item.objects.get(subtype="MODEL")
    with pytest.raises(CommandError, match="Change or delete that first"):
        call_command("delete_item", model.handle, user="ada", dry_run=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines == services.dependents(model)
    assert f"{template.handle} names it as Model" in lines
    model.refresh_from_db()
    assert model.deleted_at is None


def test_what_something_depends_on_stays(user: User, admin: User, make_item: MakeItem) -> None:
    template = make_item(user, subtype="MODEL_RUN_WORKFLOW_TEMPLATE")
    drain()
    model = Item.objects.get(subtype="MODEL")
    told = refusal("delete_item", model.handle, user="ada", reason="r")
    assert f"while this depends on it: {template.handle} names it as Model" in told
    model.refresh_from_db()
    assert model.deleted_at is None


@pytest.mark.parametrize("dry_run", [False, True])
def test_only_administrators_delete(item: Item, dry_run: bool) -> None:
    told = refusal("delete_item", item.handle, dry_run=dry_run, **WHY)
    assert "may not administer the registry. An administrator can change that." in told


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_locked_item_is_not_deleted(
    user: User, admin: User, make_item: MakeItem, dry_run: bool
) -> None:
    study = make_item(user, subtype="STUDY")
    services.lock(handle=study.handle, reason="Published", by=user)
    told = refusal("delete_item", study.handle, user="ada", reason="r", dry_run=dry_run)
    assert "can unlock it" in told


def test_deleting_needs_a_reason(user: User, admin: User, make_item: MakeItem) -> None:
    study = make_item(user, subtype="STUDY")
    assert "Give a reason" in refusal("delete_item", study.handle, user="ada")


# person_link


def test_the_link_of_a_user_is_shown(user: User, make_user: MakeUser) -> None:
    make_user("new", linked=False)
    assert printed("person_link", "ana") == [f"ana is {services.person_of(user)}."]
    assert printed("person_link", "new") == [
        "new is not linked to a Person. --person ID links them."
    ]


def test_a_link_is_assigned_and_cleared(make_user: MakeUser, user: User) -> None:
    new, person = make_user("new", linked=False), services.person_of(user)
    assert printed("person_link", "new", person=person.handle) == [f"new is {person}."]
    assert services.person_of(new) == person
    assert printed("person_link", "new", person=person.handle) == [f"new is {person}."]
    assert printed("person_link", "new", clear=True) == ["The link of new was cleared."]
    assert services.person_of(new) is None
    assert "not linked" in printed("person_link", "new", clear=True)[0]


def test_another_link_needs_force(user: User, make_item: MakeItem) -> None:
    present, other = services.person_of(user), make_item(user, subtype="PERSON")
    told = refusal("person_link", "ana", person=other.handle)
    assert f"linked to {present} already. --force links them to {other} instead." in told
    assert services.person_of(user) == present
    printed("person_link", "ana", person=other.handle, force=True)
    assert services.person_of(user) == other


def test_only_a_person_can_be_linked(user: User, item: Item, make_user: MakeUser) -> None:
    make_user("new", linked=False)
    told = refusal("person_link", "new", person=item.handle)
    assert "is a model, not a Person" in told
    assert "Check the id" in refusal("person_link", "new", person="10378.1/9")
    assert "Check the name" in refusal("person_link", "nobody")
    assert PersonLink.objects.count() == 1


def test_force_alone_makes_no_sense(user: User) -> None:
    assert "goes with --person ID" in refusal("person_link", "ana", force=True)


def test_a_link_cannot_be_assigned_and_cleared_at_once(user: User) -> None:
    assert "not allowed with" in refusal("person_link", "ana", "--person", "10378.1/1", "--clear")


def test_register_item_can_read_standard_input(
    user: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps(MODEL))
    with path.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        handle, _ = printed("register_item", "model", file="-", user="ana")
    assert Item.objects.get(handle=handle).info == MODEL


def test_a_command_that_is_refused_ends_with_1_and_speaks_on_standard_error(
    item: Item, file: File, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from django.db import connections

    from registry.management.commands import update_item

    monkeypatch.setattr(connections, "close_all", lambda: None)  # the test still needs them
    arguments = ["--file", file(name="", colour="red"), "--user", "ana", "--reason", "r"]
    with pytest.raises(SystemExit) as ended:
        update_item.Command().run_from_argv(["manage.py", "update_item", item.handle, *arguments])
    captured = capsys.readouterr()
    assert (ended.value.code, captured.out) == (1, "")
    assert len(captured.err.splitlines()) == 3


def test_the_schema_of_a_kind_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("kind_schema", "dataset")
    schema = json.loads(capsys.readouterr().out)
    assert schema["required"] == ["display_name", "collection_format"]
    with pytest.raises(CommandError, match="There is no kind 'unicorn'"):
        call_command("kind_schema", "unicorn")
