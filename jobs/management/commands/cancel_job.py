"""`manage.py cancel_job ID [ID ...]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import lifecycle
from jobs.management.job_ids import job_of


class Command(BaseCommand):
    help = "Ends jobs that have not finished: at once, or by rolling back if running."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", nargs="+", help="Session ids of jobs.")

    def handle(self, *args: Any, **options: Any) -> None:
        faults = []
        for job in [job_of(text) for text in options["id"]]:
            try:
                lifecycle.cancel(job, by=None)
            except lifecycle.NotPossible as refused:
                faults.append(f"{job.session_id}: {refused}")
            else:
                self.stdout.write(str(job.session_id))
        if faults:
            raise CommandError("\n".join(faults))
