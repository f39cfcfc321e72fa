from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from jobs import lifecycle


class Command(BaseCommand):
    help = "Sums up the levels of a tide gauge in the background."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("gauge")
        parser.add_argument("levels", nargs="+", type=float)
        parser.add_argument("--user", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(username=options["user"]).first()
        if owner is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        with transaction.atomic():  # with whatever else you write: all of it is there, or nothing
            workflow = lifecycle.start_workflow(
                kind="TIDES",
                payload={"gauge": options["gauge"], "levels": options["levels"]},
                owner=owner,
                subject="",
            )
        self.stdout.write(str(workflow.jobs.get(step=0).session_id))
