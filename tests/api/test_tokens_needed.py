"""Every route that is described asks for a token before it reads anything else."""

import re
from collections.abc import Iterator

import pytest

from provena.api import api as every_api
from tests.api.conftest import Caller

OPEN = {"/job-api/", "/registry-api/", "/prov-api/", "/data-api/", "/search/", "/auth-api/"}
PART, ANY_ID = re.compile("{[a-z_]+}"), "0b2f6a0e-4a53-4c56-9a0e-6a3f4e1d2c11"


def routes() -> Iterator[tuple[str, str]]:
    for path, methods in every_api.get_openapi_schema()["paths"].items():
        if path not in OPEN:
            yield from ((method.upper(), path) for method in methods)


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", "provena_nonsense", "Ünïcode"])
def test_without_a_valid_token_no_route_answers(token: str) -> None:
    caller = Caller(token)
    answers = {
        f"{method} {path}": caller._call(method, PART.sub(ANY_ID, path), {}, {"nonsense": 1})
        for method, path in routes()
    }
    assert len(answers) > 40
    assert {route for route, answer in answers.items() if answer.status != 401} == set()
    assert {answer.json["code"] for answer in answers.values()} == {
        "bad_token" if token else "no_token"
    }
