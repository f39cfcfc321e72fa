"""`manage.py register_item KIND --file item.json --user NAME`: register one item."""

from typing import Any

from django.core.management.base import CommandParser

from registry import kinds, services
from registry.management.content import WorkflowCommand, add_user, object_in, told, user_named


class Command(WorkflowCommand):
    help = "Registers an item and prints its id and the session id of its first job."

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(kind.subtype for kind in kinds.user_made_kinds())
        parser.add_argument("kind", help=f"One of {names}.")
        parser.add_argument(
            "--file", required=True, help="JSON with the fields of the kind; - is standard input."
        )
        add_user(parser, "The user who will own it.")
        self.add_wait(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        content, owner = object_in(options["file"]), user_named(options["user"])
        with told():
            item = services.register(subtype=options["kind"], content=content, owner=owner)
        self.stdout.write(item.handle)
        self.tell(item.creation_workflow, options)
