"""The auth API of Provena's Python client: links and groups (contract, section 11)."""

from django.http import HttpRequest
from ninja import Router

from provena import rest

router = Router(tags=["People"])


@router.get("/", auth=None, summary="Health check")
def health(request: HttpRequest) -> dict[str, str]:
    return rest.HEALTHY
