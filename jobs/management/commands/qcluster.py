"""`manage.py qcluster`: a cluster of workers. It stands in for Django-Q2's command of that name."""

import os
import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django_q.conf import Conf

from jobs import cluster, definitions
from jobs.broker import JobBroker


class Command(BaseCommand):
    help = "Runs a cluster of workers that do the jobs, until Ctrl-C or SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--queue",
            default=definitions.DEFAULT_QUEUE,
            help=f"Which queue to serve ({definitions.DEFAULT_QUEUE}).",
        )
        parser.add_argument("--workers", type=int, help="How many workers (WORKERS, or 2).")

    def handle(self, *args: Any, **options: Any) -> None:
        queues = {kind.queue for kind in definitions.job_kinds()} | {definitions.DEFAULT_QUEUE}
        if options["queue"] not in queues:
            raise CommandError(
                f"No job kind uses the queue {options['queue']!r}. There are: "
                f"{', '.join(sorted(queues))}."
            )
        if options["workers"] is not None:
            if options["workers"] < 1:
                raise CommandError("--workers must be at least 1.")
            Conf.WORKERS = options["workers"]
        self.stdout.write(
            f"Cluster {socket.gethostname()}:{os.getpid()} serves queue {options['queue']} with "
            f"{Conf.WORKERS} workers."
        )
        cluster.run(JobBroker(options["queue"]))
