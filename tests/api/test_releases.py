"""The release of datasets over the API, under both prefixes: who asks, who decides, who is told."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from provenaclient.utils.exceptions import AuthException, BadRequestException
from ProvenaInterfaces.DataStoreAPI import ActionApprovalRequest, ReleaseApprovalRequest

from jobs.models import Job
from provena.tokens import keeping
from registry import services
from registry.models import Item, Reviewer
from tests.api.client import connect, wait_for
from tests.api.conftest import Answer, Caller

FETCH = "/data-api/registry/items/fetch-dataset"


@pytest.fixture(params=["/data-api", "/auth-api"])
def release(request: pytest.FixtureRequest) -> str:
    return f"{request.param}/release"


@pytest.fixture
def reviewer(make_user: Callable[..., User]) -> User:
    """A user on the list of reviewers."""
    user = make_user("rev")
    services.add_reviewer(services.person_of(user).handle)
    return user


@pytest.fixture
def item(user: User, make_item: Callable[..., Item]) -> Item:
    return make_item(user, subtype="DATASET", display_name="Currents")


class Steps:
    """Ask and decide about an item, by either prefix."""

    def __init__(self, release: str, item: Item, reviewer: User) -> None:
        self.release, self.item = release, item
        self.person = services.person_of(reviewer).handle

    def ask(self, caller: Caller, **other: Any) -> Answer:
        body = {"dataset_id": self.item.handle, "approver_id": self.person, "notes": "Ready"}
        return caller.post(f"{self.release}/approval-request", body | other)

    def decide(self, caller: Caller, approve: bool = True, **other: Any) -> Answer:
        body = {"dataset_id": self.item.handle, "approve": approve, "notes": "Seen"}
        return caller.put(f"{self.release}/action-approval-request", body | other)


@pytest.fixture
def steps(release: str, item: Item, reviewer: User) -> Steps:
    return Steps(release, item, reviewer)


@pytest.mark.parametrize("approve", [True, False])
def test_a_release_is_asked_for_and_decided(
    approve: bool,
    steps: Steps,
    api: Caller,
    calling: Callable[[User], Caller],
    user: User,
    reviewer: User,
) -> None:
    asked = steps.ask(api)
    assert asked.status == 200
    assert (asked.json["dataset_id"], asked.json["approver_id"]) == (
        steps.item.handle,
        steps.person,
    )
    told = api.get(FETCH, handle_id=steps.item.handle).json["item"]
    assert (told["release_status"], told["release_approver"]) == ("PENDING", steps.person)
    assert told["release_history"] == [
        {
            "action": "REQUEST",
            "timestamp": told["release_timestamp"],
            "approver": steps.person,
            "requester": services.person_of(user).handle,
            "notes": "Ready",
        }
    ]
    services.lock(handle=steps.item.handle, reason="Published", by=user)  # it passes a lock
    decided = steps.decide(calling(reviewer), approve)
    assert (decided.status, decided.json["approved"]) == (200, approve)
    told = api.get(FETCH, handle_id=steps.item.handle).json["item"]
    assert told["release_status"] == ("RELEASED" if approve else "NOT_RELEASED")
    steps_told = [entry["action"] for entry in told["release_history"]]
    assert steps_told == ["APPROVE" if approve else "REJECT", "REQUEST"]
    assert len(told["history"]) == 1
    again = steps.ask(api)
    assert again.status == (400 if approve else 200)


def test_what_asking_refuses(
    steps: Steps,
    api: Caller,
    stranger: Caller,
    user: User,
    make_item: Callable[..., Item],
) -> None:
    assert steps.ask(stranger).status == 401
    assert steps.ask(api, approver_id=services.person_of(user).handle).status == 400
    assert steps.ask(api, dataset_id="10378.1/7").status == 400
    assert steps.ask(api, dataset_id=make_item(user).handle).status == 400
    seed = services.seed(subtype="DATASET", owner=user)
    assert steps.ask(api, dataset_id=seed.handle).status == 400
    assert steps.ask(api, notes=None).status == 422
    services.change_access(handle=steps.item.handle, general=[], groups={}, by=user)
    unread = steps.ask(api)
    assert (unread.status, "may not read" in unread.detail) == (400, True)
    services.change_access(handle=steps.item.handle, general=["metadata-read"], groups={}, by=user)
    assert steps.ask(api).status == 200
    assert steps.ask(api).status == 400
    services.clear_person(user=user)
    assert steps.ask(api).json["code"] == "person_needed"


def test_only_the_reviewer_who_was_asked_decides(
    steps: Steps,
    api: Caller,
    calling: Callable[[User], Caller],
    make_user: Callable[..., User],
    reviewer: User,
) -> None:
    other = make_user("other")
    services.add_reviewer(services.person_of(other).handle)
    assert steps.decide(calling(reviewer)).status == 400  # nobody asked
    steps.ask(api)
    assert steps.decide(api).status == 401
    assert steps.decide(calling(other)).status == 401
    assert steps.decide(calling(make_user("unlinked", linked=False))).status == 400
    assert steps.decide(calling(reviewer), dataset_id="10378.1/7").status == 400
    services.remove_reviewer(steps.person)
    assert steps.decide(calling(reviewer)).status == 401
    services.add_reviewer(steps.person)
    assert steps.decide(calling(reviewer)).status == 200
    assert steps.decide(calling(reviewer)).status == 400


def test_who_is_concerned_gets_a_mail_where_mail_is_set_up(
    steps: Steps, api: Caller, calling: Callable[[User], Caller], reviewer: User, settings: Any
) -> None:
    def mailed() -> list[tuple[str, str]]:
        jobs = Job.objects.filter(sub_type="SEND_EMAIL").select_related("owner").order_by("id")
        return [(job.owner.get_username(), job.payload["email_to"]) for job in jobs]

    steps.ask(api)
    steps.decide(calling(reviewer), approve=False)
    assert mailed() == []
    settings.EMAIL_HOST, settings.SITE_URL = "mail.example.org", "https://example.org"
    settings.DEFAULT_FROM_EMAIL = "jobs@example.org"
    steps.ask(api)
    assert mailed() == [("rev", "rev@example.org")]
    letter = Job.objects.get(sub_type="SEND_EMAIL").payload
    assert "Currents" in letter["subject"]
    assert f"https://example.org/item/{steps.item.handle}/" in letter["body"]
    steps.decide(calling(reviewer))
    assert sorted(mailed()[1:]) == [("ana", "ana@example.org"), ("rev", "rev@example.org")]


def test_the_list_of_reviewers_is_kept_by_administrators(
    release: str, api: Caller, staff: Callable[..., Caller], user: User, item: Item
) -> None:
    person = services.person_of(user).handle
    path = f"{release}/sys-reviewers"
    adder, remover = (
        staff("registry.add_reviewer", username="adder"),
        staff("registry.delete_reviewer", username="remover"),
    )
    assert api.post(f"{path}/add", {"reviewer_id": person}).status == 401
    assert adder.post(f"{path}/add", {"reviewer_id": person}).status == 200
    assert adder.post(f"{path}/add", reviewer_id=person).status == 200
    assert api.get(f"{path}/list").json == [person]
    assert adder.post(f"{path}/add").status == 400
    for wrong in ("10378.1/7", item.handle):
        assert adder.post(f"{path}/add", {"reviewer_id": wrong}).status == 400
    assert adder.delete(f"{path}/delete", reviewer_id=person).status == 401
    assert remover.delete(f"{path}/delete", reviewer_id=person).status == 200
    assert remover.delete(f"{path}/delete", reviewer_id=person).status == 400
    assert api.get(f"{path}/list").json == []


def test_a_person_on_the_list_is_not_deleted(reviewer: User) -> None:
    found = services.dependents(services.person_of(reviewer))
    assert "It is on the list of reviewers of releases" in found


def test_django_admin_keeps_the_list(admin_client: Any, user: User, item: Item) -> None:
    person = services.person_of(user)
    add = "/admin/registry/reviewer/add/"
    assert b"Ask for it by its kind" in admin_client.post(add, {"person": item.handle}).content
    admin_client.post(add, {"person": person.handle})
    assert person.handle.encode() in admin_client.get("/admin/registry/reviewer/").content
    key = Reviewer.objects.get().pk
    admin_client.post(f"/admin/registry/reviewer/{key}/delete/", {"post": "yes"})
    assert not Reviewer.objects.exists()


@pytest.mark.cluster
@pytest.mark.django_db(transaction=True)
def test_every_method_of_the_client(
    address: str, user: User, make_user: Callable[..., User], make_item: Callable[..., Item]
) -> None:
    item, reviewer = make_item(user, subtype="DATASET"), make_user("rev")
    root = make_user("root", is_staff=True, is_superuser=True)
    api, deciding, admin = (
        connect(address, keeping.issue(user=who, name="client")[1]).datastore.review
        for who in (user, reviewer, root)
    )
    person = services.person_of(reviewer).handle
    wait_for(admin.add_dataset_reviewer(person))
    wanted = ReleaseApprovalRequest(dataset_id=item.handle, approver_id=person, notes="Ready")
    assert wait_for(api.dataset_approval_request(wanted)).approver_id == person
    decision = ActionApprovalRequest(dataset_id=item.handle, approve=True, notes="Good")
    with pytest.raises(AuthException):
        wait_for(api.action_approval_request(decision))
    assert wait_for(deciding.action_approval_request(decision)).approved
    with pytest.raises(BadRequestException, match="is released"):
        wait_for(api.dataset_approval_request(wanted))
    fetched = connect(address, keeping.issue(user=user, name="x")[1]).datastore
    told = wait_for(fetched.fetch_dataset(item.handle)).item
    assert (told.release_status, told.release_approver) == ("RELEASED", person)
    wait_for(admin.delete_dataset_reviewer(person))
