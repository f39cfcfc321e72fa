"""The Django-Q2 broker whose queue is the Job table.

There is no second copy of a job anywhere, so nothing can be lost between two copies. What goes
through Django-Q2's local queue to a worker is only a pointer: job id and attempt.
"""

import logging
import random
import time
from typing import Any

from django.db import Error, connection
from django.utils import timezone
from django_q.brokers import Broker
from django_q.conf import Conf
from django_q.signing import SignedPackage

from jobs import cluster, definitions, lifecycle
from jobs.wakeup import Wakeup

logger = logging.getLogger(__name__)

AFTER_DATABASE_ERROR = 1  # seconds
SWEEP_EVERY = (2.0, 4.0)  # seconds


class JobBroker(Broker):
    """Hands PENDING jobs to the workers of a cluster. `list_key` is the name of the queue."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key or definitions.DEFAULT_QUEUE)
        self._start_afresh()

    def __setstate__(self, state: tuple[str, str | None]) -> None:
        super().__setstate__(state)
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._wakeup = Wakeup()
        self._heartbeat = cluster.Heartbeat()
        self._next_sweep = 0.0

    def dequeue(self) -> list[tuple[int, str]] | None:
        """The next jobs as (job id, message), or None after a wait in which nothing came.

        Called in a loop by the pusher process. An error of the database must not leave it: the
        pusher would stop taking jobs for ten seconds and die.
        """
        try:
            self._wakeup.listen()
            self._sweep_sometimes()
            claimed = lifecycle.claim(self.list_key, Conf.BULK, cluster.Holder.name())
            if not claimed:
                self._wakeup.wait(Conf.POLL)
        except Error:
            logger.exception("The database did not answer; trying again.")
            connection.close()
            time.sleep(AFTER_DATABASE_ERROR)
            return None
        return [(job, _message(job, attempt, kind)) for job, attempt, kind in claimed] or None

    def enqueue(self, task: Any) -> None:
        """Refused: a job is added with `jobs.lifecycle.submit`, in the caller's transaction."""
        raise NotImplementedError(
            "async_task() has no queue here: declare a job kind with @jobs.definitions.job and "
            "call jobs.lifecycle.submit()."
        )

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Called by the sentinel process in every guard cycle: the cluster's heartbeat."""
        try:
            self._heartbeat.beat(SignedPackage.loads(value), self.list_key)
        except Error:
            connection.close()  # a broken one would stay broken
            raise

    def _sweep_sometimes(self) -> None:
        """Every few seconds, at random, so that several clusters do not sweep in step."""
        if time.monotonic() >= self._next_sweep:
            lifecycle.sweep()
            self._next_sweep = time.monotonic() + random.uniform(*SWEEP_EVERY)  # noqa: S311 - no secret

    def ping(self) -> bool:
        return True

    def info(self) -> str:
        return "Job table"


def _message(job: int, attempt: int, sub_type: str) -> str:
    """What the worker is told, in Django-Q2's own form. It holds numbers only."""
    try:
        timeout = definitions.job_kind(sub_type).timeout
    except definitions.UnknownKind:  # the worker fails the job with that reason
        timeout = Conf.TIMEOUT
    message: str = SignedPackage.dumps(
        {
            "id": f"{job}.{attempt}",
            "name": sub_type,
            "func": "jobs.worker.execute",
            "args": (job, attempt, timeout),
            "kwargs": {},
            "timeout": timeout,
            "started": timezone.now(),
        }
    )
    return message
