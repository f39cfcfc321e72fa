"""The registry: items and their provenance. It declares its job kinds to the jobs engine."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RegistryConfig(AppConfig):
    name = "registry"

    def ready(self) -> None:
        from jobs import definitions
        from registry import checks, presentation, search, workflows  # noqa: F401 - they register
        from registry.model_runs import table_jobs  # noqa: F401 - it and what it needs register, too
        from registry.reports import jobs  # noqa: F401 - it registers, too

        definitions.describe_subjects(presentation.subjects, presentation.is_readable)
        post_migrate.connect(search.rebuild_if_empty, sender=self)
