"""Which Person a user is, over the API: said once by themself, and by administrators."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from registry import services
from registry.models import Item
from tests.api.conftest import Caller
from tests.conftest import PERSON

LOOKUP, ASSIGN = "/auth-api/link/user/lookup", "/auth-api/link/user/assign"
VALIDATE = "/auth-api/link/user/validate"
ADMIN = "/auth-api/link/admin"
UNLINKED = {"success": False, "person_id": None}


@pytest.fixture
def newcomer(make_user: Callable[..., User]) -> User:
    return make_user("newcomer", linked=False)


def person_of(owner: User) -> Item:
    content = PERSON | {"display_name": f"Another {owner}"}
    return services.register(subtype="PERSON", content=content, owner=owner)


def linked(user: User) -> dict[str, Any]:
    return {"success": True, "person_id": services.person_of(user).handle}


def test_who_is_linked_finds_themself_and_others_whose_person_they_may_read(
    api: Caller, stranger: Caller, user: User, newcomer: User
) -> None:
    assert api.get(LOOKUP).json == linked(user)
    assert api.get(LOOKUP, username="").json == linked(user)  # as the client sends it
    assert stranger.get(LOOKUP, username="ana").json == linked(user)
    assert api.get(LOOKUP, username="newcomer").json == UNLINKED
    assert api.get(LOOKUP, username="nobody").json == UNLINKED
    person = services.person_of(user)
    services.change_access(handle=person.handle, general=[], groups={}, by=user)
    assert stranger.get(LOOKUP, username="ana").json == UNLINKED
    assert api.get(LOOKUP, username="ana").json == linked(user)


def test_a_user_links_themself_once(calling: Callable[[User], Caller], newcomer: User) -> None:
    api, person = calling(newcomer), person_of(newcomer)
    assert api.get(LOOKUP).json == UNLINKED
    assert api.post(VALIDATE, {"person_id": person.handle}).success
    assert api.get(LOOKUP).json == UNLINKED
    answer = api.post(ASSIGN, {"person_id": person.handle})
    assert (answer.status, answer.json) == (200, {})
    assert api.get(LOOKUP).json == linked(newcomer)
    for chosen in (person, person_of(newcomer)):
        again = api.post(ASSIGN, {"person_id": chosen.handle})
        assert (again.status, person.handle in again.detail) == (400, True)
        trial = api.post(VALIDATE, {"person_id": chosen.handle})
        assert (trial.success, trial.detail) == (False, again.detail)


def test_whom_nobody_can_link_themself_to(
    calling: Callable[[User], Caller], newcomer: User, user: User, make_item: Callable[..., Item]
) -> None:
    api = calling(newcomer)
    hidden = services.person_of(user)
    services.change_access(handle=hidden.handle, general=[], groups={}, by=user)
    model = make_item(newcomer, subtype="ORGANISATION")
    for person_id, status in (("10378.1/7", 400), (model.handle, 400), (hidden.handle, 401)):
        answer = api.post(ASSIGN, {"person_id": person_id})
        assert (answer.status, person_id in answer.detail) == (status, True)
        assert "Person of ana" not in answer.detail
        trial = api.post(VALIDATE, {"person_id": person_id})
        assert (trial.success, trial.detail) == (False, answer.detail)
    assert api.post(ASSIGN, {}).status == 422
    assert services.person_of(newcomer) is None


def test_administrators_look_up_both_ways(staff: Callable[..., Caller], user: User) -> None:
    admin = staff("registry.view_personlink")
    person = services.person_of(user)
    assert admin.get(f"{ADMIN}/lookup", username="ana").json == linked(user)
    assert admin.get(f"{ADMIN}/lookup", username="nobody").json == UNLINKED
    found = admin.get(f"{ADMIN}/reverse_lookup", person_id=person.handle)
    assert found.json == {"usernames": ["ana"]}
    assert admin.get(f"{ADMIN}/reverse_lookup", person_id="10378.1/7").json == {"usernames": []}
    body = {"username": "ana", "person_id": person.handle}
    assert admin.post(f"{ADMIN}/assign", body).status == 401
    assert admin.delete(f"{ADMIN}/clear", username="ana").status == 401


def test_administrators_assign_and_clear(
    admin: Caller, user: User, newcomer: User, make_item: Callable[..., Item]
) -> None:
    person, other = services.person_of(user), person_of(user)
    body = {"username": "newcomer", "person_id": person.handle}
    assert admin.post(f"{ADMIN}/assign", body).json == {}
    both = admin.get(f"{ADMIN}/reverse_lookup", person_id=person.handle).json
    assert both == {"usernames": ["ana", "newcomer"]}  # several users may be one Person
    changed = body | {"person_id": other.handle}
    assert admin.post(f"{ADMIN}/assign", changed).status == 400
    assert admin.post(f"{ADMIN}/assign", changed | {"force": True}).status == 200
    assert services.person_of(newcomer) == other
    for wrong in ({"username": "nobody"}, {"person_id": "10378.1/7"}):
        assert admin.post(f"{ADMIN}/assign", body | wrong).status == 400
    for _ in range(2):
        assert admin.delete(f"{ADMIN}/clear", username="newcomer").json == {}
    assert services.person_of(newcomer) is None
    assert admin.delete(f"{ADMIN}/clear", username="nobody").status == 400
    model = make_item(user)
    assert admin.post(f"{ADMIN}/assign", body | {"person_id": model.handle}).status == 400
