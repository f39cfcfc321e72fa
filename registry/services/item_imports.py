"""Taking over items that the API exported (contract, section 12), under the ids that they have: all
of what was asked, or nothing. `manage.py import_items` instead makes new items of old ones.

An item that is not here comes with its owner, history, version, access and locks. One that is gets
the content (as one more revision), access and lock of the import, and keeps the rest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from pydantic import ValidationError

from provena import rows
from registry import references
from registry.access import Level
from registry.kinds import Findings
from registry.kinds.activities import Create, Version
from registry.kinds.runs import ModelRun
from registry.models import FIRST_NUMBER, Group, Item, LockEvent, Mint, Relation, Revision
from registry.provenance import relations
from registry.services import content, custody, removal, rules
from registry.services.import_modes import Failure, Mode, Outcome, misread
from registry.services.item_bundles import Bundle, moment
from registry.services.rules import Refused

CHUNK = 500  # ids that are looked up at once
MOST_DIGITS = 12  # of the numbers of our own ids: none is handed out beyond
REASON = "Imported"


@dataclass
class ItemOutcome(Outcome):
    """`runs` are the records of the model runs whose relations are yet to be written, by id."""

    runs: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Here:
    """What the import meets: the items of these ids, users by name, and the ids of groups."""

    items: dict[str, Item]
    users: dict[str, User]
    groups: set[str]


def import_items(
    items: Sequence[dict[str, Any]], *, mode: Mode, may_delete: bool, trial: bool, by: User
) -> ItemOutcome:
    """Take over these items. With any failure, and in a `trial`, nothing is written. Raises
    NotAllowed for all but administrators of the registry."""
    rules.need_level(by, Level.ADMIN)
    with transaction.atomic():
        outcome = ItemOutcome(old_size=Item.objects.live().count())
        bundles = _parsed(items, outcome.failures)
        here = _met(bundles)
        _check(bundles, here, mode, may_delete, outcome.failures)
        outcome.new = sum(bundle.id not in here.items for bundle in bundles)
        outcome.overwritten = len(bundles) - outcome.new
        if not outcome.failures:
            _write(bundles, here, by, outcome)
        if not outcome.failures and mode is Mode.SYNC_DELETION_ALLOWED:
            outcome.deleted = _delete(_others(bundles), by, outcome.failures)
        transaction.set_rollback(trial or bool(outcome.failures))
    return outcome


def _parsed(items: Sequence[dict[str, Any]], failures: list[Failure]) -> list[Bundle]:
    """What can be read, by version, so that each comes after the one before it."""
    bundles = []
    for item in items:
        try:
            bundles.append(Bundle.model_validate(item))
        except ValidationError as error:
            failures.append(misread(error, {"id": item.get("id")}))
    return sorted(bundles, key=lambda bundle: bundle.versioning.version)


def _met(bundles: list[Bundle]) -> _Here:
    previous = (bundle.versioning.previous_version for bundle in bundles)
    ids = sorted({bundle.id for bundle in bundles}.union(filter(None, previous)))
    names = {name for bundle in bundles for name in bundle.users}
    return _Here(
        items=_items(ids),
        users={user.get_username(): user for user in User.objects.filter(username__in=names)},
        groups=set(Group.objects.values_list("slug", flat=True)),
    )


def _items(ids: list[str]) -> dict[str, Item]:
    """Held until the import ends."""
    found = Item.objects.select_for_update(of=("self",)).select_related("owner").order_by("pk")
    return {
        item.handle: item
        for start in range(0, len(ids), CHUNK)
        for item in found.filter(handle__in=ids[start : start + CHUNK])
    }


def _others(bundles: list[Bundle]) -> list[str]:
    """The ids of items that are here and not among these, the newest first."""
    wanted = {bundle.id for bundle in bundles}
    present = Item.objects.live().order_by("-pk").values_list("handle", flat=True)
    return [handle for handle in present.iterator() if handle not in wanted]


def _check(
    bundles: list[Bundle], here: _Here, mode: Mode, may_delete: bool, failures: list[Failure]
) -> None:
    """Note all that is wrong with each, as far as it can be seen before anything is written."""
    seen: set[str] = set()
    for bundle in bundles:
        present = here.items.get(bundle.id)
        texts = [mode.refusal("item", bundle.id, is_present=present is not None)]
        if bundle.id in seen:
            texts.append(f"The item {bundle.id} is there more than once.")
        seen.add(bundle.id)
        if bundle.item_payload.id != bundle.id:
            texts.append(f"The payload of {bundle.id} is of {bundle.item_payload.id}.")
        if bundle.access.owner != bundle.item_payload.owner_username:
            texts.append(f"{bundle.id} names two owners.")
        texts += [
            f"There is no user {name!r}, whom {bundle.id} names. They need an account here first."
            for name in sorted(bundle.users - here.users.keys())
        ]
        texts += [
            f"There is no group {slug!r}, which {bundle.id} names. Import the groups first."
            for slug in sorted(bundle.access.groups.keys() - here.groups)
        ]
        texts += [_content_fault(bundle), *_identity_faults(bundle, present)]
        if told := " ".join(filter(None, texts)):
            failures.append((told, {"id": bundle.id}))
    if mode.wants_all:
        left = mode.left_out("item", _others(bundles), may_delete=may_delete)
        failures += [left] if left else []


def _content_fault(bundle: Bundle) -> str:
    try:
        if bundle.is_complete:
            _ = bundle.content, bundle.earlier(), bundle.system()
        else:
            _ = bundle.kind
    except KeyError:
        return f"{bundle.id}: there is no item kind {bundle.item_payload.item_subtype!r}."
    except Findings as found:
        return f"{bundle.id}: {' '.join(found.lines())}"
    except ValidationError as error:
        return f"{bundle.id}: {misread(error, {})[0]}"
    return ""


def _identity_faults(bundle: Bundle, present: Item | None) -> Iterable[str]:
    """Why the item of that id cannot be what the import says."""
    number = bundle.id.rpartition("/")[2]
    if present is None:
        if str(int(number)) != number or len(number) > MOST_DIGITS or len(bundle.id) > 100:
            yield f"{bundle.id} is no id that can be kept: its number is too long or begins with 0."
        return
    if present.deleted_at:
        yield f"{bundle.id} was deleted here, and its id is never given again."
    if present.subtype != bundle.item_payload.item_subtype.upper():
        yield f"{bundle.id} is {present.kind.a_label()} here."
    if (owner := present.owner.get_username()) != bundle.item_payload.owner_username:
        yield f"{bundle.id} belongs to {owner} here, which an import does not change."
    if present.is_complete and not bundle.is_complete:
        yield f"{bundle.id} has content here, and cannot become a reserved id again."


def _write(bundles: list[Bundle], here: _Here, by: User, outcome: ItemOutcome) -> None:
    """Write all of them, and then see whether they fit together."""
    new = [bundle for bundle in bundles if bundle.id not in here.items]
    _never_mint([bundle.id for bundle in new])
    for bundle in new:
        here.items[bundle.id] = _reserved(bundle, here.users)
    fresh = {bundle.id for bundle in new}
    changed = []
    for bundle in bundles:
        item = here.items[bundle.id]
        try:
            if bundle.is_complete and item.info != bundle.content.stored():
                changed.append((bundle, item))
                _write_content(bundle, item, here.users, by)
            _write_previous(bundle, item, here, is_new=bundle.id in fresh)
            _write_access(bundle, item, by)
            _write_lock(bundle, item, here.users, by, is_new=bundle.id in fresh)
        except Refused as refused:
            outcome.failures.append((f"{bundle.id}: {refused}", {"id": bundle.id}))
    outcome.failures += _dangling(changed, by)
    if not outcome.failures:
        for _, item in changed:
            if item.subtype == ModelRun.subtype:
                outcome.runs[item.handle] = item.info["record"]
        for bundle in bundles:
            _record(here.items[bundle.id])


def _dangling(changed: list[tuple[Bundle, Item]], by: User) -> Iterable[Failure]:
    """What these name that is not there, or not of the right kind."""
    for bundle, item in changed:
        try:
            references.check(item.kind, item.info, by)
        except Findings as found:
            yield f"{bundle.id}: {' '.join(found.lines())}", {"id": bundle.id}


def _never_mint(handles: Iterable[str]) -> None:
    """See that no number of our own prefix that these ids have is handed out again."""
    found = [handle.rpartition("/") for handle in handles]
    ours = [number for prefix, _, number in found if prefix == settings.HANDLE_PREFIX]
    numbers = [int(number) - FIRST_NUMBER for number in ours]
    taken = [Mint(number=number) for number in numbers if number > 0]
    if not taken:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Nobody mints until this commits; a sequence does not see numbers that are given.
            cursor.execute(f"LOCK TABLE {Mint._meta.db_table} IN EXCLUSIVE MODE")
        Mint.objects.bulk_create(taken, ignore_conflicts=True)
        if connection.vendor == "postgresql":
            name = f"pg_get_serial_sequence('{Mint._meta.db_table}', 'number')"
            cursor.execute(
                f"SELECT setval({name}, GREATEST(nextval({name}), (SELECT max(number) "  # noqa: S608 - our own names
                f"FROM {Mint._meta.db_table})))"
            )


def _reserved(bundle: Bundle, users: dict[str, User]) -> Item:
    """The row of an item that is not here, without its content."""
    kind, payload = bundle.kind, bundle.item_payload
    item = Item(
        handle=bundle.id,
        category=kind.category,
        subtype=kind.subtype,
        owner=users[payload.owner_username],
        info={},
        search_text="",
        is_complete=False,
        by_hand=kind.user_made,
        version=bundle.versioning.version if kind.versioned else None,
        created_at=moment(payload.created_timestamp),
        updated_at=moment(payload.updated_timestamp),
    )
    rows.add_new(item)
    return item


def _write_content(bundle: Bundle, item: Item, users: dict[str, User], by: User) -> None:
    """All revisions of an item that had none; else one more."""
    if item.is_complete:
        rules.need_unlocked(item, by)
        content.rewrite(item=item, content=bundle.content, reason=REASON, by=by)
        return
    item.system = bundle.system()
    columns = ("item_id", "number", "info", "reason", "by_id", "at")
    earlier = [
        (item.pk, number, info, entry.reason, users[entry.username].pk, moment(entry.timestamp))
        for number, info, entry in bundle.earlier()
    ]
    rows.add(Revision, columns, earlier, anew=True)
    newest = bundle.newest()
    content.rewrite(
        item=item,
        content=bundle.content,
        reason=newest.reason if newest else REASON,
        by=users[newest.username] if newest else item.owner,
        at=moment(bundle.item_payload.updated_timestamp),
    )


def _write_previous(bundle: Bundle, item: Item, here: _Here, *, is_new: bool) -> None:
    """Which version comes before an item that was not here. Raises Refused."""
    wanted = bundle.versioning.previous_version
    if not is_new or wanted is None:
        return
    before = here.items.get(wanted)
    if before is None or before.deleted_at or not item.kind.versioned:
        raise Refused(f"It follows {wanted}, which is no version here. Import that, too.")
    if before.subtype != item.subtype or (before.version or 0) >= (item.version or 0):
        raise Refused(f"It cannot follow {wanted}, which is of another kind or no version before.")
    if not bundle.versioning.reason:
        raise Refused("A version needs the reason why it was made.")
    following = Item.objects.live().filter(previous_version=before).first()
    if following:
        raise Refused(f"{following.handle} follows {wanted} already.")
    item.previous_version, item.version_reason = before, bundle.versioning.reason
    item.save(update_fields=["previous_version", "version_reason"])


def _write_access(bundle: Bundle, item: Item, by: User) -> None:
    """Only where it differs: each change is kept as an event. Raises Refused."""
    wanted, present = bundle.access, custody.settings_of(item)
    if (wanted.general, wanted.groups) != (present["general"], present["groups"]):
        custody.change_access(
            handle=item.handle, general=wanted.general, groups=wanted.groups, by=by
        )


def _write_lock(
    bundle: Bundle, item: Item, users: dict[str, User], by: User, *, is_new: bool
) -> None:
    """The whole history of the lock of an item that was not here; else what it is now."""
    lock = bundle.lock
    if is_new:
        for change in reversed(lock.history):  # it is told newest first
            LockEvent.objects.create(
                item=item,
                action=change.action_type,
                reason=change.reason,
                by=users[change.username],
                at=moment(change.timestamp),
            )
        if lock.locked:
            item.is_locked = True
            item.save(update_fields=["is_locked"])
    elif lock.locked != item.is_locked:
        settle = custody.lock if lock.locked else custody.unlock
        settle(handle=item.handle, reason=REASON, by=by)


def _record(activity: Item) -> None:
    """Write the relations that a Create or Version activity claims; those of a run are for a job.

    Who is associated with it is not exported: it is the Person that its owner is linked to, if it
    has none yet. So an import that is done again, when people are linked, completes them.
    """
    if activity.subtype not in {Create.subtype, Version.subtype} or not activity.is_complete:
        return
    who = Relation.Type.WAS_ASSOCIATED_WITH
    if not Relation.objects.filter(record=activity, type=who).exists():
        named = _items([mention.handle for mention in activity.kind.mentions(activity.info)])
        edges = _edges(activity, named, rules.person_of(activity.owner))
        relations.lodge(record=activity, edges=edges)


def _edges(activity: Item, named: dict[str, Item], person: Item | None) -> list[relations.Edge]:
    """With a stand-in for a Person who is not known, whose edges are left out."""
    info, who = activity.info, person or activity
    if activity.subtype == Create.subtype:
        about = named[info["created_item_id"]]
        edges = relations.of_creation(item=about, activity=activity, person=who)
    else:
        old, new = named[info["from_item_id"]], named[info["to_item_id"]]
        edges = relations.of_version(old=old, new=new, activity=activity, person=who)
    with_person = {Relation.Type.WAS_ASSOCIATED_WITH, Relation.Type.WAS_ATTRIBUTED_TO}
    return [edge for edge in edges if person or edge.type not in with_person]


def _delete(handles: list[str], by: User, failures: list[Failure]) -> int:
    """Delete these items, whatever order they allow; how many. What others still need is among the
    failures."""
    deleted, left = 0, handles
    while left:
        refused: list[Failure] = []
        for handle in left:
            try:
                removal.delete(handle=handle, reason="Left out of an import", by=by)
            except Refused as error:
                refused.append((str(error), {"id": handle}))
        deleted += len(left) - len(refused)
        if len(refused) == len(left):
            failures += refused
            break
        left = [about["id"] for _, about in refused]
    return deleted
