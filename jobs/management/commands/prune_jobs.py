"""`manage.py prune_jobs --older-than 90d [--dry-run]`: remove old finished jobs."""

import re
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from jobs import retention
from provena.words import counted

UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Command(BaseCommand):
    help = (
        "Removes jobs that finished long ago. Jobs are kept until you run this. Those that an "
        "item's page shows stay for ever, and a batch or workflow goes whole or stays whole."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--older-than", required=True, help="Such as 90d, 12w or 36h.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would go.")

    def handle(self, *args: Any, **options: Any) -> None:
        before = timezone.now() - length_of(options["older_than"])
        gone = retention.prune(before, dry_run=options["dry_run"])
        what = (
            f"{counted(gone.jobs, 'job')}, {counted(gone.workflows, 'workflow')} and "
            f"{counted(gone.batches, 'batch', 'batches')}"
        )
        removed = "Would be removed" if options["dry_run"] else "Removed"
        self.stdout.write(f"{removed}: {what} that finished before {before:%Y-%m-%d %H:%M} UTC.")


def length_of(text: str) -> timedelta:
    """The length of time that an option such as 90d says. Raises CommandError."""
    found = re.fullmatch(r"([0-9]{1,5})([hdw])", text)
    if not found:
        raise CommandError(f"--older-than {text!r} is no length of time: write 90d, 12w or 36h.")
    return timedelta(**{UNITS[found[2]]: int(found[1])})
