"""Django-Q2 as it comes, on its own ORM broker. Tuned, it saves no results."""

import os

from django.db import transaction
from django_q.models import OrmQ
from django_q.tasks import async_task

from benchmarks import contenders
from benchmarks.marks import mark

OPTIONS = {"save": False} if os.environ["BENCH_CONTENDER"] == contenders.TUNED else {}


class System(contenders.Contender):
    commands = [["-m", "django", "qcluster"]]

    def fill(self, jobs: int) -> None:
        with transaction.atomic():
            for _ in range(jobs):
                self.submit(1)

    def submit(self, steps: int) -> None:
        async_task(nothing if steps == 1 else first, q_options=OPTIONS)

    def is_idle(self) -> bool:
        return not OrmQ.objects.exists()


def nothing() -> None:
    """The body of a job, and the second step."""
    mark()


def first() -> None:
    """The first of two steps."""
    mark()
    async_task(nothing, q_options=OPTIONS)
