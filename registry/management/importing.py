"""Items as they come into the registry, from JSON lines such as `exporting` makes.

First all lines are checked, and every fault is noted; then all of them are written, or none.
"""

import copy
import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from registry import kinds, references, services
from registry.kinds import Findings
from registry.management.content import BE_A_PERSON
from registry.management.import_lines import File, Line
from registry.models import Item
from registry.services import Refused, rules

CHUNK = 500  # names that are looked up at once
SHOWN = 20  # lines of a circle that are named
MOST_CIRCLES = 20  # that are told
CHANGED = "The content of this version, imported"


def plan(file: File, user: User, *, skip_existing: bool = False) -> list[Line]:
    """The lines in an order in which each can be written, what it names before it.

    Every fault is noted in the file. With `skip_existing`, a line that is an item already knows it.
    """
    followers: dict[str, int] = {}
    for line in file.lines:
        _see_references(file, line)
        _see_previous(file, line, followers)
    ordered = _ordered(file)
    if skip_existing:
        _recognise(ordered, user)
    new = [line for line in ordered if line.present is None]
    _see_user(file, new, user)
    former = {line.former: line for line in ordered}
    for line in new:
        _see_rest(file, line, former, user)
    return ordered


def write(ordered: list[Line], user: User) -> dict[int, str]:
    """Make the items, all or none. Returns the persistent id of each line, by its number.

    Raises Refused naming the line, which happens only if the registry changed since `plan`.
    """
    ids: dict[str, str] = {}
    handles: dict[int, str] = {}
    with transaction.atomic():
        for line in ordered:
            try:
                handle = line.present.handle if line.present else _write(line, ids, user)
            except (Refused, Findings) as fault:
                raise Refused(f"line {line.number}: {fault}") from None
            handles[line.number] = handle
            if line.former:
                ids[line.former] = handle
    return handles


def _write(line: Line, ids: Mapping[str, str | None], user: User) -> str:
    """Make the item of a line: by itself, or as the next version of an item that is there."""
    content, subtype = _with_ids(line, ids), line.kind.subtype
    previous = ids.get(line.previous)
    if previous is None:
        item = services.register(subtype=subtype, content=content, owner=user)
    else:
        reason = line.reason or "Imported"
        item = services.create_version(handle=previous, reason=reason, by=user)
        if item.info != content:
            item = services.update(
                handle=item.handle, subtype=subtype, content=content, reason=CHANGED, by=user
            )
    if line.access is not None:
        _give_access(item, line.access, user)
    return item.handle


def _give_access(item: Item, wanted: Mapping[str, Any], user: User) -> None:
    """Only where it differs: each change of access is kept as an event."""
    present = services.settings_of(item)
    general, groups = wanted.get("general", []), wanted.get("groups", {})
    if (general, groups) != (present["general"], present["groups"]):
        services.change_access(handle=item.handle, general=general, groups=groups, by=user)


def _with_ids(line: Line, ids: Mapping[str, str | None]) -> dict[str, Any]:
    """The content with these ids in place of those of the file."""
    content = copy.deepcopy(line.content)
    for mention in line.kind.mentions(line.content):
        if mention.handle in ids:
            *path, last = mention.path
            part: Any = content
            for key in path:
                part = part[key]
            part[last] = ids[mention.handle]
    return content


def _see_references(file: File, line: Line) -> None:
    """Note which lines this one names, and where one is of the wrong kind."""
    for mention in line.kind.mentions(line.content):
        if mention.handle not in file.places:
            continue
        line.needs.add(mention.handle)
        number, subtype = file.places[mention.handle]
        if subtype and mention.of and subtype != mention.of:
            what, wanted = kinds.kind(subtype).a_label(), kinds.kind(mention.of).a_label()
            text = f"{mention.handle} (line {number}) is {what}, and {wanted} is needed here."
            file.blame(line.number, ("content", *mention.path), text)


def _see_previous(file: File, line: Line, followers: dict[str, int]) -> None:
    """Note which line is the version before this one, and what forbids it. One that is not in the
    file is passed over: then this line begins with version 1."""
    if line.previous not in file.places:
        line.previous = ""
        return
    line.needs.add(line.previous)
    number, subtype = file.places[line.previous]
    if not line.kind.versioned:
        fault = f"{line.kind.plural} have no versions. Leave this out."
    elif subtype and subtype != line.kind.subtype:
        what = kinds.kind(subtype).a_label()
        fault = f"Line {number} is {what}; a version is of the kind of the one before."
    elif line.previous in followers:
        fault = f"Line {followers[line.previous]} follows {line.previous} already; one only can."
    else:
        followers[line.previous] = line.number
        return
    file.blame(line.number, ("previous_version",), fault)


