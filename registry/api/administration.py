"""For administrators of the registry: a copy of all of it, its way back, and how this site is set
up (contract, section 12)."""

import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Body, Router, Schema

from provena import rest
from provena.rest import ApiError, ApiRequest
from registry.api import shapes
from registry.api.answers import Status
from registry.api.custody import lock_event
from registry.api.groups_moving import Settings
from registry.api.rights import ADMIN
from registry.api.shapes import JSON
from registry.model_runs import repairs
from registry.models import Grant, Item, LockEvent
from registry.services import settings_by
from registry.services.item_imports import import_items

router = Router(tags=["Registry: administration"])

CHUNK = 200  # items that are in memory at once
# What an administrator sets, and may see; the first must be set for a site that people rely on.
# Nothing that opens anything is here: no key, no address of a database or of a mail server.
REQUIRED = ("HANDLE_PREFIX", "ALLOWED_HOSTS")
OPTIONAL = (
    "REGISTRY_LEVEL",
    "API_REQUESTS_PER_MINUTE",
    "REQUEST_MEGABYTES",
    "RUN_SHEET_ROWS",
    "RUN_SHEET_MEGABYTES",
    "TIME_ZONE",
    "HTTPS",
    "DEBUG",
)


class Bundle(Schema):
    """An item with its access settings and the history of its lock."""

    id: str
    item_payload: JSON
    auth_payload: JSON
    lock_payload: JSON


class Exported(Schema):
    """All items of the registry, oldest first, seeds among them."""

    status: Status = Status()
    items: list[Bundle]


class Import(Settings):
    """`items` are as they are exported."""

    items: list[JSON]


class Statistics(Schema):
    old_registry_size: int
    new_registry_size: int
    deleted_entries: int
    overwritten_entries: int
    new_entries: int


class Imported(Schema):
    """What was done or, in a trial, would be. Each failure has its text and the id that it is
    about; with any, nothing is written."""

    status: Status
    trial_mode: bool
    statistics: Statistics
    failure_list: list[tuple[str, JSON]]


@router.get(
    "/admin/export",
    auth=ADMIN,
    response={200: Exported, **rest.REFUSALS},
    summary="Copy the whole registry",
)
def export_items(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Every item with its history, access and locks, whoever owns it; what was deleted is left out.
    It is sent while it is read, however much there is."""
    return StreamingHttpResponse(_written(), content_type="application/json")


@router.post(
    "/admin/import",
    auth=ADMIN,
    response={200: Imported, **rest.REFUSALS},
    summary="Import items with their ids",
)
def import_all(request: ApiRequest, body: Import) -> Any:
    """Takes over items as they are exported, under their ids: those that are not here with their
    history; of those that are, the content, access and lock change. Whom they name, users and
    groups, must be here. All is done or, with any failure, nothing.

    The relations of model runs follow by a job each; send many items in several parts."""
    with transaction.atomic():
        outcome = import_items(
            body.items,
            mode=body.import_mode,
            may_delete=body.allow_entry_deletion,
            trial=body.trial_mode,
            by=request.user,
        )
        if outcome.runs and not (body.trial_mode or outcome.failures):
            repairs.rebuild(records=outcome.runs, by=request.user, revalidate=False)
    return {
        "status": Status(
            success=not outcome.failures, details=outcome.told("item", trial=body.trial_mode)
        ),
        "trial_mode": body.trial_mode,
        "statistics": {
            "old_registry_size": outcome.old_size,
            "new_registry_size": outcome.new_size,
            "deleted_entries": outcome.deleted,
            "overwritten_entries": outcome.overwritten,
            "new_entries": outcome.new,
        },
        "failure_list": outcome.failures,
    }


@router.post(
    "/admin/restore_from_table",
    auth=ADMIN,
    response=rest.REFUSALS,
    summary="Restore from a table: not here",
)
def restore_from_table(request: HttpRequest, asked: Body[JSON]) -> None:
    """There are no tables of another system beside this one, so it is always refused."""
    raise ApiError(
        400,
        "This registry keeps its items in one database, beside which there are no tables to "
        "restore from. Restore a backup of the database, or import what was exported.",
        "not_supported",
    )


@router.get(
    "/admin/config",
    auth=ADMIN,
    response={200: str, **rest.REFUSALS},
    summary="How this site is set up",
)
def configuration(request: HttpRequest, required_only: bool = True) -> HttpResponse:
    """As text, a setting a line, such as an environment file has. Secrets are not among them."""
    return HttpResponse(environment_file(required_only=required_only), content_type="text/plain")


def environment_file(*, required_only: bool) -> str:
    """The settings that an administrator may see, a line each."""
    names = REQUIRED if required_only else REQUIRED + OPTIONAL
    return "".join(f"{name}={_told(getattr(settings, name))}\n" for name in names)


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


def _written() -> Iterator[str]:
    """The answer, piece by piece."""
    yield '{"status": {"success": true, "details": "All items."}, "items": ['
    separator = ""
    for item in _all():
        yield separator + json.dumps(_bundle(item))
        separator = ", "
    yield "]}"


def _all() -> Iterator[Item]:
    grants = Grant.objects.select_related("group").order_by("group__slug")
    events = LockEvent.objects.select_related("by")
    items = shapes.with_all(Item.objects.live()).prefetch_related(
        Prefetch("grants", grants), Prefetch("lock_events", events)
    )
    return items.order_by("pk").iterator(chunk_size=CHUNK)


def _bundle(item: Item) -> JSON:
    lock = {
        "locked": item.is_locked,
        "history": [lock_event(event) for event in item.lock_events.all()],
    }
    return {
        "id": item.handle,
        "item_payload": shapes.item(item),
        "auth_payload": {
            "id": item.handle,
            "access_settings": settings_by(item, item.grants.all()),
        },
        "lock_payload": {"id": item.handle, "lock_information": lock},
    }
