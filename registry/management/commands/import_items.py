"""`manage.py import_items FILE --user NAME`: register the items of JSON lines, all or none."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)
from django.template.defaultfilters import pluralize

from jobs.management.output import while_read
from registry import services
from registry.management import import_lines, importing
from registry.management.content import add_user, opened, user_named
from registry.management.import_lines import File, Line
from registry.models import Group

HELP = """\
Registers the items of a file of JSON lines: all of them, or none if there is any fault; every
fault is then listed with its line and field. Prints how many, and the new id of each line.

A line holds one object in UTF-8 with "subtype" and "content", or more of what export_items writes:

  id                what other lines of the file call it. It gets a new id, and what names it in the
                    file, in any order of lines, names the new one. Ids in free text stay.
  previous_version  if that is the id of a line of the file, this becomes the next version of that
                    item; version_reason says why. Otherwise it begins with version 1.
  access            the roles of everyone and of groups, which must exist here. Without it, or if it
                    is null: the default access of new items.
  owner, version, created, updated, locked
                    are not read: --user owns all, versions are counted, the time is now, nothing is
                    locked. The history begins anew, and a workflow records each creation.

Lines of kinds that jobs make, such as CREATE, are left out: they come to be again. On SQLite nobody
else can write during an import."""


class _HelpFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the lines of HELP as they are."""


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, formatter_class=_HelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="JSON lines; - is standard input.")
        add_user(parser, "The user who will own the items.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Only look for faults; nothing is written."
        )
        parser.add_argument(
            "--skip-existing",
            action="store_true",
            help="Pass over lines that are items already: of the same kind and content, readable "
            "by the user. Others then name those. So an import can be repeated.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = user_named(options["user"])
        groups = set(Group.objects.values_list("slug", flat=True))
        with opened(options["file"]) as stream:
            file = import_lines.read(stream, options["file"], groups)
        ordered = importing.plan(file, user, skip_existing=options["skip_existing"])
        _need_no_faults(file)
        new = sum(line.present is None for line in ordered)
        if options["dry_run"]:
            self.stdout.write(f"No faults: {_items(new)} can be imported.{_others(file, ordered)}")
            return
        try:
            handles = importing.write(ordered, user)
        except services.Refused as refused:
            raise CommandError(f"Nothing was imported. {refused}") from None
        with while_read():
            self.stdout.write(f"{_items(new)} imported.{_others(file, ordered)}")
            for line in file.lines:
                there = " (was there)" if line.present else ""
                name = line.former or f"line {line.number}"
                self.stdout.write(f"{name} -> {handles[line.number]}{there}")


def _need_no_faults(file: File) -> None:
    """Raises CommandError with every fault, each on its own line."""
    if file.faults:
        count = len(file.faults)
        head = f"Nothing was imported, for {count} fault{pluralize(count)}:"
        raise CommandError("\n".join([head, *file.told()]))


def _items(count: int) -> str:
    return f"{count} item{pluralize(count)}"


def _others(file: File, ordered: list[Line]) -> str:
    """What became of the other lines, in sentences."""
    present = sum(line.present is not None for line in ordered)
    told = f" {_items(present)} there already." if present else ""
    if file.left_out:
        kinds = ", ".join(sorted(file.left_out))
        told += f" {_items(file.left_out.total())} left out ({kinds}): jobs make those."
    return told
