"""Which Person of the registry a user is (domain reference, 2.8)."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.kinds.agents import Person
from registry.models import Item, PersonLink
from registry.services import rules
from registry.services.rules import person_of


def link_person(*, user: User, person: Item, trial: bool = False) -> None:
    """Say that `user` is that Person: once, and only for a Person of their own. A `trial` finds
    what would be refused and changes nothing. Raises Refused."""
    with transaction.atomic():
        found = _person(person.handle, user)
        if found.owner_id != user.pk:
            raise rules.NotAllowed(
                f"{rules.name_for(user, found)} was registered by somebody else. Register yourself "
                "as a Person, or ask an administrator to link you."
            )
        try:
            with transaction.atomic():
                PersonLink.objects.create(user=user, person=found)
        except IntegrityError:
            raise rules.Refused(
                f"You are linked to {person_of(user)} already. An administrator can change that."
            ) from None
        transaction.set_rollback(trial)


def assign_person(*, user: User, person: Item, force: bool = False) -> None:
    """For administrators: say who a user is, over an existing link if `force`. Raises Refused."""
    with transaction.atomic():
        found = _person(person.handle, None)
        present = person_of(user)
        if present and present != found and not force:
            raise rules.Refused(
                f"{user.get_username()} is linked to {present} already. Clear that link first, or "
                "force the new one over it."
            )
        new = {"person": found, "at": timezone.now()}
        PersonLink.objects.update_or_create(user=user, defaults=new)


def clear_person(*, user: User) -> bool:
    """For administrators: undo the link of a user. False if there was none."""
    return bool(PersonLink.objects.filter(user=user).delete()[0])


def _person(handle: str, user: User | None) -> Item:
    """The Person of that id, kept from being deleted until the transaction ends. What is told of
    another item is what `user` may know, or None for an administrator. Raises Refused."""
    item = rules.known(handle, for_update=True)
    name = rules.name_for(user, item) if user else str(item)
    if item.subtype != Person.subtype:
        raise rules.Refused(f"{name} is {item.kind.a_label()}, not a Person. Choose a Person.")
    if not item.is_complete:
        raise rules.Refused(f"{name} is a reserved id without content. Complete it first.")
    return item
