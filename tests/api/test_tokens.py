"""Tokens: what they let in, and whom they keep out."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from provena.tokens import keeping, usage
from provena.tokens.keeping import NotIssued
from provena.tokens.models import Token
from registry.models import Item
from tests.api.conftest import Caller

FETCH = "/registry-api/registry/general/fetch"


def test_a_token_acts_with_the_rights_of_its_user(
    api: Caller, stranger: Caller, make_item: Callable[..., Item], user: User
) -> None:
    item = make_item(user)
    item.grants.all().delete()
    answer = api.get(FETCH, id=item.handle)
    assert answer.success
    assert answer.json["item"]["id"] == item.handle
    assert "admin" in answer.json["roles"]
    refused = stranger.get(FETCH, id=item.handle)
    assert refused.status == 401
    assert refused.json["code"] == "not_allowed"
    assert refused.json["ids"] == [item.handle]


@pytest.mark.parametrize(
    "token", ["", "nonsense", "provena_", "provena_" + "x" * 43, "ä", "provena_" + "y" * 5000]
)
def test_without_a_valid_token_nothing_is_told(token: str, db: None) -> None:
    answer = Caller(token).get(FETCH, id="10378.1/1000001")
    assert answer.status == 401
    assert "token" in answer.detail
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_text_of_a_token_is_not_kept(user: User) -> None:
    token, text = keeping.issue(user=user, name="laptop")
    kept = Token.objects.filter(pk=token.pk).values().get()
    assert not any(text in str(value) for value in kept.values())
    assert keeping.find(text) == token


def test_a_revoked_token_ends_at_once(user: User) -> None:
    token, text = keeping.issue(user=user, name="laptop")
    assert keeping.revoke(user=user, key=token.pk)
    assert keeping.find(text) is None
    assert keeping.revoke(user=user, key=token.pk) is None


def test_nobody_revokes_the_token_of_another(user: User, make_user: Callable[..., User]) -> None:
    token, text = keeping.issue(user=user, name="laptop")
    assert keeping.revoke(user=make_user("eve"), key=token.pk) is None
    assert keeping.find(text) == token


def test_an_expired_token_is_none(user: User) -> None:
    token, text = keeping.issue(user=user, name="laptop", days=1)
    assert keeping.find(text) == token
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert keeping.find(text) is None


def test_the_token_of_a_blocked_user_is_none(user: User) -> None:
    _, text = keeping.issue(user=user, name="laptop")
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert keeping.find(text) is None


def test_an_offline_token_opens_nothing_by_itself(user: User) -> None:
    _, text = keeping.issue(user=user, name="laptop", purpose=Token.Purpose.OFFLINE)
    assert keeping.find(text) is None
    assert Caller(text).get(FETCH, id="10378.1/1").status == 401


@pytest.mark.parametrize(
    ("name", "days", "why"),
    [(" ", None, "Name"), ("x" * 101, None, "100"), ("a\x00", None, "printable"), ("x", 0, "days")],
)
def test_a_token_that_cannot_be_issued_says_why(
    user: User, name: str, days: int | None, why: str
) -> None:
    with pytest.raises(NotIssued, match=why):
        keeping.issue(user=user, name=name, days=days)


def test_too_many_requests_are_told_when_to_come_back(
    api: Caller, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    monkeypatch.setattr(time, "time", lambda: 1_000_000 * 60 + 12.5)
    for _ in range(3):
        assert api.get(FETCH, id="10378.1/1").status == 200
    answer = api.get(FETCH, id="10378.1/1")
    assert answer.status == 429
    assert answer.headers["Retry-After"] == "48"
    monkeypatch.setattr(time, "time", lambda: 1_000_001 * 60)
    assert api.get(FETCH, id="10378.1/1").status == 200


def test_processes_share_the_limit(
    user: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 5
    monkeypatch.setattr(time, "time", lambda: 1_000_000 * 60)
    monkeypatch.setattr(usage, "TOLD_EVERY", 0.0)
    token, _ = keeping.issue(user=user, name="laptop")
    here: dict[int, Any] = {}
    there: dict[int, Any] = {}
    for counts in (here, there, here, there, here):
        monkeypatch.setattr(usage, "_counts", counts)
        assert usage.count(token) == 0
    monkeypatch.setattr(usage, "_counts", there)
    usage.count(token)  # learns of the fifth
    assert usage.count(token) == 60
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_use_is_written_once_in_a_while_and_not_with_each_request(api: Caller) -> None:
    with CaptureQueriesContext(connection) as told:
        for _ in range(5):
            assert api.get("/job-api/jobs/user/fetch", session_id=str(uuid4())).status != 401
    writes = [one["sql"] for one in told if one["sql"].startswith("UPDATE")]
    assert len(writes) == 1
    assert "last_used_at" in writes[0]
