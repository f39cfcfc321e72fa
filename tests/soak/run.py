"""One soak: kill for a while, let the clusters drain, stop them, judge what the database holds."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from django.core.management import call_command
from django.db import Error, connection

from jobs.models import Job
from tests.soak.clusters import Supervised
from tests.soak.database import Postgres, Sqlite
from tests.soak.kills import Killer
from tests.soak.recovery import Watch
from tests.soak.report import report, say
from tests.soak.users import Users
from tests.soak.verdict import judge

CLUSTERS = ("cluster-a", "cluster-b")
DRAINS_WITHIN = 300  # seconds: leases last at most 75, and failed attempts wait ever longer
RECOVERS_WITHIN = 90  # seconds from the last kill
LOOK_EVERY = 0.1
TELL_EVERY = 30


def soak(database: Sqlite | Postgres, directory: Path, seconds: float, seed: int) -> bool:
    """Run it all and print the report. True if nothing was wrong."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that we tidy up
    call_command("migrate", verbosity=0)
    environment = os.environ | {"DATABASE_URL": database.cluster_url, "PYTHONUNBUFFERED": "1"}
    clusters: list[Supervised] = []
    users, watch = Users(seed), Watch()
    run = Run(clusters, users, watch)
    try:
        clusters += [Supervised(name, directory, environment) for name in CLUSTERS]
        users.start()
        watch.start()
        run.harass(Killer(seed, clusters, database), seconds)
        run.drain()
    finally:
        users.end()
        watch.end()
        for cluster in clusters:
            cluster.kill()
    verdict = judge(users.promised)
    verdict.other += run.faults
    if not verdict.is_good:
        say(f"FAULTY. The logs of the clusters are in {directory}.")
    for line in report(verdict, watch.kills, clusters):
        say(line)
    return verdict.is_good


class Run:
    """The parts of a soak, in which clusters are supervised all the time."""

    def __init__(self, clusters: list[Supervised], users: Users, watch: Watch) -> None:
        self.clusters, self.users, self.watch = clusters, users, watch
        self._faults: list[str] = []

    @property
    def faults(self) -> list[str]:
        return self._faults + [fault for cluster in self.clusters for fault in cluster.faults]

    def harass(self, killer: Killer, seconds: float) -> None:
        """Kill at random for that long."""
        now = start = time.monotonic()
        next_kill, next_word = now + killer.seconds_until_next(), now + TELL_EVERY
        while now < start + seconds:
            self._supervise()
            if now >= next_kill and (kill := killer.kill()):
                self.watch.kills.append(kill)
                next_kill = now + killer.seconds_until_next()
            if now >= next_word:
                promised, kills = len(self.users.promised), len(self.watch.kills)
                say(f"{now - start:5.0f} s: {promised} jobs, {kills} kills")
                next_word += TELL_EVERY
            time.sleep(LOOK_EVERY)
            now = time.monotonic()

    def drain(self) -> None:
        """Let everything end that was begun, then the clusters."""
        self.users.end()
        self._await(lambda: not unfinished(), "jobs are unfinished", DRAINS_WITHIN)
        self._await(lambda: not self.watch.waiting, "kills have not recovered", RECOVERS_WITHIN)
        self.watch.end()
        for cluster in self.clusters:
            cluster.stop()
        self._await(self._is_all_gone, "clusters are not gone", DRAINS_WITHIN)

    def _is_all_gone(self) -> bool:
        return all(cluster.is_gone for cluster in self.clusters)

    def _await(self, is_true: Callable[[], bool], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not is_true():
            if time.monotonic() > deadline:
                self._faults.append(f"After {seconds} s, {what}.")
                return
            self._supervise()
            time.sleep(LOOK_EVERY)

    def _supervise(self) -> None:
        for cluster in self.clusters:
            cluster.supervise()
        for thread in (self.users, self.watch):
            if thread.crash:
                raise RuntimeError("The soak itself failed.") from thread.crash


def unfinished() -> bool:
    try:
        return Job.objects.unfinished().exists()
    except Error:
        connection.close()
        return True
