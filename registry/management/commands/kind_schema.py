"""`manage.py kind_schema KIND`: what the content of an item of that kind must look like."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry import kinds


class Command(BaseCommand):
    help = "Prints the JSON schema of a kind's content, for register_item and import_items."

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(kind.subtype.lower() for kind in kinds.user_made_kinds())
        parser.add_argument("kind", help=f"One of {names}.")

    def handle(self, *args: Any, **options: Any) -> None:
        known = {kind.subtype: kind for kind in kinds.all_kinds()}
        kind = known.get(options["kind"].upper())
        if kind is None:
            raise CommandError(
                f"There is no kind {options['kind']!r}. There are: {', '.join(known).lower()}."
            )
        self.stdout.write(json.dumps(kind.model_json_schema(), indent=2))
