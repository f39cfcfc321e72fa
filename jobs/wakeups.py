"""Wake-up jobs: jobs that do nothing, by which an administrator sees that everything works.

A wake-up goes the whole way of any job: into the queue, through a broker to a worker, and to its
end. Job kinds whose sub type ends in `_WAKE_UP` are such; the apps that own the work declare them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction

from jobs import definitions, lifecycle
from jobs.definitions import JobKind, Payload
from jobs.lifecycle import NotPossible
from jobs.models import Job, JobQuerySet
from jobs.worker import Run

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ENDING = "_WAKE_UP"
LONGEST_REASON = 300  # characters


class WakeUpPayload(Payload):
    """What a wake-up takes: why somebody wanted it, if they said so."""

    reason: str | None = None


def declare(type: str, title: str) -> None:
    """Declare the wake-up of a type of jobs."""

    @definitions.job(
        type=type,
        sub_type=f"{type}{ENDING}",
        title=title,
        payload=WakeUpPayload,
        started_by="an administrator, to see whether jobs of its type are done",
    )
    def nothing(run: Run, payload: WakeUpPayload) -> None:
        """Do nothing: that it succeeds tells that jobs of its type are done."""


def kinds() -> list[JobKind]:
    """The declared kinds of wake-ups."""
    return [kind for kind in definitions.job_kinds() if kind.sub_type.endswith(ENDING)]


def launched() -> JobQuerySet:
    """All wake-ups there have been."""
    return Job.objects.filter(sub_type__endswith=ENDING)


def may_launch(user: "User") -> bool:
    """True for staff who may add jobs."""
    return user.is_staff and user.has_perm("jobs.add_job")


def launch(sub_types: Sequence[str], *, by: "User", reason: str = "") -> list[Job]:
    """Submit a wake-up of each of these kinds.

    Raises NotPossible for who may not, or for a kind that is no wake-up.
    """
    if not may_launch(by):
        raise NotPossible("Only staff who may add jobs can launch wake-ups.")
    known = {kind.sub_type for kind in kinds()}
    if strange := sorted(set(sub_types) - known):
        raise NotPossible(
            f"{', '.join(strange)} is no kind of wake-up. There are: {', '.join(sorted(known))}."
        )
    said = reason.strip()[:LONGEST_REASON]
    payload = {"reason": said} if said else {}
    with transaction.atomic():
        return [
            lifecycle.submit(sub_type=one, payload=payload, owner=by)
            for one in dict.fromkeys(sub_types)
        ]


declare("EMAIL", "Email Wake-up")  # of the type that this app owns
