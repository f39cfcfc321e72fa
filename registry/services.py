"""What can be done to items: the only writers of the registry. Pages, admin, commands and API call
these functions, each of which is one transaction."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from jobs import lifecycle
from jobs.models import Workflow
from registry import kinds
from registry.kinds import Kind
from registry.models import Item, Mint, PersonLink, Revision

FIRST_REASON = "First registration"


class Refused(Exception):
    """A rule forbids it; the text says which, and the way out."""


class PersonNeeded(Refused):
    """The user must be linked to a Person first."""


def register(*, subtype: str, content: Mapping[str, Any], owner: User) -> Item:
    """Register an item: revision 1, version 1 where the kind has versions, and the workflow that
    records its creation. Item and first job are written together or not at all.

    Raises Refused (PersonNeeded), or Findings with every fault of the content.
    """
    kind = _user_made(subtype)
    person = may_register(kind, owner)
    parsed = kind.parse(content)
    with transaction.atomic():
        handle = mint()
        workflow = None
        if kind.versioned and person:
            workflow = lifecycle.start_workflow(
                kind="ITEM_CREATION",
                payload={
                    "created_item_id": handle,
                    "created_item_subtype": kind.subtype,
                    "linked_person_id": person.handle,
                },
                owner=owner,
                subject=handle,
            )
        return create(handle=handle, content=parsed, owner=owner, creation_workflow=workflow)


def register_self(*, content: Mapping[str, Any], user: User) -> Item:
    """Register a Person and say that `user` is it, both or neither.

    Raises Refused, or Findings with every fault of the content.
    """
    with transaction.atomic():
        person = register(subtype=kinds.agents.Person.subtype, content=content, owner=user)
        link_person(user=user, person=person)
    return person


def may_register(kind: type[Kind], owner: User) -> Item | None:
    """The Person that `owner` is, or None where the kind needs none. Raises Refused."""
    if not owner.email:
        raise Refused(
            "Your account has no email address, and whoever registers items must be reachable. "
            "Add it on your account page."
        )
    if not kind.needs_person:
        return None
    person = person_of(owner)
    if person is None:
        raise PersonNeeded(
            f"To register {kind.a_label()} you must be linked to a Person, so that its "
            "provenance can say who did it. Register yourself as a Person and link to it."
        )
    return person


def create(
    *, handle: str, content: Kind, owner: User, creation_workflow: Workflow | None = None
) -> Item:
    """Write a complete item and its first revision under a minted id, in the caller's
    transaction, after all rules were checked."""
    info = content.stored()
    now = timezone.now()
    item = Item.objects.create(
        handle=handle,
        category=content.category,
        subtype=content.subtype,
        display_name=content.display_name,
        owner=owner,
        info=info,
        search_text=content.words(info),
        version=1 if content.versioned else None,
        creation_workflow=creation_workflow,
        created_at=now,
        updated_at=now,
    )
    Revision.objects.create(item=item, number=1, info=info, reason=FIRST_REASON, by=owner, at=now)
    return item


def mint() -> str:
    """A new persistent id, `prefix/number`. It is never handed out again."""
    return Mint.objects.create().handle


def person_of(user: User) -> Item | None:
    """The Person that the user is linked to."""
    link = PersonLink.objects.select_related("person").filter(user=user).first()
    return link.person if link else None


def link_person(*, user: User, person: Item) -> None:
    """Say that `user` is that Person: once, and only for a Person of their own. Raises Refused."""
    if person.subtype != kinds.agents.Person.subtype:
        raise Refused(f"{person} is {person.kind.a_label()}, not a Person.")
    if person.owner_id != user.pk:
        raise Refused(
            f"{person} was registered by somebody else. Register yourself as a Person, or ask an "
            "administrator to link you."
        )
    try:
        with transaction.atomic():
            PersonLink.objects.create(user=user, person=person)
    except IntegrityError:
        raise Refused(
            f"You are linked to {person_of(user)} already. An administrator can change that."
        ) from None


def _user_made(subtype: str) -> type[Kind]:
    names = ", ".join(kind.subtype for kind in kinds.user_made_kinds())
    try:
        kind = kinds.kind(subtype)
    except KeyError:
        raise Refused(f"There is no item kind {subtype!r}. You can register: {names}.") from None
    if not kind.user_made:
        raise Refused(f"{kind.plural} are made by the system only. You can register: {names}.")
    return kind
