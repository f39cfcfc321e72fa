"""`manage.py update_item ID --file item.json --user NAME --reason "..."`: replace its content."""

from typing import Any

from django.core.management.base import CommandParser

from registry import services
from registry.management.content import (
    WorkflowCommand,
    add_id,
    add_reason,
    add_user,
    item_known,
    object_in,
    told,
    user_named,
)


class Command(WorkflowCommand):
    help = (
        "Replaces the content of an item, as one more revision. A reserved id is completed by it; "
        "then the session id of the first job of its workflow is printed, too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_id(parser)
        parser.add_argument(
            "--file",
            required=True,
            help="JSON with all fields of the kind, not only those that change; - is standard "
            "input.",
        )
        add_user(parser, "Who changes it.")
        add_reason(
            parser,
            "Why: the history keeps it. Needed unless a reserved id is completed.",
            required=False,
        )
        self.add_wait(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        content, by = object_in(options["file"]), user_named(options["user"])
        before = item_known(options["id"])
        with told():
            item = services.update(
                handle=before.handle,
                subtype=before.subtype,
                content=content,
                reason=options["reason"],
                by=by,
            )
        number = item.revisions.values_list("number", flat=True)[0]
        self.stdout.write(f"{item.handle} is at revision {number}.")
        if not before.is_complete:
            self.tell(item.creation_workflow, options)
