"""Ids as people and clients write them."""

from uuid import UUID


def uuid_of(text: str) -> UUID | None:
    """The UUID that a text is, such as the session id of a job; None for any other text."""
    try:
        return UUID(text)
    except ValueError:
        return None
