"""`manage.py register_model_runs FILE --user NAME`: register model runs, as a batch."""

import json
import time
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import progress
from jobs.models import Batch, Job, Status, no_worker
from registry.kinds import Findings
from registry.management.content import add_user, opened, told, user_named
from registry.management.import_lines import entry, written
from registry.model_runs import records, services
from registry.model_runs.records import Lookup

MOST_ROWS = 20_000
WIDTH = 40  # characters of the progress bar
LOOK_EVERY = 0.5  # seconds: counting a batch costs the workers time


class Command(BaseCommand):
    help = (
        "Registers the model runs of a file, one JSON record a line. Every line is checked first; "
        "nothing is registered if one is wrong, unless --skip-faulty."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="JSON lines; - is standard input.")
        add_user(parser, "The user who registers the runs.")
        parser.add_argument(
            "--skip-faulty", action="store_true", help="Register the lines that are right."
        )
        parser.add_argument("--dry-run", action="store_true", help="Only check.")
        parser.add_argument("--wait", action="store_true", help="Follow the batch to its end.")
        parser.add_argument(
            "--timeout", type=float, default=600, help="Wait at most so many seconds (600)."
        )
        parser.add_argument("--json", action="store_true", help="Print what came of it as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = user_named(options["user"])
        lines = _read(options["file"])
        good, faults = _checked(lines, Lookup(owner))
        for fault in faults:
            self.stderr.write(fault)
        if faults and not options["skip_faulty"]:
            raise CommandError(
                f"Nothing was registered: {len(lines) - len(good)} of {len(lines)} lines are "
                "wrong. Mend them, or register the others with --skip-faulty."
            )
        if options["dry_run"]:
            self.stdout.write(f"{len(good)} of {len(lines)} lines can be registered.")
            return
        with told():
            job = services.register_batch(batch=good, owner=owner)
        outcome: dict[str, Any] = {"session_id": str(job.session_id), "submitted": len(good)}
        if options["wait"]:
            outcome |= self._followed(job, options["timeout"], quiet=options["json"])
        if options["json"]:
            self.stdout.write(json.dumps(outcome))
        else:
            self.stdout.write(f"{len(good)} model runs submitted; job {job.session_id}.")
        if outcome.get("failed"):
            raise CommandError(f"{outcome['failed']} runs failed; their jobs say why.")

    def _followed(self, job: Job, seconds: float, *, quiet: bool) -> dict[str, Any]:
        """Draw a bar until the batch has ended. Raises CommandError if it does not in time."""
        deadline = time.monotonic() + seconds
        while True:
            job.refresh_from_db()
            if job.status == Status.FAILED:
                raise CommandError(f"The batch was not launched: {job.info}")
            batch = Batch.objects.filter(pk=job.result["batch_id"]).first() if job.result else None
            counts: Counter[str] = progress.of_batches([batch.pk])[batch.pk] if batch else Counter()
            done = counts[Status.SUCCEEDED] + counts[Status.FAILED]
            if batch and not quiet:
                bar = "█" * (WIDTH * done // batch.total)
                self.stdout.write(f"\r{bar:·<{WIDTH}} {done}/{batch.total}", ending="")
            if batch and done == batch.total:
                self.stdout.write("" if quiet else "\n", ending="")
                return {
                    "batch_id": str(batch.pk),
                    "succeeded": counts[Status.SUCCEEDED],
                    "failed": counts[Status.FAILED],
                }
            if time.monotonic() > deadline:
                raise CommandError(
                    f"The batch has not ended after {seconds:g} s; it goes on by itself."
                    + (" No worker is running: start one with manage.py qcluster." * no_worker())
                )
            time.sleep(LOOK_EVERY)


def _read(file: str) -> list[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers. Raises CommandError."""
    with opened(file) as stream:
        lines = list(written(stream, file))
    if not lines:
        raise CommandError(f"{file} holds no record.")
    if len(lines) > MOST_ROWS:
        raise CommandError(f"{file} has {len(lines):,} records; at most {MOST_ROWS:,} at once.")
    return lines


def _checked(
    lines: list[tuple[int, bytes]], lookup: Lookup
) -> tuple[list[dict[str, Any]], list[str]]:
    """The records that can be registered, and every fault of the others with its line."""
    good: list[dict[str, Any]] = []
    faults: list[str] = []
    for number, line in lines:
        try:
            record = records.parse(entry(line))
        except Findings as findings:
            faults += [f"line {number}: {text}" for text in findings.lines()]
            continue
        except ValueError as error:
            faults.append(f"line {number}: {error}")
            continue
        if found := records.check(record, lookup):
            faults += [
                f"line {number}: {'.'.join(map(str, one.path))}: {one.text}" for one in found
            ]
        else:
            good.append(record.model_dump(mode="json", exclude_none=True))
    return good, faults
