"""How many jobs ended, how long they took and how many failed, by minutes and quarters of an hour.

A day may have many more jobs than a page can count, so the clusters' sentinels add up what has
ended every few seconds: nothing is done for it where jobs run. Each job is counted once, because
only who moves the mark adds what it passes over. A job whose commit takes longer than LAG after
its last statement is missed; these figures are for looking at, not for the books.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from jobs import lifecycle, statements
from jobs.models import Tally, TallyMark

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=10)
LAG = timedelta(seconds=5)  # what ended is committed by then
AT_ONCE = timedelta(hours=1)  # of what nobody has counted yet
DAY = timedelta(days=1)
KEPT = {1: timedelta(hours=2), 15: timedelta(days=2)}  # by width in minutes
FINE, COARSE = KEPT
# Seconds. Between two of them, a length is not told apart.
BOUNDS = (
    *(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600),
    *(7200, 14400, 43200, 86400),
)
ENOUGH = 5  # jobs of a kind, to say what is usual
# From when a job was submitted or, after a retry, due again; one that went ahead was due before.
DUE = "CASE WHEN run_after > created_at THEN run_after ELSE created_at END"
MARK = 1  # the key of the only row

MINUTE = {
    "sqlite": "strftime('%%s', substr(finished_at, 1, 19)) / 60",
    "postgresql": "floor(EXTRACT(EPOCH FROM finished_at) / 60)::int",
}
# SQLite's own functions know milliseconds only, and round them.
SECONDS = {
    "sqlite": "strftime('%%s', substr(finished_at, 1, 19))"
    " - strftime('%%s', substr({since}, 1, 19))"
    " + CAST('0' || substr(finished_at, 20) AS REAL) - CAST('0' || substr({since}, 20) AS REAL)",
    "postgresql": "EXTRACT(EPOCH FROM finished_at - {since})::float",
}
# MATERIALIZED, so that SQLite works out a length once and not for each bound.
COUNT = """
WITH ended AS MATERIALIZED (
    SELECT {minute} AS minute, queue, sub_type, {took} AS took,
        CASE WHEN result IS NULL THEN 1 ELSE 0 END AS failed,
        CASE WHEN started_at IS NULL THEN 0 ELSE {ran} END AS ran
    FROM {jobs}
    WHERE finished_at IS NOT NULL AND finished_at > %s AND finished_at <= %s
        AND NOT (result IS NULL AND info LIKE %s)
)
SELECT minute, queue, sub_type, CASE {bounds} ELSE {most} END AS bucket, COUNT(*), SUM(failed),
    SUM(ran)
FROM ended GROUP BY 1, 2, 3, 4
"""
ADD = """
INSERT INTO {tallies} (width, slot, queue, sub_type, bucket, number, failed, ran)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (width, slot, queue, sub_type, bucket) DO UPDATE SET
    number = {tallies}.number + excluded.number,
    failed = {tallies}.failed + excluded.failed,
    ran = {tallies}.ran + excluded.ran
