"""`manage.py qcluster`: Django-Q2's own command, started so that it stops cleanly."""

from typing import Any

from django_q.management.commands import qcluster

from jobs import cluster


class Command(qcluster.Command):
    help = "Starts a cluster of workers that do the jobs. Stop it with Ctrl-C or SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        cluster.guard()
        super().handle(*args, **options)
