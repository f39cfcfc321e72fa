"""The life of one job as a line of time: each state it was in, each attempt, and how long it took.

It is made of the timestamps of the job, which are those of its latest attempt, and of its events,
which keep those of the attempts that failed. Nothing is written for it while a job goes well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING

from jobs.models import CANCELLED, MENDED, Job, JobEvent, Status

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_EVENTS = 60  # the latest
LASTED = {Status.PENDING: "waited", Status.DEQUEUED: "held", Status.IN_PROGRESS: "ran"}
Kind = JobEvent.Kind


@dataclass(frozen=True)
class Moment:
    """Something that happened to the job, and the state it was in from then on; none where the
    next moment says it. `lasted` is how long it was in it; None while it lasts."""

    at: datetime
    state: Status | None
    what: str
    note: str = ""
    lasted: timedelta | None = None
    event: JobEvent | None = None  # with the traceback and the log of an attempt

    @property
    def mark(self) -> str:
        """The state whose sign stands beside it."""
        return self.word or (MENDED if self._is(Kind.MENDED) else Status.FAILED)

    @property
    def word(self) -> str:
        """The state in the word that people see."""
        return CANCELLED if self._is(Kind.CANCELLED) else self.state or ""

    @property
    def how_long(self) -> str:
        return LASTED.get(self.state, "") if self.state else ""

    @property
    def ended_an_attempt(self) -> bool:
        return self.event is not None and self.event.kind in (Kind.ATTEMPT_FAILED, Kind.LOST)

    @property
    def is_lost(self) -> bool:
        return self._is(Kind.LOST)

    def _is(self, kind: JobEvent.Kind) -> bool:
        return self.event is not None and self.event.kind == kind


@dataclass(frozen=True)
class Line:
    """The moments of a job, oldest first. `is_cut` says that earlier ones are left out."""

    moments: list[Moment]
    is_cut: bool

    @property
    def running(self) -> timedelta:
        return self._sum(Status.IN_PROGRESS)

    @property
    def waiting(self) -> timedelta:
        return self._sum(Status.PENDING, Status.DEQUEUED)

    @property
    def runs(self) -> int:
        """How many attempts have run to an end."""
        return sum(m.state == Status.IN_PROGRESS and m.lasted is not None for m in self.moments)

    @property
    def wrong(self) -> JobEvent | None:
        """The latest thing that went wrong."""
        return next((m.event for m in reversed(self.moments) if m.event), None)

    @property
    def remedy(self) -> str:
        """What can be done about that."""
        return self.wrong.remedy if self.wrong else ""

    def _sum(self, *states: Status) -> timedelta:
        parts = [m.lasted for m in self.moments if m.state in states and m.lasted]
        return sum(parts, timedelta(0))


def of(job: Job, reader: "User", *, with_details: bool) -> Line:
    """The line of a job as `reader` sees it, in one query; `with_details` is for administrators."""
    events = job.events.select_related("by").order_by("-id")
    if not with_details:
        events = events.defer("traceback", "log")
    found = list(events[: MOST_EVENTS + 1])
    is_cut = len(found) > MOST_EVENTS
    known = found[:MOST_EVENTS][::-1]
    moments = [] if is_cut else [Moment(job.created_at, Status.PENDING, _submitted(job))]
    for event, following in zip_longest(known, known[1:]):
        moments += _of_event(job, event, following, reader)
    return Line(_with_lengths([*moments, *_now(job, known)]), is_cut)


def _submitted(job: Job) -> str:
    return "Queued by the step before" if job.step else f"Submitted by {job.owner.get_username()}"


def _of_event(
    job: Job, event: JobEvent, following: JobEvent | None, reader: "User"
) -> list[Moment]:
    """What an event tells, with the attempt that ended with it."""
    if event.kind == Kind.RETRIED:
        return [
            Moment(event.at, Status.PENDING, f"{_who(event, reader)} put it back into the queue")
        ]
    if event.kind == Kind.MENDED:
        what = f"{_who(event, reader)} mended it"
        return [Moment(event.at, None, what, event.message, event=event)]
    begun = _attempt(event.attempt, event.dequeued_at, event.started_at)
    ended_at = event.at
    if following is None and job.status == Status.FAILED:  # the job has them, too
        begun = _attempt(event.attempt, job.dequeued_at, job.attempt_started_at)
        ended_at = job.finished_at or event.at
    if event.kind == Kind.CANCELLED:
        what = f"{_who(event, reader)} cancelled it"
        return [*begun, Moment(ended_at, Status.FAILED, what, event=event)]
    after = (Kind.RETRIED, Kind.MENDED)
    is_last = following.kind in after if following else job.status == Status.FAILED
    how = "was lost with its worker" if event.kind == Kind.LOST else "failed"
    what = f"Attempt {event.attempt} {how}{', for good' if is_last else ''}"
    state = Status.FAILED if is_last else None
    moments = [*begun, Moment(ended_at, state, what, event.message, event=event)]
    if not is_last:
        moments.append(Moment(ended_at, Status.PENDING, "In the queue again for its next attempt"))
    return moments


def _now(job: Job, events: Sequence[JobEvent]) -> list[Moment]:
    """What the job's own timestamps tell of the attempt that no event has ended."""
    if job.status == Status.FAILED:
        is_told = bool(events)  # as it is of each that `lifecycle` ended
        at = job.finished_at or job.created_at
        return [] if is_told else [Moment(at, Status.FAILED, "Failed", job.info)]
    moments = _attempt(job.attempt, job.dequeued_at, job.attempt_started_at)
    if job.finished_at:
        moments.append(Moment(job.finished_at, Status.SUCCEEDED, "Done"))
    return moments


def _attempt(number: int, dequeued: datetime | None, started: datetime | None) -> list[Moment]:
    moments = []
    if dequeued:
        moments.append(Moment(dequeued, Status.DEQUEUED, "Taken off the queue by a worker"))
    if started:
        moments.append(Moment(started, Status.IN_PROGRESS, f"Attempt {number} began"))
    return moments


def _with_lengths(moments: list[Moment]) -> list[Moment]:
    """Each state with its length, which the next moment ends."""
    ended = [
        replace(moment, lasted=max(following.at - moment.at, timedelta(0)))
        if moment.how_long
        else moment
        for moment, following in pairwise(moments)
    ]
    return [*ended, *moments[-1:]]


def _who(event: JobEvent, reader: "User") -> str:
    if event.by is None:
        return "An operator"
    return "You" if event.by_id == reader.pk else event.by.get_username()
