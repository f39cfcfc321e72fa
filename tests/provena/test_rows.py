"""Rows that are added by one statement are those that Django would have added."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.forms.models import model_to_dict

from jobs import statements
from provena import rows
from registry.models import Item, Mint

pytestmark = pytest.mark.django_db


def an_item(owner: User, handle: str) -> Item:
    return Item(
        handle=handle,
        category="ENTITY",
        subtype="MODEL",
        display_name="Reef 'n' % \u00e9",
        owner=owner,
        info={"a": [1, None, "\u00e9"]},
        search_text="reef",
        version=1,
    )


def test_a_new_row_is_as_save_would_write_it(user: User) -> None:
    ours, djangos = an_item(user, "1/1"), an_item(user, "1/2")
    djangos.save()
    rows.add_new(ours)
    assert ours.pk > djangos.pk
    assert not ours._state.adding
    read, other = Item.objects.get(pk=ours.pk), Item.objects.get(pk=djangos.pk)
    but = ["id", "handle", "created_at", "updated_at"]
    assert model_to_dict(read, exclude=but) == model_to_dict(other, exclude=but)
    assert (read.created_at, read.updated_at) == (ours.created_at, ours.updated_at)
    ours.display_name = "Another"
    ours.save()  # it updates the same row
    assert Item.objects.filter(handle__in=["1/1", "1/2"]).count() == 2


def test_a_row_of_nothing_but_its_key_gets_the_next_one() -> None:
    first, second = Mint(), Mint()
    rows.add_new(first)
    rows.add_new(second)
    assert second.number == first.number + 1
    assert Mint.objects.get(pk=second.pk) == second


def test_a_row_is_looked_up_by_its_key(user: User) -> None:
    found = statements.get(User, user.pk)
    assert found == user
    assert model_to_dict(found) == model_to_dict(user)
    assert found.date_joined == user.date_joined
    with pytest.raises(ObjectDoesNotExist):
        statements.get(User, 0)
