"""The release of a dataset: its administrator asks a reviewer, who approves or rejects (domain
reference, 3). What became of it is kept beside the content, and adds nothing to its history."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from jobs import lifecycle, mail
from registry import access
from registry.access import Level, Role
from registry.kinds.agents import Person
from registry.kinds.datasets import Dataset
from registry.models import Item, Reviewer
from registry.services import rules
from registry.services.rules import NotAllowed, Refused


def request_release(*, handle: str, approver: str, notes: str, by: User) -> Item:
    """Ask a reviewer, named by the id of their Person, to approve the release of a dataset. Raises
    Refused."""
    rules.need_level(by, Level.WRITE)
    requester = rules.need_person(Dataset, by)
    with transaction.atomic():
        item = rules.known(handle, for_update=True)
        rules.need_role(by, item, Role.ADMIN)
        rules.need_kind(item, Dataset)
        rules.need_complete(item)
        _need_status(item, "NOT_RELEASED")
        asked = _asked(item, approver)
        entry = {"action": "REQUEST", "approver": approver, "notes": _notes(notes)}
        entry |= {"requester": requester.handle} if requester else {}
        _record(item, "PENDING", entry)
        _tell(asked, item, f"Please review the release of {item}", entry, by)
    return item


def decide_release(*, handle: str, approve: bool, notes: str, by: User) -> Item:
    """Approve or reject the release of a dataset, as the reviewer who was asked. Raises Refused."""
    rules.need_level(by, Level.WRITE)
    person = rules.need_person(Dataset, by)
    with transaction.atomic():
        item = rules.known(handle, for_update=True)
        if not Reviewer.objects.filter(person=person).exists():
            raise NotAllowed(
                "Only reviewers decide on releases, and you are none. An administrator can put you "
                "on their list."
            )
        rules.need_role(by, item, Role.METADATA_READ)
        rules.need_kind(item, Dataset)
        rules.need_complete(item)
        _need_status(item, "PENDING")
        approver = item.system["release_approver"]
        if person is None or person.handle != approver:
            raise NotAllowed(f"{approver} was asked to review {item}, and only they can decide.")
        action = "APPROVE" if approve else "REJECT"
        entry = {"action": action, "approver": approver, "notes": _notes(notes)}
        _record(item, "RELEASED" if approve else "NOT_RELEASED", entry)
        done = "approved" if approve else "rejected"
        people = {by.pk: by, item.owner_id: item.owner}.values()
        _tell(people, item, f"The release of {item} was {done}", entry, by)
    return item


def add_reviewer(person_id: str) -> None:
    """Put a Person on the list of reviewers; no error if they are on it. Raises Refused."""
    with transaction.atomic():
        person = rules.known(person_id, for_update=True)
        rules.need_kind(person, Person)
        rules.need_complete(person)
        Reviewer.objects.get_or_create(person=person)


def remove_reviewer(person_id: str) -> None:
    """Take a Person off the list of reviewers. Raises Refused for who is not on it."""
    if not Reviewer.objects.filter(person__handle=person_id).delete()[0]:
        raise Refused(f"{person_id} is not on the list of reviewers.")


def _asked(item: Item, approver: str) -> list[User]:
    """The users who are that reviewer and can read the item. Raises Refused if there is none."""
    if not Reviewer.objects.filter(person__handle=approver).exists():
        raise Refused(f"{approver} is not on the list of reviewers. Choose one who is.")
    users = User.objects.filter(person_link__person__handle=approver, is_active=True)
    able = [user for user in users if Role.METADATA_READ in access.roles(user, item)]
    if not able:
        raise Refused(
            f"The reviewer {approver} may not read {item}, or has no account here. Give them "
            "access on its Settings tab first, or ask another one."
        )
    return able


def _need_status(item: Item, status: str) -> None:
    present = item.system["release_status"]
    if present != status:
        asked = item.system.get("release_approver")
        states = {
            "NOT_RELEASED": "Its release was not asked for.",
            "PENDING": f"Its release waits for the decision of {asked}.",
            "RELEASED": "It is released.",
        }
        raise Refused(f"That cannot be done to {item} now. {states[present]}")


def _notes(notes: str) -> str:
    return rules.need_reason(notes) if notes.strip() else ""


def _record(item: Item, status: str, entry: dict[str, Any]) -> None:
    """Keep a step, newest first, and what follows from it."""
    now = int(timezone.now().timestamp())
    item.system |= {
        "release_status": status,
        "release_approver": entry["approver"],
        "release_timestamp": now,
        "release_history": [entry | {"timestamp": now}, *item.system["release_history"]],
    }
    item.save(update_fields=["system"])


def _tell(users: Iterable[User], item: Item, what: str, entry: dict[str, Any], by: User) -> None:
    """Mail these users, by a job each, in the caller's transaction."""
    context = {"what": what, "item": item, "notes": entry["notes"], "by": by, "settings": settings}
    body = render_to_string("registry/release_mail.txt", context)
    for user in users:
        if wanted := mail.to(user, subject=what, body=body, reason=f"{what}."):
            lifecycle.submit(**wanted, subject=item.handle)
