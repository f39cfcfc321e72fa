from django.apps import AppConfig


class TidesConfig(AppConfig):
    name = "tides"

    def ready(self) -> None:
        from tides import kinds  # noqa: F401 - importing it declares the kinds of jobs
