"""Asking for system roles, and deciding on it (contract, section 12)."""

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry import access, system_roles
from registry.models import AccessRequest
from registry.services import rules
from registry.services.rules import NotAllowed, Refused

Status = AccessRequest.Status
DECIDE, GRANT = "registry.change_accessrequest", "auth.change_user"


def request_access(*, user: User, roles: Collection[str]) -> AccessRequest:
    """Ask for system roles, by their names; those that the user has may be among them, and must be:
    a request takes none away. Raises Refused."""
    if strange := sorted(set(roles) - set(system_roles.ROLES)):
        known = ", ".join(system_roles.ROLES)
        raise Refused(f"There is no role {', '.join(strange)}. Choose of {known}.")
    held = system_roles.held_by(user)
    if lost := [name for name in held if name not in roles]:
        raise Refused(
            f"A request takes no role away, and {', '.join(lost)} is left out. Ask an "
            "administrator: some roles come from a group, or are for everyone."
        )
    wanted = [name for name in system_roles.ROLES if name in roles and name not in held]
    if not wanted:
        raise Refused("You have all of these roles already, so there is nothing to ask for.")
    try:
        with transaction.atomic():
            return AccessRequest.objects.create(user=user, roles=wanted, held=held)
    except IntegrityError:
        raise Refused("A request of yours waits for a decision. Wait for it first.") from None


def decide_access(
    *, request: AccessRequest, approve: bool, by: User, note: str = ""
) -> AccessRequest:
    """Give the roles that were asked for, or deny them; done again, it changes nothing. Raises
    Refused for one that was decided otherwise, and NotAllowed: who gives roles must be allowed to
    change users, and nobody but a superuser decides on what they ask for themself."""
    _need(by, DECIDE)
    if approve:
        _need(by, GRANT)
    if request.user_id == by.pk and not by.is_superuser:
        raise NotAllowed("You cannot decide on a request of your own. Ask another administrator.")
    wanted = Status.DONE if approve else Status.DENIED
    with transaction.atomic():
        found = AccessRequest.objects.select_for_update(of=("self",)).select_related("user")
        request = found.get(pk=request.pk)
        if request.status not in {Status.PENDING, wanted}:
            raise Refused(f"The request {request.pk} was decided: {request.get_status_display()}.")
        if approve and request.status == Status.PENDING:
            system_roles.give(request.user, request.roles)
        _add(request, note, by)
        request.status, request.updated_at = wanted, timezone.now()
        request.save()
    return request


def note_on_access(*, request: AccessRequest, note: str, by: User) -> None:
    """Add a note to a request. Raises Refused."""
    _need(by, DECIDE)
    if not note.strip():
        raise Refused("The note is empty. Write what is to be remembered.")
    with transaction.atomic():
        request = AccessRequest.objects.select_for_update().get(pk=request.pk)
        _add(request, note, by)
        request.updated_at = timezone.now()
        request.save()


def _need(user: User, permission: str) -> None:
    if not access.is_permitted(user, permission):
        raise NotAllowed(
            f"Only staff with the permission {permission} may do this. An administrator can give "
            "it to you."
        )


def _add(request: AccessRequest, note: str, by: User) -> None:
    if note.strip():
        request.notes = [*request.notes, f"{by.get_username()}: {rules.need_reason(note)}"]
