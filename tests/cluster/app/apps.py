from django.apps import AppConfig


class TestJobsConfig(AppConfig):
    name = "tests.cluster.app"
    label = "cluster_tests"

    def ready(self) -> None:
        from tests.cluster.app import kinds  # noqa: F401 - declares them
