"""What a Django-Q2 cluster needs beyond Django-Q2: a heartbeat, and no orphans.

Two upstream faults are mended here (both measured with Django-Q2 1.11.1):
- A SIGTERM to the whole process group (Ctrl-C, honcho, many supervisors) kills the sentinel while
  the main process still needs it to stop the workers, and the main process hangs. The sentinel
  and its children therefore get a process group of their own, and only main is told.
- If main or sentinel is killed, the others live on unguarded. Each process therefore watches its
  parent and ends when it is gone; the jobs they held are delivered again, so nothing is lost.
"""

import os
import signal
import threading
import time
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django_q import cluster as django_q_cluster
from django_q.conf import Conf
from django_q.status import Stat

from jobs.models import Cluster

PARENT_CHECK = 0.5  # seconds
BEAT = timedelta(seconds=1)
FORGOTTEN = timedelta(days=1)


class Sentinel(django_q_cluster.Sentinel):
    """Django-Q2's sentinel in a process group of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        os.setpgrp()
        super().__init__(*args, **kwargs)


def guard() -> None:
    """Make the cluster that this process is about to start one that stops cleanly."""
    django_q_cluster.Sentinel = Sentinel
    os.register_at_fork(after_in_child=_end_with_parent)


class Heartbeat:
    """Notes about once a second that a cluster is alive, and forgets it as soon as it stops."""

    def __init__(self) -> None:
        self._last: datetime | None = None

    def beat(self, stat: Stat, queue: str) -> None:
        now = timezone.now()
        if stat.status in (Conf.STOPPING, Conf.STOPPED):
            Cluster.objects.filter(pk=stat.cluster_id).delete()
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
            _, is_new = Cluster.objects.update_or_create(pk=stat.cluster_id, defaults=seen)
            if is_new:
                Cluster.objects.filter(beat_at__lt=now - FORGOTTEN).delete()


def _end_with_parent() -> None:
    """In a forked process: end at once when the parent is gone, whatever we are doing.

    A thread and not a signal of the kernel, because that exists on Linux only.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
