"""The auth API of Provena's Python client: links, groups, and rights (contract, section 11)."""

from django.http import HttpRequest
from ninja import Router

from provena import rest
from registry.api import access_control, groups, groups_admin, groups_moving, links, releases

router = Router(tags=["People"])
for part in (
    links.router,
    groups.router,
    groups_admin.router,
    groups_moving.router,
    releases.router("people"),
    access_control.router,
):
    router.add_router("", part)


@router.get("/", auth=None, summary="Health check")
def health(request: HttpRequest) -> dict[str, str]:
    return rest.HEALTHY
