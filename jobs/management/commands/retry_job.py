"""`manage.py retry_job ID [ID ...]`, or `--batch ID`."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from jobs import batches, lifecycle
from jobs.management.job_ids import OperatorCommand


class Command(OperatorCommand):
    help = "Puts failed jobs back into the queue; prints their ids, or how many of a batch."
    act = staticmethod(lifecycle.retry)
    act_on_batch = staticmethod(batches.retry_failed)
    which = "failed"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--cancelled",
            action="store_true",
            help="Of the batch, those that somebody cancelled in place of those that failed.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["cancelled"]:
            if not options["batch"]:
                raise CommandError("--cancelled goes with --batch: a job is named by its id.")
            self.act_on_batch = batches.retry_cancelled
        super().handle(*args, **options)
