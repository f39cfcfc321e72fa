"""The systems that are compared, each in a module of its own, all behind one small class."""

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

DATABASES = SQLITE, POSTGRESQL, REDIS = "sqlite", "postgresql", "redis"


@dataclass(frozen=True)
class Entry:
    """Who takes part. `module` is below this package, `package` is what must be installed."""

    title: str
    module: str
    databases: tuple[str, ...] = (SQLITE, POSTGRESQL)
    package: str = "django"

    @property
    def is_installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None


OURS, TUNED = "ours", "q2_tuned"
ENTRIES = {
    OURS: Entry("Provena Jobs", "ours"),
    TUNED: Entry("Django-Q2, ORM broker, tuned", "q2"),
    "q2_default": Entry("Django-Q2, ORM broker, default settings", "q2"),
    "procrastinate": Entry(
        "procrastinate", "procrastinate_pg", (POSTGRESQL,), package="procrastinate"
    ),
    "tasks_db": Entry("django-tasks-db", "tasks_db", package="django_tasks_db"),
    "celery": Entry("Celery with Redis", "celery_redis", (REDIS,), package="celery"),
}


class Contender:
    """A system that runs jobs, in a process that has its settings and its database."""

    commands: Sequence[Sequence[str]]  # what Python runs to have two workers

    def prepare(self) -> None:
        """Make the tables."""
        from django.core.management import call_command  # noqa: PLC0415 - needs settings

        call_command("migrate", verbosity=0)

    def fill(self, jobs: int) -> None:
        """Queue that many no-op jobs, as fast as the system allows."""
        raise NotImplementedError

    def submit(self, steps: int) -> None:
        """Queue one no-op job, or a first that queues a second, in the caller's transaction."""
        raise NotImplementedError

    def is_idle(self) -> bool:
        """True when no job waits, runs or awaits its acknowledgement."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise RuntimeError if a job did not succeed: the figures would mean nothing."""

    def clean_up(self) -> None:
        """Remove what is not in the temporary database."""


def load(name: str) -> Contender:
    """The contender of that name; Django must be set up with its settings."""
    module = importlib.import_module(f"benchmarks.contenders.{ENTRIES[name].module}")
    contender: Contender = module.System()
    return contender
