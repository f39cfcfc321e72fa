"""The workflows of an item, for every kind that has versions: what their jobs are given, make and
tell, and who may see what they made (domain reference, 4.1, 4.3 and 5.1)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs import lifecycle, worker
from jobs.definitions import InvalidPayload
from jobs.models import Job, Status, Workflow
from registry import access, kinds, services
from registry.access import Role
from registry.models import Group, Item, Relation
from registry.provenance import relations
from registry.services.custody import settings_of
from tests.conftest import drain

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]

VERSIONED = [kind.subtype for kind in kinds.user_made_kinds() if kind.versioned]
of_every_versioned_kind = pytest.mark.parametrize("subtype", VERSIONED)


@pytest.fixture
def ben(make_user: MakeUser) -> User:
    return make_user("ben")


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    return make_user("admin", is_staff=True, is_superuser=True)


def run_one(workflow: Workflow) -> Job:
    """Run the next job of a workflow, which is the only one that is due; return it."""
    Job.objects.filter(workflow=workflow).update(run_after=workflow.created_at)
    claimed = lifecycle.claim("provena", 8)
    assert len(claimed) == 1
    worker.execute(*claimed[0][:2], 60)
    return Job.objects.get(pk=claimed[0][0])


def edges(record: Item) -> set[tuple[str, str, str]]:
    """(source, type, target) of what an activity claims, by persistent ids."""
    return set(record.claims.values_list("source__handle", "type", "target__handle"))


@pytest.fixture
def make_version(make_item: MakeItem) -> Callable[..., Item]:
    """Make an item of a kind, record its creation, and make its second version."""

    def make(owner: User, subtype: str = "MODEL", *, by: User | None = None) -> Item:
        old = make_item(owner, subtype=subtype, display_name="Reef model")
        drain()
        services.change_access(handle=old.handle, general=["admin"], groups={}, by=owner)
        return services.create_version(handle=old.handle, reason="New grid", by=by or owner)

    return make


@of_every_versioned_kind
def test_a_creation_is_recorded(user: User, make_item: MakeItem, subtype: str) -> None:
    item = make_item(user, subtype=subtype, display_name="Reef model")
    drain()
    activity = Item.objects.get(subtype="CREATE", info__created_item_id=item.handle)
    person = services.person_of(user).handle
    first, second = item.creation_workflow.jobs.order_by("step")
    named = {
        "created_item_id": item.handle,
        "created_item_subtype": subtype,
        "linked_person_id": person,
    }
    assert first.payload == named
    assert first.result == {
        "creation_activity_id": activity.handle,
        "lodge_session_id": str(second.session_id),
    }
    assert second.payload == named | {"creation_activity_id": activity.handle}
    assert second.result == {}
    assert [(job.type, job.sub_type, job.subject, job.owner) for job in (first, second)] == [
        ("REGISTRY", "REGISTER_CREATE_ACTIVITY", item.handle, user),
        ("PROV_LODGE", "LODGE_CREATE_ACTIVITY", item.handle, user),
    ]
    assert activity.info == {
        "display_name": "Creation of Reef model",
        "created_item_id": item.handle,
    }
    assert edges(activity) == {
        (item.handle, "wasGeneratedBy", activity.handle),
        (activity.handle, "wasAssociatedWith", person),
        (item.handle, "wasAttributedTo", person),
    }


@of_every_versioned_kind
def test_a_version_is_recorded(
    user: User, ben: User, make_version: Callable[..., Item], subtype: str
) -> None:
    new = make_version(user, subtype, by=ben)
    old = new.previous_version
    drain()
    activity = Item.objects.get(subtype="VERSION")
    person = services.person_of(ben).handle
    first, second = new.version_workflow.jobs.order_by("step")
    named = {
        "from_version_id": old.handle,
        "to_version_id": new.handle,
        "linked_person_id": person,
        "item_subtype": subtype,
    }
    assert first.payload == named | {"reason": "New grid", "version_number": 2}
    assert first.result == {
        "version_activity_id": activity.handle,
        "lodge_session_id": str(second.session_id),
    }
    assert second.payload == named | {"version_activity_id": activity.handle}
    assert second.result == {}
    assert [(job.type, job.sub_type, job.subject, job.owner) for job in (first, second)] == [
        ("REGISTRY", "REGISTER_VERSION_ACTIVITY", new.handle, ben),
        ("PROV_LODGE", "LODGE_VERSION_ACTIVITY", new.handle, ben),
    ]
    assert activity.info == {
        "display_name": f"Version 2 of Reef model: {old.handle} to {new.handle}",
        "from_item_id": old.handle,
        "to_item_id": new.handle,
        "reason": "New grid",
        "new_version_number": 2,
    }
    assert edges(activity) == {
        (new.handle, "wasGeneratedBy", activity.handle),
        (activity.handle, "used", old.handle),
        (activity.handle, "wasAssociatedWith", person),
        (new.handle, "wasAttributedTo", person),
    }


def test_an_activity_is_a_complete_item_of_the_job_owner_without_versions(
    user: User, ben: User, make_version: Callable[..., Item]
) -> None:
    make_version(user, by=ben)
    drain()
    for subtype, owner in (("CREATE", user), ("VERSION", ben)):
        activity = Item.objects.get(subtype=subtype)
        assert (activity.category, activity.owner, activity.version) == ("ACTIVITY", owner, None)
        assert (activity.is_complete, activity.is_locked) == (True, False)
        assert activity.revisions.get().info == activity.info
        assert (activity.creation_workflow, activity.version_workflow) == (None, None)


def test_the_person_is_whom_the_user_was_linked_to_at_that_time(
    user: User, make_item: MakeItem
) -> None:
    then = services.person_of(user)
    make_item(user)
    other = make_item(user, subtype="PERSON")
    services.assign_person(user=user, person=other, force=True)
    drain()
    assert set(Relation.objects.filter(type="wasAttributedTo").values_list("target")) == {
        (then.pk,)
    }


def test_a_completed_seed_is_recorded_like_a_registration(
    user: User, ben: User, make_item: MakeItem
) -> None:
    seed = services.seed(subtype="MODEL", owner=user)
    content = make_item(user).info
    services.change_access(handle=seed.handle, general=["metadata-write"], groups={}, by=user)
    drain()
    services.update(handle=seed.handle, subtype="MODEL", content=content, reason="", by=ben)
    drain()
    activity = Item.objects.get(subtype="CREATE", info__created_item_id=seed.handle)
    assert (activity.owner, len(edges(activity))) == (ben, 3)


@pytest.mark.parametrize("subtype", ["MODEL", "DATASET"])
def test_the_longest_names_are_cut(user: User, make_item: MakeItem, subtype: str) -> None:
    item = make_item(user, subtype=subtype, display_name="x" * 300)
    new = services.create_version(handle=item.handle, reason="y" * 20_000, by=user)
    drain()
    assert {job.status for job in Job.objects.all()} == {Status.SUCCEEDED}
    activity = Item.objects.get(subtype="VERSION")
    assert len(activity.display_name) <= 300
    assert activity.info["reason"] == "y" * 20_000
    assert new.handle in activity.display_name


# The activity's name tells the item's, so who may not read the item may not read the activity.


@pytest.fixture
def reef(ben: User) -> Group:
    """A group with a member, ben."""
    group = Group.objects.create(slug="reef", display_name="Reef")
    group.members.add(ben)
    return group


def same_access(item: Item) -> None:
    """See that each activity about the item is as open as the item, by its kind's roles."""
    makers = [
        *Item.objects.filter(info__created_item_id=item.handle),
        *Item.objects.filter(info__to_item_id=item.handle),
    ]
    assert makers
    for activity in makers:
        possible = set(access.roles_of(activity.kind))
        wanted, found = allowed(item), allowed(activity)
        assert found == {who: roles & possible for who, roles in wanted.items()}


