"""Whether what a run's record names is there, and fits its workflow template (domain reference, 6).

Every finding is reported, in the order of the reference. Look-ups are made with the rights of who
submits, and each item is looked up once for all records that are checked together.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import prefetch_related_objects

from jobs import statements
from registry import kinds
from registry.kinds import Findings
from registry.kinds.base import parsed_part
from registry.kinds.runs import RunRecord, TemplatedDataset
from registry.kinds.shape import Path
from registry.models import Item
from registry.provenance.relations import RunParts

CHUNK = 500  # ids in one query
COLUMNS = (
    "id",
    "handle",
    "category",
    "subtype",
    "display_name",
    "owner_id",
    "info",
    "is_complete",
    "version",
    "deleted_at",
)
# Said plainly, because each job of a batch asks it, and Django would work it out anew each time.
LOOK_UP = f"SELECT {', '.join(COLUMNS)} FROM {Item._meta.db_table} WHERE handle IN ({{marks}})"  # noqa: S608 - our own names
MOST_LIKELY = 1_000  # workflow templates
NO_ITEM = "0/0"  # an id of the right shape that no item has
SIDES = {"inputs": "input", "outputs": "output"}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a record: where, and what to do about it.

    The path is that of a field of the record; a dataset that is missing stands under its side and
    the id of its template, missing keys stand at the first of them.
    """

    path: Path
    text: str
    is_unreadable: bool = False  # the only thing wrong is that the user may not read an item


class Lookup:
    """Items by their ids, as one user may read them."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._items: dict[str, Item | None] = {}
        self._readable: set[str] = set()
        self._unseen: list[Item] = []  # of which it is not known yet whether they may be read

    def fetch(self, handles: Iterable[str]) -> None:
        """Look up those that were not yet, in a few queries however many they are."""
        missing = [handle for handle in dict.fromkeys(handles) if handle not in self._items]
        for start in range(0, len(missing), CHUNK):
            chunk = missing[start : start + CHUNK]
            marks = ", ".join(["%s"] * len(chunk))
            rows = statements.fetch(LOOK_UP.format(marks=marks), chunk)
            found = [statements.instance(Item, COLUMNS, row) for row in rows]
            self._items |= dict.fromkeys(chunk) | {item.handle: item for item in found}
            self._unseen += found

    def fetch_used(self, handle: str) -> None:
        """Look up what a workflow template names, if it is one."""
        template = self._items.get(handle)
        if template and template.subtype == "MODEL_RUN_WORKFLOW_TEMPLATE" and template.info:
            used = tuple(_ids_of_template(template.info))
            if len(_likely) > MOST_LIKELY:
                _likely.clear()
            _likely[handle] = used
            self.fetch(used)

    def item(self, handle: str) -> Item | None:
        """The item, if it is there and may be read."""
        return self._items.get(handle) if self._may_read(handle) else None

    def _may_read(self, handle: str) -> bool:
        if self._unseen:
            readable = Item.objects.readable_among(self._unseen, self._user)
            hidden = [item for item in self._unseen if item.handle not in readable]
            prefetch_related_objects(hidden, "owner")  # whom to ask; no query if none is hidden
            self._readable |= readable
            self._unseen = []
        return handle in self._readable

    def known(self, handle: str) -> Item:
        """The item, which a check has found. Raises KeyError for one that was not looked up."""
        item = self._items[handle]
        if item is None:
            raise KeyError(handle)
        return item

    def keys(self) -> dict[str, int]:
        """The primary keys of all items that were found, by their ids."""
        return {handle: item.pk for handle, item in self._items.items() if item}

    def fault(self, handle: str, subtype: str, role: str) -> tuple[str, bool]:
        """What is wrong with naming this item as a complete one of that kind (empty if nothing is),
        and whether it is only that the user may not read it."""
        item = self._items.get(handle)
        if item is None:
            return f"{role}: there is no item {handle}. Check the id.", False
        if item.deleted_at:
            return f"{role}: {handle} was deleted. Choose another one.", False
        if not self._may_read(handle):
            owner = item.owner.get_username()
            return f"{role}: you may not read {handle}. Ask its owner, {owner}, for access.", True
        if item.subtype != subtype:
            wanted = kinds.kind(subtype)
            return f"{role}: {handle} is {item.kind.a_label()}, not {wanted.a_label()}.", False
        if not item.is_complete:
            return f"{role}: {handle} is only a reserved id. Complete it first.", False
        return "", False


# What workflow templates named when they were looked at last: only a guess of what to look up with
# a record, which spares a second query. What they name now is what counts.
_likely: dict[str, tuple[str, ...]] = {}


def parse(data: Mapping[str, Any]) -> RunRecord:
    """A record of the right shape. Raises Findings with every fault of its shape."""
    return parsed_part(RunRecord, data)


def stored(record: RunRecord) -> dict[str, Any]:
    """The record as JSON; what was left out stays absent."""
    return record.model_dump(mode="json", exclude_none=True)


def normal(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of a job as it would be stored; None where it has not the shape of one, for
    batches are launched unchecked."""
    try:
        return stored(parse(data))
    except Findings:
        return None


