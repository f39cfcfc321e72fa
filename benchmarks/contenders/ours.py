"""Provena Jobs, with the rows of the product: each job belongs to a user."""

import functools

from django.contrib.auth.models import User
from django.db import transaction

from benchmarks import contenders
from benchmarks.app.kinds import TWO_STEPS
from jobs import lifecycle
from jobs.models import Job, Status


class System(contenders.Contender):
    commands = [["-m", "django", "qcluster"]]

    def fill(self, jobs: int) -> None:
        with transaction.atomic():
            for _ in range(jobs):
                self.submit(1)

    def submit(self, steps: int) -> None:
        if steps == 1:
            lifecycle.submit(sub_type="BENCH_NOTHING", payload={}, owner=owner())
        else:
            lifecycle.start_workflow(
                kind=TWO_STEPS.name, payload={}, owner=owner(), subject="bench"
            )

    def is_idle(self) -> bool:
        return not Job.objects.unfinished().exists()

    def check(self) -> None:
        failed = Job.objects.filter(status=Status.FAILED)
        if failed.exists():
            raise RuntimeError(f"{failed.count()} jobs FAILED: {failed[0].info}")


@functools.cache
def owner() -> User:
    """The user whose jobs they are."""
    return User.objects.get_or_create(username="bench")[0]
