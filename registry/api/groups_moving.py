"""Taking all groups elsewhere, and back (contract, section 12)."""

from typing import Any

from ninja import Router, Schema

from provena import rest
from provena.rest import ApiError, ApiRequest
from registry import access
from registry.api.answers import Status
from registry.api.groups import WithMembers, with_members
from registry.api.rights import needs
from registry.models import Group
from registry.services.group_imports import import_groups
from registry.services.import_modes import Mode

router = Router(tags=["Groups"])


class Exported(Schema):
    status: Status = Status()
    items: list[WithMembers]


class Settings(Schema):
    """With `trial_mode`, the default, nothing is written. Items are always parsed."""

    import_mode: Mode
    parse_items: bool = True
    allow_entry_deletion: bool = False
    trial_mode: bool = True


class Import(Settings):
    """`items` are as they are exported."""

    items: list[dict[str, Any]]


class Statistics(Schema):
    old_size: int
    new_size: int
    deleted_entries: int
    overwritten_entries: int
    new_entries: int


class Imported(Schema):
    """What was done or, in a trial, would be. Each failure has its text and what it is about; with
    any, nothing is written."""

    status: Status
    trial_mode: bool
    statistics: Statistics
    failure_list: list[tuple[str, dict[str, Any]]]


@router.get(
    "/groups/admin/export",
    auth=needs("registry.view_group"),
    response={200: Exported, **rest.REFUSALS},
    exclude_none=True,
    summary="Export all groups with their members",
)
def export(request: ApiRequest) -> Any:
    """For staff who may view groups."""
    return {"items": [with_members(one) for one in Group.objects.prefetch_related("members")]}


@router.post(
    "/groups/admin/import",
    auth=needs("registry.change_group"),
    response={200: Imported, **rest.REFUSALS},
    summary="Import groups with their members",
)
def import_all(request: ApiRequest, body: Import) -> Any:
    """For staff who may change and add groups and, to delete those that are left out, delete them.
    All is done or, with any failure, nothing."""
    for action in ("add", "delete")[: 1 + body.allow_entry_deletion]:
        if not access.is_permitted(request.user, f"registry.{action}_group"):
            text = f"Only staff with the permission registry.{action}_group may do this."
            raise ApiError(401, text, "not_allowed")
    outcome = import_groups(
        body.items,
        mode=body.import_mode,
        may_delete=body.allow_entry_deletion,
        trial=body.trial_mode,
    )
    return {
        "status": Status(
            success=not outcome.failures, details=outcome.told("group", trial=body.trial_mode)
        ),
        "trial_mode": body.trial_mode,
        "statistics": {
            "old_size": outcome.old_size,
            "new_size": outcome.new_size,
            "deleted_entries": outcome.deleted,
            "overwritten_entries": outcome.overwritten,
            "new_entries": outcome.new,
        },
        "failure_list": outcome.failures,
    }


@router.post(
    "/groups/admin/restore_from_table",
    auth=needs("registry.change_group"),
    response={200: Imported, **rest.REFUSALS},
    summary="Not supported: use import",
)
def restore(request: ApiRequest, table_name: str, body: Settings) -> Any:
    """There are no such tables here."""
    text = "Groups cannot be restored from a table. Export them there and import them here."
    raise ApiError(400, text, "not_supported")
