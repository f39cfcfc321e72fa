"""Which Person of the registry a user is (contract, section 11)."""

from typing import Any

from django.contrib.auth.models import User
from ninja import Router, Schema

from provena import rest
from provena.rest import ApiRequest, Plain
from registry import services
from registry.api.answers import Done, Status, refused
from registry.api.rights import EVERYONE, needs
from registry.models import Item, PersonLink
from registry.services import rules
from registry.services.groups import known_user

router = Router(tags=["Person links"])


class Link(Schema):
    """The id of the Person that a user is; `success` says whether they are linked to one."""

    success: bool
    person_id: str | None


class Nothing(Schema):
    """It was done."""


class Usernames(Schema):
    usernames: list[str]


class Chosen(Schema):
    person_id: Plain


class Assignment(Schema):
    """`validate_item` is taken and changes nothing: only a complete Person of this registry can be
    linked. `force` replaces a link that there is."""

    username: Plain
    person_id: Plain
    validate_item: bool = True
    force: bool = False


@router.get(
    "/link/user/lookup",
    auth=EVERYONE,
    response={200: Link, **rest.REFUSALS},
    summary="Which Person you are",
)
def lookup(request: ApiRequest, username: Plain = "") -> Any:
    """Your own link, or that of another user, as far as you may read their Person."""
    if username in {"", request.user.get_username()}:
        return _told(_linked(request.user.get_username()))
    person = _linked(username)
    readable = Item.objects.readable_by(request.user)
    return _told(person if person and readable.filter(pk=person.pk).exists() else None)


@router.post(
    "/link/user/assign",
    auth=EVERYONE,
    response={200: Nothing, **rest.REFUSALS},
    summary="Say which Person you are",
)
def assign(request: ApiRequest, body: Chosen) -> Any:
    """Link yourself to a Person that you registered. You can do it once; after that an
    administrator must."""
    services.link_person(user=request.user, person=rules.known(body.person_id))
    return {}


@router.post(
    "/link/user/validate",
    auth=EVERYONE,
    response={200: Done, **rest.REFUSALS},
    summary="Whether you could link yourself to a Person",
)
def validate(request: ApiRequest, body: Chosen) -> Any:
    """What linking would refuse is told by `success: false`. Nothing is changed."""
    try:
        services.link_person(user=request.user, person=rules.known(body.person_id), trial=True)
    except services.Refused as error:
        return refused(str(error))
    return {"status": Status(details=f"You can be linked to {body.person_id}.")}


@router.get(
    "/link/admin/lookup",
    auth=needs("registry.view_personlink"),
    response={200: Link, **rest.REFUSALS},
    summary="Which Person a user is",
)
def admin_lookup(request: ApiRequest, username: Plain) -> Any:
    """For staff who may view person links."""
    return _told(_linked(username))


@router.get(
    "/link/admin/reverse_lookup",
    auth=needs("registry.view_personlink"),
    response={200: Usernames, **rest.REFUSALS},
    summary="Which users a Person is",
)
def reverse_lookup(request: ApiRequest, person_id: Plain) -> Any:
    """For staff who may view person links. Of an unknown id there are none."""
    links = PersonLink.objects.filter(person__handle=person_id).order_by("user__username")
    return {"usernames": list(links.values_list("user__username", flat=True))}


@router.post(
    "/link/admin/assign",
    auth=needs("registry.change_personlink"),
    response={200: Nothing, **rest.REFUSALS},
    summary="Say which Person a user is",
)
def admin_assign(request: ApiRequest, body: Assignment) -> Any:
    """For staff who may change person links. Ask the user for consent first: provenance will name
    that Person."""
    user, person = known_user(body.username), rules.known(body.person_id)
    services.assign_person(user=user, person=person, force=body.force)
    return {}


@router.delete(
    "/link/admin/clear",
    auth=needs("registry.delete_personlink"),
    response={200: Nothing, **rest.REFUSALS},
    summary="Undo the link of a user",
)
def clear(request: ApiRequest, username: Plain) -> Any:
    """For staff who may delete person links. It is no error if there is none."""
    services.clear_person(user=known_user(username))
    return {}


def _linked(username: str) -> Item | None:
    user = User.objects.filter(username=username).first()
    return services.person_of(user) if user else None


def _told(person: Item | None) -> dict[str, Any]:
    return {"success": person is not None, "person_id": person.handle if person else None}
