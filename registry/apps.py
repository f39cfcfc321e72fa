"""The registry: items and their provenance. It declares its job kinds to the jobs engine."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"

    def ready(self) -> None:
        from jobs import definitions
        from registry import checks, presentation, workflows  # noqa: F401 - they register

        definitions.describe_subjects(presentation.subjects)
