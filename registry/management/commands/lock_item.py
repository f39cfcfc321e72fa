"""`manage.py lock_item ID --user NAME --reason "..."`: keep it from being changed, or, with
--unlock, let it be changed again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from registry import services
from registry.management.content import add_id, add_reason, add_user, told, user_named


class Command(BaseCommand):
    help = "Locks an item: its content, and so its history, cannot change until it is unlocked."

    def add_arguments(self, parser: CommandParser) -> None:
        add_id(parser)
        add_user(parser, "Who locks or unlocks it.")
        add_reason(parser, "Why: the item's Settings tab shows it.")
        parser.add_argument("--unlock", action="store_true", help="Unlock it instead.")

    def handle(self, *args: Any, **options: Any) -> None:
        by = user_named(options["user"])
        do, done = (
            (services.unlock, "can be changed again")
            if options["unlock"]
            else (services.lock, "is locked")
        )
        with told():
            do(handle=options["id"], reason=options["reason"], by=by)
        self.stdout.write(f"{options['id']} {done}.")
