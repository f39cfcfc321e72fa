"""Taking groups over from elsewhere: all of what was asked, or nothing."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from pydantic import BaseModel, ConfigDict, ValidationError

from registry.kinds.values import repeated
from registry.models import Group
from registry.services import groups
from registry.services.groups import GroupContent
from registry.services.import_modes import Mode, Outcome, misread


class Username(BaseModel):
    model_config = ConfigDict(extra="ignore")

    username: str


class WholeGroup(GroupContent):
    """A group with its members, as it is exported."""

    users: list[Username] = []


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
            outcome.failures.append(misread(error, item))
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
        if text := mode.refusal("group", group.id, is_present=group.id in present):
            texts.append(text)
        missing = sorted({user.username for user in group.users} - known)
        texts += [f"There is no user {name!r}." for name in missing]
        if texts:
            told = group.model_dump(mode="json", exclude_none=True)
            outcome.failures.append((" ".join(texts), told))
    left = present - {group.id for group in wanted}
    if failure := mode.left_out("group", left, may_delete=may_delete):
        outcome.failures.append(failure)


def _write(group: WholeGroup, is_new: bool) -> None:
    save = groups.create_group if is_new else groups.update_group
    saved = save(group)
    names = [user.username for user in group.users]
    saved.members.set(User.objects.filter(username__in=names))
