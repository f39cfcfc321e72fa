"""`manage.py pause_queue NAME [--reason TEXT]`: let a queue hand out no more jobs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import queues
from jobs.lifecycle import NotPossible


class Command(BaseCommand):
    help = (
        "Lets a queue hand out no more jobs until resume_queue, whatever is restarted meanwhile. "
        "Jobs that run now still end."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Such as provena.")
        parser.add_argument("--reason", default="", help="Shown to those whose jobs wait.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            queues.pause(options["name"], by=None, reason=options["reason"])
        except NotPossible as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"Queue {options['name']} is paused.")
