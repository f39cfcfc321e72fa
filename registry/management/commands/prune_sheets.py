"""`manage.py prune_sheets --older-than 90d [--dry-run]`: forget old tables of model runs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from jobs.management.commands.prune_jobs import length_of
from registry.models import RunSheet


class Command(BaseCommand):
    help = (
        "Forgets the tables of model runs that were uploaded long ago, with the rows that nobody "
        "has submitted. The runs that were registered from them stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--older-than", required=True, help="Such as 90d, 12w or 36h.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would go.")

    def handle(self, *args: Any, **options: Any) -> None:
        before = timezone.now() - length_of(options["older_than"])
        old = list(RunSheet.objects.filter(created_at__lt=before).values_list("pk", flat=True))
        if not options["dry_run"]:
            for pk in old:  # one at a time: each may have many rows
                RunSheet.objects.filter(pk=pk).delete()
        would = "would be forgotten" if options["dry_run"] else "were forgotten"
        self.stdout.write(f"{len(old)} tables {would}, uploaded before {before:%Y-%m-%d} UTC.")
