"""The registry API of Provena's Python client (contract, section 7)."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from provena import rest
from provena.rest import ApiRequest
from registry import access
from registry.access import Role
from registry.api import shapes
from registry.api.answers import Status, content_in_status, refused
from registry.api.rights import READ
from registry.models import Item
from registry.services import rules

router = Router(tags=["Registry"])


class Fetched(Schema):
    """An item, and what the caller may do with it."""

    status: Status = Status()
    item: dict[str, Any]
    roles: list[str]
    locked: bool
    item_is_seed: bool


@router.get("/", auth=None, summary="Health check")
def health(request: HttpRequest) -> dict[str, str]:
    return rest.HEALTHY


@router.get(
    "/registry/general/fetch",
    auth=READ,
    response={200: Fetched, **rest.REFUSALS},
    summary="Fetch an item of any kind",
)
@content_in_status
def fetch_any(request: ApiRequest, id: str) -> Any:
    item = shapes.with_all(Item.objects.live()).filter(handle=id).first()
    if item is None:
        return refused(f"There is no item {id!r}. Check the id.")
    rules.need_role(request.user, item, Role.METADATA_READ)
    return {
        "item": shapes.item(item),
        "roles": sorted(access.roles(request.user, item)),
        "locked": item.is_locked,
        "item_is_seed": not item.is_complete,
    }
