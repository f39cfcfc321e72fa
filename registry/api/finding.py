"""The search API of Provena's Python client (contract, section 10)."""

from django.http import HttpRequest
from ninja import Router

from provena import rest

router = Router(tags=["Search"])


@router.get("/", auth=None, summary="Health check")
def health(request: HttpRequest) -> dict[str, str]:
    return rest.HEALTHY
