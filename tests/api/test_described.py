"""The OpenAPI description: every route is told in it, and no input that it allows breaks one."""

import json
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from hypothesis import HealthCheck, Phase, given, settings

from provena.api import api
from provena.tokens import keeping

METHODS = {"get", "post", "put", "delete", "patch"}
EXAMPLES = 5  # for each route
# It waits for a job by design, and the answer to any input is tested in test_own.
SLOW = "/wait"


DESCRIBED: dict[str, Any] = api.get_openapi_schema()
SCHEMA = schemathesis.openapi.from_dict(DESCRIBED)
ROUTES = [
    (method.upper(), path)
    for path, methods in DESCRIBED["paths"].items()
    for method in methods.keys() & METHODS
]


def test_every_route_says_what_it_does() -> None:
    silent = [
        f"{method} {path}"
        for method, path in ROUTES
        if not DESCRIBED["paths"][path][method.lower()].get("summary")
    ]
    assert silent == []
    assert len(ROUTES) > 150


def _body(case: Any) -> tuple[Any, str]:
    """The body of a case and its type, as the test client takes them."""
    if case.media_type == "multipart/form-data":
        parts = {name: str(value) for name, value in dict(case.body).items()}
        return encode_multipart(BOUNDARY, parts), MULTIPART_CONTENT
    if case.media_type is None:
        return b"", ""
    return json.dumps(case.body), "application/json"


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if SLOW not in route[1]])
def test_no_input_breaks_a_route(method: str, path: str, user: User) -> None:
    token = keeping.issue(user=user, name="fuzz")[1]
    operation = SCHEMA[path][method]
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def try_it(case: Any) -> None:
        answer = client.generic(
            method,
            case.formatted_path,
            *_body(case),
            query_params=dict(case.query or {}),
        )
        assert answer.status_code < 500, case
        if answer.streaming:
            list(answer)

    try_it()
