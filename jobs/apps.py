"""The jobs engine: it knows jobs, batches and workflows, and nothing of what they are about."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        from jobs import bulk, checks, mail, wakeups  # noqa: F401 - checks and job kinds
