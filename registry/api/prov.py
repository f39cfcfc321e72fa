"""The prov API of Provena's Python client (contract, section 8)."""

from django.http import HttpRequest
from ninja import Router

from provena import rest

router = Router(tags=["Provenance"])


@router.get("/", auth=None, summary="Health check")
def health(request: HttpRequest) -> dict[str, str]:
    return rest.HEALTHY
