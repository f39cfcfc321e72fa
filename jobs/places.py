"""Where in the list of jobs somebody is, and the addresses that lead there."""

from dataclasses import dataclass

from django.http import QueryDict
from django.urls import reverse

from jobs.filters import JobFilter
from provena.paging import KEY, LARGEST_KEY


@dataclass(frozen=True)
class Place:
    """Where in the list the address is: the rows below an id, or those between two."""

    below: int | None = None
    top: int | None = None
    last: int | None = None

    @classmethod
    def of(cls, given: QueryDict) -> "Place":
        """What makes no sense leads to the newest rows."""
        first, _, last = given.get("rows", "").partition("-")
        if (top := key(first)) is not None and (end := key(last)) is not None:
            return cls(below=top + 1, top=top, last=end)
        return cls(below=key(given.get("after", "")), top=key(given.get("top", "")))


def address(wanted: JobFilter, more: str = "") -> str:
    """The address of the list of these jobs."""
    query = "&".join(filter(None, (wanted.to_query(), more)))
    return f"{reverse('job-list')}?{query}" if query else reverse("job-list")


def key(text: str) -> int | None:
    """The id that a text is; None if it is none."""
    return int(text) if KEY.fullmatch(text) and int(text) <= LARGEST_KEY else None
