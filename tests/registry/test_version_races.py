"""Two people at one item at the same moment, each with a connection of their own.

Where a race has two steps that must not be torn apart, the first waits in the middle of itself for
the second, or until it is clear that the second waits for it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs import lifecycle, worker
from registry import references, services
from registry.kinds import Findings
from registry.models import Item, PersonLink, Reference
from registry.services import ChangedMeanwhile, Locked, Refused
from registry.services.custody import settings_of
from tests.conftest import dataset, drain
from tests.jobs.test_races import all_at_once, with_connection
from tests.stack import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]

WAITS = 0.7  # seconds after which somebody is taken to wait for a lock
HELD: Any = threading.local()


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    return make_user("admin", is_staff=True, is_superuser=True)


def outcome(work: Callable[[], Any]) -> Any:
    """What it returns, or the refusal that it raises."""
    try:
        return work()
    except (Refused, Findings) as refused:
        return refused


def each_at_once(*works: Callable[[], Any]) -> list[Any]:
    """The outcomes, in order, of several works that begin at the same moment."""
    waiting = list(enumerate(works))
    lock = threading.Lock()

    def take_one() -> tuple[int, Any]:
        with lock:
            number, work = waiting.pop()
        return number, outcome(work)

    return [found for _, found in sorted(all_at_once(take_one, len(works)), key=lambda of: of[0])]


def in_the_middle(
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    first: Callable[[], Any],
    second: Callable[[], Any],
) -> tuple[Any, Any]:
    """The outcomes of two works. `second` begins when `first` has done `module.name`, and `first`
    goes on when `second` is done, or seems to wait for it."""
    whole = getattr(module, name)
    reached, done = threading.Event(), threading.Event()

    def do_and_wait(*arguments: Any, **more: Any) -> Any:
        result = whole(*arguments, **more)
        if getattr(HELD, "is_first", False):
            reached.set()
            done.wait(WAITS)
        return result

    def be_first() -> Any:
        HELD.is_first = True
        return outcome(first)

    monkeypatch.setattr(module, name, do_and_wait)
    with ThreadPoolExecutor(2) as pool:
        one: Future[Any] = pool.submit(with_connection, be_first)
        assert reached.wait(PATIENCE)
        two: Future[Any] = pool.submit(with_connection, lambda: outcome(second))
        two.add_done_callback(lambda _: done.set())
        return one.result(PATIENCE), two.result(PATIENCE)


# Versions.


def test_two_who_make_a_version_at_once_make_one_and_the_other_is_told_which(
    user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    old = make_item(user)
    services.change_access(handle=old.handle, general=["admin"], groups={}, by=user)
    people = [user, make_user("ben"), make_user("cleo")]
    found = each_at_once(
        *(
            lambda by=by: services.create_version(handle=old.handle, reason="New grid", by=by)
            for by in people
        )
    )
    (new,) = [result for result in found if isinstance(result, Item)]
    refusals = [str(result) for result in found if isinstance(result, Refused)]
    assert len(refusals) == 2
    assert all(new.handle in text and "not the latest" in text for text in refusals)
    assert Item.objects.of_kind("MODEL").count() == 2
    assert Item.objects.get(previous_version=old) == new
    assert new.version_workflow.jobs.count() == 1


def test_a_version_and_an_update_at_once_lose_nothing(user: User, make_item: MakeItem) -> None:
    old = make_item(user)
    renamed = old.info | {"display_name": "Renamed"}
    new, updated = each_at_once(
        lambda: services.create_version(handle=old.handle, reason="New grid", by=user),
        lambda: update(old, renamed, user),
    )
    assert Item.objects.get(pk=old.pk).info == renamed == updated.info
    assert new.info in (old.info, renamed)
    assert new.revisions.get().info == new.info


def test_an_item_is_not_deleted_while_somebody_makes_a_version_of_it(
    user: User, admin: User, make_item: MakeItem
) -> None:
    old = make_item(user)
    drain()
    new, deleted = each_at_once(
        lambda: services.create_version(handle=old.handle, reason="New grid", by=user),
        lambda: services.delete(handle=old.handle, reason="Entered twice", by=admin),
    )
    old.refresh_from_db()
    assert isinstance(new, Item) == isinstance(deleted, Refused) == (old.deleted_at is None)


# Updates.


def update(item: Item, content: Any, by: User, seen: int | None = None) -> Item:
    return services.update(
        handle=item.handle,
        subtype=item.subtype,
        content=content,
        reason=f"Of {by.username}",
        by=by,
        seen=seen,
    )


def test_of_two_updates_of_the_same_revision_one_is_told_of_the_other(
    user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    item, ben = make_item(user), make_user("ben")
    services.change_access(handle=item.handle, general=["metadata-write"], groups={}, by=user)
    found = each_at_once(
        *(
            lambda by=by: update(item, item.info | {"display_name": by.username}, by, seen=1)
            for by in (user, ben)
        )
    )
    (saved,) = [result for result in found if isinstance(result, Item)]
    (refusal,) = [result for result in found if isinstance(result, ChangedMeanwhile)]
    last, first = item.revisions.all()
    assert refusal.since == last
    assert last.by.username in str(refusal)
    assert Item.objects.get(pk=item.pk).display_name == last.by.username == saved.display_name
    assert (first.number, last.number) == (1, 2)


def test_updates_at_once_that_saw_nothing_are_all_kept_in_the_history(
    user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    found = each_at_once(
        *(
            lambda number=number: update(item, item.info | {"name": f"{number}"}, user)
            for number in range(4)
        )
    )
    assert [result.info["name"] for result in found] == ["0", "1", "2", "3"]
    revisions = list(item.revisions.values_list("number", "info"))
    assert [number for number, _ in revisions] == [5, 4, 3, 2, 1]
    assert {info["name"] for number, info in revisions if number > 1} == {"0", "1", "2", "3"}
    assert Item.objects.get(pk=item.pk).info == revisions[0][1]


def test_a_seed_that_two_complete_at_once_gets_one_workflow(
    user: User, make_item: MakeItem
) -> None:
    seed, content = services.seed(subtype="MODEL", owner=user), make_item(user).info
    each_at_once(*(lambda: update(seed, content, user) for _ in range(2)))
    seed.refresh_from_db()
    assert [revision.number for revision in seed.revisions.all()] == [2, 1]
    workflows = type(seed.creation_workflow).objects.filter(subject=seed.handle)
    assert [workflow.pk for workflow in workflows] == [seed.creation_workflow_id]


# Locks.


def test_a_lock_that_comes_while_an_update_is_checked_stops_it_or_waits_for_it(
    user: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = make_item(user)
    updated, _ = in_the_middle(
        monkeypatch,
        references,
        "check",
        lambda: update(item, item.info | {"display_name": "Renamed"}, user),
        lambda: services.lock(handle=item.handle, reason="Paper", by=user),
    )
    found = Item.objects.get(pk=item.pk)
    assert found.is_locked
    assert isinstance(updated, Locked) == (item.revisions.count() == 1)
    assert (found.display_name == "Renamed") == isinstance(updated, Item)


def test_a_lock_that_comes_while_an_update_is_written_is_not_lost(
    user: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = make_item(user)
    updated, locked = in_the_middle(
        monkeypatch,
        references,
        "keep",
        lambda: update(item, item.info | {"display_name": "Renamed"}, user),
        lambda: services.lock(handle=item.handle, reason="Paper", by=user),
    )
    found = Item.objects.get(pk=item.pk)
    assert (isinstance(updated, Item), locked) == (True, None)
    assert (found.is_locked, found.display_name) == (True, "Renamed")


def test_of_two_locks_at_once_one_counts(user: User, make_item: MakeItem) -> None:
    item = make_item(user)
    found = each_at_once(
        *(lambda: services.lock(handle=item.handle, reason="Paper", by=user) for _ in range(3))
    )
    assert found.count(None) == item.lock_events.count() == 1


# Deletion: nothing may come to depend on an item while it goes.


@pytest.mark.parametrize("action", ["register", "update", "revert", "complete"])
def test_an_item_that_goes_while_another_begins_to_name_it_leaves_no_dangling_reference(
    user: User, admin: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    target = make_item(user, subtype="ORGANISATION")
    content = dataset(target.handle)
    item = make_item(user, subtype="DATASET")
    if action == "revert":
        item.revisions.update(info=content | {"display_name": "Old"})
    seed = services.seed(subtype="DATASET", owner=user)
    calls: dict[str, Callable[[], Item]] = {
        "register": lambda: services.register(subtype="DATASET", content=content, owner=user),
        "update": lambda: update(item, content, user),
        "revert": lambda: services.revert(handle=item.handle, number=1, reason="Back", by=user),
        "complete": lambda: update(seed, content, user),
    }
    named, deleted = in_the_middle(
        monkeypatch,
        references,
        "check",
        calls[action],
        lambda: services.delete(handle=target.handle, reason="Closed", by=admin),
    )
    assert not Reference.objects.filter(target__deleted_at__isnull=False).exists()
    target.refresh_from_db()
    assert isinstance(named, Item) == isinstance(deleted, Refused) == (target.deleted_at is None)


def test_an_item_that_goes_while_a_reference_to_it_is_written_is_kept(
    user: User, admin: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = make_item(user, subtype="ORGANISATION")
    named, deleted = in_the_middle(
        monkeypatch,
        references,
        "keep",
        lambda: services.register(subtype="DATASET", content=dataset(target.handle), owner=user),
        lambda: services.delete(handle=target.handle, reason="Closed", by=admin),
    )
    assert isinstance(named, Item)
    assert named.handle in str(deleted)
    assert not Reference.objects.filter(target__deleted_at__isnull=False).exists()


def test_an_item_is_not_updated_while_it_goes(
    user: User, admin: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = make_item(user, subtype="STUDY")
    updated, deleted = in_the_middle(
        monkeypatch,
        references,
        "check",
        lambda: update(item, item.info, user),
        lambda: services.delete(handle=item.handle, reason="Over", by=admin),
    )
    item.refresh_from_db()
    assert deleted is True
    assert (item.info, item.revisions.count()) == ({}, 0)
    if isinstance(updated, Refused):  # on SQLite the update was there first
        assert "was deleted" in str(updated)


def test_a_person_that_goes_while_somebody_links_to_it_leaves_no_dangling_link(
    make_user: MakeUser, admin: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    newcomer = make_user(linked=False)
    person = make_item(newcomer, subtype="PERSON")
    in_the_middle(
        monkeypatch,
        PersonLink.objects,
        "create",
        lambda: services.link_person(user=newcomer, person=person),
        lambda: services.delete(handle=person.handle, reason="Entered twice", by=admin),
    )
    linked = services.person_of(newcomer)
    assert linked is None or linked.deleted_at is None


# Access: what jobs make about an item may be read by no more people than the item.


def test_access_that_changes_while_the_activity_is_made_is_that_of_the_activity_in_the_end(
    user: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = make_item(user)
    ((job_id, attempt, _),) = lifecycle.claim("provena", 1)
    in_the_middle(
        monkeypatch,
        lifecycle,
        "submit_next",
        lambda: worker.execute(job_id, attempt, 60),
        lambda: services.change_access(handle=item.handle, general=[], groups={}, by=user),
    )
    drain()
    activity = Item.objects.get(subtype="CREATE")
    assert settings_of(item)["general"] == settings_of(activity)["general"] == []


def test_changes_of_access_at_once_leave_one_of_them_whole(user: User, make_item: MakeItem) -> None:
    item = make_item(user)
    wanted = [["metadata-read"], ["metadata-read", "metadata-write"], []]
    each_at_once(
        *(
            lambda roles=roles: services.change_access(
                handle=item.handle, general=roles, groups={}, by=user
            )
            for roles in wanted
        )
    )
    assert settings_of(item)["general"] in wanted
    if item.access_events.exists():
        assert item.access_events.first().after["general"] == settings_of(item)["general"]
