"""Executing a job in a worker process: claim the attempt, run the handler, finish."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django_q.exceptions import TimeoutException

from jobs import definitions, lifecycle
from jobs.definitions import Payload
from jobs.models import Job

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)


class Run:
    """One attempt of a job, as its handler sees it."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @property
    def owner(self) -> "User":
        """Whose job it is: the handler acts with this user's rights."""
        return self.job.owner

    def submit_next(self, payload: Payload | Mapping[str, Any]) -> UUID:
        """Queue the next step of this job's workflow; it commits together with this one's success.

        Returns the session id of the next step.
        """
        return lifecycle.submit_next(self.job, payload).session_id


def execute(job_id: int, attempt: int, timeout: int) -> None:
    """Run one attempt of a job: what Django-Q2 calls in a worker process.

    `attempt` is how often the job had been started when it was taken off the queue; a message
    that no longer matches is dropped. The handler, its success and the next step are one
    transaction. Django-Q2 reports a timeout as a SystemExit, which must go on after the job has
    been failed: it makes Django-Q2 replace the interrupted process.
    """
    job = lifecycle.start(job_id, attempt, timeout)
    if job is None:
        logger.info("Job %s, attempt %s: not ours any more, dropped.", job_id, attempt)
        return
    try:
        with transaction.atomic():
            lifecycle.succeed(job, _call_handler(job))
    except lifecycle.Fenced as lost:
        logger.warning("%s Its work was rolled back.", lost)
    except TimeoutException:
        lifecycle.fail(job, lifecycle.TimedOut(f"It took longer than {timeout} s and was stopped."))
        raise
    except Exception as error:  # whatever a handler raises is the job's outcome
        logger.exception("Job %s %s failed.", job.sub_type, job.session_id)
        lifecycle.fail(job, error)


def _call_handler(job: Job) -> Payload | None:
    kind = definitions.job_kind(job.sub_type)
    return kind.handler(Run(job), kind.check_payload(job.payload))
