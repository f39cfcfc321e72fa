"""What the description of the HTTP APIs says of all routes alike: what refusals mean, limits."""

from http.client import responses
from typing import Any

from django.conf import settings
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

WAIT = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}


class DescribedAPI(NinjaAPI):
    """An API whose description says in words what a refusal means, and has each route in one place,
    that of its innermost router. It is made once, because that takes most of a second, and routes
    stay as they are."""

    _made: OpenAPISchema | None = None

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """The description, as the library makes it and with our words."""
        if self._made is None or path_prefix is not None:
            made = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
            for methods in made["paths"].values():
                for operation in methods.values():
                    operation["tags"] = operation["tags"][-1:]  # the page shows it below each
                    _word(operation["responses"])
            if path_prefix is not None:
                return made
            self._made = made
        return self._made


def megabytes() -> int:
    """The largest body of a request, but for uploaded files."""
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024**2


def _word(answers: dict[int, dict[str, Any]]) -> None:
    """Put our words in the place of the names of the numbers; what a route says itself stays."""
    meanings = {
        400: "What is asked for is not possible, or names what is not there; `detail` says why.",
        401: "Without a valid token, or the user of the token may not do this (`not_allowed`).",
        404: "Nothing of that id is there, or nothing that the user of the token may see.",
        413: f"The body is larger than {megabytes()} MB.",
        422: "The request has not the right shape: each fault, with its place.",
        429: f"The token has made {settings.API_REQUESTS_PER_MINUTE:,} requests in this minute.",
        503: "Too many callers wait already.",
    }
    for status in answers.keys() & meanings.keys():
        if answers[status]["description"] == responses[status]:
            answers[status]["description"] = meanings[status]
    for status in answers.keys() & {429, 503}:
        answers[status]["headers"] = WAIT
