"""`manage.py prov_document ID --user NAME`: the W3C PROV document of an item."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jobs.management.output import while_read
from registry.access import Role
from registry.management.content import add_id, add_user, item_known, told, user_named
from registry.provenance import documents, formats
from registry.services import rules


class Command(BaseCommand):
    help = (
        "Prints the W3C PROV document of an item: of a model run the one that its job kept, of "
        "anything else what it came from and who recorded it. What the user may not read is in it "
        "without id and name."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_id(parser)
        add_user(parser, "As whom to read.")
        parser.add_argument(
            "--format", choices=list(formats.FORMATS), default="provn", help="PROV-N by default."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        reader, item = user_named(options["user"]), item_known(options["id"])
        with told():
            rules.need_role(reader, item, Role.METADATA_READ)
        text = formats.write(documents.of_item(item, reader), options["format"])
        with while_read():
            self.stdout.write(text, ending="")
