"""How the engine is: the same facts for the workers page, `manage.py worker_status` and probes."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from jobs import definitions
from jobs.models import FINISHED, Cluster, Job, JobQuerySet

COUNT_UP_TO = 1_000  # beyond that a queue is "more than"
RATE_OVER = timedelta(minutes=5)
PATIENCE = timedelta(seconds=60)  # a due job that waits longer is stuck
SHOWN = 25


@dataclass(frozen=True)
class Queue:
    """One queue: how many jobs are due (counted up to COUNT_UP_TO), how long the oldest of them has
    waited, and how many workers serve it."""

    name: str
    waiting: int
    oldest: timedelta | None
    workers: int

    @property
    def is_more(self) -> bool:
        return self.waiting > COUNT_UP_TO

    @property
    def fault(self) -> str:
        """Why its jobs do not move, in a sentence; empty while they do."""
        if self.oldest is not None and not self.workers:
            return f"Jobs wait in queue {self.name}, and no worker serves it."
        if self.oldest is not None and self.oldest > PATIENCE:
            seconds = int(self.oldest.total_seconds())
            return f"The oldest job in queue {self.name} has waited {seconds} s for a free worker."
        return ""


@dataclass(frozen=True)
class Stuck:
    """A job that does not move, and why."""

    job: Job
    reason: str


@dataclass(frozen=True)
class Health:
    """All of it, at one moment."""

    clusters: list[Cluster]
    queues: list[Queue]
    running: list[Job]
    stuck: list[Stuck]
    per_minute: float

    @property
    def faults(self) -> list[str]:
        """What needs a person, in sentences; empty when all is well."""
        alive = any(cluster.is_alive for cluster in self.clusters)
        found = [] if alive else ["No worker is running. Start one with manage.py qcluster."]
        return found + [queue.fault for queue in self.queues if queue.fault]


def look() -> Health:
    """The state of the engine now, in a number of queries that depends on nothing but the number
    of queues."""
    clusters = list(Cluster.objects.all())
    alive = [cluster for cluster in clusters if cluster.is_alive]
    names = {kind.queue for kind in definitions.job_kinds()} | {definitions.DEFAULT_QUEUE}
    queues = [_queue(name, alive) for name in sorted(names)]
    running = _light().leased()[:SHOWN]
    finished = Job.objects.filter(
        status__in=FINISHED, finished_at__gt=timezone.now() - RATE_OVER
    ).count()
    return Health(
        clusters=clusters,
        queues=queues,
        running=list(running),
        stuck=_stuck({queue.name: queue for queue in queues}),
        per_minute=finished / (RATE_OVER.total_seconds() / 60),
    )


def _queue(name: str, alive: list[Cluster]) -> Queue:
    now = timezone.now()
    due = Job.objects.waiting().filter(queue=name, run_after__lte=now)
    oldest = due.order_by("run_after", "id").values_list("run_after", flat=True).first()
    return Queue(
        name=name,
        waiting=due.order_by()[: COUNT_UP_TO + 1].count(),
        oldest=now - oldest if oldest else None,
        workers=sum(cluster.workers for cluster in alive if cluster.queue == name),
    )


def _stuck(queues: dict[str, Queue]) -> list[Stuck]:
    now = timezone.now()
    found = [
        Stuck(
            job,
            "Its lease has passed: its worker is gone. The next sweep of a running cluster, or "
            "manage.py sweep_jobs, gives it back.",
        )
        for job in _light().leased().filter(lease_until__lt=now)[:SHOWN]
    ]
    late = _light().waiting().filter(run_after__lt=now - PATIENCE)
    for job in late.order_by("run_after", "id")[:SHOWN]:
        queue = queues.get(job.queue)
        reason = queue.fault if queue else f"No job kind uses queue {job.queue} any more."
        found.append(Stuck(job, reason or "It waits for a free worker."))
    return found


def _light() -> JobQuerySet:
    return Job.objects.select_related("owner").defer("payload", "result", "traceback")
