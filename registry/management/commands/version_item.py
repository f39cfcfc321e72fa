"""`manage.py version_item ID --user NAME --reason "..."`: make the next version of an item."""

from typing import Any

from django.core.management.base import CommandParser

from registry import services
from registry.management.content import (
    WorkflowCommand,
    add_id,
    add_reason,
    add_user,
    told,
    user_named,
)


class Command(WorkflowCommand):
    help = (
        "Makes the next version of an item, a new item with the same content, and prints its id "
        "and the session id of its first job."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_id(parser)
        add_user(parser, "Who makes the version, and will own it.")
        add_reason(parser, "Why there is a new version: it is kept with it.")
        self.add_wait(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by = user_named(options["user"])
        with told():
            new = services.create_version(handle=options["id"], reason=options["reason"], by=by)
        self.stdout.write(new.handle)
        self.tell(new.version_workflow, options)
