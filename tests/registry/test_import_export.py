"""Items as JSON lines: what an export holds, and that an import writes all of it or nothing."""

import io
import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.management.output import while_read
from jobs.models import Job, Workflow
from registry import services
from registry.management import exporting
from registry.models import AccessEvent, Grant, Group, Item, Mint, Revision
from tests.conftest import MODEL, PERSON, drain
from tests.registry.test_item_commands import printed, refusal

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]
Entry = dict[str, Any]
ORGANISATION = {"display_name": "Reef Institute", "name": "Reef Institute"}
TEMPLATE = {"display_name": "Season"}


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """A file of lines: objects are written as JSON, bytes as they are."""

    def write(*rows: Any) -> str:
        path = tmp_path / "items.jsonl"
        raw = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
        path.write_bytes(b"\n".join(raw) + b"\n")
        return str(path)

    return write


File = Callable[..., str]


def line(former: str = "", subtype: str = "MODEL", /, **more: Any) -> Entry:
    """A line of a file; what is not stated does not matter."""
    content = {"MODEL": MODEL, "ORGANISATION": ORGANISATION, "DATASET_TEMPLATE": TEMPLATE}
    base: Entry = {"subtype": subtype, "content": content.get(subtype, {})}
    return base | ({"id": former} if former else {}) | more


def workflow_template(former: str, *, model: str, inputs: tuple[str, ...] = ()) -> Entry:
    content = {
        "display_name": "Forecast",
        "software_id": model,
        "input_templates": [{"template_id": handle} for handle in inputs],
    }
    return line(former, "MODEL_RUN_WORKFLOW_TEMPLATE", content=content)


def exported(**options: Any) -> list[Entry]:
    return [json.loads(row) for row in printed("export_items", **options)]


def faults(*arguments: Any, **options: Any) -> list[str]:
    """What an import that must fail says, without its headline."""
    headline, *told = refusal("import_items", *arguments, user="ana", **options).splitlines()
    assert re.fullmatch(r"Nothing was imported, for \d+ faults?:", headline)
    assert f" {len(told)} " in headline
    return told


def counts() -> tuple[int, ...]:
    """How many rows there are of all that an import writes."""
    return tuple(
        model.objects.count() for model in (Mint, Item, Revision, Grant, AccessEvent, Workflow, Job)
    )


@pytest.fixture
def registry(user: User, make_user: MakeUser, make_item: MakeItem) -> list[Item]:
    """Items of every kind that people make, of two owners, with versions, access and a lock."""
    ben = make_user("ben")
    Group.objects.create(slug="reef", display_name="Reef team").members.add(ben)
    made = [
        make_item(owner, subtype=subtype)
        for owner in (user, ben)
        for subtype in ("ORGANISATION", "STUDY", "DATASET", "MODEL_RUN_WORKFLOW_TEMPLATE")
    ]
    model = make_item(user, display_name="Reef model 1", user_metadata={"größe": "10 µm \u2028"})
    second = services.create_version(handle=model.handle, reason="Faster", by=user)
    changed = MODEL | {"display_name": "Reef model 2"}
    services.update(handle=second.handle, subtype="MODEL", content=changed, reason="r", by=user)
    third = services.create_version(handle=second.handle, reason="Much faster", by=user)
    groups = {"reef": ["metadata-read", "admin"]}
    services.change_access(handle=model.handle, general=[], groups=groups, by=user)
    services.lock(handle=third.handle, reason="Published", by=user)
    services.seed(subtype="MODEL", owner=user)
    drain()
    return [*made, model, second, third]


# Export


def test_a_line_says_what_an_item_is(registry: list[Item]) -> None:
    *_, model, second, third = registry
    by_id = {entry["id"]: entry for entry in exported()}
    model.refresh_from_db()
    assert by_id[model.handle] == {
        "id": model.handle,
        "subtype": "MODEL",
        "owner": "ana",
        "version": 1,
        "previous_version": None,
        "version_reason": None,
        "created": int(model.created_at.timestamp()),
        "updated": int(model.updated_at.timestamp()),
        "locked": False,
        "access": {"general": [], "groups": {"reef": ["metadata-read", "admin"]}},
        "content": model.info,
    }
    versions = [by_id[item.handle]["previous_version"] for item in (second, third)]
    assert versions == [model.handle, second.handle]
    assert by_id[third.handle]["version_reason"] == "Much faster"
    assert by_id[third.handle]["locked"] is True
    assert tuple(by_id[third.handle]) == exporting.KEYS


