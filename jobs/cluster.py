"""What a Django-Q2 cluster needs beyond Django-Q2 so that it cannot freeze and leaves no orphans.

Faults of Django-Q2 1.11.1 that are mended here, each measured:
- Killing one process freezes the others for good (see jobs.killproof).
- A SIGTERM to the whole process group (Ctrl-C, honcho) kills the sentinel while the main process
  still needs it to stop the workers. Sentinel and children get a process group of their own.
- If main or sentinel is killed, the others go on unguarded. Each process watches its parent and
  ends when it is gone; main starts a new sentinel.
- What a killed process held waits for its lease. The sentinel sees the death and gives it back.
"""

import logging
import multiprocessing.connection
import os
import signal
import threading
import time
from datetime import datetime, timedelta
from typing import Any

import django_q.cluster
import django_q.monitor
from django.db import connection, connections
from django.utils import timezone
from django_q.conf import Conf
from django_q.status import Stat

from jobs import killproof, lifecycle, tallies
from jobs.models import Cluster as Heartbeats

logger = logging.getLogger(__name__)

PARENT_CHECK = 0.5  # seconds
BEAT = timedelta(seconds=1)
FORGOTTEN = timedelta(days=1)
BEFORE_RESTART = 1  # seconds
AFTER_WORKERS = 5  # seconds


def run(broker: Any) -> None:
    """Be the main process of a cluster until SIGTERM or SIGINT; running jobs end first.

    A sentinel that dies is replaced, and what its processes held is given back.
    """
    _patch()
    while not Cluster.is_told_to_stop():
        cluster = Cluster(broker)
        cluster.start()
        if Cluster.is_told_to_stop():  # while there was no sentinel to pass it on to
            cluster.stop()
        cluster.sentinel.join()
        if Cluster.is_told_to_stop():
            return
        logger.critical("The sentinel of cluster %s died; starting another.", cluster.cluster_id)
        time.sleep(BEFORE_RESTART)  # longer than its children outlive it and may take up a job
        _give_back(str(cluster.cluster_id))
        connections.close_all()  # the next sentinel must not inherit one


class Cluster(django_q.cluster.Cluster):
    """Django-Q2's main process, which remembers that it was told to stop."""

    _told_to_stop = False

    @staticmethod
    def is_told_to_stop() -> bool:
        return Cluster._told_to_stop

    def sig_handler(self, signum: int, frame: Any) -> None:
        Cluster._told_to_stop = True
        if self.sentinel:
            super().sig_handler(signum, frame)


