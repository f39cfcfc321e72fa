"""Issuing, finding and revoking tokens: the only writers of them."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from provena.tokens.models import Token

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# What a text begins with tells people and secret scanners what it is.
PREFIXES = {Token.Purpose.PERSONAL: "provena_", Token.Purpose.OFFLINE: "provena-offline_"}
MOST_DAYS = 3650
LONGEST_NAME = 100  # characters
LONGEST = 200  # characters of a text that can be a token


class NotIssued(Exception):
    """No token can be issued so; the text says why."""


def issue(
    *,
    user: "User",
    name: str,
    days: int | None = None,
    purpose: Token.Purpose = Token.Purpose.PERSONAL,
) -> tuple[Token, str]:
    """A new token of the user, and its text, which cannot be had again. It expires after so many
    days, or never. Raises NotIssued."""
    name = " ".join(name.split())
    if not name:
        raise NotIssued("Name the token by where it is used, so that you know it again.")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise NotIssued(f"The name of a token is at most {LONGEST_NAME} printable characters.")
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise NotIssued(f"A token lasts from 1 to {MOST_DAYS:,} days, and not {days:,}.")
    text = PREFIXES[purpose] + secrets.token_urlsafe(32)
    token = Token.objects.create(
        user=user,
        name=name,
        purpose=purpose,
        digest=_digest(text),
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    return token, text


def revoke(*, user: "User", key: int) -> Token | None:
    """End a token of the user at once; None if there is none of that key that still holds."""
    token = Token.objects.of(user).filter(pk=key, revoked_at=None).first()
    if token is not None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
    return token


def find(text: str, purpose: Token.Purpose = Token.Purpose.PERSONAL) -> Token | None:
    """The valid token of that text, with its user; None for any other text."""
    if not text.startswith(PREFIXES[purpose]) or len(text) > LONGEST:
        return None
    digest = _digest(text)
    token = Token.objects.valid().select_related("user").filter(digest=digest).first()
    # The index found it by its digest, of which a text tells nothing; comparing the whole of it in
    # constant time costs nothing and leaves nothing to argue.
    if token is None or not hmac.compare_digest(token.digest, digest):
        return None
    return token if token.purpose == purpose else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
