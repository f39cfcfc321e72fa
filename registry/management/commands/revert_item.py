"""`manage.py revert_item ID REVISION --user NAME --reason "..."`: bring back former content."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from registry import services
from registry.management.content import add_id, add_reason, add_user, told, user_named


class Command(BaseCommand):
    help = "Gives an item the content of one of its revisions again, as one more revision."

    def add_arguments(self, parser: CommandParser) -> None:
        add_id(parser)
        parser.add_argument("revision", type=int, help="Its number; the item's history lists them.")
        add_user(parser, "Who reverts it.")
        add_reason(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by = user_named(options["user"])
        with told():
            item = services.revert(
                handle=options["id"], number=options["revision"], reason=options["reason"], by=by
            )
        number = item.revisions.values_list("number", flat=True)[0]
        self.stdout.write(
            f"{item.handle} is at revision {number}, with the content of revision "
            f"{options['revision']}."
        )
