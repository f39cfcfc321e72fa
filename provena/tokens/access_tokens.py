"""Access tokens: what an offline token is exchanged for. Signed, and valid for minutes."""

from provena.tokens.models import Token


def find(text: str) -> Token | None:
    """The offline token that a valid access token was issued for, with its user."""
    return None