def _ordered(file: File) -> list[Line]:
    """The lines in the order of the file, but each after those that it needs."""
    lines = {line.number: line for line in file.lines}
    numbers = {line.former: line.number for line in file.lines if line.former}
    graph = {
        line.number: [numbers[old] for old in line.needs if old in numbers] for line in file.lines
    }
    for _ in range(MOST_CIRCLES):
        sorter = TopologicalSorter(graph)
        try:
            sorter.prepare()
        except CycleError as error:
            circle = sorted(set(error.args[1]))
            file.blame(circle[0], (), _circular(circle))
            graph[circle[0]] = []
        else:
            return [lines[number] for number in _earliest_first(sorter)]
    return file.lines  # there may be more circles; those that are told keep it from being imported


def _circular(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return "It cannot be there before itself. Let it name another line or none."
    told = ", ".join(map(str, numbers[:SHOWN])) + " …" * (len(numbers) > SHOWN)
    return f"Lines {told} need each other, so none can be the first. Break the circle."


def _earliest_first(sorter: "TopologicalSorter[int]") -> Iterator[int]:
    ready: list[int] = list(sorter.get_ready())
    heapq.heapify(ready)
    while ready:
        number = heapq.heappop(ready)
        yield number
        sorter.done(number)
        for freed in sorter.get_ready():
            heapq.heappush(ready, freed)


def _recognise(ordered: list[Line], user: User) -> None:
    """Tell which lines are items already: those of the same kind and content, naming the same
    items, and following the same version. An item can be one line only."""
    alike = _alike(ordered, user)
    ids: dict[str, str | None] = {}
    versions: dict[str, int] = {}
    taken: set[int] = set()
    for line in ordered:
        if line.needs - ids.keys():
            continue  # what names something new is new itself
        content = _with_ids(line, ids)
        for item in alike[line.kind.subtype, line.content["display_name"]]:
            follows = not line.previous or item.previous_version_id == versions[line.previous]
            if item.pk not in taken and follows and item.info == content:
                line.present = item
                taken.add(item.pk)
                if line.former:
                    ids[line.former], versions[line.former] = item.handle, item.pk
                break


def _alike(lines: list[Line], user: User) -> dict[tuple[str, str], list[Item]]:
    """The items that `user` may read, by kind and name, as far as a line has these; first
    versions first, then the oldest."""
    found = defaultdict(list)
    names = sorted({line.content["display_name"] for line in lines})
    readable = Item.objects.readable_by(user).complete().defer("search_text", "system")
    for start in range(0, len(names), CHUNK):
        for item in readable.filter(display_name__in=names[start : start + CHUNK]):
            found[item.subtype, item.display_name].append(item)
    for items in found.values():
        items.sort(key=lambda item: (item.previous_version_id is not None, item.pk))
    return found


def _see_user(file: File, lines: list[Line], user: User) -> None:
    """Note what forbids the user to register items, each reason once, where it is first met."""
    first = {line.kind: line.number for line in reversed(lines)}
    refusals: dict[type[Refused], tuple[int, str]] = {}
    for kind, number in sorted(first.items(), key=lambda entry: entry[1]):
        try:
            rules.may_register(kind, user)
        except services.PersonNeeded as refused:
            refusals.setdefault(type(refused), (number, f"{refused} {BE_A_PERSON}"))
        except Refused as refused:
            refusals.setdefault(type(refused), (number, str(refused)))
    for number, text in refusals.values():
        file.blame(number, ("subtype",), text)


def _see_rest(file: File, line: Line, former: Mapping[str, Line], user: User) -> None:
    """Note what the registry itself has against a line: what it names outside of the file, or that
    the item that it would follow cannot have a next version."""
    try:
        # What is in the file is absent here, so that only the rest is looked up.
        references.check(line.kind, _with_ids(line, dict.fromkeys(line.needs)), user)
    except Findings as findings:
        for path, text in findings.faults:
            file.blame(line.number, ("content", *path), text)
    before = former.get(line.previous)
    if before and before.present:
        try:
            rules.may_version(user, before.present)
        except Refused as refused:
            file.blame(line.number, ("previous_version",), str(refused))
