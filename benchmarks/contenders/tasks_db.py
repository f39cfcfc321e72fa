"""django-tasks-db: the backport of Django's own tasks, with its database backend."""

from django.db import transaction
from django_tasks import TaskResultStatus, task
from django_tasks_db.models import DBTaskResult

from benchmarks import contenders
from benchmarks.marks import mark


@task()
def nothing() -> None:
    """The body of a job."""
    mark()


class System(contenders.Contender):
    commands = [["-m", "django", "db_worker", "--no-startup-delay", "--no-reload"]] * 2

    def fill(self, jobs: int) -> None:
        with transaction.atomic():
            for _ in range(jobs):
                nothing.enqueue()

    def is_idle(self) -> bool:
        unfinished = [TaskResultStatus.READY, TaskResultStatus.RUNNING]
        return not DBTaskResult.objects.filter(status__in=unfinished).exists()
