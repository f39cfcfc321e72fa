"""How long jobs waited and ran lately, measured on the jobs themselves."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from jobs import definitions
from jobs.models import Job, JobQuerySet, Status

SAMPLE = 500  # jobs
COLUMNS = ("sub_type", "status", "created_at", "run_after", "started_at", "finished_at")


class Spread(NamedTuple):
    """Of some lengths of time: half are at most `median`, 95 in a hundred at most `p95`. None where
    there are none."""

    median: timedelta | None = None
    p95: timedelta | None = None


@dataclass(frozen=True)
class Timing:
    """The times of the jobs of one kind that succeeded, and how many did not."""

    sub_type: str
    title: str
    succeeded: int
    failed: int
    waited: Spread
    ran: Spread


@dataclass(frozen=True)
class Timings:
    """Those of all kinds that are in the sample, the most frequent first, and of all together."""

    together: Timing
    kinds: list[Timing]
    since: datetime
    until: datetime


class _Row(NamedTuple):
    sub_type: str
    status: str
    created_at: datetime
    run_after: datetime
    started_at: datetime | None
    finished_at: datetime

    @property
    def due(self) -> datetime:
        """One that goes before others was due before it was there."""
        return max(self.created_at, self.run_after)


def recent() -> JobQuerySet:
    """Finished jobs, the latest first, as the index `job_finished` holds them."""
    return Job.objects.filter(finished_at__isnull=False).order_by("-finished_at")


def look() -> Timings | None:
    """The times of the last SAMPLE jobs that finished, in one query; None before the first."""
    rows = [_Row(*row) for row in recent().values_list(*COLUMNS)[:SAMPLE]]
    if not rows:
        return None
    by_kind: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_kind[row.sub_type].append(row)
    frequent = [sub_type for sub_type, _ in Counter(row.sub_type for row in rows).most_common()]
    return Timings(
        together=_timing("", "All kinds together", rows),
        kinds=[
            _timing(sub_type, definitions.title_of(sub_type), by_kind[sub_type])
            for sub_type in frequent
        ],
        since=rows[-1].finished_at,
        until=rows[0].finished_at,
    )


def _timing(sub_type: str, title: str, rows: list[_Row]) -> Timing:
    """Of a job that was tried more than once, its last attempt counts: it waits from `run_after`,
    which each retry sets anew, and not from its creation."""
    done = [row for row in rows if row.status == Status.SUCCEEDED and row.started_at]
    return Timing(
        sub_type=sub_type,
        title=title,
        succeeded=sum(row.status == Status.SUCCEEDED for row in rows),
        failed=sum(row.status == Status.FAILED for row in rows),
        waited=_spread(row.started_at - row.due for row in done if row.started_at),
        ran=_spread(row.finished_at - row.started_at for row in done if row.started_at),
    )


def _spread(lengths: Iterable[timedelta]) -> Spread:
    ordered = sorted(length.total_seconds() for length in lengths)
    if not ordered:
        return Spread()
    return Spread(
        median=timedelta(seconds=statistics.median(ordered)),
        p95=timedelta(seconds=ordered[math.ceil(0.95 * len(ordered)) - 1]),
    )
