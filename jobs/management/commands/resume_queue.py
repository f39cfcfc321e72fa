"""`manage.py resume_queue NAME`: let a paused queue hand out jobs again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import queues
from jobs.lifecycle import NotPossible


class Command(BaseCommand):
    help = "Lets a paused queue hand out jobs again; idle workers begin at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Such as provena.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            queues.resume(options["name"], by=None)
        except NotPossible as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"Queue {options['name']} is resumed.")
