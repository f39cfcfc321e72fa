"""The jobs engine: it knows jobs, batches and workflows, and nothing of what they are about."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        from jobs import checks, mail, wakeups  # noqa: F401 - they register system checks and job kinds
