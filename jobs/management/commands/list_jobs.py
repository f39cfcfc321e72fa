"""`manage.py list_jobs`: jobs, newest first, by the same filters as on the Jobs tab."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import exports, filter_values
from jobs.filters import JobFilter
from jobs.management.output import while_read
from jobs.models import shown_state
from provena import tables

MOST = 1_000_000


class Command(BaseCommand):
    help = (
        "Lists jobs, newest first. Jobs of batches are listed one by one with --status or --text."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add(
            "--status",
            action="append",
            choices=filter_values.STATES,
            type=str.upper,
            help="Only jobs in this state; give it again for several. FAILED are those that failed "
            "by themselves, CANCELLED those that somebody cancelled, MENDED those that another job "
            "took the place of.",
        )
        add("--type", help="Only jobs of this type.")
        add("--sub-type", help="Only jobs of this sub type.")
        add(
            "--batch",
            choices=filter_values.BATCHES,
            help="Only what is in batches, or nothing of it.",
        )
        add("--subject", "--item", help="Only jobs about the item with this id.")
        add("--when", choices=filter_values.WINDOWS, help="Only jobs created then.")
        add("--since", help="Only jobs created from this day or moment on, as 2026-01-31T14:30.")
        add("--until", help="Only jobs created before this moment, or by the end of this day.")
        add("--zone", help="Time zone of these; without it, the site's.")
        add("--text", help="Only jobs with this in their input or error.")
        add("--user", help="Only this user's jobs.")
        add("--limit", type=int, default=25, help="At most so many (25).")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="One JSON object a line.")
        form.add_argument("--csv", action="store_true", help="A table as CSV.")

    def handle(self, *args: Any, **options: Any) -> None:
        limit = options["limit"]
        if not 1 <= limit <= MOST:
            raise CommandError(f"--limit must be at least 1 and at most {MOST}.")
        found = exports.records(_wanted(options), None, limit + 1)
        first = next(found, None)
        if first is None:
            self.stderr.write("No such jobs.")
            return
        with while_read():
            for line in _lines(chain([first], islice(found, limit - 1)), options):
                self.stdout.write(line, ending="")
            self.stdout.flush()
        if next(found, None):
            self.stderr.write(f"There are more than these {limit}: --limit shows more.")


def _wanted(options: dict[str, Any]) -> JobFilter:
    values = {name: options[name] for name in JobFilter.model_fields if options.get(name)}
    values |= {"item": options["subject"]} if options["subject"] else {}
    if isinstance(values.get("status"), str):  # from another program, by call_command
        values["status"] = [values["status"]]
    wanted, faults = JobFilter.from_values(values)
    if faults:
        raise CommandError(" ".join(faults))
    if wanted.user and not User.objects.filter(username=wanted.user).exists():
        raise CommandError(f"There is no user {wanted.user!r}.")
    return wanted


def _lines(records: Iterable[dict[str, Any]], options: dict[str, Any]) -> Iterator[str]:
    if options["csv"]:
        return tables.lines(chain([exports.COLUMNS], (exports.cells(one) for one in records)))
    return ((json.dumps(one) if options["json"] else _line(one)) + "\n" for one in records)


def _line(record: dict[str, Any]) -> str:
    created = datetime.fromisoformat(record["created_at"])
    state = shown_state(record["status"], record["cancelled_at"], record["mended_by"])
    return (
        f"{record['session_id']}  {state:<11}  {record['sub_type']:<26}  "
        f"{record['username']:<12}  {created:%Y-%m-%d %H:%M:%S}  {record['subject'] or ''}"
    )
