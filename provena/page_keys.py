"""Where a list of an API goes on: an object that clients send back as it is.

It is signed, so that what comes back is what was issued, and for that very list. It holds nothing
secret.
"""

from typing import Any

from django.core import signing

from provena.rest import ApiError

PageKey = dict[str, Any]


def issue(place: list[Any], *, of: str) -> PageKey:
    """The key of the page behind `place`, which JSON can hold, in the list called `of`."""
    return {"place": signing.dumps(place, salt=f"page of {of}")}


def place(key: PageKey | None, *, of: str) -> list[Any] | None:
    """The place in a key; None for the first page. Raises ApiError for a key that was not issued
    for this list."""
    if key is None:
        return None
    told = key.get("place")
    try:
        found: list[Any] = signing.loads(
            told if isinstance(told, str) else "", salt=f"page of {of}"
        )
    except signing.BadSignature:
        raise ApiError(
            400,
            "This pagination_key was not issued for this list. Send the one of the page before, "
            "with the same filter and sort, or none for the first page.",
            "unknown_page",
        ) from None
    return found
