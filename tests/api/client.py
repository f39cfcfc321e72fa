"""The Python client of CSIRO's Provena, with nothing changed but addresses and a token."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from provenaclient import ProvenaClient
from provenaclient.auth.manager import AuthManager
from provenaclient.utils.config import APIOverrides, Config

Provena = ProvenaClient
T = TypeVar("T")
APIS = {
    "auth_api": "/auth-api",
    "registry_api": "/registry-api",
    "prov_api": "/prov-api",
    "jobs_service_api": "/job-api",
    "datastore_api": "/data-api",
    "search_api": "/search",
    "handle_service_api": "/handle",
    "keycloak": "/auth/realms/provena",
}


class StaticToken(AuthManager):
    """Sends one token for ever."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def get_token(self) -> str:
        return self._token

    def force_refresh(self) -> None:
        pass


def config(url: str) -> Config:
    """Where our APIs are, for the client."""
    overrides = {f"{name}_endpoint_override": url + path for name, path in APIS.items()}
    return Config(
        domain="example.org", realm_name="provena", api_overrides=APIOverrides(**overrides)
    )


def connect(url: str, token: str) -> Provena:
    """A client of the server at `url` that acts by a token."""
    return Provena(auth=StaticToken(token), config=config(url))


def wait_for(asked: Coroutine[Any, Any, T]) -> T:
    """What a call of the client answers."""
    return asyncio.run(asked)
