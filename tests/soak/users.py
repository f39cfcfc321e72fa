"""What users do meanwhile: they submit a mix of jobs, cancel some, and retry some that failed."""

import contextlib
import random
import threading
import time
from typing import Any

from django.contrib.auth.models import User
from django.db import Error, connection, transaction

from jobs import lifecycle
from jobs.models import UNFINISHED, Batch, Job, Status
from registry.model_runs import services as model_runs
from tests.soak.app import kinds
from tests.soak.model_runs import workflow_of

FULL = 250  # unfinished jobs: beyond that, users wait
BATCH_SIZES = (1000, 2500)
RUNS_EVERY = 7  # seconds
RUNS = (50, 200)  # in a batch of model runs
BATCH_EVERY = 20  # seconds
SLOW_ON_SQLITE = 3  # there a handler's transaction is the only writer: what sleeps must be rare
# How many of about a hundred jobs.
MIX = {
    "QUICK": 74,
    "SLOW": 15,
    "RAISING": 7,
    "PERMANENT": 3,
    "TIMING_OUT": 0.4,
    "KILLING": 1.5,
    "POISON": 0.5,
    "PIECES": 5,
    kinds.WORKFLOW.name: 12,
}


class Loop(threading.Thread):
    """A thread that does its `turn` again and again, whatever happens to the database."""

    pause = 0.2  # seconds

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.crash: BaseException | None = None
        self._is_over = threading.Event()

    def run(self) -> None:
        try:
            while not self._is_over.wait(self.pause):
                try:
                    self.turn()
                except Error:
                    connection.close()  # as a web request that has failed
        except BaseException as error:
            self.crash = error
            raise
        finally:
            connection.close()

    def turn(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        self._is_over.set()
        if self.is_alive():
            self.join()


class Users(Loop):
    """They are promised that what was committed will be done: `promised` holds the ids."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.promised: list[int] = []
        self._random = random.Random(seed)
        self._users = [User.objects.create_user(name) for name in ("ana", "ben", "cho")]
        self._next_batch = time.monotonic() + 1
        self._next_runs = time.monotonic() + 2
        self._workflow = workflow_of(self._users[0])
        self._mix = MIX | ({"SLOW": SLOW_ON_SQLITE} if connection.vendor == "sqlite" else {})
        self._left = list(MIX)  # at first one of each, so that a short soak has them all

    def turn(self) -> None:
        if Job.objects.unfinished().count() < FULL:
            if time.monotonic() >= self._next_batch:
                self._submit_batch()
                self._next_batch = time.monotonic() + BATCH_EVERY
            elif time.monotonic() >= self._next_runs:
                self._submit_runs()
                self._next_runs = time.monotonic() + RUNS_EVERY
            else:
                self._submit_some()
        if self._random.random() < 0.3:
            self._cancel_one()
        if self._random.random() < 0.1:
            self._retry_one()

    def _submit_some(self) -> None:
        wanted = self._left or self._random.choices(
            list(self._mix), list(self._mix.values()), k=self._random.randint(2, 12)
        )
        with transaction.atomic():
            submitted = [self._submit(kind) for kind in wanted]
        self.promised += submitted
        self._left = []

    def _submit(self, kind: str) -> int:
        owner = self._random.choice(self._users)
        if kind == kinds.WORKFLOW.name:
            workflow = lifecycle.start_workflow(kind=kind, payload={}, owner=owner, subject="soak")
            return workflow.jobs.get().pk
        work: dict[str, Any] = {"bad_attempts": 1}
        if kind in {"SLOW", "PIECES"}:
            work = {"seconds": self._random.uniform(0.05, 0.5)}
        elif kind == "RAISING":
            work = {"bad_attempts": self._random.randint(1, 2)}
        return lifecycle.submit(sub_type=kind, payload=work, owner=owner).pk

    def _submit_batch(self) -> None:
        owner = self._random.choice(self._users)
        total = self._random.randint(*BATCH_SIZES)
        with transaction.atomic():
            batch = Batch.objects.create(owner=owner, title="Batch of the soak", total=total)
            submitted = [
                lifecycle.submit(
                    sub_type="QUICK", payload={}, owner=owner, batch=batch, batch_index=index
                ).pk
                for index in range(total)
            ]
        self.promised += submitted

    def _submit_runs(self) -> None:
        """A batch of model runs, which a job launches."""
        records = [
            self._workflow.record(display_name=f"Run {number}")
            for number in range(self._random.randint(*RUNS))
        ]
        job = model_runs.register_batch(batch=records, owner=self._users[0])
        self.promised.append(job.pk)

    def _cancel_one(self) -> None:
        status = self._random.choice([*UNFINISHED, Status.IN_PROGRESS, Status.IN_PROGRESS])
        self._operate(lifecycle.cancel, status)

    def _retry_one(self) -> None:
        self._operate(lifecycle.retry, Status.FAILED)

    def _operate(self, operation: Any, status: Status) -> None:
        """Do it to a random one of the latest jobs in that state."""
        found = Job.objects.exclude(sub_type="PROBE").filter(status=status).order_by("-id")[:40]
        if found:
            job = self._random.choice(found)
            with contextlib.suppress(lifecycle.NotPossible):  # it went on meanwhile
                operation(job, by=job.owner)
