"""How the engine is: the same facts for the workers page, `manage.py worker_status` and probes."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from jobs import definitions, queues, stuck, tallies
from jobs.models import Cluster, Job, JobQuerySet, QueuePause
from jobs.stuck import Reason, Standing
from provena.words import counted

COUNT_UP_TO = 1_000  # beyond that a queue is "more than"
RATE_OVER = timedelta(minutes=5)
SHOWN = 25
HELD = 100  # running jobs that are looked at for those that are stuck


@dataclass(frozen=True)
class Queue:
    """One queue: how many jobs are due (counted up to COUNT_UP_TO), how long the oldest of them has
    waited, how many workers serve it, how many jobs a minute it does, and whether it is paused."""

    name: str
    waiting: int
    oldest: timedelta | None
    workers: int
    per_minute: float
    pause: QueuePause | None

    @property
    def is_more(self) -> bool:
        return self.waiting > COUNT_UP_TO

    @property
    def fault(self) -> str:
        """Why its jobs do not move, in a sentence; empty while they do, or are not meant to."""
        if self.pause or self.oldest is None:
            return ""
        if not self.workers:
            return f"Jobs wait in queue {self.name}, and no worker serves it."
        if self.oldest > stuck.PATIENCE:
            seconds = int(self.oldest.total_seconds())
            return f"The oldest job in queue {self.name} has waited {seconds} s for a free worker."
        return ""


@dataclass(frozen=True)
class Stuck:
    """A job that does not move, and why."""

    job: Job
    reason: Reason


@dataclass(frozen=True)
class Held:
    """A job that a worker holds, and why it takes so long, if it does."""

    job: Job
    reason: Reason | None


@dataclass(frozen=True)
class Health:
    """All of it, at one moment."""

    clusters: list[Cluster]
    queues: list[Queue]
    running: list[Held]
    stuck: list[Stuck]

    @property
    def per_minute(self) -> float:
        return sum(queue.per_minute for queue in self.queues)

    @property
    def workers(self) -> int:
        return sum(cluster.workers for cluster in self.clusters if cluster.is_alive)

    @property
    def faults(self) -> list[str]:
        """What needs a person, in sentences; empty when all is well. A pause is somebody's will."""
        found = [] if self.workers else ["No worker is running. Start one with manage.py qcluster."]
        return found + [queue.fault for queue in self.queues if queue.fault]

    @property
    def told(self) -> str:
        """The same for an announcement: it changes when there is news, not with every second."""
        if not self.workers:
            return "No worker is running."
        lame = [queue.name for queue in self.queues if queue.fault]
        return f"Jobs do not move in queue {', '.join(lame)}." if lame else "All is well."


def look() -> Health:
    """The state of the engine now, in a number of queries that depends on nothing but the number
    of queues."""
    clusters = list(Cluster.objects.all())
    names = queues.names()
    pauses, rates = queues.paused(), tallies.per_minute(RATE_OVER)
    oldest = {name: list(_due(name).order_by("run_after", "id")[:SHOWN]) for name in names}
    held = list(_light().leased().order_by("dequeued_at")[:HELD])
    first = [job for jobs in oldest.values() for job in jobs] + _strays(names)
    reasons = stuck.explain([*held, *first])
    serving = [cluster for cluster in clusters if cluster.is_alive]
    return Health(
        clusters=clusters,
        queues=[
            Queue(
                name=name,
                waiting=_due(name).order_by()[: COUNT_UP_TO + 1].count(),
                oldest=timezone.now() - oldest[name][0].run_after if oldest[name] else None,
                workers=sum(cluster.workers for cluster in serving if cluster.queue == name),
                per_minute=rates.get(name, 0),
                pause=pauses.get(name),
            )
            for name in names
        ],
        running=[Held(job, reasons.get(job.pk)) for job in held[-SHOWN:]][::-1],
        stuck=[
            Stuck(job, reasons[job.pk])
            for job in [*held, *first]
            if job.pk in reasons and reasons[job.pk].needs_help
        ],
    )


@dataclass(frozen=True)
class Brief:
    """How it is, for everybody: what the home page says in a line. `standing` says why nothing is
    taken off queues in which jobs wait; `lately` how many jobs ended in the last hour, and how
    many of them failed, for who looks after that."""

    workers: int
    waiting: int
    standing: Standing
    lately: tuple[int, int] | None

    @property
    def seen(self) -> str:
        """Changes whenever a reader would see a change; begins with the kinds of standstill."""
        text = f"{self.told}{self.lately}"
        return f"{self.standing.kinds}.{zlib.crc32(text.encode()):x}"

    @property
    def told(self) -> str:
        if self.standing.reasons:
            return self.standing.text
        workers = counted(self.workers, "worker")
        if not self.waiting:
            running = counted(self.workers, "worker is", "workers are")
            return f"{running} running, and nothing waits."
        more = "more than " if self.waiting > COUNT_UP_TO else ""
        jobs = counted(min(self.waiting, COUNT_UP_TO), "job waits", "jobs wait")
        return f"{workers} running, {more}{jobs}."


def brief(*, lately: bool) -> Brief:
    """How it is, in four queries, or five with what happened lately."""
    serving = Cluster.objects.alive().values_list("queue", "workers")
    workers = sum(number for _, number in serving)
    due = Job.objects.waiting().filter(queue__in=queues.names(), run_after__lte=timezone.now())
    waiting = list(due.order_by().values_list("queue", flat=True)[: COUNT_UP_TO + 1])
    where = set(waiting) or {definitions.DEFAULT_QUEUE}
    return Brief(
        workers=workers,
        waiting=len(waiting),
        standing=Standing.of(where),
        lately=tallies.last_hour() if lately else None,
    )


def _due(queue: str) -> JobQuerySet:
    return _light().waiting().filter(queue=queue, run_after__lte=timezone.now())


def _strays(names: Sequence[str]) -> list[Job]:
    """Some jobs that wait in queues which no job kind uses: those before, between and after the
    names, so that the index finds them without a walk through the queues that are used."""
    edges = [{}, *({"queue__gt": name} for name in names)]
    ends = [*({"queue__lt": name} for name in names), {}]
    found: list[Job] = []
    for begin, end in zip(edges, ends, strict=True):
        found += _light().waiting().filter(**begin, **end).order_by("queue")[:SHOWN]
    return found[:SHOWN]


def _light() -> JobQuerySet:
    return Job.objects.select_related("owner").defer("payload", "result", "traceback")
