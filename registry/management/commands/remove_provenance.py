"""`manage.py remove_provenance ID --user NAME`: drop the relations that a model run claims."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from registry.management.content import add_id, add_user, told, user_named
from registry.model_runs import repairs


class Command(BaseCommand):
    help = (
        "Removes a model run's own relations from the provenance graph, for instance before the "
        "run is deleted. Relations that other activities claim, too, stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_id(parser)
        add_user(parser, "An administrator of the registry.")
        parser.add_argument("--dry-run", action="store_true", help="Only list them.")

    def handle(self, *args: Any, **options: Any) -> None:
        by = user_named(options["user"])
        with told():
            removal = repairs.remove_provenance(
                handle=options["id"], by=by, dry_run=options["dry_run"]
            )
        for claim in removal.claims:
            self.stdout.write(f"{claim.source.handle} {claim.type} {claim.target.handle}")
        would = "would be removed" if options["dry_run"] else "were removed"
        self.stdout.write(f"{len(removal.claims)} claims {would}.")
