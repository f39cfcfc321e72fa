"""The realm: an offline token is exchanged for access tokens (contract, section 2)."""

import base64
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from provenaclient import ProvenaClient
from provenaclient.auth import OfflineFlow
from ProvenaInterfaces.AsyncJobAPI import ListJobsRequest
from pytest_django import Settings

from provena.tokens import access_tokens, keeping
from provena.tokens.models import SigningKey, Token
from registry.models import Item
from tests.api.client import config, wait_for
from tests.api.conftest import Caller

REALM = "/auth/realms/provena"
TOKEN = f"{REALM}/protocol/openid-connect/token"
FETCH = "/registry-api/registry/general/fetch"


@pytest.fixture
def offline(user: User) -> str:
    """The text of an offline token."""
    return keeping.issue(user=user, name="cluster", purpose=Token.Purpose.OFFLINE)[1]


def exchange(text: str, **change: str) -> Any:
    form = {"grant_type": "refresh_token", "client_id": "x", "refresh_token": text, "scope": ""}
    return Client(enforce_csrf_checks=True).post(TOKEN, form | change)


def test_an_offline_token_is_exchanged_for_one_that_the_realm_has_signed(
    offline: str, user: User, client: Client, make_item: Callable[..., Item]
) -> None:
    key = client.get(REALM).json()["public_key"]
    answer = exchange(offline)
    assert answer.status_code == 200
    access = answer.json()["access_token"]
    signer = load_der_public_key(base64.b64decode(key))
    assert isinstance(signer, RSAPublicKey)
    claims = jwt.decode(access, signer, algorithms=["RS256"])
    assert claims["preferred_username"] == "ana"
    assert claims["exp"] - time.time() > 300
    assert claims["iss"].endswith(REALM)
    assert isinstance(claims["sub"], str)
    assert "nbf" not in claims
    assert Caller(access).get(FETCH, id=make_item(user).handle).success
    assert Token.objects.get().last_used_at is not None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"refresh_token": "provena-offline_nonsense"}, "invalid_grant"),
        ({"refresh_token": ""}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_what_cannot_be_exchanged_is_refused(
    offline: str, change: dict[str, str], error: str
) -> None:
    answer = exchange(offline, **change)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_a_personal_token_is_no_offline_token(user: User) -> None:
    assert exchange(keeping.issue(user=user, name="laptop")[1]).status_code == 400


def test_revoking_the_offline_token_ends_its_access_tokens(offline: str, user: User) -> None:
    access = exchange(offline).json()["access_token"]
    assert access_tokens.find(access) is not None
    keeping.revoke(user=user, key=Token.objects.get().pk)
    assert access_tokens.find(access) is None
    assert exchange(offline).status_code == 400


def test_an_access_token_expires(offline: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_tokens, "LIFETIME", -1)
    assert access_tokens.find(exchange(offline).json()["access_token"]) is None


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_signed_otherwise_is_none(offline: str, algorithm: str, client: Client) -> None:
    access = exchange(offline).json()["access_token"]
    claims = jwt.decode(access, options={"verify_signature": False})
    header = jwt.get_unverified_header(access)
    key = None if algorithm == "none" else client.get(REALM).json()["public_key"]
    forged = jwt.encode(claims, key, algorithm, headers={"kid": header["kid"]})
    assert access_tokens.find(forged) is None
    head, _, signature = access.split(".")
    body = base64.urlsafe_b64encode(b'{"sid":"1","sub":"1","exp":9999999999}').decode().rstrip("=")
    assert access_tokens.find(f"{head}.{body}.{signature}") is None


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://copy.example.org/auth/realms/provena"},
        {"iss": ""},
        {"iss": None},
        {"aud": "another service"},
        {"sid": "0"},
        {"sub": "0"},
        {"exp": None},
    ],
)
def test_a_token_of_ours_for_something_else_is_none(offline: str, change: dict[str, Any]) -> None:
    access = exchange(offline).json()["access_token"]
    assert access_tokens.find(access) is not None
    claims = jwt.decode(access, options={"verify_signature": False}) | change
    claims = {name: value for name, value in claims.items() if value is not None}
    key, private = access_tokens._current()
    forged = jwt.encode(claims, private, "RS256", headers={"kid": str(key.pk)})
    assert access_tokens.find(forged) is None


def test_who_is_blocked_is_out_at_once(offline: str, user: User) -> None:
    access = exchange(offline).json()["access_token"]
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert access_tokens.find(access) is None
    assert exchange(offline).json()["error"] == "invalid_grant"
    assert Caller(access).get(FETCH, id="10378.1/1").status == 401


def test_an_expired_offline_token_ends_its_access_tokens(offline: str) -> None:
    access = exchange(offline).json()["access_token"]
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert access_tokens.find(access) is None
    assert exchange(offline).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("text", ["", "a.b.c", "e30.e30.e30", "x" * 10_000, "é.é.é"])
def test_nonsense_is_no_access_token(text: str, db: None) -> None:
    assert access_tokens.find(text) is None


def test_the_key_outlives_restarts_and_one_rotation(offline: str, client: Client) -> None:
    before = client.get(REALM).json()["public_key"]
    access = exchange(offline).json()["access_token"]
    access_tokens._opened.cache_clear()  # as a new process
    assert client.get(REALM).json()["public_key"] == before
    call_command("rotate_signing_key")
    assert client.get(REALM).json()["public_key"] != before
    assert access_tokens.find(access) is not None
    call_command("rotate_signing_key")
    assert access_tokens.find(access) is None
    assert SigningKey.objects.count() == 2


def test_with_another_secret_there_is_a_new_key(
    client: Client, offline: str, settings: Settings
) -> None:
    before = client.get(REALM).json()["public_key"]
    access = exchange(offline).json()["access_token"]
    settings.SECRET_KEY = "another"
    assert access_tokens.find(access) is None
    assert client.get(REALM).json()["public_key"] != before
    assert exchange(offline).status_code == 200


@pytest.mark.cluster
@pytest.mark.django_db(transaction=True)
def test_the_offline_flow_of_the_unmodified_client(address: str, offline: str) -> None:
    where = config(address)
    auth = OfflineFlow(config=where, client_id="client-tools", offline_token=offline)
    provena = ProvenaClient(auth=auth, config=where)
    assert wait_for(provena.job_api.list_jobs(ListJobsRequest())).jobs is not None
    auth.force_refresh()
    assert auth.get_token()
    with pytest.raises(Exception, match="Failed to validate"):
        OfflineFlow(config=where, client_id="client-tools", offline_token="nonsense")
