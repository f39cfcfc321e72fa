"""Who may use a route, by their level in the registry or, for what administrators do, by a
permission of Django. Asked before a body is read."""

from collections.abc import Callable

from django.contrib.auth.models import User

from provena.rest import Bearer
from registry import access
from registry.access import Level
from registry.services import NotAllowed, rules


def _at_least(level: Level) -> Callable[[User], str]:
    def refusal(user: User) -> str:
        try:
            rules.need_level(user, level)
        except NotAllowed as error:
            return str(error)
        return ""

    return refusal


def needs(permission: str) -> Bearer:
    """Lets in staff with that permission of Django."""

    def refusal(user: User) -> str:
        if access.is_permitted(user, permission):
            return ""
        return (
            f"Only staff with the permission {permission} may do this. An administrator can give "
            "it to you."
        )

    return Bearer(refusal)


READ, WRITE, ADMIN = (Bearer(_at_least(level)) for level in (Level.READ, Level.WRITE, Level.ADMIN))
EVERYONE = Bearer()