class Sentinel(django_q.cluster.Sentinel):
    """Django-Q2's sentinel, which listens to its main process only and knows what its children
    held."""

    def __init__(self, stop: Any, start: Any, cluster_id: Any, *args: Any, **kwargs: Any) -> None:
        os.setpgrp()  # a terminal's Ctrl-C and honcho's SIGTERM go to whole groups
        Holder.cluster = str(cluster_id)
        super().__init__(stop, start, cluster_id, *args, **kwargs)

    def guard(self) -> None:
        """Guard the cluster until main says stop, and replace a process as soon as it ends."""
        self.stop_event: Any = ChildWatch(self.stop_event, self)
        super().guard()

    def start(self) -> None:
        """Guard the cluster until main says stop.

        A supervisor's SIGTERM to every process is left to main, here and, because they inherit
        that, in the children. Should guarding ever fail, the whole group ends at once: main starts
        another, and an orderly exit would wait for the children.
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            super().start()
        except BaseException:
            logger.critical("The sentinel failed.", exc_info=True)
            os.killpg(0, signal.SIGKILL)

    def stop(self) -> None:
        """Let what runs end. Workers that die now are not replaced, and pusher and sentinel may be
        waiting for one to empty the full local queue: see to it that this wait ends."""
        threading.Thread(target=self._end_without_workers, daemon=True).start()
        super().stop()
        _give_back(Holder.cluster)  # nothing, unless one died meanwhile

    def _end_without_workers(self) -> None:
        while any(worker.is_alive() for worker in list(self.pool)):
            time.sleep(PARENT_CHECK)
        time.sleep(AFTER_WORKERS)  # an orderly end takes less, and this thread ends with it
        logger.critical("All workers died while stopping; what they left is given back.")
        _give_back(Holder.cluster)
        os.killpg(0, signal.SIGKILL)

    def reincarnate(self, process: Any) -> None:
        dead = process.pid
        if process.is_alive():  # a worker past its timeout that even the alarm could not end
            process.kill()
        super().reincarnate(process)
        _give_back(f"{Holder.cluster}:{dead}")


class ChildWatch:
    """In the place of the sentinel's stop event: waiting for it also replaces children that end.

    Django-Q2 looks after them once in a guard cycle. A worker ends after `recycle` jobs, which may
    take less than that, so a busy cluster stood half idle; and of two that end together, its loop
    sees one only. How often it goes round is left alone, because it counts timeouts by that.
    """

    def __init__(self, stop: Any, sentinel: Any) -> None:
        self._stop, self._sentinel = stop, sentinel

    def wait(self, seconds: float) -> bool:
        """True if told to stop within so many seconds."""
        deadline = time.monotonic() + seconds
        # A few times only: a child that cannot live must not be started without end.
        for _ in range(len(self._children())):
            children = {child.sentinel: child for child in self._children()}
            left = max(0.0, deadline - time.monotonic())
            for ended in multiprocessing.connection.wait([self._stop.fileno(), *children], left):
                if ended in children:
                    self._sentinel.reincarnate(children[ended])
            if self._stop.is_set():
                return True
        return bool(self._stop.wait(max(0.0, deadline - time.monotonic())))

    def is_set(self) -> bool:
        return bool(self._stop.is_set())

    def _children(self) -> list[Any]:
        return [*self._sentinel.pool, self._sentinel.monitor, self._sentinel.pusher]


class Holder:
    """Which process of which cluster this is, as a job's row names it: `cluster id:process id`."""

    cluster = ""

    @classmethod
    def name(cls) -> str:
        return f"{cls.cluster}:{os.getpid()}" if cls.cluster else ""


class Heartbeat:
    """Notes about once a second that a cluster is alive, and forgets it as soon as it stops. On
    these occasions what has ended is counted, too."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._is_stopping = False

    def beat(self, stat: Stat, queue: str) -> None:
        now = timezone.now()
        if stat.status in (Conf.STOPPING, Conf.STOPPED):
            if not self._is_stopping:
                Heartbeats.objects.filter(pk=stat.cluster_id).delete()
            self._is_stopping = True
        elif self._last is None or now - self._last >= BEAT:
            self._last = now
            seen = {
                "host": stat.host,
                "pid": stat.pid,
                "queue": queue,
                "workers": Conf.WORKERS,
                "started_at": stat.tob,
                "beat_at": now,
            }
            _, is_new = Heartbeats.objects.update_or_create(pk=stat.cluster_id, defaults=seen)
            if is_new:
                Heartbeats.objects.filter(beat_at__lt=now - FORGOTTEN).delete()
            tallies.roll()


def _patch() -> None:
    """Put our parts in the place of Django-Q2's, in this process and those it forks."""
    django_q.cluster.Queue = killproof.Queue
    django_q.cluster.Event = killproof.Event
    django_q.cluster.Value = killproof.Value
    django_q.cluster.Sentinel = Sentinel
    for database in connections.all():  # a query less for each job: the worker insists anyway
        database.settings_dict["CONN_HEALTH_CHECKS"] = False
    # It would store each timeout once more, in a table that nobody looks at or empties.
    django_q.monitor.save_task = lambda task, broker: None
    parent = os.getpid()

    def before_fork() -> None:
        nonlocal parent
        parent = os.getpid()

    os.register_at_fork(before=before_fork, after_in_child=lambda: _end_with(parent))


def _give_back(holder: str) -> None:
    """Put what a dead process or cluster held back into the queue. If that fails, its leases still
    run out."""
    try:
        lifecycle.release(holder)
    except Exception:
        logger.exception("What %s held waits for its lease.", holder)
        connection.close()


def _end_with(parent: int) -> None:
    """In a forked process: end at once when the parent is gone, whatever we are doing.

    A thread and not a signal of the kernel, because that exists on Linux only.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
