"""`manage.py register_model_runs FILE --user NAME`: register model runs, as a batch."""

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, QuerySet

from jobs import progress
from jobs.models import CANCELLED, Batch, Job, Status, no_worker
from registry.kinds.runs import fingerprint_of
from registry.management.content import add_user, opened, told, user_named
from registry.management.import_lines import entry, written
from registry.model_runs import fingerprints, oddities, records, services, sheets
from registry.model_runs.records import Finding, Lookup
from registry.models import RunSheet, SheetRow

MOST_LINES = 20_000  # of JSON: they travel in one job
WIDTH = 40  # characters of the progress bar
LOOK_EVERY = 0.5  # seconds: counting a batch costs the workers time
State = SheetRow.State


@dataclass(frozen=True)
class Submitted:
    """What was submitted: the job that launches the new runs, if there are any; the failed jobs
    that are tried again; and what was found, in numbers."""

    job: Job | None
    again: "QuerySet[Job]"
    outcome: dict[str, Any]

    @property
    def is_nothing(self) -> bool:
        return not self.job and not self.outcome["retried"]


class Command(BaseCommand):
    help = (
        "Registers the model runs of a file: CSV as the page of a workflow template gives it, or "
        "one JSON record a line. All are checked first; nothing is registered if one is wrong, "
        "unless --skip-faulty. Runs that exist already are left out, unless --force."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="CSV or JSON lines; - is standard input.")
        add_user(parser, "The user who registers the runs.")
        parser.add_argument(
            "--skip-faulty", action="store_true", help="Register those that are right."
        )
        parser.add_argument(
            "--force", action="store_true", help="Also those that exist already, once more."
        )
        parser.add_argument("--dry-run", action="store_true", help="Only check.")
        parser.add_argument("--wait", action="store_true", help="Follow the batch to its end.")
        parser.add_argument(
            "--timeout", type=float, default=600, help="Wait at most so many seconds (600)."
        )
        parser.add_argument("--json", action="store_true", help="Print what came of it as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = user_named(options["user"])
        with opened(options["file"]) as stream:
            is_json = stream.peek(100).lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"{", b"[", b"")  # type: ignore[attr-defined]  # all of them are buffered
            register = self._lines if is_json else self._sheet
            done = register(stream, owner, options)
        outcome = done.outcome
        if options["dry_run"]:
            self.stdout.write(
                json.dumps(outcome) if options["json"] else f"{_sum(outcome)} can be registered."
            )
            return
        if options["wait"] and not done.is_nothing:
            outcome |= self._followed(done, options["timeout"], quiet=options["json"])
        self.stdout.write(json.dumps(outcome) if options["json"] else _told(done))
        if failed := outcome.get("failed"):
            one = failed == 1
            who = "1 run failed; its job says" if one else f"{failed} runs failed; their jobs say"
            raise CommandError(f"{who} why.")

    def _sheet(self, stream: Any, owner: User, options: dict[str, Any]) -> Submitted:
        """Register the rows of a CSV file."""
        with told():
            sheet = sheets.load(stream=stream, file_name=_name(options["file"]), owner=owner)
        for warning in (*sheet.warnings, *_row_warnings(sheet)):
            self.stderr.write(warning)
        counts = sheet.counts()
        try:
            self._blame(_row_faults(sheet), sum(counts.values()), counts[State.FAULTY], options)
        except CommandError:
            sheet.delete()
            raise
        if options["force"]:
            counts[State.NEW] += sheets.force(sheet=sheet, by=owner)
            counts[State.EXISTING] = 0
        outcome: dict[str, Any] = {
            "submitted": counts[State.NEW],
            "retried": counts[State.RETRY],
            "existing": counts[State.EXISTING],
            "faulty": counts[State.FAULTY],
        }
        if options["dry_run"] or not (counts[State.NEW] or counts[State.RETRY]):
            sheet.delete()
            return Submitted(None, Job.objects.none(), outcome)
        with told():
            done = sheets.submit(sheet=sheet, by=owner)
        outcome |= {"submitted": done.new, "retried": counts[State.RETRY]}
        outcome |= {"session_id": str(done.job.session_id)} if done.job else {}
        return Submitted(done.job, _tried_again(sheet), outcome)

    def _lines(self, stream: Any, owner: User, options: dict[str, Any]) -> Submitted:
        """Register the records of a file of JSON lines."""
        lines = _read(stream, options["file"])
        good, faults, warnings = _checked(lines, Lookup(owner))
        for warning in warnings:
            self.stderr.write(warning)
        self._blame(faults, len(lines), len(lines) - len(good), options)
        new = {fingerprint_of(record): record for record in good}
        if not options["force"]:
            for fingerprint, same in fingerprints.earlier(new, owner).items():
                if not same.failed:  # what failed is no run
                    del new[fingerprint]
        batch = good if options["force"] else list(new.values())
        outcome: dict[str, Any] = {
            "submitted": len(batch),
            "retried": 0,
            "existing": len(good) - len(batch),
            "faulty": len(lines) - len(good),
        }
        if options["dry_run"] or not batch:
            return Submitted(None, Job.objects.none(), outcome)
        with told():
            once, name = not options["force"], _name(options["file"])
            job = services.register_batch(batch=batch, owner=owner, once=once, name=name)
        outcome |= {"session_id": str(job.session_id)}
        return Submitted(job, Job.objects.none(), outcome)

    def _blame(self, faults: Iterable[str], total: int, faulty: int, options: Any) -> None:
        """Print every fault. Raises CommandError if nothing may be registered therefore."""
        told = list(faults)
        for fault in told:
            self.stderr.write(fault)
        if faulty and options["json"] and not options["skip_faulty"]:
            self.stdout.write(json.dumps({"submitted": 0, "faulty": faulty, "faults": told}))
        if faulty and not options["skip_faulty"]:
            raise CommandError(
                f"Nothing was registered: {faulty} of {total} are wrong. Mend them, or register "
                "the others with --skip-faulty."
            )

    def _followed(self, submitted: Submitted, seconds: float, *, quiet: bool) -> dict[str, Any]:
        """Draw a bar until all that was submitted has ended. Raises CommandError if it does not in
        time."""
        deadline = time.monotonic() + seconds
        while True:
            batch = _launched(submitted.job) if submitted.job else None
            counts = _states(submitted.again)
            counts += progress.of_batches([batch])[batch.pk] if batch else Counter()
            done = progress.done(counts)
            is_launched = not submitted.job or submitted.job.is_finished
            if is_launched and not quiet:
                bar = "█" * (WIDTH * done // max(counts.total(), 1))
                self.stdout.write(f"\r{bar:·<{WIDTH}} {done}/{counts.total()}", ending="")
            if is_launched and done == counts.total():
                self.stdout.write("" if quiet else "\n", ending="")
                failed = counts[Status.FAILED] + counts[CANCELLED]
                found = {"succeeded": counts[Status.SUCCEEDED], "failed": failed}
                return ({"batch_id": str(batch.pk)} if batch else {}) | found
            if time.monotonic() > deadline:
                raise CommandError(
                    f"The runs have not ended after {seconds:g} s; they go on by themselves."
                    + (" No worker is running: start one with manage.py qcluster." * no_worker())
                )
            time.sleep(LOOK_EVERY)


def _name(file: str) -> str:
    """What a file is called."""
    return "standard input" if file == "-" else Path(file).name


def _launched(job: Job) -> Batch | None:
    """The batch of a launch, once it is there. Raises CommandError if it will not be."""
    job.refresh_from_db()
    if job.status == Status.FAILED:
        raise CommandError(f"The batch was not launched: {job.info}")
    return Batch.objects.filter(pk=job.result.get("batch_id")).first() if job.result else None


def _tried_again(sheet: RunSheet) -> "QuerySet[Job]":
    """The jobs that had failed and that a sheet has put back into the queue."""
    rows = sheet.rows.filter(state=State.SUBMITTED, failed_job__isnull=False)
    return Job.objects.filter(session_id__in=rows.order_by().values("failed_job"))


def _states(jobs: "QuerySet[Job]") -> Counter[str]:
    """How many of these jobs are in which state."""
    return Counter(dict(jobs.order_by().values_list("status").annotate(Count("pk"))))


def _told(done: Submitted) -> str:
    """What was submitted, where it can be followed, and how it ended if that was waited for."""
    outcome = done.outcome
    told = f"{_sum(outcome)} submitted"
    if "batch_id" in outcome:
        told += f"; batch {outcome['batch_id']}"
    elif done.job:
        told += f"; job {done.job.session_id}"
    if "succeeded" in outcome:
        told += f"; {outcome['succeeded']} succeeded, {outcome['failed']} failed"
    return f"{told}."


def _sum(outcome: dict[str, Any]) -> str:
    """What was found, in words: "3 model runs (2 exist already, 1 is faulty)"."""
    count = outcome["submitted"] + outcome["retried"]
    others = [
        f"{outcome[name]} {words}"
        for name, words in (
            ("retried", "tried again"),
            ("existing", "left out, which exist already"),
            ("faulty", "left out, which are wrong"),
        )
        if outcome[name]
    ]
    runs = f"{count} model run{'' if count == 1 else 's'}"
    return f"{runs} ({', '.join(others)})" if others else runs


def _row_faults(sheet: RunSheet) -> Iterable[str]:
    for row in sheet.rows.filter(state=State.FAULTY).iterator(500):
        yield from (f"row {row.number}: {text}" for text in sheets.told(row.faults, sheet.columns))


def _row_warnings(sheet: RunSheet) -> Iterable[str]:
    for row in sheet.rows.filter(warnings__isnull=False).iterator(500):
        for text in sheets.told(row.warnings, sheet.columns):
            yield f"row {row.number}, check: {text}"


def _read(stream: Any, file: str) -> list[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers. Raises CommandError."""
    lines = list(written(stream, file))
    if not lines:
        raise CommandError(f"{file} holds no record.")
    if len(lines) > MOST_LINES:
        raise CommandError(
            f"{file} has {len(lines):,} records; at most {MOST_LINES:,} at once, or more as CSV."
        )
    return lines


def _checked(
    lines: list[tuple[int, bytes]], lookup: Lookup
) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """The records that can be registered; every fault of the others with its line; and what is odd
    in any."""
    good: list[dict[str, Any]] = []
    faults: list[str] = []
    warnings: list[str] = []
    for number, line in lines:
        try:
            data = entry(line)
        except ValueError as error:
            faults.append(f"line {number}: {error}")
            continue
        record, found = records.examine(data, lookup)
        if record:
            good.append(records.stored(record))
        legible = record or records.legible(data)
        odd = oddities.of(legible) if legible else []
        faults += [f"line {number}: {_placed(one)}" for one in found]
        warnings += [f"line {number}, check: {_placed(one)}" for one in odd]
    return good, faults, warnings


def _placed(one: Finding) -> str:
    return f"{'.'.join(map(str, one.path)) or 'record'}: {one.text}"
