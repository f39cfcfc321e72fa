"""What each does on its first attempt is in its name; on a later one all but the last succeed."""

import logging
import os
import signal
import time
from typing import Any

from jobs import definitions
from jobs.definitions import Nothing, Payload, PermanentError
from jobs.models import Workflow
from jobs.worker import Run


def declare(sub_type: str, **options: Any) -> Any:
    return definitions.job(
        type="TEST", sub_type=sub_type, title=sub_type, payload=Nothing, **options
    )


def leave_a_trace(run: Run) -> None:
    """An effect: it must be there once if the job succeeds, and never if it does not."""
    Workflow.objects.create(kind="EFFECT", subject=str(run.job.session_id), owner=run.owner)


@declare("TEST_QUICK")
def quick(run: Run, payload: Payload) -> None:
    leave_a_trace(run)


@declare("TEST_SLOW_QUEUE", queue="slow")
def slow_queue(run: Run, payload: Payload) -> None:
    leave_a_trace(run)


@declare("TEST_HANGS_ONCE", timeout=3600)
def hangs_once(run: Run, payload: Payload) -> None:
    if run.job.attempt == 1:
        time.sleep(3600)
    leave_a_trace(run)


@declare("TEST_ROW_FIVE_FAILS_ONCE")
def row_five_fails_once(run: Run, payload: Payload) -> None:
    if run.job.batch_index == 4 and run.job.attempt == 1:
        raise PermanentError("The end is before the start.")
    leave_a_trace(run)


@declare("TEST_TIMES_OUT_ONCE", timeout=1)
def times_out_once(run: Run, payload: Payload) -> None:
    leave_a_trace(run)
    if run.job.attempt == 1:
        logging.getLogger(__name__).warning("This will take an hour.")
        time.sleep(3600)


@declare("TEST_KILLS_ITS_WORKER", max_attempts=2)
def kills_its_worker(run: Run, payload: Payload) -> None:
    leave_a_trace(run)
    os.kill(os.getpid(), signal.SIGKILL)
