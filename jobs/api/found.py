"""What our own API answers for what is not there, or not the caller's: the same for both."""

from typing import Any, TypeVar
from uuid import UUID

from provena import rest
from provena.rest import ApiError

T = TypeVar("T")
MISSING: dict[int, Any] = {**rest.REFUSALS, 404: rest.Problem}


def need(found: T | None, what: str, key: UUID) -> T:
    """What was found. Raises ApiError for nothing."""
    if found is None:
        raise ApiError(404, f"There is no {what} {key} of yours. Check the id.", f"unknown_{what}")
    return found