def allowed(item: Item) -> dict[str, set[Role]]:
    """What everyone and each group may do with an item, with what that implies."""
    settings = settings_of(item)
    given = {"everyone": settings["general"]} | settings["groups"]
    return {
        who: set(access.with_implied(set(map(Role, roles)), item.kind))
        for who, roles in given.items()
    }


CHANGES: list[dict[str, list[str]]] = [
    {"": []},
    {"": ["metadata-read"], "reef": ["admin"]},
    {"": [], "reef": ["metadata-write"]},
]


@of_every_versioned_kind
@pytest.mark.parametrize("steps_before", [0, 1, 2])
@pytest.mark.parametrize("change", CHANGES, ids=["nobody", "all and a group", "a group"])
def test_the_access_to_a_create_activity_is_that_of_its_item_whenever_it_changes(
    user: User,
    make_item: MakeItem,
    reef: Group,
    subtype: str,
    steps_before: int,
    change: dict[str, list[str]],
) -> None:
    item = make_item(user, subtype=subtype)
    Job.objects.exclude(workflow=item.creation_workflow).delete()
    for _ in range(steps_before):
        run_one(item.creation_workflow)
    groups = {slug: roles for slug, roles in change.items() if slug}
    services.change_access(handle=item.handle, general=change[""], groups=groups, by=user)
    drain()
    same_access(item)


