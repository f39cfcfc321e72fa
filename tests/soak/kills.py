"""Random deaths, one kind after the other in random order, so that a short soak has them all."""

import random
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import Error, connection
from django.utils import timezone

from jobs.models import LEASED, Job, Status
from tests.soak.clusters import Supervised
from tests.soak.database import Postgres, Sqlite

AWAY = (0.5, 3.0)  # seconds
FROZEN = 3  # seconds
SINGLE = ("idle worker", "busy worker", "pusher", "monitor", "sentinel", "main")


@dataclass
class Kill:
    """One death, and how long until things went on: seconds, or None while they have not."""

    kind: str
    at: datetime
    cluster: Supervised | None = None  # None: the database
    dead: set[int] = field(default_factory=set)  # processes that have ended or will soon
    held: dict[int, int] = field(default_factory=dict)  # jobs of the dead: id -> attempt
    recovered: float | None = None  # a job that was submitted later has succeeded
    cluster_recovered: float | None = None  # ... in a worker of the cluster that was hit
    resumed: list[float] = field(default_factory=list)  # each held job: starts again or is finished

    @property
    def is_over(self) -> bool:
        return None not in {self.recovered, self.cluster_recovered} and not self.held


class Killer:
    """Chooses who dies next. `kill()` is None when there is no such victim just now."""

    def __init__(self, seed: int, clusters: list[Supervised], database: Sqlite | Postgres) -> None:
        self._random = random.Random(seed)
        self._clusters = clusters
        self._deaths: dict[str, Callable[[str], Kill | None]] = dict.fromkeys(SINGLE, self._one)
        self._deaths |= {"all processes": self._all, "frozen worker": self._freeze}
        self._deaths |= {"SIGTERM to main": self._term_main, "SIGTERM to all": self._term_all}
        if isinstance(database, Postgres):
            self._database = database
            self._deaths |= {"connections cut": self._cut, "database away": self._go_away}
            if database.restart_command:
                self._deaths |= {"server restarted": self._restart}
        self._deck: list[str] = []

    @property
    def kinds(self) -> list[str]:
        return list(self._deaths)

    def seconds_until_next(self) -> float:
        return self._random.uniform(1, 4)

    def kill(self) -> Kill | None:
        """Let the next kind of death happen. One without a victim is put back for later."""
        if not self._deck:
            self._deck = self._random.sample(self.kinds, len(self.kinds))
        kind = self._deck.pop()
        done = self._deaths[kind](kind)
        if done is None:
            self._deck.insert(0, kind)
        return done

    def _one(self, kind: str) -> Kill | None:
        cluster = self._random.choice(self._clusters)
        role = kind.rpartition(" ")[2]
        victims = [pid for pid, known in cluster.members().items() if known == role]
        if role == "worker":
            busy = set(holders(Status.IN_PROGRESS))
            victims = [pid for pid in victims if (pid in busy) == (kind == "busy worker")]
        if not victims:
            return None
        return self._hit(kind, cluster, signal.SIGKILL, [self._random.choice(victims)])

    def _all(self, kind: str) -> Kill | None:
        cluster = self._random.choice(self._clusters)
        return self._hit(kind, cluster, signal.SIGKILL, list(cluster.members()))

    def _freeze(self, kind: str) -> Kill | None:
        """Stop a busy worker and kill its sentinel, so that its job is given to another, and let it
        go on after: what it then does must not count."""
        cluster = self._random.choice(self._clusters)
        members = cluster.members()
        busy = set(holders(Status.IN_PROGRESS)) & set(members)
        sentinels = [pid for pid, role in members.items() if role == "sentinel"]
        if not busy or not sentinels:
            return None
        worker = self._random.choice(sorted(busy))
        cluster.send(signal.SIGSTOP, [worker])
        threading.Timer(FROZEN, cluster.send, [signal.SIGCONT, [worker]]).start()
        return self._hit(kind, cluster, signal.SIGKILL, sentinels)

    def _term_main(self, kind: str) -> Kill | None:
        cluster = self._random.choice(self._clusters)
        return self._hit(kind, cluster, signal.SIGTERM, [cluster.main.pid])

    def _term_all(self, kind: str) -> Kill | None:
        cluster = self._random.choice(self._clusters)
        return self._hit(kind, cluster, signal.SIGTERM, list(cluster.members()))

    def _hit(
        self, kind: str, cluster: Supervised, number: signal.Signals, pids: list[int]
    ) -> Kill | None:
        if cluster.main.poll() is not None:
            return None
        members = cluster.members()
        is_end_of_all = any(members.get(pid) in {"main", "sentinel"} for pid in pids)
        kill = Kill(kind, timezone.now(), cluster, set(members if is_end_of_all else pids))
        cluster.send(number, pids)
        if number == signal.SIGKILL:  # after SIGTERM nothing is lost: it is done first
            kill.held = held_by(kill.dead)
        return kill

    def _cut(self, kind: str) -> Kill:
        kill = Kill(kind, timezone.now(), cluster_recovered=0)
        self._database.cut_clusters()
        kill.held = held_by(self._living())
        return kill

    def _go_away(self, kind: str) -> Kill:
        self._database.go_away(self._random.uniform(*AWAY))
        # Counted from when it is back.
        return Kill(kind, timezone.now(), cluster_recovered=0, held=held_by(self._living()))

    def _restart(self, kind: str) -> Kill:
        self._database.restart()
        return Kill(kind, timezone.now(), cluster_recovered=0, held=held_by(self._living()))

    def _living(self) -> set[int]:
        return {pid for cluster in self._clusters for pid in cluster.members()}


def holders(*statuses: Status) -> dict[int, list[tuple[int, int]]]:
    """Which process holds which jobs, as (id, attempt)."""
    held: dict[int, list[tuple[int, int]]] = {}
    try:
        rows = Job.objects.filter(status__in=statuses).values_list("pk", "attempt", "worker")
        for job, attempt, worker in rows:
            held.setdefault(int(worker.rpartition(":")[2] or 0), []).append((job, attempt))
    except Error:
        connection.close()
    return held


def held_by(pids: set[int]) -> dict[int, int]:
    """The jobs that these processes hold, as id -> attempt."""
    return {
        job: attempt
        for pid, jobs in holders(*LEASED).items()
        if pid in pids
        for job, attempt in jobs
    }
