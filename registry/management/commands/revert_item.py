"""`manage.py revert_item ID REVISION --user NAME --reason "..."`: bring back former content."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser

from registry import services
from registry.kinds.runs import ModelRun
from registry.management.content import (
    add_id,
    add_reason,
    add_user,
    item_known,
    told,
    user_named,
)
from registry.model_runs import services as runs


class Command(BaseCommand):
    help = "Gives an item the content of one of its revisions again, as one more revision."

    def add_arguments(self, parser: CommandParser) -> None:
        add_id(parser)
        parser.add_argument("revision", type=int, help="Its number; the item's history lists them.")
        add_user(parser, "Who reverts it.")
        add_reason(parser)
        parser.add_argument(
            "--anyway", action="store_true", help="Of a run: even if data would lose its origin."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        by = user_named(options["user"])
        if item_known(options["id"]).subtype == ModelRun.subtype:
            self._revert_run(options, by)
            return
        with told():
            item = services.revert(
                handle=options["id"], number=options["revision"], reason=options["reason"], by=by
            )
        number = item.revisions.values_list("number", flat=True)[0]
        self.stdout.write(
            f"{item.handle} is at revision {number}, with the content of revision "
            f"{options['revision']}."
        )

    def _revert_run(self, options: dict[str, Any], by: User) -> None:
        """A run is reverted by a job, because its provenance changes with it."""
        with told():
            job = runs.revert(
                handle=options["id"],
                number=options["revision"],
                reason=options["reason"],
                by=by,
                anyway=options["anyway"],
            )
        self.stdout.write(f"{options['id']} is being reverted; job {job.session_id}.")
