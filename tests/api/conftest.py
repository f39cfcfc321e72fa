"""Fixtures of the API tests: a caller with a token, and the unmodified Python client."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from provena.tokens import keeping, usage
from tests.api.client import Provena, connect
from tests.registry.runs import workflow
from tests.stack import Stack

__all__ = ["workflow"]  # a fixture that tests of other folders use, too


@dataclass
class Answer:
    """What a route answered: its HTTP status and its JSON."""

    status: int
    json: Any
    text: str
    headers: Any

    @property
    def success(self) -> bool:
        """What the `status` of the body says, beside that of HTTP."""
        return self.status == 200 and self.json["status"]["success"] is True

    @property
    def detail(self) -> str:
        """Why it was refused, wherever that is told."""
        if self.status == 200:
            return self.json["status"]["details"]
        return self.json["detail"] if isinstance(self.json["detail"], str) else self.text


class Caller:
    """Somebody who calls the API with a token, or without one."""

    def __init__(self, token: str = "") -> None:
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = Client()

    def get(self, path: str, **query: Any) -> Answer:
        return self._call("GET", path, query)

    def post(self, path: str, body: Any = None, **query: Any) -> Answer:
        return self._call("POST", path, query, body)

    def put(self, path: str, body: Any = None, **query: Any) -> Answer:
        return self._call("PUT", path, query, body)

    def delete(self, path: str, body: Any = None, **query: Any) -> Answer:
        return self._call("DELETE", path, query, body)

    def _call(self, method: str, path: str, query: dict[str, Any], body: Any = None) -> Answer:
        answer = self._client.generic(
            method,
            path,
            "" if body is None else json.dumps(body),
            "" if body is None else "application/json",
            query_params={name: _written(value) for name, value in query.items()},
            headers=self.headers,
        )
        text = b"".join(answer).decode()
        is_json = answer["Content-Type"].partition(";")[0] == "application/json"
        return Answer(answer.status_code, json.loads(text) if is_json else None, text, answer)


def _written(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


@pytest.fixture(autouse=True)
def counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of tokens come again in the next test; and the number of queries is that of the route."""
    monkeypatch.setattr(usage, "_counts", {})
    monkeypatch.setattr(usage, "TOLD_EVERY", 3600.0)


@pytest.fixture
def calling(db: None) -> Callable[[User], Caller]:
    """Make a caller that acts for a user."""
    return lambda user: Caller(keeping.issue(user=user, name="tests")[1])


@pytest.fixture
def api(calling: Callable[[User], Caller], user: User) -> Caller:
    """A caller for `user`, who may register anything."""
    return calling(user)


@pytest.fixture
def uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are not counted, which costs queries now and then."""
    monkeypatch.setattr(usage, "count", lambda token: 0)


@pytest.fixture
def stranger(calling: Callable[[User], Caller], make_user: Callable[..., User]) -> Caller:
    """A caller for another user, to whom nothing was granted but what everyone has."""
    return calling(make_user("stranger"))


@pytest.fixture
def admin(calling: Callable[[User], Caller], make_user: Callable[..., User]) -> Caller:
    """A caller who may do everything."""
    return calling(make_user("root", is_staff=True, is_superuser=True))


@pytest.fixture
def staff(calling: Callable[[User], Caller], make_user: Callable[..., User]) -> Callable[..., Any]:
    """Make a caller who is staff with permissions such as "jobs.view_job"."""

    def make(*permissions: str, username: str = "operator") -> Caller:
        user = make_user(username, is_staff=True)
        for permission in permissions:
            app, codename = permission.split(".")
            user.user_permissions.add(
                Permission.objects.get(content_type__app_label=app, codename=codename)
            )
        return calling(user)

    return make


@pytest.fixture
def provena(address: str, stack: Stack, user: User) -> Provena:
    """The unmodified Python client, acting for `user` on a server with a real worker."""
    stack.start_worker()
    return connect(address, keeping.issue(user=user, name="client")[1])
