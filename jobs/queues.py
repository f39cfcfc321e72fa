"""Pausing and resuming a queue. A paused queue hands out no jobs; those that run end.

The claim looks at the pauses itself (`lifecycle.DUE`), so a pause needs no worker to hear of it and
survives whatever restarts.
"""

import logging
from typing import TYPE_CHECKING

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from jobs import definitions, lifecycle, wakeup
from jobs.lifecycle import NotPossible
from jobs.models import QueuePause

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

CLAIMS_END_WITHIN = 2  # seconds; each is one short statement
TRIES = 5  # a disk that is busy can hold up a claim's commit for longer


def names() -> list[str]:
    """The queues that job kinds use."""
    return sorted({kind.queue for kind in definitions.job_kinds()} | {definitions.DEFAULT_QUEUE})


def may_pause(user: "User") -> bool:
    """True for staff who may change jobs: a pause stops everybody's."""
    return user.is_staff and user.has_perm("jobs.change_job")


def paused() -> dict[str, QueuePause]:
    """The pauses that have not ended, by queue."""
    return {
        pause.queue: pause
        for pause in QueuePause.objects.filter(ended_at=None).select_related("by")
    }


def pause(queue: str, *, by: "User | None", reason: str = "") -> QueuePause:
    """Let the queue hand out no more jobs. When this returns, none begins until it is resumed: what
    workers had taken and not begun is in the queue again. `by` None is an operator's command.

    Raises NotPossible for who may not, for a queue that does not exist or is paused already.
    """
    _need_right(by, queue)
    with transaction.atomic():
        made, is_new = QueuePause.objects.get_or_create(
            queue=queue, ended_at=None, defaults={"by": by, "reason": reason.strip()}
        )
    if not is_new:
        raise NotPossible(f"Queue {queue} is paused already, by {made.who}.")
    _let_claims_end()
    lifecycle.give_back_unstarted(queue)
    logger.warning("Queue %s was paused by %s.", queue, made.who)
    return made


def resume(queue: str, *, by: "User | None") -> None:
    """Let the queue hand out jobs again; idle workers begin at once. `by` None is an operator's
    command.

    Raises NotPossible for who may not, or if it is not paused.
    """
    _need_right(by, queue)
    with transaction.atomic():
        ended = QueuePause.objects.filter(queue=queue, ended_at=None)
        if not ended.update(ended_at=timezone.now(), ended_by=by):
            raise NotPossible(f"Queue {queue} is not paused.")
        wakeup.announce()
    who = by.get_username() if by else "an operator"
    logger.warning("Queue %s was resumed by %s.", queue, who)


def _need_right(by: "User | None", queue: str) -> None:
    if by is not None and not may_pause(by):
        raise NotPossible("Only staff who may change jobs can pause and resume queues.")
    if queue not in names() and queue not in paused():
        raise NotPossible(f"There is no queue {queue!r}. There are: {', '.join(names())}.")


def _let_claims_end() -> None:
    """Wait for the claims that began before the pause was there to be seen.

    PostgreSQL: each holds a lock on the table of pauses until it ends, and gets it before it looks,
    so who has had the table alone for a moment knows that every later claim sees the pause. SQLite
    needs nothing: a claim looks when it has the only write lock.
    """
    if connection.vendor != "postgresql":
        return
    # In several short goes, because new claims wait behind who waits for the lock.
    for _ in range(TRIES):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{CLAIMS_END_WITHIN}s'")
                cursor.execute(f"LOCK TABLE {lifecycle.PAUSES} IN ACCESS EXCLUSIVE MODE")
        except OperationalError:
            continue
        return
    # A backup holds it, and claims have long ended by now.
    logger.info("The table of pauses is in use; no claim takes that long.")
