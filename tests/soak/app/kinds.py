"""Job kinds of the soak. Each writes its effect first and misbehaves after, so that whatever the
engine does not roll back is seen."""

import os
import signal
import time

from jobs.definitions import Payload, PermanentError, job, workflow
from jobs.worker import Run
from tests.soak.app.models import Effect

SOAK = "SOAK"
PATIENT = 20  # attempts: random kills alone must not use them up
TIMEOUT = 2  # seconds
PIECES = 3


class Work(Payload):
    """What a soak job is to do."""

    seconds: float = 0  # how long it works
    bad_attempts: int = 0  # how many of its first attempts go wrong


def _is_bad(run: Run, work: Work) -> bool:
    """Write the effect. True if this attempt is to go wrong."""
    Effect.objects.create(job_id=run.job.pk, attempt=run.job.attempt)
    return run.job.attempt <= work.bad_attempts


@job(type=SOAK, sub_type="PROBE", title="Probe", payload=Work, max_attempts=PATIENT)
def probe(run: Run, work: Work) -> None:
    """Shows that jobs move."""
    _is_bad(run, work)


@job(type=SOAK, sub_type="QUICK", title="Quick", payload=Work, max_attempts=PATIENT)
def quick(run: Run, work: Work) -> None:
    _is_bad(run, work)


@job(type=SOAK, sub_type="SLOW", title="Slow", payload=Work, max_attempts=PATIENT)
def slow(run: Run, work: Work) -> None:
    _is_bad(run, work)
    time.sleep(work.seconds)


@job(type=SOAK, sub_type="RAISING", title="Raising", payload=Work, max_attempts=PATIENT)
def raising(run: Run, work: Work) -> None:
    if _is_bad(run, work):
        raise RuntimeError("This attempt was to fail.")


@job(type=SOAK, sub_type="PERMANENT", title="Failing for good", payload=Work)
def permanent(run: Run, work: Work) -> None:
    _is_bad(run, work)
    raise PermanentError("This job was to fail.")


@job(
    type=SOAK,
    sub_type="TIMING_OUT",
    title="Timing out",
    payload=Work,
    max_attempts=PATIENT,
    timeout=TIMEOUT,
)
def timing_out(run: Run, work: Work) -> None:
    if _is_bad(run, work):
        time.sleep(TIMEOUT + 30)


@job(type=SOAK, sub_type="KILLING", title="Killing a worker", payload=Work, max_attempts=PATIENT)
def killing(run: Run, work: Work) -> None:
    if _is_bad(run, work):
        os.kill(os.getpid(), signal.SIGKILL)


@job(type=SOAK, sub_type="POISON", title="Killing every worker", payload=Work, max_attempts=3)
def poison(run: Run, work: Work) -> None:
    _is_bad(run, work)
    os.kill(os.getpid(), signal.SIGKILL)


@job(type=SOAK, sub_type="FIRST_STEP", title="First", payload=Work, max_attempts=PATIENT)
def first_step(run: Run, work: Work) -> None:
    _is_bad(run, work)
    run.submit_next(work)


@job(type=SOAK, sub_type="LAST_STEP", title="Last", payload=Work, max_attempts=PATIENT)
def last_step(run: Run, work: Work) -> None:
    _is_bad(run, work)


@job(
    type=SOAK,
    sub_type="PIECES",
    title="In pieces",
    payload=Work,
    max_attempts=PATIENT,
    in_pieces=True,
)
def in_pieces(run: Run, work: Work) -> None:
    """Each piece leaves its effect, with its number in the place of the attempt."""
    for number in range(1, PIECES + 1):
        with run.piece(number, of=PIECES):
            if not Effect.objects.filter(job_id=run.job.pk, attempt=number).exists():
                Effect.objects.create(job_id=run.job.pk, attempt=number)
        time.sleep(work.seconds / PIECES)
        if run.job.attempt + number <= work.bad_attempts:
            os.kill(os.getpid(), signal.SIGKILL)


WORKFLOW = workflow(
    name="SOAK",
    title="Two steps",
    purpose="Shows that a step follows exactly once.",
    steps=("FIRST_STEP", "LAST_STEP"),
)
NEVER_SUCCEED = {"PERMANENT", "POISON"}
