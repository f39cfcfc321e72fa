"""What the APIs make of a refusal by the jobs engine."""

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from jobs.definitions import InvalidPayload
from jobs.lifecycle import NotPossible
from provena import rest


def install(api: NinjaAPI) -> None:
    """Let an API answer the refusals of the engine."""
    rest.add_handlers(api, {NotPossible: _not_possible, InvalidPayload: _not_possible})


def _not_possible(request: HttpRequest, error: Exception) -> HttpResponse:
    code = "invalid_payload" if isinstance(error, InvalidPayload) else "not_possible"
    return rest.problem(400, str(error), code)
