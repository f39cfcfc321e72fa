"""`manage.py create_token USERNAME [--name N] [--days D] [--offline]`: a token for a program."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from provena.tokens import keeping
from provena.tokens.models import Token


class Command(BaseCommand):
    help = (
        "Issues a token that acts with a user's rights, and prints it, once and alone, to standard "
        "output. What it is good for and how to end it goes to standard error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="made by an operator", help="Where it is used.")
        parser.add_argument("--days", type=int, help="How long it lasts; for ever if not given.")
        parser.add_argument(
            "--offline",
            action="store_true",
            help="For the offline flow of Provena's Python client, which exchanges it.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(
                f"There is no active user {options['username']!r}. A token acts for one."
            )
        purpose = Token.Purpose.OFFLINE if options["offline"] else Token.Purpose.PERSONAL
        try:
            token, text = keeping.issue(
                user=user, name=options["name"], days=options["days"], purpose=purpose
            )
        except keeping.NotIssued as error:
            raise CommandError(str(error)) from None
        self.stdout.write(text)
        ends = f"until {token.expires_at:%d %B %Y}" if token.expires_at else "until it is revoked"
        self.stderr.write(
            f"It acts for {user.get_username()} {ends}, and is not shown again. It is revoked on "
            "the account page."
        )
