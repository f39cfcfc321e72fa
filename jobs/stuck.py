"""Why a job does not move: what a user would otherwise have to ask an administrator.

`explain` takes one job or a page of them and asks a number of queries that depends on neither how
many they are nor how many wait.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from jobs import definitions, lifecycle, queues, statements, tallies
from jobs.models import Cluster, Job, QueuePause, Status
from provena.words import counted

SOON = timedelta(seconds=5)  # a wait or a run that is too short to need a word
PATIENCE = timedelta(seconds=60)  # a due job that waits longer needs a person
SLOW = timedelta(seconds=10)
TIMES = 3  # so many times as long as usual is longer than usual
NEARLY = 0.8  # of the time that it may take
MOST_BEFORE = 10_000  # waiting jobs that are counted
SAMPLE = 200  # jobs that ended last, to see how fast a queue moves
LATELY = timedelta(minutes=10)

# The place of some jobs in a queue, by one walk along its index, to its first jobs at most.
PLACES = """
SELECT id, place FROM (
    SELECT id, ROW_NUMBER() OVER (ORDER BY run_after, id) AS place FROM {jobs}
    WHERE queue = %s AND dequeued_at IS NULL AND finished_at IS NULL AND run_after <= %s
    ORDER BY run_after, id LIMIT %s
) AS first_ones WHERE id IN ({keys})
"""


@dataclass(frozen=True)
class Reason:
    """Why a job or a queue does not move: in some words, and in sentences that say what to do.
    `needs_help` is False where it is a matter of time. `code` names the kind of reason."""

    code: str
    short: str
    text: str
    needs_help: bool = True

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Standing:
    """Why nothing is taken off some queues in which jobs wait, for a page that asks for news of
    itself. No reason where nothing stands still."""

    reasons: list[Reason]

    @classmethod
    def of(cls, queues: Iterable[str]) -> "Standing":
        """Two queries, or none for no queue."""
        found = standstills(queues)
        return cls([found[name] for name in sorted(found)])

    @property
    def kinds(self) -> str:
        """Changes when there is news to be announced, not with each minute that a pause lasts."""
        return "-".join(reason.code for reason in self.reasons)

    @property
    def text(self) -> str:
        return " ".join(reason.text for reason in self.reasons)

    @property
    def seen(self) -> str:
        """Changes whenever a reader would see a change; begins with `kinds`."""
        return f"{self.kinds}.{zlib.crc32(self.text.encode()):x}" if self.reasons else ""


def told(length: timedelta) -> str:
    """A length of time, no more exactly than a reader has use for."""
    seconds = length.total_seconds()
    if seconds < 100:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 7_200 else f"{round(seconds / 3_600)} h"


def explain(jobs: Iterable[Job]) -> dict[int, Reason]:
    """Why each of these jobs that waits or runs beyond what one would expect does so, by its key.
    Jobs that have ended, or are on their way, are not in it. At most five queries."""
    unfinished = [job for job in jobs if not job.is_finished]
    waiting = [job for job in unfinished if job.status == Status.PENDING]
    held = [job for job in unfinished if job.status != Status.PENDING]
    return _of_waiting(waiting) | _of_held(held)


def standstills(names: Iterable[str]) -> dict[str, Reason]:
    """Why nothing is taken off each of these queues, where that is so. Two queries."""
    wanted = set(names)
    if not wanted:
        return {}
    served = set(Cluster.objects.alive().filter(queue__in=wanted).values_list("queue", flat=True))
    found = {name: _unserved(name) for name in wanted - served}
    pauses = {name: _paused(one) for name, one in queues.paused().items() if name in wanted}
    return found | pauses


def _of_waiting(jobs: list[Job]) -> dict[int, Reason]:
    standing = standstills(job.queue for job in jobs)
    now = timezone.now()
    found = {job.pk: standing[job.queue] for job in jobs if job.queue in standing}
    found |= {job.pk: _retry(job) for job in jobs if job.is_waiting_to_retry} | found
    late = [job for job in jobs if job.pk not in found and job.run_after < now - SOON]
    if not late:
        return found
    before, pace = _before(late), _pace()
    for job in late:
        number, is_more = before[job.pk]
        found[job.pk] = _queued(number, is_more, pace.get(job.queue), now - job.run_after)
    return found


def _of_held(jobs: list[Job]) -> dict[int, Reason]:
    now = timezone.now()
    if not jobs:
        return {}
    clusters = {str(cluster.pk): cluster for cluster in Cluster.objects.all()}
    long = {job.sub_type for job in jobs if job.started_at and job.started_at < now - SLOW}
    usual = tallies.usual(long) if long else {}
    reasons = {job.pk: _lost(job, clusters, now) or _slow(job, usual, now) for job in jobs}
    return {pk: reason for pk, reason in reasons.items() if reason}


def _lost(job: Job, clusters: dict[str, Cluster], now: datetime) -> Reason | None:
    """A job whose worker may be gone."""
    if job.lease_until and job.lease_until < now:
        return Reason(
            "lapsed",
            "its worker is gone",
            "Its lease has passed: its worker is gone. The next sweep of a running cluster, or "
            "manage.py sweep_jobs, gives it back to the queue, and it starts again.",
        )
    holder = job.worker.partition(":")[0]
    cluster = clusters.get(holder)
    if not holder or (cluster and cluster.is_alive):
        return None
    back = f"If so, it goes back to the queue in {_left(job.lease_until, now)} and starts again."
    if cluster is None:
        text = f"The workers that hold it have stopped or are stopping. {back}"
        return Reason("stopping", "its workers are stopping", text, needs_help=False)
    silence = told(now - cluster.beat_at)
    return Reason(
        "silent",
        f"its worker is silent for {silence}",
        f"The workers that hold it, on {cluster.host}, have not reported for {silence}: they may "
        f"have died. {back}",
    )


def _slow(job: Job, usual: dict[str, timedelta], now: datetime) -> Reason | None:
    """A job that takes long."""
    if job.status != Status.IN_PROGRESS or not job.started_at:
        return None
    ran = now - job.started_at
    if ran < SOON:
        return None
    limit = (job.lease_until or now) - timedelta(seconds=lifecycle.LEASE_MARGIN) - job.started_at
    if ran > limit * NEARLY:
        stays = definitions.is_in_pieces(job.sub_type)
        kept = "what it has done by then stays" if stays else "nothing of it is recorded"
        return Reason(
            "ending",
            f"running for {told(ran)}, at most {told(limit)}",
            f"It has run for {told(ran)} of the {told(limit)} that it may take. If it does "
            f"not end in time, it is stopped, {kept}, and it is tried again if it has attempts "
            "left.",
        )
    normal = usual.get(job.sub_type)
    if normal is None or ran < max(SLOW, TIMES * normal):
        return None
    return Reason(
        "slow",
        f"running for {told(ran)}, usually {told(normal)}",
        f"It has run for {told(ran)}; such jobs usually take {told(normal)}. It is stopped "
        f"if it is not done in {_left(job.started_at + limit, now)}.",
    )


def _paused(pause: QueuePause) -> Reason:
    why = f": {pause.reason}" if pause.reason else ""
    ago = told(timezone.now() - pause.at)
    stop = "" if why.endswith((".", "!", "?")) else "."
    return Reason(
        "paused",
        "queue paused",
        f"{pause.who} paused queue {pause.queue} {ago} ago{why}{stop} Jobs wait there, safely, "
        "until it is resumed.",
    )


def _unserved(queue: str) -> Reason:
    if queue not in queues.names():
        return Reason(
            "unknown-queue",
            "its queue is not used any more",
            f"No job kind uses queue {queue} any more, so no worker will take it. Cancel it, or "
            "ask an administrator.",
        )
    option = "" if queue == definitions.DEFAULT_QUEUE else f" --queue {queue}"
    return Reason(
        "no-worker",
        "no worker is running",
        f"No worker is running for queue {queue}. Jobs wait there, safely, until one is started. "
        f"An administrator starts one with manage.py qcluster{option}.",
    )


def _retry(job: Job) -> Reason:
    left = told(job.next_try_in)
    return Reason(
        "retry",
        f"tried again in {left}",
        f"Its last attempt failed; it is tried again in {left}.",
        needs_help=False,
    )


def _queued(number: int, is_more: bool, pace: float | None, waited: timedelta) -> Reason:
    """A job that is due, in a queue that has workers. `pace` is in jobs a second."""
    needs_help = waited > PATIENCE
    if not number:
        text = f"It is next. All workers have been busy for the {told(waited)} that it waits."
        return Reason("next", "next, when a worker is free", text, needs_help)
    few = f"{'more than ' if is_more else ''}{counted(number, 'job')}"
    about = f", about {told(timedelta(seconds=number / pace))}" if pace and not is_more else ""
    text = f"{few} before it in the queue{about}. It has waited for {told(waited)}."
    return Reason("queue", f"{few} before it{about}", text, needs_help)


def _before(jobs: Sequence[Job]) -> dict[int, tuple[int, bool]]:
    """How many due jobs are before each of these in its queue, and whether there are more than were
    counted. One query."""
    queued: dict[str, list[Job]] = {}
    for job in jobs:
        queued.setdefault(job.queue, []).append(job)
    asked: list[str] = []
    parameters: list[object] = []
    for queue, own in queued.items():
        keys = ", ".join(["%s"] * len(own))
        last = max(job.run_after for job in own)
        asked.append(PLACES.format(jobs=lifecycle.TABLE, keys=keys))
        parameters += [queue, connection.ops.adapt_datetimefield_value(last), MOST_BEFORE + 1]
        parameters += [job.pk for job in own]
    places: dict[int, int] = dict(statements.fetch(" UNION ALL ".join(asked), parameters))
    return {
        job.pk: (places[job.pk] - 1, False) if job.pk in places else (MOST_BEFORE, True)
        for job in jobs
    }


def _pace() -> dict[str, float]:
    """Jobs of each queue that end in a second, judged by the latest of all."""
    now = timezone.now()
    lately = Job.objects.filter(finished_at__isnull=False, finished_at__gt=now - LATELY)
    lately = lately.filter(started_at__isnull=False)  # not cancelled before a worker began
    sample = lately.order_by("-finished_at").values_list("queue", "started_at")[:SAMPLE]
    starts: dict[str, list[datetime]] = {}
    for queue, start in sample:
        if start:
            starts.setdefault(queue, []).append(start)
    return {
        queue: len(of_it) / max((now - min(of_it)).total_seconds(), 0.001)
        for queue, of_it in starts.items()
    }


def _left(until: datetime | None, now: datetime) -> str:
    return told(max((until or now) - now, timedelta(0)))
