"""Whom people turn to when a job needs an administrator."""

from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model

NAMED = 3  # administrators


class Contact(NamedTuple):
    """How to reach an administrator: in words, and the address that leads there, if there is one.
    Empty where nobody is known."""

    text: str
    url: str = ""


def administrators() -> Contact:
    """What the site says of it; else the names of some of those who may do everything."""
    said = settings.ADMIN_CONTACT
    if not said:
        able = get_user_model().objects.filter(is_active=True, is_superuser=True)
        names = able.order_by("pk").values_list("username", flat=True)[:NAMED]
        return Contact(" or ".join(names))
    if said.startswith(("https://", "http://")):
        return Contact(said, said)
    return Contact(said, f"mailto:{said}" if "@" in said and " " not in said else "")
