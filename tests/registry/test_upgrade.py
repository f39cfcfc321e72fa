"""Upgrading a database of the first walk: what it held is there, readable, and protected alike."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from registry import search, services
from registry.models import Item

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_first() -> Iterator[Any]:
    """The models as they were in registry 0001; afterwards the database is up to date again."""
    executor = MigrationExecutor(connection)
    executor.migrate([("registry", "0001_initial")])
    yield executor.loader.project_state([("registry", "0001_initial")]).apps
    call_command("migrate", verbosity=0)


def test_items_and_their_activities_are_upgraded(at_first: Any) -> None:
    user = User.objects.create_user("ana", email="ana@example.org")
    old = at_first.get_model("registry", "Item").objects
    common = {"owner_id": user.pk, "search_text": "x"}
    model = {"name": "Reef", "description": "d"}
    info = {"display_name": "Secret reef", "documentation_url": "https://e.org/d"}
    old.create(
        handle="10378.1/1000001",
        category="ENTITY",
        subtype="MODEL",
        display_name="Secret reef",
        info=model | info | {"source_url": "https://e.org/s"},
        version=1,
        **common,
    )
    old.create(
        handle="10378.1/1000002",
        category="ACTIVITY",
        subtype="CREATE",
        display_name="Creation of Secret reef",
        info={"display_name": "Creation of Secret reef", "created_item_id": "10378.1/1000001"},
        **common,
    )
    call_command("migrate", verbosity=0)
    stranger = User.objects.create_user("ben", email="ben@example.org")
    item = Item.objects.get(subtype="MODEL")
    assert Item.objects.readable_by(stranger).count() == 2
    assert list(Item.objects.made_by_people()) == [item]
    assert [hit.item for hit in search.search(Item.objects.made_by_people(), "secrt").hits] == [
        item
    ]
    services.change_access(handle=item.handle, general=[], groups={}, by=user)
    assert not Item.objects.readable_by(stranger).exists()
    names = "SELECT collation_name FROM information_schema.columns "
    where = "WHERE table_name = 'registry_item' AND column_name = 'display_name'"
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(names + where)
            assert cursor.fetchone() == ("C",)
