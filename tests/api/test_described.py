"""The OpenAPI description: every route is told in it with its refusals, and no input that it allows
breaks one or is answered otherwise than it says."""

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
from tests.api.test_tokens_needed import OPEN

METHODS = {"get", "post", "put", "delete", "patch"}
EXAMPLES = 5  # for each route
# It waits for a job by design, and the answer to any input is tested in test_own.
SLOW = "/wait"


DESCRIBED: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema()))  # as it is served
SCHEMA = schemathesis.openapi.from_dict(DESCRIBED)
ROUTES = [
    (method.upper(), path)
    for path, methods in DESCRIBED["paths"].items()
    for method in methods.keys() & METHODS
]


def test_every_route_says_what_it_does_and_when_it_refuses() -> None:
    """But for the health checks, which take no token and refuse nobody."""
    unsaid = []
    for method, path in ROUTES:
        told = DESCRIBED["paths"][path][method.lower()]
        names = ["summary", "tags"] if path in OPEN else ["summary", "tags", "description"]
        missing = [name for name in names if not told.get(name)]
        if path not in OPEN:
            refusals = {"400", "401", "413", "422", "429"}
            if path.startswith("/api/v1/") and "{" in path:
                refusals.add("404")
            missing += sorted(refusals - told["responses"].keys())
        if missing:
            unsaid.append((method, path, missing))
    assert unsaid == []
    assert len(ROUTES) > 150


def test_refusals_name_the_limits_in_words() -> None:
    answers = DESCRIBED["paths"]["/api/v1/jobs/{session_id}/wait"]["get"]["responses"]
    assert "20 MB" in answers["413"]["description"]
    assert "6,000 requests" in answers["429"]["description"]
    assert "not_allowed" in answers["401"]["description"]
    assert all("Retry-After" in answers[status]["headers"] for status in ("429", "503"))
    for text in ("20 MB", "6,000 requests", "100 rows", "25 seconds"):
        assert text in " ".join(DESCRIBED["info"]["description"].split())


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
        told = DESCRIBED["paths"][path][method.lower()]["responses"][str(answer.status_code)]
        kinds = told.get("content", {"application/json"})
        assert answer["Content-Type"].partition(";")[0] in kinds, case
        if answer.streaming:
            list(answer)

    try_it()
