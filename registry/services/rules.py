"""The rules that the registry's writers check, and how a refusal names its way out.

Each action checks in the order that the domain reference gives (section 3), so that page, command
and API refuse the same thing with the same words.
"""

from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from pydantic import TypeAdapter, ValidationError

from registry import access, kinds
from registry.access import Level, Role
from registry.kinds import Kind
from registry.kinds.values import LONG, Text
from registry.models import Item, PersonLink

if TYPE_CHECKING:
    from registry.models import Revision


_TEXT: TypeAdapter[str] = TypeAdapter(Text)


class Refused(Exception):
    """A rule forbids it; the text says which, and the way out."""


class NotAllowed(Refused):
    """The user lacks the right; somebody else may have it."""


class Locked(NotAllowed):
    """The item is locked."""


class WrongKind(Refused):
    """The item is of another kind than was asked for."""


class NoRevision(Refused):
    """The item has no revision of that number."""


class PersonNeeded(Refused):
    """The user must be linked to a Person first."""


class ChangedMeanwhile(Refused):
    """Somebody saved the item since it was opened; `since` is the first revision of theirs."""

    def __init__(self, text: str, since: "Revision") -> None:
        self.since = since
        super().__init__(text)


def person_of(user: User) -> Item | None:
    """The Person that the user is linked to."""
    link = PersonLink.objects.select_related("person").filter(user=user).first()
    return link.person if link else None


def need_level(user: User, level: Level) -> None:
    """Raises NotAllowed unless the user has at least that level in the registry."""
    if access.level(user) >= level:
        return
    what = {Level.READ: "read", Level.WRITE: "change", Level.ADMIN: "administer"}.get(level, "use")
    raise NotAllowed(f"Your account may not {what} the registry. An administrator can change that.")


def may_register(kind: type[Kind], user: User) -> Item | None:
    """The Person that the user is, or None where the kind needs none. Raises Refused."""
    need_level(user, Level.WRITE)
    if not user.email:
        raise Refused(
            "Your account has no email address, and whoever registers items must be reachable. "
            "Add it on your account page."
        )
    return need_person(kind, user)


def need_person(kind: type[Kind], user: User) -> Item | None:
    """The Person that the user is, or None where the kind needs none. Raises PersonNeeded."""
    if not kind.needs_person:
        return None
    person = person_of(user)
    if person is None:
        raise PersonNeeded(
            f"To register or change {kind.a_label()} you must be linked to a Person, so that its "
            "provenance can say who did it. Register yourself as a Person and link to it."
        )
    return person


def user_made(subtype: str) -> type[Kind]:
    """The kind of that subtype, if people may register it. Raises Refused."""
    kind = any_kind(subtype)
    if not kind.user_made:
        raise Refused(f"{kind.plural} are made by the system only. {_what_can_be_registered()}")
    return kind


def any_kind(subtype: str) -> type[Kind]:
    """The kind of that subtype. Raises Refused."""
    try:
        return kinds.kind(subtype)
    except KeyError:
        text = f"There is no item kind {subtype!r}. {_what_can_be_registered()}"
        raise Refused(text) from None


def _what_can_be_registered() -> str:
    names = ", ".join(kind.subtype for kind in kinds.user_made_kinds())
    return f"You can register: {names}."


def known(handle: str, *, for_update: bool = False) -> Item:
    """The item of that id. Raises Refused for one that is unknown or deleted."""
    items = Item.objects.select_related("owner")
    if for_update:
        items = items.select_for_update(of=("self",))
    item = items.filter(handle=handle).first()
    if item is None:
        raise Refused(f"There is no item {handle!r}. Check the id.")
    if item.deleted_at:
        raise Refused(f"{handle} was deleted on {item.deleted_at:%d %B %Y}; nothing can change it.")
    return item


def need_unlocked(item: Item, user: User) -> None:
    """Raises Locked; who locked it and why is told to those who may read it."""
    if item.is_locked:
        event = item.lock_events.select_related("by").first()
        is_told = event and Role.METADATA_READ in access.roles(user, item)
        by = f" by {event.by.get_username()}: {event.reason}" if event and is_told else ""
        raise Locked(
            f"{item.handle} is locked{by}. Its owner or an administrator of it can unlock it on "
            "its Settings tab."
        )


def need_kind(item: Item, kind: type[Kind] | None) -> None:
    """Raises WrongKind, where the caller asked for a kind."""
    if kind and item.subtype != kind.subtype:
        raise WrongKind(
            f"{item.handle} is {item.kind.a_label()}, not {kind.a_label()}. Ask for it by its kind."
        )


def need_role(user: User, item: Item, role: Role) -> None:
    """Raises NotAllowed."""
    if role not in access.roles(user, item):
        raise NotAllowed(
            f"You may not do that to {item.handle}: it needs the role {role}. Its owner, "
            f"{item.owner.get_username()}, or an administrator of it can give you the role."
        )


def name_for(user: User, item: Item) -> str:
    """The item as a message to `user` may name it."""
    return str(item) if Role.METADATA_READ in access.roles(user, item) else item.handle


def need_complete(item: Item) -> None:
    """Raises Refused for a seed."""
    if not item.is_complete:
        raise Refused(f"{item.handle} is a reserved id without content. Complete it first.")


def need_reason(reason: str) -> str:
    """The reason, trimmed. Raises Refused for a blank or endless one, and for what no text of an
    item may hold."""
    if not reason.strip():
        raise Refused("Give a reason: those who read the history later need it.")
    try:
        return _TEXT.validate_python(reason)
    except ValidationError as error:
        fault = error.errors()[0]
        text = str(fault["msg"]).removeprefix("Value error, ")
        if fault["type"] == "string_too_long":
            text = f"at most {LONG:,} characters"
        raise Refused(f"The reason cannot be kept: {text}.") from None


def may_version(user: User, item: Item, kind: type[Kind] | None = None) -> Item | None:
    """The Person who makes the new version. Raises Refused; the order is that of the domain."""
    need_level(user, Level.WRITE)
    person = need_person(item.kind, user)
    need_role(user, item, Role.ADMIN)
    need_complete(item)
    need_kind(item, kind)
    if not item.kind.versioned:
        raise Refused(f"{item.kind.plural} have no versions. Update the item instead.")
    following = Item.objects.live().filter(previous_version=item).first()
    if following:
        raise Refused(
            f"{item.handle} is not the latest version: {following.handle} follows it. Make the new "
            "version from the latest one."
        )
    return person