def examine(data: Mapping[str, Any], lookup: Lookup) -> tuple[RunRecord | None, list[Finding]]:
    """The record if it can be registered, else everything that is wrong with it at once.

    Faults of shape do not hide the others: what has one is replaced by something harmless, and what
    is then found at the same place is not told.
    """
    try:
        record = parse(data)
    except Findings as misfits:
        found = [Finding(path, text) for path, text in misfits.faults]
        mended = _mended(data, [finding.path for finding in found])
        if mended:
            paths = [finding.path for finding in found]
            others = check(mended, lookup)
            found += [other for other in others if not _touches(other.path, paths)]
        return None, found
    found = check(record, lookup)
    return (None, found) if found else (record, [])


def legible(data: Mapping[str, Any]) -> RunRecord | None:
    """The record, with something harmless in the place of what has the wrong shape; None where
    nothing can be read of it."""
    try:
        return parse(data)
    except Findings as misfits:
        return _mended(data, [path for path, _ in misfits.faults])


def _mended(data: Mapping[str, Any], paths: list[Path]) -> RunRecord | None:
    """The record without its faults of shape, as far as they are of the usual sorts."""
    copy = json.loads(json.dumps(data))
    for path in paths:
        match path:
            case ("display_name" | "description",):
                copy[path[0]] = "?"
            case ("start_time" | "end_time",):
                copy |= {"start_time": 0, "end_time": 0}
            case ("study_id" | "model_version" | "annotations", *_):
                copy.pop(path[0], None)
            case ("associations", "modeller_id"):
                copy["associations"] = copy.get("associations") or {}
                copy["associations"]["modeller_id"] = NO_ITEM
            case ("associations", "requesting_organisation_id"):
                copy["associations"].pop("requesting_organisation_id")
            case ("inputs" | "outputs" as side, int(index), "dataset_id"):
                copy[side][index]["dataset_id"] = NO_ITEM
            case ("inputs" | "outputs" as side, int(index), "resources", *_):
                copy[side][index].pop("resources", None)
    try:
        return parse(copy)
    except Findings:
        return None


def _touches(path: Path, others: Iterable[Path]) -> bool:
    """True where one of the others is above or below that path, or the same."""
    return any(path[: len(other)] == other[: len(path)] for other in others)


def parts(record: RunRecord, lookup: Lookup) -> RunParts:
    """The items that a record without findings names."""
    template = lookup.known(record.workflow_template_id)
    who = record.associations

    def pairs(used: list[TemplatedDataset]) -> list[tuple[Item, Item]]:
        return [
            (lookup.known(one.dataset_id), lookup.known(one.dataset_template_id)) for one in used
        ]

    return RunParts(
        workflow_template=template,
        model=lookup.known(template.info["software_id"]),
        inputs=pairs(record.inputs),
        outputs=pairs(record.outputs),
        modeller=lookup.known(who.modeller_id),
        study=lookup.known(record.study_id) if record.study_id else None,
        organisation=lookup.known(who.requesting_organisation_id)
        if who.requesting_organisation_id
        else None,
    )


def check(record: RunRecord, lookup: Lookup) -> list[Finding]:
    """All findings of a record of the right shape, in the order of the reference; none if it can be
    registered."""
    lookup.fetch((*_ids_of(record), *_likely.get(record.workflow_template_id, ())))
    lookup.fetch_used(record.workflow_template_id)
    template = lookup.item(record.workflow_template_id)
    findings = list(_named(lookup, ("study_id",), record.study_id, "STUDY", "Study"))
    wrong = list(
        _named(
            lookup,
            ("workflow_template_id",),
            record.workflow_template_id,
            "MODEL_RUN_WORKFLOW_TEMPLATE",
            "Workflow template",
        )
    )
    findings += wrong
    info: dict[str, Any] = template.info if template is not None and not wrong else {}
    if info:
        findings += _templates(info, lookup)
        for side in SIDES:
            findings += _missing(info, record, side, lookup)
    for side in SIDES:
        findings += _datasets(info, record, side, lookup)
    if info:
        model = info["software_id"]
        findings += _named(
            lookup, ("workflow_template_id",), model, "MODEL", "Model of the workflow"
        )
    who = ("associations",)
    findings += _named(
        lookup, (*who, "modeller_id"), record.associations.modeller_id, "PERSON", "Modeller"
    )
    findings += _named(
        lookup,
        (*who, "requesting_organisation_id"),
        record.associations.requesting_organisation_id,
        "ORGANISATION",
        "Requesting organisation",
    )
    return findings + _annotations(info, record)


