"""Registering and linking: what is written, and what is refused with nothing written."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from jobs import lifecycle
from jobs.models import Job, Status, Workflow
from registry import services
from registry.kinds import Findings
from registry.models import Grant, Item, Mint, PersonLink, Reference, Relation, Revision
from registry.services import NotAllowed, PersonNeeded, Refused, content
from tests.conftest import MODEL, PERSON, dataset, drain

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]


def counts() -> tuple[int, ...]:
    """How many rows there are of all that a registration writes."""
    written = (Mint, Item, Revision, Grant, Reference, Workflow, Job, Relation, PersonLink)
    return tuple(model.objects.count() for model in written)


def test_a_registered_model_has_all_that_an_item_carries(user: User) -> None:
    item = services.register(subtype="MODEL", content=MODEL, owner=user)
    item.refresh_from_db()
    assert item.handle.startswith("10378.1/")
    assert (item.category, item.subtype, item.display_name) == ("ENTITY", "MODEL", "Reef model")
    assert (item.owner, item.version, item.info) == (user, 1, MODEL)
    assert "Larval dispersal" in item.search_text
    assert item.created_at == item.updated_at == item.revisions.get().at
    revision = item.revisions.get()
    assert (revision.number, revision.info, revision.by) == (1, MODEL, user)
    job = item.creation_workflow.jobs.get()
    assert (job.status, job.owner, job.subject) == (Status.PENDING, user, item.handle)
    assert job.payload == {
        "created_item_id": item.handle,
        "created_item_subtype": "MODEL",
        "linked_person_id": services.person_of(user).handle,
    }


def test_the_creation_workflow_makes_the_activity_and_its_edges(user: User) -> None:
    item = services.register(subtype="MODEL", content=MODEL, owner=user)
    assert drain() == 2
    first, second = item.creation_workflow.jobs.order_by("step")
    activity = Item.objects.get(subtype="CREATE")
    person = services.person_of(user)
    assert (first.type, first.sub_type) == ("REGISTRY", "REGISTER_CREATE_ACTIVITY")
    assert first.result == {
        "creation_activity_id": activity.handle,
        "lodge_session_id": str(second.session_id),
    }
    assert (second.type, second.sub_type) == ("PROV_LODGE", "LODGE_CREATE_ACTIVITY")
    assert second.payload == {
        "created_item_id": item.handle,
        "creation_activity_id": activity.handle,
        "linked_person_id": person.handle,
        "created_item_subtype": "MODEL",
    }
    assert (second.status, second.result) == (Status.SUCCEEDED, {})
    assert (activity.category, activity.owner, activity.version) == ("ACTIVITY", user, None)
    assert activity.info["created_item_id"] == item.handle
    edges = Relation.objects.values_list("source", "type", "target", "record")
    assert set(edges) == {
        (item.pk, "wasGeneratedBy", activity.pk, activity.pk),
        (activity.pk, "wasAssociatedWith", person.pk, activity.pk),
        (item.pk, "wasAttributedTo", person.pk, activity.pk),
    }


def test_lodging_twice_changes_nothing(user: User) -> None:
    item = services.register(subtype="MODEL", content=MODEL, owner=user)
    drain()
    lodging = item.creation_workflow.jobs.get(step=1)
    lifecycle.submit(sub_type=lodging.sub_type, payload=lodging.payload, owner=user)
    drain()
    assert Relation.objects.count() == 3


def test_an_item_with_the_longest_name_gets_its_activity(user: User) -> None:
    item = services.register(
        subtype="MODEL", content=MODEL | {"display_name": "x" * 300}, owner=user
    )
    drain()
    assert {job.status for job in item.creation_workflow.jobs.all()} == {Status.SUCCEEDED}


@pytest.mark.parametrize("subtype", ["PERSON", "ORGANISATION", "STUDY"])
def test_only_entities_have_versions_and_a_creation_workflow(
    user: User, make_item: MakeItem, subtype: str
) -> None:
    item = make_item(user, subtype=subtype)
    assert (item.version, item.creation_workflow) == (None, None)
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "subtype", ["MODEL", "DATASET_TEMPLATE", "MODEL_RUN_WORKFLOW_TEMPLATE", "DATASET"]
)
def test_every_entity_has_version_one_and_a_creation_workflow(
    user: User, make_item: MakeItem, subtype: str
) -> None:
    item = make_item(user, subtype=subtype)
    assert item.version == 1
    assert item.creation_workflow.jobs.get().payload["created_item_subtype"] == subtype


def test_a_dataset_is_named_by_its_data_and_has_a_place_for_files(
    user: User, make_item: MakeItem
) -> None:
    item = make_item(user, subtype="DATASET", display_name="Reef map")
    number = item.handle.partition("/")[2]
    path = f"datasets/10378-1-{number}/"
    assert item.display_name == "Reef map"
    assert item.system == {
        "s3": {"bucket_name": "provena", "path": path, "s3_uri": f"s3://provena/{path}"},
        "release_status": "NOT_RELEASED",
        "release_history": [],
    }
    assert item.revisions.get().info == item.info


@pytest.mark.parametrize("broken", ["create", "submit"])
def test_item_and_job_are_written_together_or_not_at_all(
    user: User, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    before = counts()
    module = {"create": content, "submit": lifecycle}[broken]
    whole = getattr(module, broken)

    def break_after(**arguments: object) -> None:
        whole(**arguments)
        raise OSError("the power went away")

    monkeypatch.setattr(module, broken, break_after)
    with pytest.raises(OSError, match="power"):
        services.register(subtype="MODEL", content=MODEL, owner=user)
    assert counts() == before


def test_a_failing_activity_leaves_the_item_and_no_half_of_the_step(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = services.register(subtype="MODEL", content=MODEL, owner=user)
    monkeypatch.setattr(services, "mint", lambda: 1 / 0)
    drain()
    job = item.creation_workflow.jobs.get()
    assert (job.status, job.attempt) == (Status.PENDING, 1)
    assert "ZeroDivisionError" in job.info
    assert not Item.objects.filter(subtype="CREATE").exists()


def test_a_job_about_a_vanished_item_fails_with_a_sentence(user: User) -> None:
    item = services.register(subtype="MODEL", content=MODEL, owner=user)
    workflow = item.creation_workflow
    item.delete()
    drain()
    job = workflow.jobs.get()
    assert job.status == Status.FAILED
    assert item.handle in job.info


def test_refused_content_writes_nothing(user: User) -> None:
    before = counts()
    with pytest.raises(Findings):
        services.register(subtype="MODEL", content=MODEL | {"name": ""}, owner=user)
    assert counts() == before


def test_registering_an_entity_needs_a_linked_person(make_user: MakeUser) -> None:
    newcomer = make_user(linked=False)
    with pytest.raises(PersonNeeded, match="linked to a Person"):
        services.register(subtype="MODEL", content=MODEL, owner=newcomer)
    assert not Item.objects.exists()


def test_registering_needs_an_email_address(make_user: MakeUser) -> None:
    with pytest.raises(Refused, match="email"):
        services.register(subtype="MODEL", content=MODEL, owner=make_user(linked=False, email=""))


@pytest.mark.parametrize("subtype", ["CREATE", "VERSION", "UNICORN"])
def test_other_kinds_cannot_be_registered_by_hand(user: User, subtype: str) -> None:
    with pytest.raises(Refused, match="MODEL"):
        services.register(subtype=subtype, content={}, owner=user)


def test_ids_are_never_reused(user: User, make_item: MakeItem) -> None:
    item = make_item(user, subtype="ORGANISATION", name="n")
    item.delete()
    assert make_item(user, subtype="ORGANISATION", name="n").handle != item.handle


def test_a_person_is_linked_once(user: User, make_item: MakeItem) -> None:
    present = services.person_of(user)
    another = make_item(user, subtype="PERSON")
    with pytest.raises(Refused, match=present.handle):
        services.link_person(user=user, person=another)
    assert services.person_of(user) == present


def test_only_an_own_person_can_be_linked(make_user: MakeUser, make_item: MakeItem) -> None:
    ana, ben = make_user("ana"), make_user("ben", linked=False)
    with pytest.raises(Refused, match="somebody else"):
        services.link_person(user=ben, person=services.person_of(ana))
    organisation = make_item(ben, subtype="ORGANISATION", name="n")
    with pytest.raises(Refused, match="not a Person"):
        services.link_person(user=ben, person=organisation)


def test_a_newcomer_registers_and_links_themself_at_once(make_user: MakeUser) -> None:
    newcomer = make_user(linked=False)
    person = services.register_self(content=PERSON | {"display_name": "Ana"}, user=newcomer)
    assert services.person_of(newcomer) == person
    assert (person.owner, person.is_complete) == (newcomer, True)


def test_who_is_linked_already_registers_no_second_self(user: User) -> None:
    before = counts()
    with pytest.raises(Refused, match=services.person_of(user).handle):
        services.register_self(content=PERSON | {"display_name": "Ana"}, user=user)
    assert counts() == before


def test_several_users_may_be_one_person(make_user: MakeUser, make_item: MakeItem) -> None:
    ana, ben = make_user("ana"), make_user("ben", linked=False)
    person = services.person_of(ana)
    services.assign_person(user=ben, person=person)
    assert services.person_of(ben) == person


def test_an_administrator_changes_a_link_only_by_force(
    make_user: MakeUser, make_item: MakeItem
) -> None:
    ana, ben = make_user("ana"), make_user("ben")
    present, other = services.person_of(ana), services.person_of(ben)
    with pytest.raises(Refused, match=present.handle):
        services.assign_person(user=ana, person=other)
    assert services.person_of(ana) == present
    services.assign_person(user=ana, person=other, force=True)
    assert services.person_of(ana) == other


def test_a_cleared_link_can_be_made_again(user: User) -> None:
    person = services.person_of(user)
    assert services.clear_person(user=user)
    assert not services.clear_person(user=user)
    services.link_person(user=user, person=person)
    assert services.person_of(user) == person


def test_a_reserved_person_cannot_be_linked(make_user: MakeUser) -> None:
    newcomer = make_user(linked=False)
    reserved = services.seed(subtype="PERSON", owner=newcomer)
    with pytest.raises(Refused, match="Complete it first"):
        services.link_person(user=newcomer, person=reserved)
    assert services.person_of(newcomer) is None


def test_a_deleted_person_cannot_be_linked_and_is_said_to_be_deleted(
    make_user: MakeUser, make_item: MakeItem
) -> None:
    newcomer, admin = make_user(linked=False), make_user("admin", is_superuser=True, is_staff=True)
    person = make_item(newcomer, subtype="PERSON")
    services.delete(handle=person.handle, reason="Entered twice", by=admin)
    person.refresh_from_db()
    with pytest.raises(Refused, match="deleted"):
        services.link_person(user=newcomer, person=person)
    assert services.person_of(newcomer) is None


def test_a_person_that_was_deleted_since_it_was_read_cannot_be_linked(
    make_user: MakeUser, make_item: MakeItem
) -> None:
    newcomer, admin = make_user(linked=False), make_user("admin", is_superuser=True, is_staff=True)
    person = make_item(newcomer, subtype="PERSON")
    services.delete(handle=person.handle, reason="Entered twice", by=admin)
    with pytest.raises(Refused):  # `person` still is as it was read
        services.link_person(user=newcomer, person=person)
    assert services.person_of(newcomer) is None


def test_linking_tells_nothing_of_an_unreadable_person(
    make_user: MakeUser, make_item: MakeItem
) -> None:
    ana, newcomer = make_user("ana"), make_user("ben", linked=False)
    hidden = make_item(ana, subtype="PERSON", display_name="Hidden name")
    services.change_access(handle=hidden.handle, general=[], groups={}, by=ana)
    with pytest.raises(NotAllowed) as refused:
        services.link_person(user=newcomer, person=hidden)
    assert "Hidden" not in str(refused.value)


def test_refused_references_write_nothing(user: User) -> None:
    before = counts()
    with pytest.raises(Findings, match=r"10378\.1/9"):
        services.register(subtype="DATASET", content=dataset("10378.1/9"), owner=user)
    assert counts() == before
