"""What a report says (domain reference, 9): the inputs, runs and outputs of a run or a study, as
its reader may see them."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote

from django.contrib.auth.models import User
from django.utils import timezone
from pydantic import BaseModel, ConfigDict

from registry import kinds
from registry.kinds import Kind
from registry.kinds.activities import Study
from registry.kinds.datasets import Dataset
from registry.kinds.entities import Model
from registry.kinds.runs import ModelRun
from registry.models import Item
from registry.provenance.draft import RESOLVER
from registry.provenance.lineage import Node, seen
from registry.provenance.reach import around
from registry.provenance.steps import Direction
from registry.services import rules
from registry.services.rules import Refused

KINDS = (ModelRun.subtype, Study.subtype)
DEPTHS = (1, 2, 3)  # steps upstream from a run
MOST = 2_000  # items that are met on the way, of whatever kind
TITLE = "Provenance report"
TEAM, TO_FILL_IN = "Modelling team", "To be filled in"
NOTHING = "None are recorded."
_NUMBER = re.compile("([0-9]{1,18})")


class TooLarge(Refused):
    """More is reached than a report holds."""


class _Fixed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Fixed):
    """An item of a report. One that its reader may not see has no id."""

    subtype: str
    name: str
    handle: str = ""
    is_deleted: bool = False

    @property
    def kind(self) -> type[Kind]:
        return kinds.kind(self.subtype)

    @property
    def note(self) -> str:
        return "deleted" if self.is_deleted else ""

    @property
    def url(self) -> str:
        """Where its persistent id leads."""
        return f"{RESOLVER}{quote(self.handle)}" if self.handle else ""


class Report(_Fixed):
    """What a report says: all that was there when it was made."""

    about: Entry
    depth: int
    made_at: datetime
    inputs: list[Entry]
    runs: list[Entry]
    outputs: list[Entry]

    @property
    def made(self) -> str:
        """When it was made, in words."""
        return f"{self.made_at.astimezone(UTC):%d %B %Y, %H:%M} UTC"

    @property
    def sections(self) -> list[tuple[str, list[Entry]]]:
        """Its lists with their titles, in order."""
        return [("Inputs", self.inputs), ("Model runs", self.runs), ("Outputs", self.outputs)]


def of_item(item: Item, user: User, depth: int) -> Report:
    """The report on a complete run or study that `user` may read, with what is at most `depth`
    steps upstream of a run, and one downstream.

    Raises Refused for another kind or depth, and TooLarge.
    """
    _need_reportable(item, depth)
    runs = {item.pk} if item.subtype == ModelRun.subtype else _runs_of(item)
    upstream = _reached(runs, Direction.UP, depth)
    outputs = _reached(runs, Direction.DOWN, 1)
    known = seen({*upstream, *outputs, item.pk}, user)
    above, below = _sorted(known, upstream), _sorted(known, outputs)
    return Report(
        about=_entry(known[item.pk]),
        depth=depth,
        made_at=timezone.now(),
        inputs=_of_kinds(above, Model.subtype, Dataset.subtype),
        runs=_of_kinds(above, ModelRun.subtype),
        outputs=_of_kinds(below, Dataset.subtype),
    )


def _need_reportable(item: Item, depth: int) -> None:
    if item.subtype not in KINDS:
        raise Refused(
            f"{item.handle} is {item.kind.a_label()}. There are reports on model runs and studies."
        )
    rules.need_complete(item)
    if depth not in DEPTHS:
        raise Refused(f"The depth of a report is 1, 2 or 3, and not {depth}.")


def _runs_of(study: Item) -> set[int]:
    """The runs that are part of a study. The study itself is none, and leads to none upstream."""
    near = _reached({study.pk}, Direction.DOWN, 1) - {study.pk}
    runs = Item.objects.filter(pk__in=near, subtype=ModelRun.subtype)
    return set(runs.values_list("pk", flat=True))


def _reached(starts: set[int], direction: Direction, depth: int) -> set[int]:
    found = around(starts, direction, depth, MOST)
    if found.is_cut:
        raise TooLarge(
            f"A report is made of at most {MOST:,} items, and this one would need more. Ask for a "
            "smaller depth, or for reports on single model runs; Lineage has the rest."
        )
    return set(found.hops)


def _sorted(known: dict[int, Node], keys: Iterable[int]) -> list[Node]:
    """By kind and name, in which 9 comes before 10; what is restricted comes last of its kind."""
    nodes = [known[key] for key in keys]
    return sorted(
        nodes, key=lambda one: (one.kind.label, one.item is None, _in_parts(one.name), one.pk)
    )


def _in_parts(name: str) -> list[str | int]:
    """A name as texts and numbers by turns, so that two can be compared."""
    parts = enumerate(_NUMBER.split(name.casefold()))
    return [int(part) if place % 2 else part for place, part in parts]


def _of_kinds(nodes: list[Node], *subtypes: str) -> list[Entry]:
    return [_entry(node) for node in nodes if node.subtype in subtypes]


def _entry(node: Node) -> Entry:
    if node.item is None:
        return Entry(subtype=node.subtype, name=node.name)
    return Entry(
        subtype=node.subtype,
        name=node.name,
        handle=node.item.handle,
        is_deleted=node.item.deleted_at is not None,
    )
