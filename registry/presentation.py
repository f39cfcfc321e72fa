"""Items as people read them: an item's overview, its texts by field, and what jobs are about."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Value
from django.urls import reverse

from jobs import progress
from jobs.definitions import Subject
from jobs.models import Job
from registry import access, references
from registry.access import Level
from registry.kinds import shape
from registry.kinds.runs import ModelRun
from registry.kinds.shape import Path, Shape
from registry.models import Item, RunSheet
from registry.references import Named

_SHEET = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # an item's id has a slash


@dataclass(frozen=True)
class Row:
    """One field of an item's overview; `form` tells the template how to print the value. A group
    has `rows`, a list has `entries`, each of them rows or a value."""

    label: str
    form: str  # see Shape
    value: Any = None
    rows: list["Row"] = field(default_factory=list)
    entries: list["Row"] = field(default_factory=list)
    named: Named | None = None


def overview(item: Item, info: Mapping[str, Any], user: User) -> list[Row]:
    """The fields of content of an item, in the order of its kind, those left out omitted. The items
    it names are shown as far as `user` may see them."""
    mentions = item.kind.mentions(info)
    known = references.named({mention.handle for mention in mentions}, user)
    return _rows(item.kind.inputs(), info, known)


def texts(item: Item) -> list[tuple[str, str]]:
    """Every text of an item's content with the label of its field."""
    return [
        (part.title, text)
        for part, _, value in shape.leaves(item.kind.shape(), item.info)
        if part.form not in {"boolean", "hidden"}
        for text in (
            [f"{key}: {note}" for key, note in value.items()]
            if part.form == "pairs"
            else [str(value)]
        )
    ]


def subjects(user: User, handles: Iterable[str]) -> Mapping[str, Subject]:
    """What jobs are about, items and tables of runs, as far as `user` may read it: one query for
    all of either."""
    wanted = set(handles)
    tables = {text for text in wanted if _SHEET.fullmatch(text)}
    found = Item.objects.granted_to(user).filter(handle__in=wanted - tables)
    return _sheets(user, tables) | {
        item.handle: Subject(
            f"{item.display_name or item.handle}{', deleted' if item.deleted_at else ''}",
            item.get_absolute_url(),
        )
        for item in found.only("handle", "display_name", "deleted_at")
    }


def is_readable(user: User, handle: OuterRef) -> Exists | Value:
    """Whether `user` may read the item of that id, as a condition in SQL."""
    if access.level(user) == Level.ADMIN:
        return Value(True)
    return Exists(Item.objects.granted_to(user).filter(handle=handle))


def failed(items: Iterable[Item]) -> set[int]:
    """The keys of those items of a page whose job has failed: their provenance is not recorded, or
    the last change of a run was not made. At most two queries."""
    shown = list(items)
    workflows = {item.pk: item.version_workflow_id or item.creation_workflow_id for item in shown}
    sessions = {
        item.pk: item.system["session_id"]
        for item in shown
        if item.subtype == ModelRun.subtype and "session_id" in item.system
    }
    bad: set[Any] = set(progress.failed_workflows(workflows.values()))
    if sessions:
        jobs = Job.objects.unmended().filter(session_id__in=sessions.values())
        bad |= {str(session) for session in jobs.values_list("session_id", flat=True)}
    return {item.pk for item in shown if {workflows[item.pk], sessions.get(item.pk)} & bad}


def _sheets(user: User, ids: set[str]) -> dict[str, Subject]:
    """The user's tables of runs, by their ids; those that are gone are told as such."""
    if not ids:
        return {}
    there = {str(sheet.pk): sheet for sheet in RunSheet.objects.filter(pk__in=ids)}
    gone = {one: Subject("a table that was discarded", reverse("run-sheets")) for one in ids}
    own = {
        one: Subject(sheet.file_name, sheet.get_absolute_url())
        for one, sheet in there.items()
        if sheet.owner_id == user.pk
    }
    return {one: subject for one, subject in gone.items() if one not in there} | own


def words_of(choice: str) -> str:
    """A choice such as FORCING_DATA as people write it."""
    return choice.replace("_", " ").capitalize()


def labels(kind_shape: Shape, path: Path) -> str:
    """Where a value stands, in words: "Inputs, row 2, Dataset template"."""
    words: list[str] = []
    at: Shape | None = kind_shape
    for part in path:
        if at is None:
            break
        if isinstance(part, int):
            words.append(f"row {part + 1}")
            at = at.each
        else:
            at = next((inner for inner in at.parts if inner.name == part), None)
            words.append(at.title if at else str(part))
    return ", ".join(words)


def _in_a_line(part: Shape, value: Mapping[str, Any]) -> str:
    """A group of ticks and days: the days, or else what is ticked."""
    days = [
        value[inner.name] for inner in part.parts if inner.form == "date" and value.get(inner.name)
    ]
    ticked = [
        inner.title for inner in part.parts if inner.form == "boolean" and value.get(inner.name)
    ]
    return " to ".join(days) or ", ".join(ticked).capitalize() or "No"


def _rows(parts: Iterable[Shape], info: Mapping[str, Any], known: Mapping[str, Named]) -> list[Row]:
    return [row for part in parts for row in _row(part, info.get(part.name), known)]


def _row(part: Shape, value: Any, known: Mapping[str, Named]) -> Iterator[Row]:
    """The row of a field, if there is anything to show."""
    is_usual = part.form == "boolean" and not value and not part.default
    if value is None or value in ([], {}) or part.form == "hidden" or is_usual:
        return
    if part.is_unframed:
        yield from _rows(part.parts, value, known)
    elif part.is_compact:
        yield Row(part.title, "line", _in_a_line(part, value))
    elif part.form == "group":
        rows = _rows(part.parts, value, known)
        if rows:
            yield Row(part.title, "group", rows=rows)
    elif part.form == "list" and part.each:
        each = part.each
        yield Row(
            part.title, "list", entries=[row for entry in value for row in _row(each, entry, known)]
        )
    elif part.form == "item":
        yield Row(part.title, "item", value, named=known.get(value))
    elif part.form == "choice":
        yield Row(part.title, "line", words_of(value))
    else:
        is_moment = part.form == "moment"
        yield Row(part.title, part.form, datetime.fromtimestamp(value, UTC) if is_moment else value)
