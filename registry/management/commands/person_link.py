"""`manage.py person_link USERNAME`: show, assign or clear which Person a user is."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry import services
from registry.management.content import item_known, told, user_named


class Command(BaseCommand):
    help = (
        "Shows which Person of the registry a user is; assigns it with --person, or clears it. "
        "Ask the user for consent first: provenance will name that Person."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="The user's name.")
        change = parser.add_mutually_exclusive_group()
        change.add_argument("--person", metavar="ID", help="The persistent id of their Person.")
        change.add_argument("--clear", action="store_true", help="Undo the link.")
        parser.add_argument(
            "--force", action="store_true", help="With --person: over another link of theirs."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = user_named(options["username"])
        if options["force"] and not options["person"]:
            raise CommandError("--force goes with --person ID.")
        if options["person"]:
            self._assign(user, options["person"], force=options["force"])
        if options["clear"] and services.clear_person(user=user):
            self.stdout.write(f"The link of {user.get_username()} was cleared.")
        else:
            self._show(user)

    def _show(self, user: User) -> None:
        person = services.person_of(user)
        self.stdout.write(
            f"{user.get_username()} is {person}."
            if person
            else f"{user.get_username()} is not linked to a Person. --person ID links them."
        )

    def _assign(self, user: User, handle: str, *, force: bool) -> None:
        person = item_known(handle)
        present = services.person_of(user)
        if present and present != person and not force:
            # Said here, although the service refuses it, too: only we know the way out.
            raise CommandError(
                f"{user.get_username()} is linked to {present} already. --force links them to "
                f"{person} instead."
            )
        with told():
            services.assign_person(user=user, person=person, force=force)
