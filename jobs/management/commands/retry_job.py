"""`manage.py retry_job ID [ID ...]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import lifecycle
from jobs.management.job_ids import job_of


class Command(BaseCommand):
    help = "Puts failed jobs back into the queue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", nargs="+", help="Session ids of jobs.")

    def handle(self, *args: Any, **options: Any) -> None:
        faults = []
        for job in [job_of(text) for text in options["id"]]:
            try:
                lifecycle.retry(job, by=None)
            except lifecycle.NotPossible as refused:
                faults.append(f"{job.session_id}: {refused}")
            else:
                self.stdout.write(str(job.session_id))
        if faults:
            raise CommandError("\n".join(faults))
