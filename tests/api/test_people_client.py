"""The methods of the unmodified client's `auth_api` about links and groups, on a server."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from provenaclient.utils.exceptions import AuthException, BadRequestException
from ProvenaInterfaces.AuthAPI import (
    AdminLinkUserAssignRequest,
    GroupUser,
    UserGroupMetadata,
    UserLinkUserAssignRequest,
)

from provena.tokens import keeping
from registry import services
from tests.api.client import connect, wait_for
from tests.conftest import PERSON

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]

REEF = UserGroupMetadata(
    id="reef",
    display_name="Reef team",
    description="Who models reefs",
    default_data_store_access=["metadata-read"],
)


@pytest.fixture
def acting(address: str, transactional_db: None) -> Callable[[User], Any]:
    """Make the `auth_api` of a client that acts for a user."""
    return lambda user: connect(address, keeping.issue(user=user, name="client")[1]).auth_api


def test_every_method_about_links(
    acting: Callable[[User], Any], make_user: Callable[..., User]
) -> None:
    newcomer = make_user("newcomer", linked=False)
    root = make_user("root", is_staff=True, is_superuser=True)
    content = PERSON | {"display_name": "New"}
    person = services.register(subtype="PERSON", content=content, owner=newcomer).handle
    api, admin = acting(newcomer), acting(root).admin
    chosen = UserLinkUserAssignRequest(person_id=person)

    assert not wait_for(api.get_link_lookup_username()).success
    assert wait_for(api.post_link_validate(chosen)).status.success
    wait_for(api.post_link_assign(chosen))
    assert wait_for(api.get_link_lookup_username()).person_id == person
    assert wait_for(api.get_link_lookup_username("newcomer")).person_id == person
    with pytest.raises(BadRequestException, match=person):
        wait_for(api.post_link_assign(chosen))
    with pytest.raises(Exception, match=person):
        wait_for(api.post_link_validate(chosen))

    assert wait_for(admin.get_link_lookup_username("newcomer")).person_id == person
    assert wait_for(admin.get_link_reverse_lookup_username(person)).usernames == ["newcomer"]
    wait_for(admin.delete_clear_link("newcomer"))
    assert not wait_for(admin.get_link_lookup_username("newcomer")).success
    wait_for(
        admin.post_link_assign(AdminLinkUserAssignRequest(username="newcomer", person_id=person))
    )
    assert wait_for(api.get_link_lookup_username()).person_id == person
    with pytest.raises(AuthException):
        wait_for(api.admin.get_link_lookup_username("root"))


def test_every_method_about_groups(
    acting: Callable[[User], Any], user: User, make_user: Callable[..., User]
) -> None:
    root = make_user("root", is_staff=True, is_superuser=True)
    api, admin = acting(user), acting(root).admin
    wait_for(admin.post_add_group(REEF))
    changed = REEF.model_copy(update={"display_name": "Reefs", "default_data_store_access": None})
    wait_for(admin.put_update_group(changed))
    wait_for(admin.post_groups_add_member("reef", GroupUser(username="ana")))

    assert wait_for(admin.get_list_groups()).groups == [changed]
    assert wait_for(admin.get_describe_group("reef")).group == changed
    assert [one.username for one in wait_for(admin.get_list_members("reef")).group.users] == ["ana"]
    assert wait_for(admin.get_list_group_membership("ana")).groups == [changed]
    assert wait_for(admin.get_check_user_membership("ana", "reef")).is_member

    assert wait_for(api.get_list_groups()).groups == [changed]
    assert wait_for(api.get_describe_group("reef")).group == changed
    assert wait_for(api.get_list_membership()).groups == [changed]
    assert [one.username for one in wait_for(api.get_list_group_members("reef")).group.users] == [
        "ana"
    ]
    assert wait_for(api.get_check_membership("reef")).is_member

    wait_for(admin.delete_remove_member("reef", "ana"))
    assert not wait_for(api.get_check_membership("reef")).is_member
    with pytest.raises(BadRequestException, match="already"):
        wait_for(admin.post_add_group(REEF))
    with pytest.raises(Exception, match="coral"):
        wait_for(api.get_describe_group("coral"))
    with pytest.raises(AuthException):
        wait_for(api.get_list_group_members("reef"))