def test_an_export_holds_all_that_has_content(registry: list[Item]) -> None:
    ids = [entry["id"] for entry in exported()]
    whole = Item.objects.complete().order_by("pk")
    assert ids == list(whole.values_list("handle", flat=True))
    assert len(ids) == Item.objects.count() - 1  # the reserved id


def test_tombstones_are_left_out(user: User, make_user: MakeUser, make_item: MakeItem) -> None:
    study = make_item(user, subtype="STUDY")
    admin = make_user("ada", is_staff=True, is_superuser=True)
    services.delete(handle=study.handle, reason="r", by=admin)
    assert exported(kind=["study"]) == []


def test_an_export_of_kinds_holds_those(registry: list[Item]) -> None:
    kinds = {entry["subtype"] for entry in exported(kind=["study", "MODEL"])}
    assert kinds == {"STUDY", "MODEL"}
    told = refusal("export_items", kind=["study", "unicorn"])
    assert "no item kind UNICORN. There are: " in told
    assert "STUDY" in told


def test_a_reader_gets_what_they_may_read(registry: list[Item], make_user: MakeUser) -> None:
    model, second, _ = registry[-3:]
    make_user("eve", linked=False)
    by_id = {entry["id"]: entry for entry in exported(user="eve")}
    assert model.handle not in by_id
    # What it tells of others is no more than their pages do.
    assert by_id[second.handle]["previous_version"] is None
    assert by_id[second.handle]["access"] is None


def test_access_is_told_to_who_administers_an_item(registry: list[Item]) -> None:
    model, second, _ = registry[-3:]
    by_id = {entry["id"]: entry for entry in exported(user="ben")}
    assert by_id[model.handle]["access"]["groups"] == {"reef": ["metadata-read", "admin"]}
    assert by_id[second.handle]["access"] is None
    own = [entry for entry in by_id.values() if entry["owner"] == "ben"]
    assert own
    assert all(entry["access"] for entry in own)


def test_an_administrator_is_told_everything(registry: list[Item], make_user: MakeUser) -> None:
    make_user("ada", is_staff=True, is_superuser=True)
    assert exported(user="ada") == exported()


