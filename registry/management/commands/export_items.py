"""`manage.py export_items`: items as JSON lines, one item a line."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs.management.output import while_read
from registry import kinds
from registry.management import exporting
from registry.management.content import user_named


class Command(BaseCommand):
    help = (
        "Prints items as JSON lines, oldest first: one object a line, with the keys "
        f"{', '.join(exporting.KEYS)}. Times are Unix seconds. `import_items` reads them. Reserved "
        "ids and tombstones are left out, for they have no content."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(kind.subtype for kind in kinds.all_kinds())
        parser.add_argument(
            "--kind",
            nargs="+",
            action="extend",
            default=[],
            help=f"Only items of these kinds: {names}.",
        )
        parser.add_argument(
            "--user",
            metavar="NAME",
            help="Only what this user may read; access settings only of items that they "
            "administer. Without it: everything.",
        )
        parser.add_argument("--file", metavar="F", help="Write to this file, and say how many.")

    def handle(self, *args: Any, **options: Any) -> None:
        reader = user_named(options["user"]) if options["user"] else None
        found = exporting.lines(_subtypes(options["kind"]), reader)
        if file := options["file"]:
            self.stdout.write(f"{_written(file, found)} items exported to {file}.")
            return
        with while_read():
            for line in found:
                self.stdout.write(json.dumps(line))


def _subtypes(names: list[str]) -> list[str]:
    """The kinds of these names. Raises CommandError for all that are none."""
    known = {kind.subtype for kind in kinds.all_kinds()}
    wanted = [name.upper() for name in names]
    if strange := [name for name in wanted if name not in known]:
        raise CommandError(
            f"There is no item kind {', '.join(strange)}. There are: {', '.join(sorted(known))}."
        )
    return wanted


def _written(file: str, found: Any) -> int:
    """Write the lines to a file. Returns how many."""
    count = 0
    try:
        with Path(file).open("w", encoding="utf-8", newline="\n") as out:
            for count, line in enumerate(found, 1):  # noqa: B007 - the last one is the number
                out.write(f"{json.dumps(line)}\n")
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
    return count
