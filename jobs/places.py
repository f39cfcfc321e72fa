"""Where in the list of jobs somebody is, and the addresses that lead there."""

from dataclasses import dataclass
from typing import Self

from django.http import QueryDict
from django.urls import reverse

from jobs.filters import JobFilter
from jobs.models import Job
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


@dataclass(frozen=True)
class Origin:
    """The list from which somebody came to a job: which jobs, and which rows of them were shown.

    It is read from the address of the job and written anew, so it leads to no other site.
    """

    wanted: JobFilter
    top: int
    last: int

    @classmethod
    def of(cls, given: QueryDict) -> Self | None:
        """None for who came from elsewhere, and for an address that makes no sense."""
        wanted, faults = JobFilter.from_query(given)
        place = Place.of(given)
        if faults or place.top is None or place.last is None:
            return None
        return cls(wanted, place.top, place.last)

    @property
    def query(self) -> str:
        """What the address of a job has behind `?`, to tell it."""
        return "&".join(filter(None, (self.wanted.to_query(), f"rows={self.top}-{self.last}")))

    def back(self, job: Job) -> str:
        """The list, where the row of that job is."""
        around = Origin(self.wanted, max(self.top, job.pk), min(self.last, job.pk))
        return f"{reverse('job-list')}?{around.query}#job-{job.pk}"

    def to(self, job: Job) -> str:
        """The address of what the row of that job in this list leads to."""
        if job.batch and self.wanted.stands_for_batch(job):
            return job.batch.get_absolute_url()
        return f"{job.get_absolute_url()}?{self.query}"


def address(wanted: JobFilter, more: str = "") -> str:
    """The address of the list of these jobs."""
    query = "&".join(filter(None, (wanted.to_query(), more)))
    return f"{reverse('job-list')}?{query}" if query else reverse("job-list")


def key(text: str) -> int | None:
    """The id that a text is; None if it is none."""
    return int(text) if KEY.fullmatch(text) and int(text) <= LARGEST_KEY else None