def mentioned(data: Mapping[str, Any]) -> Iterator[str]:
    """The ids that the data of a record names, whatever else is wrong with it: for looking up those
    of many records at once."""
    who = data.get("associations") or {}
    yield from filter(None, (data.get("workflow_template_id"), data.get("study_id")))
    yield from (handle for handle in who.values() if handle)
    for side in SIDES:
        for used in data.get(side) or []:
            yield from (used["dataset_id"], used["dataset_template_id"])


def _ids_of(record: RunRecord) -> Iterator[str]:
    yield record.workflow_template_id
    yield record.associations.modeller_id
    for one in (record.study_id, record.associations.requesting_organisation_id):
        if one:
            yield one
    for used in [*record.inputs, *record.outputs]:
        yield used.dataset_id
        yield used.dataset_template_id


def _ids_of_template(info: dict[str, Any]) -> Iterator[str]:
    yield info["software_id"]
    for side in ("input_templates", "output_templates"):
        for use in info.get(side, []):
            yield use["template_id"]


def _named(
    lookup: Lookup, path: Path, handle: str | None, subtype: str, role: str
) -> Iterator[Finding]:
    if handle:
        text, is_unreadable = lookup.fault(handle, subtype, role)
        if text:
            yield Finding(path, text, is_unreadable)


def _uses(info: dict[str, Any], side: str) -> dict[str, bool]:
    """The dataset templates of one side of a workflow template, and whether each is optional."""
    return {
        use["template_id"]: bool(use.get("optional"))
        for use in info.get(f"{SIDES[side]}_templates", [])
    }


def _templates(info: dict[str, Any], lookup: Lookup) -> Iterator[Finding]:
    for side, word in SIDES.items():
        for handle in _uses(info, side):
            role = f"{word.capitalize()} template of the workflow"
            yield from _named(lookup, ("workflow_template_id",), handle, "DATASET_TEMPLATE", role)


def _missing(
    info: dict[str, Any], record: RunRecord, side: str, lookup: Lookup
) -> Iterator[Finding]:
    supplied = {used.dataset_template_id for used in getattr(record, side)}
    for handle, is_optional in _uses(info, side).items():
        if not is_optional and handle not in supplied:
            known = lookup.item(handle)
            name = f" ({known.display_name})" if known else ""
            text = f"The {side} lack a dataset for the template {handle}{name}."
            yield Finding((side, handle), text)


def _datasets(
    info: dict[str, Any], record: RunRecord, side: str, lookup: Lookup
) -> Iterator[Finding]:
    word, uses = SIDES[side], _uses(info, side)
    for index, used in enumerate(getattr(record, side)):
        path = (side, index)
        if info and used.dataset_template_id not in uses:
            text = (
                f"{used.dataset_template_id} is none of the {word} templates of this workflow. "
                f"They are: {', '.join(uses) or 'none'}."
            )
            yield Finding((*path, "dataset_template_id"), text)
        role = f"{word.capitalize()} dataset for template {used.dataset_template_id}"
        yield from _named(lookup, (*path, "dataset_id"), used.dataset_id, "DATASET", role)
        yield from _resources(used, path, word, lookup)


def _resources(used: TemplatedDataset, path: Path, word: str, lookup: Lookup) -> Iterator[Finding]:
    """Every key that its template defers must have a path, and no other key may."""
    template = lookup.item(used.dataset_template_id)
    if template is None or template.subtype != "DATASET_TEMPLATE":
        return
    deferred = {
        one["key"]: bool(one.get("optional")) for one in template.info.get("deferred_resources", [])
    }
    given = used.resources or {}
    about = f"{word.capitalize()} dataset {used.dataset_id}, template {used.dataset_template_id}"
    missing = [key for key, is_optional in deferred.items() if not is_optional and key not in given]
    if missing:
        text = f"{about}: no path is given for {', '.join(missing)}."
        yield Finding((*path, "resources", missing[0]), text)
    if unknown := [key for key in given if key not in deferred]:
        known = ", ".join(deferred) or "none"
        text = f"{about}: the template has no file {', '.join(unknown)}. It has: {known}."
        yield Finding((*path, "resources"), text)


def _annotations(info: dict[str, Any], record: RunRecord) -> list[Finding]:
    required = (info.get("annotations") or {}).get("required", [])
    if missing := [key for key in required if key not in (record.annotations or {})]:
        text = f"These annotations are required and missing: {', '.join(missing)}."
        return [Finding(("annotations", missing[0]), text)]
    return []
