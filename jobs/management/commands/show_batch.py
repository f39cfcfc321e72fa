"""`manage.py show_batch ID`: how far a batch is."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jobs import progress
from jobs.management.job_ids import batch_of
from jobs.progress import BatchProgress
from jobs.templatetags.jobs import duration, roughly


class Command(BaseCommand):
    help = "Shows how far a batch is: its jobs by state, the time it took, and about what is left."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="The batch's id.")
        parser.add_argument("--json", action="store_true", help="As one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        now = progress.of_batch(batch_of(options["id"]))
        if options["json"]:
            self.stdout.write(json.dumps(_facts(now) | {"counts": _counts(now)}))
            return
        times = {
            "took": duration(now.took) if now.is_finished else f"{roughly(now.took)} so far",
            "left": f"about {roughly(now.left)} ({now.per_time})" if now.left else None,
        }
        for name, value in (_facts(now) | _counts(now) | times).items():
            if value not in (None, ""):
                self.stdout.write(f"{name:<12} {value}")


def _facts(now: BatchProgress) -> dict[str, Any]:
    return {
        "batch_id": str(now.batch.pk),
        "title": now.batch.title,
        "username": now.batch.owner.get_username(),
        "created": now.batch.created_at.isoformat(),
        "status": now.status,
        "total": now.batch.total,
    }


def _counts(now: BatchProgress) -> dict[str, int]:
    return {state: now.counts[state] for state in progress.COUNTED}
