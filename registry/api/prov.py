"""The prov API of Provena's Python client (contract, section 8), a module for each family."""

from django.http import HttpRequest
from ninja import Router

from provena import rest
from registry.api import prov_admin, prov_bulk, prov_explore, prov_reports, prov_runs

router = Router(tags=["Provenance"])
for part in (prov_runs, prov_explore, prov_bulk, prov_reports, prov_admin):
    router.add_router("", part.router)


@router.get("/", auth=None, summary="Health check")
def health(request: HttpRequest) -> dict[str, str]:
    return rest.HEALTHY
