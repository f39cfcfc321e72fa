"""Which Person of the registry a user is (domain reference, 2.8)."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from registry.kinds.agents import Person
from registry.models import Item, PersonLink
from registry.services import rules
from registry.services.rules import person_of


def link_person(*, user: User, person: Item) -> None:
    """Say that `user` is that Person: once, and only for a Person of their own. Raises Refused."""
    _need_a_person(person)
    if person.owner_id != user.pk:
        raise rules.NotAllowed(
            f"{person} was registered by somebody else. Register yourself as a Person, or ask an "
            "administrator to link you."
        )
    try:
        with transaction.atomic():
            PersonLink.objects.create(user=user, person=person)
    except IntegrityError:
        raise rules.Refused(
            f"You are linked to {person_of(user)} already. An administrator can change that."
        ) from None


def assign_person(*, user: User, person: Item, force: bool = False) -> None:
    """For administrators: say who a user is, over an existing link if `force`. Raises Refused."""
    _need_a_person(person)
    with transaction.atomic():
        present = person_of(user)
        if present and present != person and not force:
            raise rules.Refused(f"{user.get_username()} is linked to {present} already.")
        PersonLink.objects.update_or_create(user=user, defaults={"person": person})


def clear_person(*, user: User) -> bool:
    """For administrators: undo the link of a user. False if there was none."""
    return bool(PersonLink.objects.filter(user=user).delete()[0])


def _need_a_person(person: Item) -> None:
    if person.subtype != Person.subtype or person.deleted_at or not person.is_complete:
        raise rules.Refused(f"{person} is {person.kind.a_label()}, not a complete Person.")
