"""Django admin shows everything, and changes neither jobs nor items by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from jobs.models import Batch, Job, JobEvent, Workflow
from registry.models import Activity, Agent, Entity, Group, Item, PersonLink, Relation
from tests.conftest import drain

pytestmark = pytest.mark.django_db

READ_ONLY: list[type[Model]] = [Job, Workflow, Batch, Entity, Agent, Activity, Relation]
QUERIES = ["", "reef", "10378.1/1000001", "0b2f6a0e-4a53-4c56-9a0e-6a3f4e1d2c11", "'\"%\\"]


@pytest.fixture
def rows(user: User, make_item: Callable[..., Item]) -> None:
    """Something of everything."""
    make_item(user)
    drain()
    Batch.objects.create(owner=user, title="t", total=1)
    JobEvent.objects.create(
        job=Job.objects.all()[0], kind=JobEvent.Kind.ATTEMPT_FAILED, attempt=1, message="m"
    )


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("model", [*READ_ONLY, Group, PersonLink], ids=lambda model: model.__name__)
def test_lists_can_be_searched(
    admin_client: Client, rows: None, model: type[Model], query: str
) -> None:
    answer = admin_client.get(address(model, "changelist"), {"q": query} if query else {})
    assert answer.status_code == 200


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_rows_can_be_looked_at_but_not_changed(
    admin_client: Client, rows: None, model: type[Any]
) -> None:
    row = admin.site.get_model_admin(model).get_queryset(None)[0]
    page = admin_client.get(address(model, "change", row.pk))
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert admin_client.post(address(model, "change", row.pk), {}).status_code == 403
    assert admin_client.post(address(model, "delete", row.pk), {}).status_code == 403
    assert admin_client.get(address(model, "add")).status_code == 403


def test_items_are_listed_by_category(admin_client: Client, rows: None) -> None:
    page = admin_client.get(address(Activity, "changelist")).content.decode()
    assert "Creation of Reef model" in page
    assert "Person of ana" not in page


def test_django_q_shows_none_of_its_own_tables() -> None:
    assert not [model for model in admin.site._registry if model._meta.app_label == "django_q"]


def address(model: type[Model], page: str, *arguments: Any) -> str:
    """The address of an admin page."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)
