"""Declares the job kinds once Django is set up."""

from django.apps import AppConfig


class BenchmarksConfig(AppConfig):
    name = "benchmarks.app"
    label = "benchmarks"

    def ready(self) -> None:
        from benchmarks.app import kinds  # noqa: F401 - it registers the job kinds