def test_an_export_goes_to_a_file(registry: list[Item], tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    [sentence] = printed("export_items", file=str(path))
    rows = path.read_text().splitlines()
    assert sentence == f"{len(rows)} items exported to {path}."
    assert [json.loads(row) for row in rows] == exported()
    told = refusal("export_items", file=str(tmp_path / "nowhere" / "all.jsonl"))
    assert "cannot be written: No such file or directory" in told


def test_the_queries_of_an_export_do_not_grow_with_its_items(
    user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    """Two for a chunk: items and grants; three more tell who the reader is."""
    ben = make_user("ben")

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            exported(user="ben")
        return len([q for q in caught if "SELECT" in q["sql"] or "FETCH" in q["sql"]])

    make_item(user)
    before = queries()
    for _ in range(20):
        make_item(user)
        make_item(ben, subtype="STUDY")
    assert queries() == before


def test_a_reader_that_has_enough_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `export_items | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        monkeypatch.setattr("sys.stdout", out)
        with while_read():
            out.write("x" * 100_000)
        monkeypatch.undo()


# Round trip


def test_an_export_can_be_imported_as_a_second_set_of_items(
    registry: list[Item], tmp_path: Path, make_user: MakeUser
) -> None:
    before = exported()
    cleo = make_user("cleo")
    path = tmp_path / "all.jsonl"
    rows = [json.dumps(entry) for entry in before]
    random.Random(7).shuffle(rows)
    path.write_text("\n".join(rows))

    sentence, *mapped = printed("import_items", str(path), user="cleo")

    by_hand = [entry for entry in before if entry["subtype"] not in {"CREATE", "VERSION"}]
    assert sentence == (
        f"{len(by_hand)} items imported. {len(before) - len(by_hand)} items left out (CREATE, "
        "VERSION): jobs make those."
    )
    ids = dict(row.split(" -> ") for row in mapped)
    assert len(set(ids.values())) == len(by_hand)
    after = {entry["id"]: entry for entry in exported()}
    for entry in by_hand:
        new = after[ids[entry["id"]]]
        assert new["content"] == with_ids(entry["content"], ids)
        assert new["previous_version"] == ids.get(entry["previous_version"])
        for key in ("subtype", "version", "version_reason", "access"):
            assert new[key] == entry[key]
        assert (new["owner"], new["locked"]) == ("cleo", False)
    # Each entity has a workflow of its own, which then records where it comes from.
    drain()
    made = Item.objects.filter(owner=cleo, category="ENTITY")
    assert all(item.causes.exists() for item in made)


def with_ids(content: Any, ids: dict[str, str]) -> Any:
    """The content with each text that is an id replaced."""
    if isinstance(content, dict):
        return {key: with_ids(value, ids) for key, value in content.items()}
    if isinstance(content, list):
        return [with_ids(value, ids) for value in content]
    return ids.get(content, content) if isinstance(content, str) else content


def test_importing_again_passes_over_what_is_there(
    registry: list[Item], tmp_path: Path, make_user: MakeUser
) -> None:
    path = tmp_path / "all.jsonl"
    printed("export_items", file=str(path))
    make_user("cleo")
    _, *mapped = printed("import_items", str(path), user="cleo")
    before = counts()
    sentence, *again = printed("import_items", str(path), user="cleo", skip_existing=True)
    assert sentence.startswith("0 items imported. ")
    assert f"{len(mapped)} items there already." in sentence
    assert all(row.endswith(" (was there)") for row in again)
    assert counts() == before


# Import


def test_lines_name_each_other_in_any_order(user: User, file: File) -> None:
    rows = [
        workflow_template("x/4", model="x/1", inputs=("x/3", "x/2")),
        line("x/1"),
        line("x/2", "DATASET_TEMPLATE"),
        line("x/3", "DATASET_TEMPLATE"),
    ]
    sentence, *mapped = printed("import_items", file(*rows), user="ana")
    assert sentence == "4 items imported."
    ids = dict(row.split(" -> ") for row in mapped)
    assert list(ids) == ["x/4", "x/1", "x/2", "x/3"]
    info = Item.objects.get(handle=ids["x/4"]).info
    assert info["software_id"] == ids["x/1"]
    named = [use["template_id"] for use in info["input_templates"]]
    assert named == [ids["x/3"], ids["x/2"]]


def test_lines_may_name_items_that_are_there(user: User, make_item: MakeItem, file: File) -> None:
    model = make_item(user)
    printed("import_items", file(workflow_template("x/1", model=model.handle)), user="ana")
    template = Item.objects.get(subtype="MODEL_RUN_WORKFLOW_TEMPLATE")
    assert template.info["software_id"] == model.handle
    assert template.references.get().target == model


def test_an_id_of_the_file_hides_the_same_id_of_the_registry(
    user: User, make_item: MakeItem, file: File
) -> None:
    present = make_item(user)
    rows = [line(present.handle), workflow_template("x/2", model=present.handle)]
    _, first, _ = printed("import_items", file(*rows), user="ana")
    template = Item.objects.get(subtype="MODEL_RUN_WORKFLOW_TEMPLATE")
    assert first == f"{present.handle} -> {template.info['software_id']}"
    assert template.info["software_id"] != present.handle


def test_a_line_without_an_id_is_told_by_its_number(user: User, file: File) -> None:
    sentence, first = printed("import_items", file(b"", line()), user="ana")
    assert sentence == "1 item imported."
    assert first == f"line 2 -> {Item.objects.get(subtype='MODEL').handle}"


def test_every_fault_of_every_line_is_listed(user: User, file: File) -> None:
    before = counts()
    rows = [
        line("x/1", content={"display_name": "n"}),
        line("x/2"),
        b"{",
        line("x/2", "UNICORN", colour="red"),
        b'"text"',
        b'{"content": 7}',
        b'{"subtype": 7}',
        line("three", previous_version=3, version_reason=[]),
        line(content=MODEL | {"user_metadata": {"k": ""}}),
        workflow_template("x/9", model="x/1", inputs=("x/2", "10378.1/99")),
        b'{"subtype": "MODEL", "content": NaN}',
        b"\xff{}",
        b"[" * 100_000,
    ]
    told = faults(file(*rows))
    assert told[:4] == [
        "line 1: content.name: This field is required.",
        "line 1: content.description: This field is required.",
        "line 1: content.documentation_url: This field is required.",
        "line 1: content.source_url: This field is required.",
    ]
    assert told[4].startswith("line 3: This is not JSON: ")
    assert told[4].endswith("at character 2.")
    assert told[5] == "line 4: id: Line 2 has this id, too."
    assert told[6].startswith("line 4: subtype: There is no item kind 'UNICORN'. Choose one of ")
    assert told[7] == "line 4: colour: There is no such field here."
    assert told[8].startswith('line 5: This must be one JSON object, such as {"subtype"')
    uses, check = "line 10: content.input_templates", "Check the id, or ask for access."
    assert told[9:] == [
        "line 6: subtype: This field is required.",
        "line 6: content: This must be an object.",
        "line 7: subtype: This must be text.",
        "line 7: content: This field is required.",
        "line 8: id: This must be an item id, such as 10378.1/1000001.",
        "line 8: previous_version: This must be an item id, such as 10378.1/1000001.",
        "line 8: version_reason: This must be text of at most 20,000 characters.",
        "line 9: content.user_metadata.k: This field is required.",
        f"{uses}.0.template_id: x/2 (line 2) is a model, and a dataset template is needed here.",
        f"{uses}.1.template_id: There is no item 10378.1/99 that you may read. {check}",
        "line 11: This is not JSON: NaN is no number there.",
        "line 12: Byte 1 is not UTF-8. Save the file as UTF-8.",
        "line 13: This is nested too deep for JSON of an item.",
    ]
    assert counts() == before


def test_good_lines_are_not_written_beside_a_faulty_one(user: User, file: File) -> None:
    before = counts()
    assert faults(file(line("x/1"), line("x/2", content={}), line("x/3")))
    assert counts() == before


def test_a_dry_run_only_looks(user: User, file: File) -> None:
    before = counts()
    rows = [line("x/1"), line("x/2", previous_version="x/1")]
    assert printed("import_items", file(*rows), user="ana", dry_run=True) == [
        "No faults: 2 items can be imported."
    ]
    assert faults(file(line("x/1", content={})), dry_run=True)
    assert counts() == before


def test_an_import_that_breaks_leaves_nothing(
    user: User, file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counts()
    whole = services.register

    def refuse_the_second(**arguments: Any) -> Item:
        if arguments["content"]["name"] == "second":
            raise services.Refused("Somebody was faster.")
        return whole(**arguments)

    monkeypatch.setattr(services, "register", refuse_the_second)
    rows = [line(), line(content=MODEL | {"name": "second"})]
    told = refusal("import_items", file(*rows), user="ana")
    assert told == "Nothing was imported. line 2: Somebody was faster."
    assert counts()[1:] == before[1:]


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf" + json.dumps(line()).encode(),
        b"\n \t\n" + json.dumps(line()).encode() + b"\r\n\r\n",
        b"\r\n" + json.dumps(line()).encode(),
        json.dumps(line(content=MODEL | {"description": "a\u2028b"}), ensure_ascii=False).encode(),
    ],
    ids=["byte order mark", "blank lines", "Windows", "line separator"],
)
def test_files_of_all_editors_are_read(user: User, file: File, raw: bytes) -> None:
    assert printed("import_items", file(raw), user="ana")[0] == "1 item imported."


def test_an_empty_file_imports_nothing(user: User, file: File) -> None:
    assert printed("import_items", file(b"", b""), user="ana") == ["0 items imported."]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("{}".encode("utf-16"), "is UTF-16. Save it as UTF-8."),
        (b"\n[\n{}]", "Write one object a line: jq -c '.[]' FILE does that."),
        (b'{\n"subtype": 1}', "Write one a line: jq -c . FILE does that."),
    ],
)
def test_files_of_another_format_are_told_in_one_sentence(
    user: User, file: File, raw: bytes, message: str
) -> None:
    told = refusal("import_items", file(raw), user="ana")
    assert message in told
    assert len(told.splitlines()) == 1


def test_a_file_that_cannot_be_read_is_named(user: User, file: File, tmp_path: Path) -> None:
    assert "No such file" in refusal("import_items", "/nowhere.jsonl", user="ana")
    assert "Is a directory" in refusal("import_items", str(tmp_path), user="ana")
    assert "Check the name" in refusal("import_items", file(line()), user="nobody")


def test_an_import_can_come_from_standard_input(
    user: User, file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO(Path(file(line("x/1"))).read_bytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(raw))
    assert printed("import_items", "-", user="ana")[0] == "1 item imported."


def test_who_may_not_register_is_told_once(file: File, make_user: MakeUser) -> None:
    make_user("ana", linked=False)
    rows = [line("x/1", "ORGANISATION"), line("x/2"), line("x/3"), line("x/4", "DATASET_TEMPLATE")]
    [told] = faults(file(*rows))
    assert told.startswith("line 2: subtype: ")
    assert "linked to a Person" in told
    assert "manage.py register_item person, then manage.py person_link" in told


def test_an_empty_registry_is_filled_in_three_steps(
    file: File, make_user: MakeUser, tmp_path: Path
) -> None:
    """The way out of the refusal above: people first, then the link, then the rest."""
    user = make_user("ana", linked=False)
    person = PERSON | {"display_name": "Ana Silva"}
    rows = [line("x/1"), line("x/2", "PERSON", content=person)]
    [_, mapped] = printed("import_items", file(rows[1]), user="ana")
    printed("person_link", "ana", person=mapped.split(" -> ")[1])
    sentence, *_ = printed("import_items", file(*rows), user="ana", skip_existing=True)
    assert sentence == "1 item imported. 1 item there already."
    assert Item.objects.filter(owner=user).count() == 2


def test_who_has_no_email_address_is_told_where_to_add_it(file: File, make_user: MakeUser) -> None:
    make_user("ana", linked=False, email="")
    assert "Add it on your account page" in faults(file(line("x/1", "ORGANISATION")))[0]


# Versions


def test_versions_follow_each_other(user: User, file: File) -> None:
    rows = [
        line("x/3", content=MODEL | {"name": "third"}, previous_version="x/2", version=9),
        line("x/2", previous_version="x/1", version_reason="Faster"),
        line("x/1"),
        line("x/8", previous_version="x/7", version=4),
    ]
    _, *mapped = printed("import_items", file(*rows), user="ana")
    ids = dict(row.split(" -> ") for row in mapped)
    third = Item.objects.get(handle=ids["x/3"])
    second = third.previous_version
    assert (third.version, third.info["name"]) == (3, "third")
    assert (second.handle, second.version, second.version_reason) == (ids["x/2"], 2, "Faster")
    assert second.previous_version.handle == ids["x/1"]
    assert third.version_reason == "Imported"
    # The content of its predecessor first, as of every version, then its own.
    assert list(third.revisions.values_list("number", flat=True)) == [2, 1]
    alone = Item.objects.get(handle=ids["x/8"])
    assert (alone.version, alone.previous_version) == (1, None)


def test_versions_that_cannot_be_are_refused(user: User, file: File) -> None:
    rows = [
        line("x/1"),
        line("x/2", previous_version="x/1"),
        line("x/3", previous_version="x/1"),
        line("x/4", "DATASET_TEMPLATE", previous_version="x/1"),
        line("x/5", "ORGANISATION"),
        line("x/6", "ORGANISATION", previous_version="x/5"),
        line("x/7", previous_version="x/8"),
        line("x/8", previous_version="x/7"),
        line("x/9", previous_version="x/9"),
    ]
    assert faults(file(*rows)) == [
        "line 3: previous_version: Line 2 follows x/1 already; one only can.",
        "line 4: previous_version: Line 1 is a model; a version is of the kind of the one before.",
        "line 6: previous_version: Organisations have no versions. Leave this out.",
        "line 7: Lines 7, 8 need each other, so none can be the first. Break the circle.",
        "line 9: It cannot be there before itself. Let it name another line or none.",
    ]


def test_a_version_can_follow_an_item_that_is_there(user: User, file: File) -> None:
    rows = [line("x/1"), line("x/2", previous_version="x/1", content=MODEL | {"name": "second"})]
    printed("import_items", file(rows[0]), user="ana")
    sentence, first, _ = printed("import_items", file(*rows), user="ana", skip_existing=True)
    assert sentence == "1 item imported. 1 item there already."
    second = Item.objects.get(version=2)
    assert first == f"x/1 -> {second.previous_version.handle} (was there)"
    rows[1]["content"] |= {"name": "another second"}
    [told] = faults(file(*rows), skip_existing=True)
    assert told.startswith("line 2: previous_version: ")
    assert f"{second.handle} follows it. Make the new version from the latest one." in told


def test_an_item_can_be_one_line_only(user: User, file: File) -> None:
    printed("import_items", file(line()), user="ana")
    sentence, *_ = printed("import_items", file(line(), line()), user="ana", skip_existing=True)
    assert sentence == "1 item imported. 1 item there already."


def test_what_the_user_may_not_read_is_not_there(
    user: User, make_user: MakeUser, make_item: MakeItem, file: File
) -> None:
    hidden = make_item(make_user("ben"))
    services.change_access(handle=hidden.handle, general=[], groups={}, by=hidden.owner)
    sentence, *_ = printed("import_items", file(line()), user="ana", skip_existing=True)
    assert sentence == "1 item imported."


# Access


def test_access_is_that_of_the_line_or_the_default(user: User, file: File) -> None:
    Group.objects.create(slug="reef", display_name="Reef")
    settings = {"general": [], "groups": {"reef": ["metadata-read"]}}
    rows = [line("x/1", access=settings), line("x/2"), line("x/3", access=None)]
    rows += [line("x/4", access={}), line("x/5", previous_version="x/1")]
    _, *mapped = printed("import_items", file(*rows), user="ana")
    items = [Item.objects.get(handle=row.split(" -> ")[1]) for row in mapped]
    found = [services.settings_of(item) for item in items]
    default = {"owner": "ana", "general": ["metadata-read"], "groups": {}}
    closed = {"owner": "ana", "general": [], "groups": {}}
    restricted = {"owner": "ana"} | settings
    # A version has the access of the one before, unless its line says otherwise.
    assert found == [restricted, default, default, closed, restricted]
    assert AccessEvent.objects.count() == 2


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ([], "access: This must be an object such as "),
        ({"owner": "ana"}, "access: This must be an object such as "),
        ({"groups": []}, "access: This must be an object such as "),
        ({"general": "admin"}, "access.general: This must be a list of roles."),
        (
            {"general": ["admin", "dataset-data-read", {}]},
            "access.general: Models have no role dataset-data-read, {}; they have metadata-read, ",
        ),
        (
            {"groups": {"reef\0": ["admin"]}},
            "access.groups.reef\0: There is no such group here. Make it in Django admin",
        ),
    ],
)
def test_access_that_cannot_be_is_refused(user: User, file: File, settings: Any, told: str) -> None:
    [fault] = faults(file(line(access=settings)))
    assert fault.startswith(f"line 1: {told}")


def test_ten_thousand_lines_are_checked_without_a_query_for_each(user: User, file: File) -> None:
    rows = [line(f"x/{number}", previous_version=f"x/{number + 1}") for number in range(10_000)]
    with CaptureQueriesContext(connection) as caught:
        [sentence] = printed("import_items", file(*rows), user="ana", dry_run=True)
    assert sentence == "No faults: 10000 items can be imported."
    assert len(caught) < 10
