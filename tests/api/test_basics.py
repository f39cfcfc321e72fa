"""What all routes share: health, errors, and the page that documents them."""

import json

import pytest
from django.test import Client

from provena.api import ROUTERS
from tests.api.client import Provena, wait_for
from tests.api.conftest import Caller

FETCH = "/registry-api/registry/general/fetch"


@pytest.mark.parametrize(
    "prefix", ["/job-api", "/registry-api", "/prov-api", "/data-api", "/search", "/auth-api"]
)
def test_health_needs_no_token(prefix: str, client: Client) -> None:
    answer = client.get(f"{prefix}/")
    assert (answer.status_code, answer.json()) == (200, {"message": "Health check successful."})


@pytest.mark.parametrize("prefix", ROUTERS)
@pytest.mark.parametrize("rest", ["", "/nothing", "/nothing/at/all/"])
def test_what_does_not_exist_is_told_in_json_and_never_redirected(
    prefix: str, rest: str, client: Client
) -> None:
    for answer in (client.get(prefix + rest), Client(enforce_csrf_checks=True).post(prefix + rest)):
        assert answer.status_code == 404
        assert prefix in answer.json()["detail"]


def test_a_query_of_the_wrong_shape_lists_its_faults(api: Caller) -> None:
    answer = api.get(FETCH)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["query", "id"]


def test_the_page_of_documentation_lists_every_route(client: Client) -> None:
    assert client.get("/api/docs").status_code == 200
    described = client.get("/api/openapi.json").json()
    assert FETCH in described["paths"]


@pytest.mark.cluster
def test_the_unmodified_client_finds_every_api_healthy(provena: Provena) -> None:
    for part in (
        provena.auth_api,
        provena.registry,
        provena.prov_api,
        provena.job_api,
        provena.datastore,
    ):
        health = wait_for(part.get_health_check())
        assert "successful" in json.dumps(health.model_dump())


@pytest.mark.parametrize("text", ["\0", "\ud800", float("nan"), float("inf")])
def test_what_no_database_takes_is_refused_anywhere_in_a_body(api: Caller, text: object) -> None:
    answer = api.post("/registry-api/registry/general/list", {"filter_by": {"x": [text]}})
    assert (answer.status, answer.json["code"]) == (400, "bad_request")