@pytest.mark.parametrize("steps_before", [0, 1, 2])
def test_the_access_to_a_version_activity_is_that_of_the_new_item_whenever_it_changes(
    user: User, make_version: Callable[..., Item], steps_before: int
) -> None:
    new = make_version(user)
    for _ in range(steps_before):
        run_one(new.version_workflow)
    services.change_access(handle=new.handle, general=[], groups={}, by=user)
    drain()
    same_access(new)


def test_while_the_edges_are_not_lodged_yet_the_access_is_that_of_the_item_too(
    user: User, ben: User, make_item: MakeItem
) -> None:
    item = make_item(user, display_name="Secret name")
    run_one(item.creation_workflow)
    services.change_access(handle=item.handle, general=[], groups={}, by=user)
    assert not Item.objects.of_kind("CREATE").readable_by(ben).exists()


def test_the_name_of_a_hidden_old_version_is_not_told_by_the_activity_of_the_new_one(
    user: User, make_version: Callable[..., Item]
) -> None:
    new = make_version(user)
    old = new.previous_version
    services.change_access(handle=old.handle, general=[], groups={}, by=user)
    services.update(
        handle=old.handle,
        subtype="MODEL",
        content=old.info | {"display_name": "Secret name"},
        reason="Renamed",
        by=user,
    )
    drain()
    assert "Secret" not in Item.objects.get(subtype="VERSION").display_name


def test_a_dataset_whose_files_alone_are_open_has_a_readable_activity(
    user: User, ben: User, make_item: MakeItem
) -> None:
    """Every role includes reading; the activity's kind has no roles for files."""
    item = make_item(user, subtype="DATASET")
    services.change_access(handle=item.handle, general=["dataset-data-read"], groups={}, by=user)
    drain()
    assert item in Item.objects.readable_by(ben)
    activity = Item.objects.get(info__created_item_id=item.handle)
    assert activity in Item.objects.readable_by(ben)


# Again: nothing is made twice.


