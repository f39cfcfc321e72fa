"""`manage.py delete_item ID --user NAME --reason "..."`: leave a tombstone of an item."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry import services
from registry.access import Level
from registry.management.content import add_id, add_reason, add_user, told, user_named
from registry.models import Item
from registry.services import rules


class Command(BaseCommand):
    help = (
        "Deletes an item that nothing depends on, with its history. A tombstone with its id, kind "
        "and name stays. Deleting it again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_id(parser)
        add_user(parser, "Who deletes it: an administrator of the registry.")
        add_reason(parser, "Why: the tombstone keeps it. Needed unless --dry-run.", required=False)
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Delete nothing: print what depends on it, a line each. The exit code is 1 if it "
            "could not be deleted.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        by, item = user_named(options["user"]), _item(options["id"])
        if item.deleted_at:
            self.stdout.write(f"{item.handle} was deleted on {item.deleted_at:%d %B %Y} already.")
        elif options["dry_run"]:
            self._try(item, by)
        else:
            with told():
                services.delete(handle=item.handle, reason=options["reason"], by=by)
            self.stdout.write(f"{item.handle} was deleted. Its id is not used again.")

    def _try(self, item: Item, by: User) -> None:
        """Say what keeps the item from being deleted, whoever asks."""
        found = services.dependents(item)
        for line in found:
            self.stdout.write(line)
        with told():
            rules.need_level(by, Level.ADMIN)
            rules.need_unlocked(item, by)
        if found:
            raise CommandError(
                f"{item.handle} cannot be deleted while this depends on it. Change or delete that "
                "first."
            )
        self.stdout.write(f"{item.handle} can be deleted: nothing depends on it.")


def _item(handle: str) -> Item:
    """The item or its tombstone. Raises CommandError."""
    item = Item.objects.filter(handle=handle).first()
    if item is None:
        raise CommandError(f"There is no item {handle!r}. Check the id.")
    return item
