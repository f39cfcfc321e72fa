"""Registering items and changing their content: each change is one more revision."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from jobs import lifecycle
from provena import rows
from registry import access, kinds, references, search
from registry.access import Level, Role
from registry.kinds import Findings, Kind
from registry.models import Grant, Item, Mint, Revision
from registry.services import people, rules
from registry.services.custody import give_default_roles
from registry.services.rules import ChangedMeanwhile, NoRevision

FIRST_REASON = "First registration"


def mint() -> str:
    """A new persistent id, `prefix/number`. It is never handed out again."""
    number = Mint()
    rows.add_new(number)
    return number.handle


def register(
    *, subtype: str, content: Mapping[str, Any], owner: User, groups: Collection[str] = ()
) -> Item:
    """Register an item: revision 1, version 1 where the kind has versions, and the workflow that
    records its creation. Item and first job are written together or not at all.

    The `groups` of these ids get their default access to a new dataset.

    Raises Refused (PersonNeeded, NotAllowed), or Findings with every fault of the content.
    """
    kind = rules.user_made(subtype)
    rules.need_level(owner, Level.WRITE)
    parsed, person = _parsed(kind, content, lambda: rules.may_register(kind, owner))
    with transaction.atomic():
        references.check(kind, parsed.stored(), owner)
        handle = mint()
        item = create(handle=handle, content=parsed, owner=owner)
        if kind.has_files:
            give_default_roles(item, groups)
        if kind.versioned and person:
            _start_creation(item, person, owner)
    return item


def register_self(*, content: Mapping[str, Any], user: User) -> Item:
    """Register a Person and say that `user` is it, both or neither.

    Raises Refused, or Findings with every fault of the content.
    """
    with transaction.atomic():
        person = register(subtype=kinds.agents.Person.subtype, content=content, owner=user)
        people.link_person(user=user, person=person)
    return person


def validate(
    *, subtype: str, content: Mapping[str, Any], user: User, item: Item | None = None
) -> list[str]:
    """Check content without storing anything, for a new item or as an update of `item`. It may be
    of a kind that only jobs make.

    Returns warnings. Raises Refused, or Findings with every fault.
    """
    kind = rules.any_kind(subtype)
    rules.need_level(user, Level.READ)
    return references.check(kind, kind.parse(content).stored(), user, before=_before(item, user))


def seed(*, subtype: str, owner: User) -> Item:
    """Reserve an id for an item whose content comes later, by `update`. Raises Refused."""
    kind = rules.user_made(subtype)
    rules.may_register(kind, owner)
    now = timezone.now()
    with transaction.atomic():
        item = Item.objects.create(
            handle=mint(),
            category=kind.category,
            subtype=kind.subtype,
            owner=owner,
            info={},
            search_text="",
            is_complete=False,
            version=1 if kind.versioned else None,
            created_at=now,
            updated_at=now,
        )
        _give_default_access(item)
    return item


def create(
    *,
    handle: str,
    content: Kind,
    owner: User,
    system: Mapping[str, Any] | None = None,
    targets: Mapping[str, int] | None = None,
) -> Item:
    """Write a complete item, its first revision and its access under a minted id, in the caller's
    transaction, after all rules were checked. `system` is what to keep beside its content,
    `targets` the keys of the items that it names, where they are known."""
    now = timezone.now()
    item = Item(
        handle=handle,
        category=content.category,
        subtype=content.subtype,
        owner=owner,
        system=content.system(handle) | dict(system or {}),
        by_hand=content.user_made,
        version=1 if content.versioned else None,
        created_at=now,
    )
    _write(item, content.stored(), reason=FIRST_REASON, by=owner, at=now, targets=targets)
    _give_default_access(item)
    return item


def rewrite(
    *,
    item: Item,
    content: Kind,
    reason: str,
    by: User,
    seen: int | None = None,
    at: datetime | None = None,
) -> None:
    """Replace the content of an item that a job makes or an import restores, as one more revision
    of now or of then, in the caller's transaction, which holds the item and has checked all rules.
    Raises ChangedMeanwhile."""
    _need_nothing_newer(item, seen)
    _write(item, content.stored(), reason=reason, by=by, at=at)


def amend(*, item: Item, content: Kind) -> None:
    """Renew what the system says in the content of an item, in the caller's transaction. That is
    no change that a person made, so the newest revision is renewed with it (domain reference,
    2.3)."""
    item.info = content.stored()
    item.save(update_fields=["info"])
    newest = item.revisions.order_by("-number")[:1]
    item.revisions.filter(pk__in=[revision.pk for revision in newest]).update(info=item.info)


def update(
    *,
    handle: str,
    subtype: str,
    content: Mapping[str, Any],
    reason: str,
    by: User,
    seen: int | None = None,
) -> Item:
    """Replace the content of an item; a seed becomes complete by it, and needs no reason.

    `seen` is the revision that the user saw: if there is a newer one, ChangedMeanwhile is raised.
    Raises Refused, or Findings with every fault of the content.
    """
    kind = rules.user_made(subtype)
    rules.need_level(by, Level.WRITE)
    parsed, person = _parsed(kind, content, lambda: rules.need_person(kind, by))
    with transaction.atomic():
        present = Item.objects.filter(handle=handle).first()
        references.check(kind, parsed.stored(), by, before=_before(present, by))
        item = rules.known(handle, for_update=True)
        rules.need_unlocked(item, by)
        rules.need_kind(item, kind)
        rules.need_role(by, item, Role.METADATA_WRITE)
        was_seed = not item.is_complete
        text = FIRST_REASON if was_seed else rules.need_reason(reason)
        _need_nothing_newer(item, seen)
        if was_seed:
            item.system = parsed.system(handle)
        _write(item, parsed.stored(), reason=text, by=by)
        if was_seed and kind.versioned and person:
            _start_creation(item, person, by)
    return item


def revert(
    *, handle: str, number: int, reason: str, by: User, kind: type[Kind] | None = None
) -> Item:
    """Give an item, of that kind if one is given, the content of one of its revisions again, as a
    new revision.

    Raises Refused, or Findings if that content is not valid today.
    """
    rules.need_level(by, Level.WRITE)
    with transaction.atomic():
        item = rules.known(handle, for_update=True)
        rules.need_person(item.kind, by)
        rules.need_unlocked(item, by)
        rules.need_role(by, item, Role.METADATA_WRITE)
        rules.need_kind(item, kind)
        kind = rules.user_made(item.subtype)
        rules.need_complete(item)
        old = item.revisions.filter(number=number).first()
        if old is None:
            raise NoRevision(
                f"{handle} has no revision {number}. Its history lists those there are."
            )
        parsed = kind.parse(old.info)
        references.check(kind, parsed.stored(), by, before=(item.info, old.info))
        text = f"Reverted to revision {number}: {rules.need_reason(reason)}"
        _write(item, parsed.stored(), reason=text, by=by)
    return item


def create_version(*, handle: str, reason: str, by: User, kind: type[Kind] | None = None) -> Item:
    """Make the next version of an item, of that kind if one is given: a new item with the same
    content and access, owned by who makes it, and the workflow that records it. Only the latest
    version can have a next one.

    Raises Refused.
    """
    rules.need_level(by, Level.WRITE)
    with transaction.atomic():
        # Locked, so that of two who do it at once the second finds the first one's version.
        old = rules.known(handle, for_update=True)
        person = rules.may_version(by, old, kind)
        text = rules.need_reason(reason)
        new = Item(
            handle=mint(),
            category=old.category,
            subtype=old.subtype,
            owner=by,
            version=(old.version or 1) + 1,
            previous_version=old,
            version_reason=text,
        )
        new.system = old.kind.system(new.handle)
        _write(new, old.info, reason=f"New version of {old.handle}: {text}", by=by)
        new.created_at = new.updated_at
        Grant.objects.bulk_create(
            Grant(item=new, group_id=grant.group_id, roles=grant.roles)
            for grant in old.grants.all()
        )
        if person:
            new.version_workflow = lifecycle.start_workflow(
                kind="ITEM_VERSION",
                payload={
                    "reason": text,
                    "version_number": new.version,
                    "from_version_id": old.handle,
                    "to_version_id": new.handle,
                    "linked_person_id": person.handle,
                    "item_subtype": new.subtype,
                },
                owner=by,
                subject=new.handle,
            )
        new.save(update_fields=["created_at", "version_workflow"])
    return new


def _parsed(
    kind: type[Kind], content: Mapping[str, Any], who: Callable[[], Item | None]
) -> tuple[Kind, Item | None]:
    """The content, and the Person who acts: checked after its shape and before what it says."""
    try:
        return kind.parse(content), who()
    except Findings as found:
        if not found.misshapen:
            who()
        raise


def _before(item: Item | None, user: User) -> list[dict[str, Any]]:
    """The content whose mentions may stay: only of an item that the user may edit, else what it
    names could be probed."""
    may_edit = item is not None and Role.METADATA_WRITE in access.roles(user, item)
    return [item.info] if item is not None and may_edit else []


def _write(
    item: Item,
    info: dict[str, Any],
    *,
    reason: str,
    by: User,
    at: Any = None,
    targets: Mapping[str, int] | None = None,
) -> None:
    """Give an item content, and with it its name, search text, revision and references."""
    now = at or timezone.now()
    item.info = info
    item.display_name = info["display_name"]
    item.search_text = item.kind.words(info)
    item.fingerprint = item.kind.fingerprint(info)
    item.is_complete = True
    item.updated_at = now
    is_new = item.pk is None
    if is_new:
        rows.add_new(item)
        last = None
    else:
        item.save()
        last = item.revisions.values_list("number", flat=True).first()
    revision = (item.pk, (last or 0) + 1, info, reason, by.pk, now)
    rows.add(
        Revision, ("item_id", "number", "info", "reason", "by_id", "at"), [revision], anew=True
    )
    references.keep(item, is_new=is_new, targets=targets)
    search.index(item)


def _give_default_access(item: Item) -> None:
    grant = (item.pk, access.default_roles(item.kind))
    rows.add(Grant, ("item_id", "roles"), [grant], anew=True)


def _start_creation(item: Item, person: Item, owner: User) -> None:
    """Start the workflow that records the creation of an item."""
    item.creation_workflow = lifecycle.start_workflow(
        kind="ITEM_CREATION",
        payload={
            "created_item_id": item.handle,
            "created_item_subtype": item.subtype,
            "linked_person_id": person.handle,
        },
        owner=owner,
        subject=item.handle,
    )
    item.save(update_fields=["creation_workflow"])


def _need_nothing_newer(item: Item, seen: int | None) -> None:
    if seen is None:
        return
    newer = item.revisions.filter(number__gt=seen).order_by("number").select_related("by").first()
    if newer:
        raise ChangedMeanwhile(
            f"{newer.by.get_username()} saved this item meanwhile: {newer.reason}", newer
        )
