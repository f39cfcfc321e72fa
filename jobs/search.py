"""Finding jobs by a filter among a million, a page at a time, in bounded time.

A page walks the index that fits the filter best, from the newest job on, and what no index tells
(type, text, time and such) is asked of each row on the way. It looks at LOOK rows at most; if these
do not fill it, it says how far back it has looked, and a further page goes on from there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q, Subquery
from django.utils import timezone

from jobs import statements
from jobs.filters import JobFilter
from jobs.models import (
    CANCELLED,
    FAILED_AS,
    UNFINISHED,
    Job,
    JobQuerySet,
    Status,
    among_all,
    plain,
    sees_all_jobs,
    shown_state,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LOOK, LOOK_AT_TEXT = 5_000, 2_500  # rows; text is read from the row itself
CHUNK = 500  # jobs in memory at once
# Ids rise with the moments of creation, but for the time between the two: a writer may wait for its
# turn, and the clocks of machines differ.
SLACK = timedelta(seconds=60)

# The first id from which on jobs were created at that moment or later, by halving: about twenty
# looks at the primary key, and no index of times that each new job would have to be put in.
HALVE = """
WITH RECURSIVE half(which, at, low, high) AS (
    {starts}
    UNION ALL
    SELECT which, at, CASE WHEN {made} < at THEN (low + high) / 2 + 1 ELSE low END,
        CASE WHEN {made} < at THEN high ELSE (low + high) / 2 END
    FROM half WHERE low < high
)
SELECT which, low FROM half WHERE low >= high
"""
MADE = """
(SELECT created_at FROM {table} WHERE id >= (half.low + half.high) / 2 ORDER BY id LIMIT 1)
"""
START = """
SELECT {which}, CAST(%s AS {kind}), (SELECT min(id) FROM {table}), (SELECT max(id) + 1 FROM {table})
"""


@dataclass(frozen=True)
class Found:
    """Jobs, newest first. `next` is where to go on, None at the end; `looked_back_to` is set where
    the page ends because it has looked at enough, not because it is full."""

    jobs: list[Any]  # of `for_lists`, which adds to what a Job has
    next: int | None = None
    looked_back_to: datetime | None = None


def page(
    wanted: JobFilter,
    user: "User | None",
    *,
    limit: int,
    below: int | None = None,
    down_to: int = 0,
    look: int | None = None,
) -> Found:
    """At most `limit` jobs that are wanted, of those with a smaller id than `below`, down to the id
    `down_to`, from which the next page goes on."""
    low, high = _range(wanted, below)
    parts = _parts(wanted, user, max(low or 0, down_to) or None, high)
    floor, made = _floor(parts, wanted, look or _bound(wanted))
    jobs = _newest(parts, wanted, user, limit + 1, floor)
    if len(jobs) > limit:
        return Found(jobs[:limit], next=jobs[limit - 1].pk)
    return Found(jobs, next=floor or down_to or None, looked_back_to=made)


def newer(wanted: JobFilter, user: "User | None", than: int, limit: int) -> int:
    """How many jobs that are wanted have a larger id, counted up to `limit`."""
    if not Job.objects.filter(pk__gt=than).exists():
        return 0  # which is asked most of the time, so it costs least
    parts = _parts(wanted, user, than + 1, None)
    floor, _ = _floor(parts, wanted, _bound(wanted))
    found = [_wanted(part, wanted, user, floor).values_list("pk")[:limit] for part in parts]
    return min(sum(len(keys) for keys in found), limit)


def beside(wanted: JobFilter, user: "User | None", key: int) -> tuple[Any | None, Any | None]:
    """The wanted jobs next above and next below the job with that id; None where there is none, or
    none as near as a page looks."""
    low, high = _range(wanted, None)
    above = _parts(wanted, user, max(low or 0, key + 1), high)
    below = _parts(wanted, user, low, key if high is None else min(high, key))
    ceiling = floor = None
    if any(_asks_rows(part, wanted) for part in (*above, *below)):
        ceiling, floor = _around(above, below, key, _bound(wanted))
    sides = Q(pk__in=[])
    for part in above:
        near = part.between(None, ceiling).jobs.order_by(part.key)
        near = wanted.narrow(near, user, ask_state=not part.tells_state)
        sides |= Q(pk=Subquery(near.values("pk")[:1]))
    for part in below:
        sides |= Q(pk=Subquery(_wanted(part, wanted, user, floor).values("pk")[:1]))
    found = list(
        Job.objects.filter(sides).select_related("batch").only("session_id", "batch").order_by("pk")
    )
    newer = next((job for job in found if job.pk > key), None)
    older = next((job for job in reversed(found) if job.pk < key), None)
    return newer, older


def states(wanted: JobFilter, user: "User | None") -> set[str]:
    """Some of the states, beside SUCCEEDED, that jobs are in which are wanted: those of the newest
    of each index. One query, for a filter that asks for nothing but state and owner."""
    every = wanted.model_copy(update={"status": (*UNFINISHED, Status.FAILED, CANCELLED)})
    newest = Q(pk__in=[])
    for part in _parts(every, user, None, None):
        newest |= Q(pk=Subquery(part.newest(None).values("pk")[:1]))
    found = Job.objects.filter(newest).order_by().values_list("status", "cancelled_at")
    seen = {shown_state(*state) for state in found}
    return {state for state in seen if not wanted.status or state in wanted.status}


def walk(wanted: JobFilter, user: "User | None", *, at_once: int = CHUNK) -> Iterator[list[Any]]:
    """All jobs that are wanted and there by now, newest first, so many at once."""
    low, high = _range(wanted, None)
    while True:
        jobs = _newest(_parts(wanted, user, low, high), wanted, user, at_once)
        if jobs:
            yield jobs
        if len(jobs) < at_once:
            return
        high = jobs[-1].pk


def keys(
    wanted: JobFilter,
    user: "User | None",
    *,
    at_once: int,
    only: Callable[[JobQuerySet], JobQuerySet],
) -> Iterator[list[int]]:
    """The ids of all jobs that are wanted, of those that `only` leaves, newest first, so many at
    once. They may change meanwhile: none is met twice."""
    low, high = _range(wanted, None)
    while True:
        parts = [_wanted(part, wanted, user, None) for part in _parts(wanted, user, low, high)]
        found = [key for part in parts for key in only(part).values_list("pk", flat=True)[:at_once]]
        some = sorted(found, reverse=True)[:at_once]
        if some:
            yield some
        if len(some) < at_once:
            return
        high = some[-1]


def count(
    wanted: JobFilter, user: "User | None", *, only: Callable[[JobQuerySet], JobQuerySet]
) -> int:
    """How many jobs that are wanted there are, of those that `only` leaves."""
    parts = _parts(wanted, user, *_range(wanted, None))
    return sum(only(_wanted(part, wanted, user, None)).order_by().count() for part in parts)


def values(
    wanted: JobFilter,
    user: "User | None",
    *columns: str,
    limit: int,
) -> list[tuple[Any, ...]]:
    """These columns of the newest jobs that are wanted, at most so many."""
    found: list[tuple[Any, ...]] = []
    for part in _parts(wanted, user, *_range(wanted, None)):
        jobs = _wanted(part, wanted, user, None)
        found += jobs.values_list("pk", *columns)[:limit]
    newest = sorted(found, key=lambda row: -row[0])[:limit]
    return [row[1:] for row in newest]


def some(wanted: JobFilter, user: "User | None", *, limit: int) -> tuple[list[int], bool]:
    """The ids of the newest jobs that are wanted, at most so many and of as many as a page looks
    at; and whether these are all."""
    parts = _parts(wanted, user, *_range(wanted, None))
    floor, _ = _floor(parts, wanted, _bound(wanted))
    found: list[int] = []
    for part in parts:
        found += _wanted(part, wanted, user, floor).values_list("pk", flat=True)[: limit + 1]
    return sorted(found, reverse=True)[:limit], floor is None and len(found) <= limit


@dataclass(frozen=True)
class _Part:
    """Jobs that are walked by an index; `key` is their id, as the index has it. `tells_state` where
    all of them are in a state that is wanted, if any state is."""

    jobs: JobQuerySet
    key: str = "key"
    tells_state: bool = False

    def between(self, low: int | None, high: int | None) -> "_Part":
        """Those with ids from `low` on and below `high`."""
        bounds = {f"{self.key}__gte": low, f"{self.key}__lt": high}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        return replace(self, jobs=self.jobs.filter(**given))

    def newest(self, floor: int | None) -> JobQuerySet:
        """From the newest on, down to that id."""
        return self.between(floor, None).jobs.order_by(f"-{self.key}")


def _parts(
    wanted: JobFilter, user: "User | None", low: int | None, high: int | None
) -> list[_Part]:
    """The jobs among which those wanted are, with ids from `low` on and below `high`. No job is in
    two parts. tests/jobs/test_plans.py holds each part to its index."""
    return [part.between(low, high) for part in _indexed(wanted, user)]


def _indexed(wanted: JobFilter, user: "User | None") -> list[_Part]:
    everybodys = (user is None or sees_all_jobs(user)) and not (wanted.user or wanted.mine)
    key = among_all("id") if everybodys else plain("id")
    jobs = wanted.owned(Job.objects.alias(key=key), user)
    states = set(wanted.status)
    if wanted.item:
        about = wanted.owned(Job.objects.alias(key=plain("id")), user)
        return [_Part(about.about(wanted.item))]
    if not wanted.lists_each:
        if wanted.batch != "only":
            return [_Part(jobs.listed())]
        # Few, so the owner is asked of each: SQLite would else walk all of theirs.
        all_jobs = Job.objects.alias(key=among_all("id"), whose=plain("owner_id"))
        return [_Part(wanted.owned(all_jobs, user, "whose").first_of_batches())]
    if states and Status.SUCCEEDED not in states:
        name, whole = "key" if everybodys else "id", states.issuperset(UNFINISHED)
        parts = [_Part(jobs.unfinished(), name, whole)] if states & set(UNFINISHED) else []
        ill = [
            _Part(jobs.filter(told), name, True)
            for state, told in FAILED_AS.items()
            if state in states
        ]
        return parts + ill
    return [_Part(jobs, "id")] if everybodys else [_Part(jobs.listed()), _Part(jobs.unlisted())]


def _asks_rows(part: _Part, wanted: JobFilter) -> bool:
    """True where its index does not tell all that is wanted, so that many rows may be looked at."""
    told = {"user", "mine", "status"} if part.tells_state else {"user", "mine"}
    return bool(wanted.to_payload().keys() - told)


def _bound(wanted: JobFilter) -> int:
    return LOOK_AT_TEXT if wanted.text else LOOK


def _wanted(part: _Part, wanted: JobFilter, user: "User | None", floor: int | None) -> JobQuerySet:
    return wanted.narrow(part.newest(floor), user, ask_state=not part.tells_state)


def _newest(
    parts: Sequence[_Part],
    wanted: JobFilter,
    user: "User | None",
    number: int,
    floor: int | None = None,
) -> list[Any]:
    """The newest jobs that are wanted of these parts, as lists show them."""
    found = [
        job for part in parts for job in _wanted(part, wanted, user, floor).for_lists()[:number]
    ]
    return sorted(found, key=lambda job: -job.pk)[:number]


def _floor(
    parts: Sequence[_Part], wanted: JobFilter, look: int
) -> tuple[int | None, datetime | None]:
    """The id and the time of the last job that is looked at; None where that is the last of all, or
    no rows are asked."""
    lasts = Q(pk__in=[])
    for part in parts:
        if _asks_rows(part, wanted):
            lasts |= Q(pk=Subquery(part.newest(None).values("pk")[look - 1 : look]))
    found = Job.objects.filter(lasts).values_list("pk", "created_at")
    return max(found, default=(None, None), key=lambda row: row[0])


def _around(
    above: Sequence[_Part], below: Sequence[_Part], key: int, look: int
) -> tuple[int | None, int | None]:
    """The ids at which a look upwards and one downwards from that id end, not included; None where
    that is at the last of all."""
    lasts = Q(pk__in=[])
    for part, order in [(part, "") for part in above] + [(part, "-") for part in below]:
        walked = part.jobs.order_by(f"{order}{part.key}").values("pk")
        lasts |= Q(pk=Subquery(walked[look - 1 : look]))
    ends = list(Job.objects.filter(lasts).order_by().values_list("pk", flat=True))
    ceiling = min((end for end in ends if end > key), default=None)
    return ceiling, max((end for end in ends if end < key), default=None)


def _range(wanted: JobFilter, below: int | None) -> tuple[int | None, int | None]:
    """The ids that can be wanted: from the first on, and below the second."""
    low, high = _ids(*wanted.window(timezone.now()))
    return low, min((end for end in (high, below) if end is not None), default=None)


def _ids(since: datetime | None, until: datetime | None) -> tuple[int | None, int | None]:
    """Ids between which (the second not included) are all jobs created between two moments."""
    moments = {0: since and since - SLACK, 1: until and until + SLACK}
    asked = {which: moment for which, moment in moments.items() if moment}
    if not asked:
        return None, None
    kind = "text" if connection.vendor == "sqlite" else "timestamp with time zone"
    table = Job._meta.db_table
    starts = [START.format(which=which, kind=kind, table=table) for which in asked]
    found: dict[int, int | None] = dict(
        statements.fetch(
            HALVE.format(starts=" UNION ALL ".join(starts), made=MADE.format(table=table)),
            [connection.ops.adapt_datetimefield_value(moment) for moment in asked.values()],
        )
    )
    return found.get(0), found.get(1)
