"""Taking groups over from elsewhere: all of what was asked, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from pydantic import BaseModel, ConfigDict, ValidationError

from registry.kinds.values import repeated
from registry.models import Group
from registry.services import groups
from registry.services.groups import GroupContent

Failure = tuple[str, dict[str, Any]]


class Mode(StrEnum):
    """What may be done: add, overwrite, both; SYNC modes want no group to be left out, and the last
    one deletes those that are."""

    ADD_ONLY = "ADD_ONLY"
    ADD_OR_OVERWRITE = "ADD_OR_OVERWRITE"
    OVERWRITE_ONLY = "OVERWRITE_ONLY"
    SYNC_ADD_OR_OVERWRITE = "SYNC_ADD_OR_OVERWRITE"
    SYNC_DELETION_ALLOWED = "SYNC_DELETION_ALLOWED"


class Username(BaseModel):
    model_config = ConfigDict(extra="ignore")

    username: str


class WholeGroup(GroupContent):
    """A group with its members, as it is exported."""

    users: list[Username] = []


@dataclass
class Outcome:
    """What an import did or, in a trial or with failures, would have done."""

    old_size: int
    new: int = 0
    overwritten: int = 0
    deleted: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def new_size(self) -> int:
        return self.old_size + self.new - self.deleted


def import_groups(
    items: Sequence[dict[str, Any]], *, mode: Mode, may_delete: bool, trial: bool
) -> Outcome:
    """Take over these groups with their members, who must have accounts. With any failure, and in a
    `trial`, nothing is written."""
    with transaction.atomic():
        present = set(Group.objects.select_for_update().values_list("slug", flat=True))
        outcome = Outcome(old_size=len(present))
        wanted = _parsed(items, outcome)
        _check(wanted, present, mode, may_delete, outcome)
        left = present - {group.id for group in wanted}
        if mode is Mode.SYNC_DELETION_ALLOWED:
            outcome.deleted = Group.objects.filter(slug__in=left).count()
            Group.objects.filter(slug__in=left).delete()
        for group in wanted:
            is_new = group.id not in present
            outcome.new += is_new
            outcome.overwritten += not is_new
            if not outcome.failures:
                _write(group, is_new)
        transaction.set_rollback(trial or bool(outcome.failures))
    return outcome


def _parsed(items: Sequence[dict[str, Any]], outcome: Outcome) -> list[WholeGroup]:
    """What can be read, with all that cannot among the failures."""
    wanted = []
    for item in items:
        try:
            wanted.append(WholeGroup.model_validate(item))
        except ValidationError as error:
            faults = [
                f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
            ]
            outcome.failures.append(("; ".join(faults), item))
    return wanted


def _check(
    wanted: list[WholeGroup],
    present: set[str],
    mode: Mode,
    may_delete: bool,
    outcome: Outcome,
) -> None:
    """Add what the mode does not allow, and members without account, to the failures."""
    names = {user.username for group in wanted for user in group.users}
    known = set(User.objects.filter(username__in=names).values_list("username", flat=True))
    twice = set(repeated([group.id for group in wanted]))
    for group in wanted:
        texts = []
        if group.id in twice:
            texts.append(f"The group {group.id} is there more than once.")
        if mode is Mode.ADD_ONLY and group.id in present:
            texts.append(f"There is a group {group.id} already.")
        if mode is Mode.OVERWRITE_ONLY and group.id not in present:
            texts.append(f"There is no group {group.id} to overwrite.")
        missing = sorted({user.username for user in group.users} - known)
        texts += [f"There is no user {name!r}." for name in missing]
        if texts:
            told = group.model_dump(mode="json", exclude_none=True)
            outcome.failures.append((" ".join(texts), told))
    left = sorted(present - {group.id for group in wanted})
    if left and mode is Mode.SYNC_ADD_OR_OVERWRITE:
        text = f"These groups would be left out: {', '.join(left)}."
        outcome.failures.append((text, {"ids": left}))
    if left and mode is Mode.SYNC_DELETION_ALLOWED and not may_delete:
        text = f"allow_entry_deletion is needed to delete {', '.join(left)}."
        outcome.failures.append((text, {"ids": left}))


def _write(group: WholeGroup, is_new: bool) -> None:
    save = groups.create_group if is_new else groups.update_group
    saved = save(group)
    names = [user.username for user in group.users]
    saved.members.set(User.objects.filter(username__in=names))
