"""The release of a dataset on its Settings tab: how far it is, and who can do what next."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from registry import references, services
from registry.models import Item, Reviewer
from registry.references import Named
from registry.views.common import Reader

ACTIONS = {"REQUEST": "Review asked for", "APPROVE": "Approved", "REJECT": "Rejected"}


@dataclass(frozen=True)
class Step:
    """One thing that happened; `by` is who asked or decided, where that is known."""

    what: str
    at: datetime
    by: str
    reviewer: str  # of a request: who was asked
    notes: str


@dataclass(frozen=True)
class Release:
    """What the page needs. `reviewers` are those who can be asked now, `typed` what was typed
    before it was refused."""

    status: str
    reviewer: str
    steps: list[Step]
    may_ask: bool
    may_decide: bool
    reviewers: list[Named]
    typed: dict[str, str]
    refusal: str


def asked_of(reader: Reader) -> bool:
    """True if the release of the item waits for a decision by the reader."""
    system = reader.item.system
    if system.get("release_status") != "PENDING":
        return False
    person = services.person_of(reader.user)
    is_asked = person is not None and person.handle == system.get("release_approver")
    return is_asked and reader.is_writer and Reviewer.objects.filter(person=person).exists()


def release_of(
    reader: Reader, *, typed: dict[str, str] | None = None, refusal: str = ""
) -> Release | None:
    """None for what is not released: all but complete datasets."""
    item = reader.item
    if not (item.kind.has_files and item.is_complete):
        return None
    status, history = item.system["release_status"], item.system["release_history"]
    may_ask = reader.may_administer and status == "NOT_RELEASED"
    chosen = list(Reviewer.objects.values_list("person__handle", flat=True)) if may_ask else []
    people = {entry[key] for entry in history for key in ("approver", "requester") if key in entry}
    named = references.named({*people, *chosen}, reader.user)
    return Release(
        status=status,
        reviewer=_name(named, item.system.get("release_approver")),
        steps=[_step(entry, named) for entry in history],
        may_ask=may_ask,
        may_decide=asked_of(reader),
        reviewers=[named[handle] for handle in chosen],
        typed=typed or {},
        refusal=refusal,
    )


def act(item: Item, data: Any, reader: Reader) -> str:
    """Do what was pressed; what was done, in words. Raises Refused."""
    notes, act = data.get("notes", ""), data.get("act")
    if act in {"approve", "reject"}:
        approve = act == "approve"
        services.decide_release(handle=item.handle, approve=approve, notes=notes, by=reader.user)
        return "The dataset is released." if approve else "The release is rejected."
    approver = data.get("approver", "")
    if not approver:
        raise services.Refused("Choose who is to review it.")
    services.request_release(handle=item.handle, approver=approver, notes=notes, by=reader.user)
    return "The reviewer is asked. Until they decide, the files cannot be changed."


def _step(entry: dict[str, Any], named: dict[str, Named]) -> Step:
    is_request = entry["action"] == "REQUEST"
    approver = _name(named, entry["approver"])
    return Step(
        what=ACTIONS[entry["action"]],
        at=datetime.fromtimestamp(entry["timestamp"], UTC),
        by=_name(named, entry.get("requester")) if is_request else approver,
        reviewer=approver if is_request else "",
        notes=entry["notes"],
    )


def _name(named: dict[str, Named], handle: str | None) -> str:
    """Of a Person, as far as the reader may see it."""
    if handle is None:
        return ""
    item = named[handle].item
    return item.display_name if item else "somebody whom you may not see"