"""


def roll() -> bool:
    """Count what has ended since the last time, up to AT_ONCE of it. True if it was time to, and no
    other cluster did it; cheap enough to ask every second."""
    now = timezone.now()
    mark, _ = TallyMark.objects.get_or_create(pk=MARK, defaults={"upto": now - DAY})
    if mark.upto > now - LAG - EVERY:
        return False
    since = max(mark.upto, now - DAY)
    upto = min(now - LAG, since + AT_ONCE)
    counted = statements.fetch(
        *statement(since, upto)
    )  # before the transaction: SQLite has one write lock
    with transaction.atomic():
        if not TallyMark.objects.filter(pk=MARK, upto=mark.upto).update(upto=upto):
            return False
        with connection.cursor() as cursor:
            for width in KEPT if counted else ():
                cursor.executemany(ADD.format(tallies=Tally._meta.db_table), _wide(counted, width))
        for width, kept in KEPT.items():
            Tally.objects.filter(width=width, slot__lt=_slot(now - kept, width)).delete()
    return True


def _wide(counted: list[statements.Row], width: int) -> list[statements.Row]:
    """What was counted by minutes, by stretches of that width."""
    sums: dict[statements.Row, list[float]] = {}
    for minute, queue, sub_type, bucket, *numbers in counted:
        key = (width, minute // width, queue, sub_type, bucket)
        sums[key] = [sum(pair) for pair in zip(sums.get(key, [0, 0, 0]), numbers, strict=True)]
    return [(*key, *numbers) for key, numbers in sums.items()]


def statement(since: datetime, upto: datetime) -> tuple[str, list[Any]]:
    """What counts the jobs that ended after the one moment and until the other, by minutes."""
    seconds = SECONDS[connection.vendor]
    sql = COUNT.format(
        minute=MINUTE[connection.vendor],
        bounds=" ".join(f"WHEN took < {bound} THEN {n}" for n, bound in enumerate(BOUNDS)),
        most=len(BOUNDS),
        took=seconds.format(since=DUE),
        ran=seconds.format(since="started_at"),
        jobs=lifecycle.TABLE,
    )
    adapt = connection.ops.adapt_datetimefield_value
    return sql, [adapt(since), adapt(upto), f"{lifecycle.CANCELLED} %"]


@dataclass
class Slot:
    """What ended in a stretch of time."""

    at: datetime
    number: int = 0
    failed: int = 0
    buckets: Counter[int] = field(default_factory=Counter)

    @property
    def succeeded(self) -> int:
        return self.number - self.failed

    @property
    def half(self) -> float | None:
        """Seconds within which half of them ended."""
        return within(self.buckets, 0.5)

    @property
    def most(self) -> float | None:
        """Seconds within which nineteen in twenty of them ended."""
        return within(self.buckets, 0.95)


@dataclass
class Kind:
    """How the jobs of a kind fared in a window."""

    sub_type: str
    number: int
    failed: int
    ran: float

    @property
    def rate(self) -> float:
        """How many of a hundred failed."""
        return 100 * self.failed / self.number

    @property
    def usual(self) -> timedelta:
        """How long one runs, on average."""
        return timedelta(seconds=self.ran / self.number)


@dataclass(frozen=True)
class Window:
    """The time until now, in slots of the same length; the last one has only begun."""

    slots: list[Slot]
    width: timedelta
    kinds: list[Kind]

    @property
    def number(self) -> int:
        return sum(slot.number for slot in self.slots)

    @property
    def failed(self) -> int:
        return sum(slot.failed for slot in self.slots)

    @property
    def begin(self) -> datetime:
        return self.slots[0].at

    @property
    def buckets(self) -> Counter[int]:
        return sum((slot.buckets for slot in self.slots), Counter())


def window(width: int, count: int) -> Window:
    """What ended in the last `count` stretches of `width` minutes, FINE or COARSE. One query."""
    first = _slot(timezone.now(), width) - count + 1
    minute = timedelta(minutes=1)
    slots = [Slot(EPOCH + (first + place) * width * minute) for place in range(count)]
    kinds: dict[str, Kind] = {}
    counted = Tally.objects.filter(width=width, slot__gte=first, slot__lt=first + count)
    columns = ("slot", "sub_type", "bucket", "number", "failed", "ran")
    for place, sub_type, bucket, number, failed, ran in counted.values_list(*columns):
        slot = slots[place - first]
        slot.number += number
        slot.failed += failed
        slot.buckets[bucket] += number
        kind = kinds.setdefault(sub_type, Kind(sub_type, 0, 0, 0.0))
        kind.number += number
        kind.failed += failed
        kind.ran += ran
    return Window(
        slots, width * minute, sorted(kinds.values(), key=lambda one: (-one.failed, -one.number))
    )


def usual(sub_types: Iterable[str]) -> dict[str, timedelta]:
    """How long a job of each of these kinds has run on average in the last day, where enough of
    them have to tell."""
    day = Tally.objects.filter(width=COARSE, slot__gt=_slot(timezone.now() - DAY, COARSE))
    lately = day.filter(sub_type__in=set(sub_types))
    found = lately.order_by().values_list("sub_type").annotate(Sum("number"), Sum("ran"))
    return {
        sub_type: timedelta(seconds=ran / number)
        for sub_type, number, ran in found
        if number >= ENOUGH
    }


def per_minute(length: timedelta) -> dict[str, float]:
    """How many jobs of each queue ended in a minute, over the last `length`."""
    begin = _slot(timezone.now() - LAG - length, FINE)
    found = Tally.objects.filter(width=FINE, slot__gt=begin).order_by().values_list("queue")
    minutes = length / timedelta(minutes=1)
    return {queue: number / minutes for queue, number in found.annotate(Sum("number"))}


def counted_upto() -> datetime | None:
    """Until when jobs have been counted."""
    return TallyMark.objects.filter(pk=MARK).values_list("upto", flat=True).first()


def last_hour() -> tuple[int, int]:
    """How many jobs ended in the last hour, and how many of them failed."""
    since = _slot(timezone.now() - timedelta(hours=1), FINE)
    sums = Tally.objects.filter(width=FINE, slot__gt=since).aggregate(
        number=Sum("number", default=0), failed=Sum("failed", default=0)
    )
    return sums["number"], sums["failed"]


def within(buckets: Counter[int], part: float) -> float | None:
    """Seconds within which that part of the counted jobs ended, read off evenly between the bounds
    of its bucket; None if there are none."""
    left = part * buckets.total()
    if not left:
        return None
    edges = [0, *BOUNDS, BOUNDS[-1]]
    for bucket, number in sorted(buckets.items()):
        if left <= number:
            low, high = edges[bucket], edges[bucket + 1]
            return low + (high - low) * left / number
        left -= number
    return BOUNDS[-1]


def _slot(moment: datetime, width: int) -> int:
    return (moment - EPOCH) // timedelta(minutes=width)