@pytest.mark.parametrize("broken", ["submit_next", "succeed"])
def test_a_step_that_breaks_off_after_its_work_is_done_again_once(
    user: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    item = make_item(user)
    whole, calls = getattr(lifecycle, broken), []

    def break_first(*arguments: object) -> object:
        result = whole(*arguments)
        calls.append(result)
        if len(calls) == 1:
            raise OSError("the power went away")
        return result

    monkeypatch.setattr(lifecycle, broken, break_first)
    job = run_one(item.creation_workflow)
    assert (job.status, job.attempt) == (Status.PENDING, 1)
    assert not Item.objects.of_kind("CREATE").exists()
    assert run_one(item.creation_workflow).status == Status.SUCCEEDED
    drain()
    assert Item.objects.of_kind("CREATE").count() == 1
    assert Job.objects.count() == 2
    assert Relation.objects.count() == 3


def test_a_lodging_that_breaks_off_can_be_retried_alone(
    user: User, make_version: Callable[..., Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = make_version(user)
    run_one(new.version_workflow)
    whole = relations.lodge

    def lodge_and_break(**arguments: Any) -> None:
        whole(**arguments)
        raise OSError("the power went away")

    before = Relation.objects.count()
    with monkeypatch.context() as patch:
        patch.setattr(relations, "lodge", lodge_and_break)
        for _ in range(3):
            failed = run_one(new.version_workflow)
    assert (failed.status, Relation.objects.count()) == (Status.FAILED, before)
    lifecycle.retry(failed, by=user)
    drain()
    assert Relation.objects.count() == before + 4
    assert Item.objects.of_kind("VERSION").count() == 1


def test_lodging_twice_claims_each_edge_once(user: User, make_version: Callable[..., Item]) -> None:
    new = make_version(user)
    drain()
    before = list(Relation.objects.order_by("pk").values())
    for workflow in (new.version_workflow, new.previous_version.creation_workflow):
        lodging = workflow.jobs.get(step=1)
        lifecycle.submit(sub_type=lodging.sub_type, payload=lodging.payload, owner=user)
    drain()
    assert list(Relation.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("step", ["REGISTER_CREATE_ACTIVITY", "REGISTER_VERSION_ACTIVITY"])
def test_a_first_step_outside_a_workflow_makes_nothing(
    user: User, make_version: Callable[..., Item], step: str
) -> None:
    make_version(user)
    drain()
    done = Job.objects.get(sub_type=step)
    items = Item.objects.count()
    again = lifecycle.submit(sub_type=step, payload=done.payload, owner=user)
    drain()
    again.refresh_from_db()
    assert (again.status, "no step of a workflow" in again.info) == (Status.FAILED, True)
    assert Item.objects.count() == items


@pytest.mark.parametrize("step", ["REGISTER_CREATE_ACTIVITY", "LODGE_VERSION_ACTIVITY"])
def test_a_payload_that_does_not_fit_is_refused_when_the_job_is_added(
    user: User, step: str
) -> None:
    with pytest.raises(InvalidPayload, match="linked_person_id"):
        lifecycle.submit(sub_type=step, payload={"colour": "red"}, owner=user)
    assert not Job.objects.exists()


# Gone meanwhile. (What unfinished jobs are about cannot be deleted; see test_rules.)


def test_a_retried_job_about_an_item_that_was_deleted_since_fails_and_says_why(
    user: User, admin: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    job = Job.objects.get()
    lifecycle.cancel(job, by=user)
    assert services.delete(handle=item.handle, reason="Entered twice", by=admin)
    lifecycle.retry(job, by=user)
    drain()
    job.refresh_from_db()
    assert (job.status, job.attempt) == (Status.FAILED, 1)
    assert item.handle in job.info
    assert "not in the registry any more" in job.info
    assert not Item.objects.of_kind("CREATE").exists()


def test_a_lodging_that_is_retried_when_the_person_is_gone_fails_and_says_why(
    user: User, admin: User, make_item: MakeItem
) -> None:
    item, person = make_item(user), services.person_of(user)
    run_one(item.creation_workflow)
    lodging = item.creation_workflow.jobs.get(step=1)
    lifecycle.cancel(lodging, by=user)
    services.clear_person(user=user)
    assert services.delete(handle=person.handle, reason="Left", by=admin)
    lifecycle.retry(lodging, by=user)
    drain()
    lodging.refresh_from_db()
    assert lodging.status == Status.FAILED
    assert person.handle in lodging.info
    assert not Relation.objects.exists()
