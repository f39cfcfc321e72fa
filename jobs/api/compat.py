"""The jobs API of Provena's Python client (contract, section 6)."""

from django.http import HttpRequest
from ninja import Router

from provena import rest

router = Router(tags=["Jobs"])


@router.get("/", auth=None, summary="Health check")
def health(request: HttpRequest) -> dict[str, str]:
    return rest.HEALTHY
