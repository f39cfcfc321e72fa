"""Executing a job in a worker process: claim the attempt, run the handler, finish."""

import logging
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import InterfaceError, OperationalError, connection, transaction
from django_q.exceptions import TimeoutException

from jobs import definitions, lifecycle, logs, outcomes, statements
from jobs.cluster import Holder
from jobs.definitions import BrokenHandler, InvalidPayload, Payload, PermanentError
from jobs.models import Job

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

T = TypeVar("T")

DATABASE_PATIENCE = 30  # seconds
AFTER_DATABASE_ERROR = 0.5  # seconds
PIECE = 60  # seconds that a piece of a job may take
MISFIT = (
    "A retry with the same input would fail again. It was right when it was submitted, so this "
    "kind of job has changed since: begin again on the page where you began it."
)


class Run:
    """One attempt of a job, as its handler sees it."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @property
    def owner(self) -> "User":
        """Whose job it is: the handler acts with this user's rights."""
        if not Job.owner.is_cached(self.job):
            self.job.owner = statements.get(get_user_model(), self.job.owner_id)
        return self.job.owner

    def extend_lease(self, seconds: int) -> None:
        """Ask for that many seconds more from now. Raises Fenced if the job was cancelled or given
        to another worker: let it pass. The kind's `timeout` still bounds the whole attempt."""
        lifecycle.extend_lease(self.job, seconds)

    @contextmanager
    def piece(self, done: int, *, of: int) -> Iterator[None]:
        """One piece of a job whose kind is `in_pieces`, as a transaction of at most PIECE seconds.
        After it `done` of `of` are done.

        Raises Fenced at its end, and rolls it back, if the job was cancelled or given to another
        worker: let it pass.
        """
        with transaction.atomic():
            yield
            lifecycle.advance(self.job, PIECE, done=done, total=of)

    def submit_next(self, payload: Payload | Mapping[str, Any]) -> UUID:
        """Queue the next step of this job's workflow; it commits together with this one's success.

        Returns the session id of the next step.
        """
        return lifecycle.submit_next(self.job, payload).session_id


@logs.kept()
def execute(job_id: int, attempt: int, timeout: int) -> None:
    """Run one attempt of a job: what Django-Q2 calls in a worker process.

    `attempt` is how often the job had been started when it was taken off the queue; a message
    that no longer matches is dropped. The handler, its success and the next step are one
    transaction, unless the kind says that it commits in pieces.
    """
    try:
        job = _insist(lambda: lifecycle.start(job_id, attempt, timeout, Holder.name()))
        if job is None:
            logger.info("Job %s, attempt %s: not ours any more, dropped.", job_id, attempt)
            return
        try:
            _perform(job)
        except lifecycle.Fenced as lost:
            logger.warning("%s Its work was rolled back.", lost)
        except TimeoutException:
            raise
        except (Exception, SystemExit) as error:  # whatever a handler raises is the job's outcome
            signal.alarm(0)  # what follows must not be cut short
            _log(job, error)
            failure = error
            _insist(lambda: lifecycle.fail(job, failure, log=logs.text()))
    except TimeoutException as struck:
        _time_out(job_id, attempt, timeout, struck)
        raise  # it makes Django-Q2 replace this process, in which anything may be half done


def _perform(job: Job) -> None:
    """Run the handler and record its success, as one transaction, unless its kind is in pieces."""
    if definitions.is_in_pieces(job.sub_type):
        lifecycle.advance(job, PIECE)
        lifecycle.succeed(job, _call_handler(job))
        return
    with transaction.atomic():
        with _unbroken_transaction(job):
            result = _call_handler(job)
        lifecycle.succeed(job, result)


def _insist(do: Callable[[], T]) -> T:
    """Do it, and again while the database does not answer: what is given up waits for a lease.

    Raises the last error after DATABASE_PATIENCE.
    """
    deadline = time.monotonic() + DATABASE_PATIENCE
    while True:
        try:
            return do()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(AFTER_DATABASE_ERROR)


def _time_out(job_id: int, attempt: int, timeout: int, struck: TimeoutException) -> None:
    """Fail an attempt that the alarm has ended, wherever the alarm struck: it may have left a
    transaction open that nobody knows of, so the connection goes first."""
    connection.close()
    try:
        job = Job.objects.filter(pk=job_id, attempt=attempt + 1).first()
        if job:
            message = f"It took longer than {timeout} s and was stopped. {outcomes.remains(job)}"
            late = outcomes.TimedOut(message)
            late.__cause__ = struck  # whose traceback tells where the time ran out
            lifecycle.fail(job, late, log=logs.text())
    except Exception:
        logger.exception("Job %s timed out, and waits for its lease.", job_id)


@contextmanager
def _unbroken_transaction(job: Job) -> Iterator[None]:
    """Within a transaction: see that it is still the same, whole one when the handler is done.

    Otherwise the handler's effects and its success would not be one. Raises BrokenHandler.
    """
    used = False

    def note(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal used
        used = True
        return execute(*arguments)

    with connection.execute_wrapper(note):
        yield
    raw = connection.connection
    if connection.vendor == "sqlite":
        is_whole = raw.in_transaction
    else:  # PostgreSQL's begins with its first statement
        is_whole = raw.info.transaction_status.name in (
            {"INTRANS"} if used else {"INTRANS", "IDLE"}
        )
    if not is_whole or connection.needs_rollback:
        raise BrokenHandler(
            f"The handler of {job.sub_type} ended its own transaction, or went on after a database "
            "error. What it recorded before that may have to be undone."
        )


def _log(job: Job, error: BaseException) -> None:
    """A wrong record is one line; anything unexpected comes with its traceback."""
    reason = outcomes.storable(outcomes.text_of(error)) or type(error).__name__
    trace = None if isinstance(error, PermanentError) else error
    logger.error("Job %s %s failed: %s", job.sub_type, job.session_id, reason, exc_info=trace)


def _call_handler(job: Job) -> Payload | None:
    kind = definitions.job_kind(job.sub_type)
    try:
        payload = kind.check_payload(job.payload)
    except InvalidPayload as misfit:
        raise PermanentError(str(misfit), remedy=MISFIT) from None
    return kind.handler(Run(job), payload)
