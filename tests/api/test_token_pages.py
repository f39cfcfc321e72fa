"""The page of tokens and the command that makes them."""

from collections.abc import Callable
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from provena.tokens import access_tokens, keeping
from provena.tokens.models import Token

PAGE = "/account/tokens/"


def test_a_token_is_shown_once(signed_in: Client, user: User) -> None:
    answer = signed_in.post(PAGE, {"name": "laptop", "purpose": "PERSONAL", "days": "90"})
    text = answer.context["text"]
    assert text in answer.content.decode()
    assert keeping.find(text) == Token.objects.get(user=user, name="laptop")
    assert answer["Cache-Control"] == "no-store"
    again = signed_in.get(PAGE).content.decode()
    assert text not in again
    assert "laptop" in again


@pytest.mark.parametrize("form", [{}, {"name": " "}, {"name": "x", "purpose": "ROOT"}])
def test_a_form_with_faults_issues_nothing(signed_in: Client, form: dict[str, str]) -> None:
    assert signed_in.post(PAGE, form).status_code == 422
    assert not Token.objects.exists()


def test_a_token_is_revoked_by_its_owner_only(
    signed_in: Client, user: User, make_user: Callable[..., User]
) -> None:
    mine, text = keeping.issue(user=user, name="laptop")
    hers, other = keeping.issue(user=make_user("eve"), name="of another")
    for token in (mine, hers):
        assert signed_in.post(f"{PAGE}{token.pk}/revoke/")["Location"] == PAGE
    assert keeping.find(text) is None
    assert keeping.find(other) == hers
    page = signed_in.get(PAGE).content.decode()
    assert "of another" not in page


def test_the_command_prints_the_token_alone(user: User) -> None:
    out, told = StringIO(), StringIO()
    call_command("create_token", "ana", name="nightly", days=30, stdout=out, stderr=told)
    token = keeping.find(out.getvalue().removesuffix("\n"))
    assert token.name == "nightly"
    assert token.expires_at is not None
    assert "ana" in told.getvalue()


def test_the_command_makes_offline_tokens(user: User) -> None:
    out = StringIO()
    call_command("create_token", "ana", offline=True, stdout=out, stderr=StringIO())
    assert Token.objects.get().purpose == Token.Purpose.OFFLINE
    assert access_tokens.find(out.getvalue().strip()) is None


@pytest.mark.parametrize(("name", "days"), [("nobody", None), ("ana", 0), ("ana", 10_000)])
def test_the_command_says_what_is_wrong(user: User, name: str, days: int | None) -> None:
    with pytest.raises(CommandError):
        call_command("create_token", name, days=days, stdout=StringIO(), stderr=StringIO())
    assert not Token.objects.exists()
