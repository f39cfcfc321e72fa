"""`manage.py rotate_signing_key`: sign access tokens with a new key from now on."""

from typing import Any

from django.core.management.base import BaseCommand

from provena.tokens import access_tokens


class Command(BaseCommand):
    help = (
        "Makes a new key for access tokens. Those of the last key are good until they expire, in "
        f"{access_tokens.LIFETIME // 60} minutes; clients learn the new key when they start."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        access_tokens.rotate()
        self.stdout.write("Access tokens are signed with a new key from now on.")
