"""Who may use a route, by their level in the registry. Asked before a body is read."""

from collections.abc import Callable

from django.contrib.auth.models import User

from provena.rest import Bearer
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


READ, WRITE, ADMIN = (Bearer(_at_least(level)) for level in (Level.READ, Level.WRITE, Level.ADMIN))
EVERYONE = Bearer()
