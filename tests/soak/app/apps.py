"""The soak's own app: job kinds that misbehave on purpose, and a table that shows their effects."""

from django.apps import AppConfig


class SoakConfig(AppConfig):
    name = "tests.soak.app"
    label = "soak"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tests.soak.app import kinds  # noqa: F401 - declares the job kinds
