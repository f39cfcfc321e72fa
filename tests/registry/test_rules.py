"""The rules of the domain reference, section 3, for each action: who may, what is told first when
several rules are broken at once, and what is there afterwards."""

from collections.abc import Callable
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from pytest_django import Settings

from jobs import lifecycle
from jobs.models import Job, Status, Workflow
from registry import kinds, services
from registry.kinds import Findings
from registry.models import (
    AccessEvent,
    Grant,
    Group,
    Item,
    LockEvent,
    Mint,
    PersonLink,
    Reference,
    Relation,
    Revision,
    Tombstone,
)
from registry.services import (
    ChangedMeanwhile,
    Locked,
    NoRevision,
    NotAllowed,
    PersonNeeded,
    Refused,
    WrongKind,
)
from tests.conftest import MODEL, PERSON, dataset, drain

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]

UNKNOWN = "10378.1/999"
WRITTEN = (
    Mint,
    Item,
    Revision,
    Grant,
    Reference,
    Workflow,
    Job,
    Relation,
    LockEvent,
    AccessEvent,
    Tombstone,
    PersonLink,
)


def everything() -> list[list[dict[str, Any]]]:
    """All that the registry's writers write."""
    return [[dict(row) for row in model.objects.order_by("pk").values()] for model in WRITTEN]


def allow(user: User, *names: str) -> User:
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    """A registry admin, who is linked to a Person."""
    return allow(make_user("admin", is_staff=True), "admin_registry")


# Who may do what with an item.

ROLES = ("metadata-read", "metadata-write", "dataset-data-read", "dataset-data-write", "admin")
WRITERS = {"metadata-write", "dataset-data-write", "admin"}
Act = Callable[[Item, User], object]


def do_update(item: Item, by: User, reason: str = "Mended", **other: Any) -> object:
    return services.update(
        handle=item.handle,
        subtype=item.subtype,
        content=other.pop("content", item.info),
        reason=reason,
        by=by,
        **other,
    )


ITEM_ACTIONS: dict[str, tuple[Act, set[str]]] = {
    "update": (do_update, WRITERS),
    "revert": (
        lambda item, by: services.revert(handle=item.handle, number=1, reason="Back", by=by),
        WRITERS,
    ),
    "version": (
        lambda item, by: services.create_version(handle=item.handle, reason="New grid", by=by),
        {"admin"},
    ),
    "lock": (
        lambda item, by: services.lock(handle=item.handle, reason="Paper", by=by),
        {"admin"},
    ),
    "unlock": (
        lambda item, by: services.unlock(handle=item.handle, reason="Published", by=by),
        {"admin"},
    ),
    "access": (
        lambda item, by: services.change_access(handle=item.handle, general=[], groups={}, by=by),
        {"admin"},
    ),
    "delete": (
        lambda item, by: services.delete(handle=item.handle, reason="Entered twice", by=by),
        set(),
    ),
}


@pytest.fixture
def item(request: pytest.FixtureRequest, user: User, make_item: MakeItem) -> Item:
    """A dataset of `user` whose jobs are done, which nobody else may read. It is locked if the
    test's `action` is to unlock it."""
    item = make_item(user, subtype="DATASET", display_name="Secret name")
    drain()
    services.change_access(handle=item.handle, general=[], groups={}, by=user)
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if parameters.get("action") == "unlock":
        services.lock(handle=item.handle, reason="Secret reason", by=user)
    return item


@pytest.mark.parametrize("through", ["everyone", "a group"])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("action", ITEM_ACTIONS)
def test_a_role_allows_what_it_means(
    item: Item, user: User, make_user: MakeUser, action: str, role: str, through: str
) -> None:
    ben = make_user("ben")
    reef = Group.objects.create(slug="reef", display_name="Reef")
    reef.members.add(ben)
    general, groups = ([role], {}) if through == "everyone" else ([], {"reef": [role]})
    services.change_access(handle=item.handle, general=general, groups=groups, by=user)
    act, allowed = ITEM_ACTIONS[action]
    if role in allowed:
        act(item, ben)
        return
    before = everything()
    with pytest.raises(NotAllowed):
        act(item, ben)
    assert everything() == before


@pytest.mark.parametrize("action", [name for name in ITEM_ACTIONS if name != "delete"])
def test_an_owner_may_do_all_with_an_item_but_delete_it(
    item: Item, user: User, action: str
) -> None:
    ITEM_ACTIONS[action][0](item, user)


@pytest.mark.parametrize("action", ITEM_ACTIONS)
def test_a_registry_admin_may_do_all_with_any_item(item: Item, admin: User, action: str) -> None:
    ITEM_ACTIONS[action][0](item, admin)


@pytest.mark.parametrize(
    "stranger", ["ben", "in another group", "admin permission but no staff", "staff"]
)
@pytest.mark.parametrize("action", ITEM_ACTIONS)
def test_a_stranger_may_do_nothing_and_learns_nothing(
    item: Item, user: User, make_user: MakeUser, action: str, stranger: str
) -> None:
    ben = make_user("ben", is_staff=stranger == "staff")
    if stranger == "in another group":
        for slug in ("reef", "river"):
            Group.objects.create(slug=slug, display_name=slug)
        Group.objects.get(slug="river").members.add(ben)
        services.change_access(handle=item.handle, general=[], groups={"reef": ["admin"]}, by=user)
    if stranger == "admin permission but no staff":
        ben = allow(ben, "admin_registry")
    before = everything()
    with pytest.raises(NotAllowed) as refused:
        ITEM_ACTIONS[action][0](item, ben)
    assert "Secret" not in str(refused.value)
    assert everything() == before


@pytest.mark.parametrize("action", ["update", "revert"])
def test_a_stranger_does_not_learn_why_an_item_is_locked(
    item: Item, user: User, make_user: MakeUser, action: str
) -> None:
    """Who may not read an item may not read its lock history either."""
    services.lock(handle=item.handle, reason="Secret reason", by=user)
    with pytest.raises(NotAllowed) as refused:
        ITEM_ACTIONS[action][0](item, make_user("ben"))
    assert "Secret" not in str(refused.value)


@pytest.mark.parametrize("action", ITEM_ACTIONS)
@pytest.mark.parametrize("who", ["owner", "admin"])
def test_an_inactive_user_may_do_nothing(
    item: Item, user: User, admin: User, action: str, who: str
) -> None:
    by = {"owner": user, "admin": admin}[who]
    by.is_active = False
    by.save()
    with pytest.raises(NotAllowed, match="account"):
        ITEM_ACTIONS[action][0](item, by)


# What the level in the registry allows, whatever roles there are.

LEVELS = ("none", "read", "write")
LEVEL_ACTIONS: dict[str, tuple[Act, str]] = {
    "validate": (
        lambda item, by: services.validate(subtype="MODEL", content=MODEL, user=by),
        "read",
    ),
    "register": (
        lambda item, by: services.register(subtype="MODEL", content=MODEL, owner=by),
        "write",
    ),
    "seed": (lambda item, by: services.seed(subtype="MODEL", owner=by), "write"),
} | {name: (act, "write") for name, (act, _) in ITEM_ACTIONS.items() if name != "delete"}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("action", LEVEL_ACTIONS)
def test_the_level_of_everyone_bounds_what_an_owner_may(
    item: Item, user: User, settings: Settings, action: str, level: str
) -> None:
    settings.REGISTRY_LEVEL = level
    act, needed = LEVEL_ACTIONS[action]
    if LEVELS.index(level) >= LEVELS.index(needed):
        act(item, user)
        return
    with pytest.raises(NotAllowed, match="administrator"):
        act(item, user)


@pytest.mark.parametrize("action", LEVEL_ACTIONS)
@pytest.mark.parametrize("permission", ["read_registry", "write_registry"])
def test_a_permission_gives_more_than_everyone_has(
    item: Item, user: User, settings: Settings, action: str, permission: str
) -> None:
    settings.REGISTRY_LEVEL = "none"
    act, needed = LEVEL_ACTIONS[action]
    allowed = allow(user, permission)
    if permission == "write_registry" or needed == "read":
        act(item, allowed)
        return
    with pytest.raises(NotAllowed):
        act(item, allowed)


def test_the_level_of_everyone_does_not_bound_a_registry_admin(
    item: Item, admin: User, settings: Settings
) -> None:
    settings.REGISTRY_LEVEL = "none"
    for action in ("update", "revert", "version", "lock", "access"):
        ITEM_ACTIONS[action][0](item, admin)


# Which rule is told first. The lists are the domain's; each pair of rules is broken at once.

ORDER: dict[str, list[str]] = {
    "register": ["level", "shape", "person", "content", "reference"],
    "seed": ["level", "person"],
    "validate": ["level", "shape", "content", "reference"],
    "update": [
        *("level", "shape", "person", "content", "reference"),
        *("id", "lock", "kind", "role", "reason"),
    ],
    "revert": [
        *("level", "person", "id", "lock", "role", "complete", "revision", "valid", "reason"),
    ],
    "version": [
        *("level", "person", "id", "role", "complete", "versioned", "latest", "reason"),
    ],
    "lock": ["level", "id", "role", "state", "reason"],
    "unlock": ["level", "id", "role", "state", "reason"],
    "access": ["level", "id", "role", "settings"],
    "delete": ["level", "lock", "dependents"],
}
# The kind, which says whether a Person is needed, is known only with the item.
NO_PAIRS = {("revert", "person", "id"), ("version", "person", "id")}
# What is told when a rule is broken: the rule, and the way out.
TOLD: dict[str, tuple[type[Exception], list[str]]] = {
    "level": (NotAllowed, ["account", "administrator"]),
    "shape": (Findings, ["purpose", "required"]),
    "person": (PersonNeeded, ["linked to a Person", "Register yourself"]),
    "content": (Findings, ["Export controls", "Obtain it"]),
    "reference": (Findings, [UNKNOWN, "Check the id, or ask for access"]),
    "id": (Refused, [UNKNOWN, "no item", "Check the id"]),
    "lock": (Locked, ["locked by ana: Paper", "unlock it"]),
    "kind": (WrongKind, ["a model", "a dataset", "by its kind"]),
    "role": (NotAllowed, ["needs the role", "ana", "can give you the role"]),
    "reason": (Refused, ["Give a reason"]),
    "complete": (Refused, ["reserved id", "Complete it first"]),
    "revision": (NoRevision, ["no revision 99", "history"]),
    "valid": (Findings, ["Export controls", "Obtain it"]),
    "versioned": (Refused, ["Studies have no versions", "Update the item instead"]),
    "latest": (Refused, ["not the latest version", "follows it", "from the latest one"]),
    "state": (Refused, ["locked", "Settings tab"]),
    "settings": (
        Refused,
        ["no role dataset-data-owner, fly", "metadata-write", "no group gulf, reef"],
    ),
    "dependents": (Refused, ["depends on it", "names it as Model"]),
}


def broken_rules() -> list[tuple[str, tuple[str, ...]]]:
    return [
        (action, rules)
        for action, order in ORDER.items()
        for count in (1, 2)
        for rules in combinations(order, count)
        if (action, *rules) not in NO_PAIRS
    ]


class Attempt:
    """An action by somebody who breaks some rules; everything else about it is right."""

    def __init__(self, action: str, broken: tuple[str, ...], make_item: MakeItem) -> None:
        self.action, self.broken, self._make_item = action, set(broken), make_item

    def breaks(self, rule: str) -> bool:
        return rule in self.broken

    def kind(self) -> str:
        if self.breaks("versioned"):
            return "STUDY"
        return "MODEL" if self.breaks("kind") or self.action == "delete" else "DATASET"

    def prepare(self, owner: User) -> Item:
        """The item, as bad as the broken rules want it."""
        item = self._make_item(owner, subtype=self.kind())
        drain()
        if self.breaks("latest"):
            other = self._make_item(owner, subtype=self.kind())
            Item.objects.filter(pk=other.pk).update(previous_version=item, version_reason="New")
        if self.breaks("dependents"):
            self._make_item(owner, subtype="MODEL_RUN_WORKFLOW_TEMPLATE", software_id=item.handle)
        if self.breaks("valid"):
            item.revisions.update(info=self.content(item.info))
        locked_at_first = (self.action == "unlock") != self.breaks("state")
        if self.breaks("lock") or (self.action in {"lock", "unlock"} and locked_at_first):
            services.lock(handle=item.handle, reason="Paper", by=owner)
        if self.breaks("complete"):
            Item.objects.filter(pk=item.pk).update(is_complete=False)
        return item

    def content(self, good: Any) -> Any:
        """Content of a dataset with what is wrong with it."""
        collection = good["collection_format"]
        if self.breaks("shape"):
            info = collection["dataset_info"] | {"purpose": ""}
            collection = collection | {"dataset_info": info}
        if self.breaks("reference"):
            named = {"data_custodian_id": UNKNOWN}
            collection = collection | {"associations": collection["associations"] | named}
        if self.breaks("content") or self.breaks("valid"):
            torn = {"export_controls": {"relevant": True}}
            collection = collection | {"approvals": collection["approvals"] | torn}
        return good | {"collection_format": collection}

    def carry_out(self, item: Item, organisation: Item, by: User) -> object:
        handle = UNKNOWN if self.breaks("id") else item.handle
        reason = " \n" if self.breaks("reason") else "A reason"
        content = self.content(dataset(organisation.handle))
        wanted: dict[str, Any] = {"general": [], "groups": {}}
        if self.breaks("settings"):
            groups = {"reef": ["dataset-data-owner"], "gulf": ["admin"]}
            wanted = {"general": ["fly", "metadata-read"], "groups": groups}
        number = 99 if self.breaks("revision") else 1
        calls: dict[str, Callable[[], object]] = {
            "register": lambda: services.register(subtype="DATASET", content=content, owner=by),
            "seed": lambda: services.seed(subtype="DATASET", owner=by),
            "validate": lambda: services.validate(subtype="DATASET", content=content, user=by),
            "update": lambda: services.update(
                handle=handle, subtype="DATASET", content=content, reason=reason, by=by
            ),
            "revert": lambda: services.revert(handle=handle, number=number, reason=reason, by=by),
            "version": lambda: services.create_version(handle=handle, reason=reason, by=by),
            "lock": lambda: services.lock(handle=handle, reason=reason, by=by),
            "unlock": lambda: services.unlock(handle=handle, reason=reason, by=by),
            "access": lambda: services.change_access(handle=handle, by=by, **wanted),
            "delete": lambda: services.delete(handle=handle, reason=reason, by=by),
        }
        return calls[self.action]()


@pytest.mark.parametrize(
    ("action", "broken"), broken_rules(), ids=lambda part: part if part in ORDER else "+".join(part)
)
def test_of_broken_rules_the_first_of_the_domain_is_told_and_nothing_is_written(
    make_user: MakeUser,
    make_item: MakeItem,
    admin: User,
    settings: Settings,
    action: str,
    broken: tuple[str, ...],
) -> None:
    attempt = Attempt(action, broken, make_item)
    owner = make_user("ana")
    organisation = make_item(owner, subtype="ORGANISATION")
    item = attempt.prepare(owner)
    if action == "delete":
        by = owner if attempt.breaks("level") else admin
    else:
        by = make_user("ben") if attempt.breaks("role") else owner
        if attempt.breaks("level"):
            settings.REGISTRY_LEVEL = "none" if action == "validate" else "read"
    if attempt.breaks("person"):
        services.clear_person(user=by)
    before = everything()
    expected, words = TOLD[broken[0]]
    with pytest.raises((Refused, Findings)) as refused:
        attempt.carry_out(item, organisation, by)
    assert type(refused.value) is expected
    for word in words:
        assert word in str(refused.value)
    if isinstance(refused.value, Findings):
        assert refused.value.misshapen == (broken[0] == "shape")
    assert everything() == before


@pytest.mark.parametrize("action", ORDER)
def test_an_action_that_breaks_no_rule_succeeds(
    user: User, admin: User, make_item: MakeItem, action: str
) -> None:
    attempt = Attempt(action, (), make_item)
    organisation = make_item(user, subtype="ORGANISATION")
    item = attempt.prepare(user)
    attempt.carry_out(item, organisation, admin if action == "delete" else user)


@pytest.mark.parametrize("action", ["update", "revert", "version", "lock", "access"])
def test_nothing_can_be_done_to_a_deleted_item_not_even_by_an_admin(
    item: Item, admin: User, action: str
) -> None:
    services.delete(handle=item.handle, reason="Entered twice", by=admin)
    with pytest.raises(Refused, match="was deleted on"):
        ITEM_ACTIONS[action][0](item, admin)


@pytest.mark.parametrize("action", ["update", "revert", "version", "lock", "unlock", "delete"])
@pytest.mark.parametrize("reason", ["", " \r\n\t ", "\0", "x" * 20_001])
def test_a_blank_or_endless_reason_is_refused(
    item: Item, admin: User, action: str, reason: str
) -> None:
    calls: dict[str, Callable[..., object]] = {
        "update": lambda **common: services.update(
            subtype=item.subtype, content=item.info, **common
        ),
        "revert": lambda **common: services.revert(number=1, **common),
        "version": services.create_version,
        "lock": services.lock,
        "unlock": services.unlock,
        "delete": services.delete,
    }
    with pytest.raises(Refused, match="reason"):
        calls[action](handle=item.handle, reason=reason, by=admin)


@pytest.mark.parametrize("subtype", ["CREATE", "VERSION", "UNICORN"])
def test_only_kinds_that_people_make_can_be_seeded_or_updated(
    user: User, item: Item, subtype: str
) -> None:
    with pytest.raises(Refused, match="MODEL"):
        services.seed(subtype=subtype, owner=user)
    with pytest.raises(Refused, match="MODEL"):
        services.update(handle=item.handle, subtype=subtype, content={}, reason="x", by=user)


def test_content_of_every_kind_can_be_validated(user: User, item: Item) -> None:
    activity = Item.objects.get(subtype="CREATE")
    assert not services.validate(subtype="CREATE", content=activity.info, user=user)
    with pytest.raises(Findings, match="created_item_id"):
        services.validate(
            subtype="CREATE", content=activity.info | {"created_item_id": UNKNOWN}, user=user
        )
    with pytest.raises(Refused, match="MODEL"):
        services.validate(subtype="UNICORN", content={}, user=user)


def test_an_item_of_another_kind_than_was_asked_for_is_left_alone(item: Item, user: User) -> None:
    """Told only to those who may do it, and before any other fault."""
    asked: dict[str, Any] = {"handle": item.handle, "by": user, "kind": kinds.kind("MODEL")}
    before = everything()
    for action, other in (
        (services.revert, {"number": 99, "reason": ""}),
        (services.create_version, {"reason": ""}),
        (services.lock, {"reason": ""}),
        (services.unlock, {"reason": ""}),
        (services.change_access, {"general": ["?"], "groups": {}}),
    ):
        with pytest.raises(WrongKind, match="dataset, not a model"):
            action(**asked, **other)
    assert everything() == before


def test_access_settings_cannot_give_an_item_away(item: Item, user: User) -> None:
    given: dict[str, Any] = {"handle": item.handle, "general": [], "groups": {}, "by": user}
    services.change_access(**given, owner=user.username)
    with pytest.raises(Refused, match=r"belongs to ana.*'eve'"):
        services.change_access(**given, owner="eve")


def test_what_jobs_make_cannot_be_reverted(item: Item, admin: User) -> None:
    activity = Item.objects.get(subtype="CREATE")
    with pytest.raises(Refused, match="system only"):
        services.revert(handle=activity.handle, number=1, reason="Back", by=admin)


@pytest.mark.parametrize("subtype", ["PERSON", "ORGANISATION"])
def test_agents_are_changed_without_a_linked_person(
    make_user: MakeUser, make_item: MakeItem, subtype: str
) -> None:
    newcomer = make_user(linked=False)
    seed = services.seed(subtype=subtype, owner=newcomer)
    agent = make_item(newcomer, subtype=subtype)
    do_update(seed, newcomer, content=agent.info)
    do_update(agent, newcomer)
    services.revert(handle=agent.handle, number=1, reason="Back", by=newcomer)


@pytest.mark.parametrize("action", ["register", "seed"])
def test_who_has_no_email_address_cannot_register(make_user: MakeUser, action: str) -> None:
    nobody = make_user(linked=False, email="")
    content = PERSON | {"display_name": "Ana"}
    calls: dict[str, Callable[[], object]] = {
        "register": lambda: services.register(subtype="PERSON", content=content, owner=nobody),
        "seed": lambda: services.seed(subtype="PERSON", owner=nobody),
    }
    with pytest.raises(Refused, match=r"email address.*account page"):
        calls[action]()


# What is there afterwards.


def test_a_registered_item_is_unlocked_and_may_be_read_by_everyone(
    user: User, make_item: MakeItem
) -> None:
    model, data = make_item(user), make_item(user, subtype="DATASET")
    for item, roles in [(model, ["metadata-read"]), (data, ["metadata-read", "dataset-data-read"])]:
        item.refresh_from_db()
        assert (item.is_locked, item.is_complete, item.deleted_at) == (False, True, None)
        assert services.settings_of(item) == {"owner": "ana", "general": roles, "groups": {}}
        revision = item.revisions.get()
        assert (revision.number, revision.reason, revision.by) == (1, "First registration", user)


@pytest.mark.parametrize(
    ("subtype", "version"), [("PERSON", None), ("STUDY", None), ("MODEL", 1), ("DATASET", 1)]
)
def test_a_seed_is_an_id_with_an_owner_and_access_and_nothing_else(
    user: User, subtype: str, version: int | None
) -> None:
    seed = Item.objects.get(pk=services.seed(subtype=subtype, owner=user).pk)
    assert (seed.is_complete, seed.display_name, seed.info, seed.system) == (False, "", {}, {})
    assert (seed.owner, seed.version, seed.creation_workflow) == (user, version, None)
    assert services.settings_of(seed)["general"][0] == "metadata-read"
    assert not seed.revisions.exists()
    assert not Job.objects.exists()


def test_validating_writes_nothing_and_gives_warnings(user: User, make_item: MakeItem) -> None:
    organisation = make_item(user, subtype="ORGANISATION")
    services.lock(handle=organisation.handle, reason="Paper", by=user)
    before = everything()
    warnings = services.validate(subtype="DATASET", content=dataset(organisation.handle), user=user)
    assert [organisation.handle in warning for warning in warnings] == [True, True]
    assert everything() == before


def long_ago(item: Item) -> Item:
    """The item, made yesterday."""
    yesterday = timezone.now() - timedelta(days=1)
    Item.objects.filter(pk=item.pk).update(created_at=yesterday, updated_at=yesterday)
    return Item.objects.get(pk=item.pk)


def kept(item: Item) -> tuple[Any, ...]:
    """What no change of content touches."""
    item = Item.objects.get(pk=item.pk)
    return (
        *(item.handle, item.owner, item.created_at, item.version, item.previous_version_id),
        *(item.creation_workflow, item.version_workflow, item.system, item.is_locked),
        services.settings_of(item),
    )


@pytest.mark.parametrize("subtype", ["MODEL", "STUDY", "PERSON", "DATASET"])
def test_an_update_replaces_the_content_and_keeps_the_rest(
    user: User, admin: User, make_item: MakeItem, subtype: str
) -> None:
    item = long_ago(make_item(user, subtype=subtype))
    drain()
    before, jobs = kept(item), Job.objects.count()
    content = make_item(user, subtype=subtype, display_name="Renamed", user_metadata={"a": "b"})
    jobs_after = Job.objects.count()
    changed = do_update(item, admin, "  Named by its grid\r\nnow ", content=content.info)
    item.refresh_from_db()
    assert changed == item
    assert kept(item) == before
    assert (item.display_name, item.info) == ("Renamed", content.info)
    assert item.updated_at - item.created_at > timedelta(hours=23)
    assert "Renamed" in item.search_text
    last, first = item.revisions.all()
    assert (last.number, last.reason, last.by) == (2, "Named by its grid\nnow", admin)
    assert (last.info, last.at, first.number) == (item.info, item.updated_at, 1)
    assert Job.objects.count() == jobs_after >= jobs


def test_an_update_replaces_all_of_the_content(user: User, make_item: MakeItem) -> None:
    item = make_item(user, user_metadata={"team": "reef"})
    do_update(item, user, content=MODEL)
    item.refresh_from_db()
    assert item.info == MODEL
    assert [revision.info for revision in item.revisions.all()] == [
        MODEL,
        MODEL | {"user_metadata": {"team": "reef"}},
    ]


def test_an_update_of_what_somebody_else_saved_meanwhile_is_told(
    user: User, admin: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    do_update(item, admin, "Mended the name", seen=1)
    do_update(item, admin, "And again", seen=2)
    with pytest.raises(ChangedMeanwhile, match="admin saved this item meanwhile: Mended") as since:
        do_update(item, user, seen=1)
    assert since.value.since.number == 2
    assert item.revisions.count() == 3
    do_update(item, user, seen=3)


@pytest.mark.parametrize("subtype", ["MODEL", "DATASET"])
def test_completing_a_seed_is_its_registration(
    user: User, admin: User, make_item: MakeItem, subtype: str
) -> None:
    seed = long_ago(services.seed(subtype=subtype, owner=user))
    content = make_item(user, subtype=subtype).info
    drain()
    do_update(seed, admin, reason="", content=content)
    completed = Item.objects.get(pk=seed.pk)
    assert (completed.is_complete, completed.owner) == (True, user)
    assert (completed.created_at, completed.version) == (seed.created_at, 1)
    assert bool(completed.system) == (subtype == "DATASET")
    revision = completed.revisions.get()
    assert (revision.number, revision.reason, revision.by) == (1, "First registration", admin)
    job = completed.creation_workflow.jobs.get()
    assert (job.status, job.owner) == (Status.PENDING, admin)
    assert job.payload["linked_person_id"] == services.person_of(admin).handle


def test_completing_a_seed_of_an_unversioned_kind_starts_nothing(user: User) -> None:
    seed = services.seed(subtype="STUDY", owner=user)
    content = {"display_name": "Reef", "title": "Reef", "description": "What will be left"}
    do_update(seed, user, content=content)
    assert not Job.objects.exists()


def test_a_second_update_of_a_completed_seed_needs_a_reason_and_starts_nothing(
    user: User,
) -> None:
    seed = services.seed(subtype="MODEL", owner=user)
    do_update(seed, user, reason="", content=MODEL)
    with pytest.raises(Refused, match="Give a reason"):
        do_update(seed, user, reason="", content=MODEL)
    do_update(seed, user, content=MODEL)
    assert Job.objects.count() == 1


@pytest.mark.parametrize("broken", ["submit", "keep"])
def test_a_completed_seed_and_its_job_are_written_together_or_not_at_all(
    user: User, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    from registry import references

    seed = services.seed(subtype="MODEL", owner=user)
    before = everything()
    monkeypatch.setattr({"submit": lifecycle, "keep": references}[broken], broken, power_cut)
    with pytest.raises(OSError, match="power"):
        do_update(seed, user, content=MODEL)
    assert everything() == before


def power_cut(*_: object, **__: object) -> None:
    raise OSError("the power went away")


def test_a_revert_gives_old_content_a_new_revision(
    user: User, admin: User, make_item: MakeItem
) -> None:
    item = long_ago(make_item(user))
    drain()
    do_update(item, user, content=MODEL | {"display_name": "Second"})
    before, jobs = kept(item), Job.objects.count()
    services.revert(handle=item.handle, number=1, reason=" The first was right ", by=admin)
    item.refresh_from_db()
    assert (item.display_name, item.info, kept(item)) == ("Reef model", MODEL, before)
    assert "Second" not in item.search_text
    last = item.revisions.first()
    assert (last.number, last.info, last.by) == (3, MODEL, admin)
    assert last.reason == "Reverted to revision 1: The first was right"
    assert last.at == item.updated_at
    assert Job.objects.count() == jobs


def test_a_revert_to_the_current_revision_is_allowed(user: User, make_item: MakeItem) -> None:
    item = make_item(user)
    services.revert(handle=item.handle, number=1, reason="To be sure", by=user)
    assert [revision.info for revision in item.revisions.all()] == [MODEL, MODEL]


def test_a_missing_revision_is_named_with_its_item(user: User, make_item: MakeItem) -> None:
    item = make_item(user)
    with pytest.raises(Refused) as refused:
        services.revert(handle=item.handle, number=2, reason="Back", by=user)
    assert item.handle in str(refused.value)
    assert "revision 2" in str(refused.value)


@pytest.fixture
def reef(make_user: MakeUser) -> Group:
    """A group with a member, cleo."""
    group = Group.objects.create(slug="reef", display_name="Reef")
    group.members.add(make_user("cleo"))
    return group


@pytest.mark.parametrize(
    "subtype", ["MODEL", "DATASET_TEMPLATE", "MODEL_RUN_WORKFLOW_TEMPLATE", "DATASET"]
)
def test_a_version_is_a_new_item_of_who_made_it_with_the_same_content_and_access(
    user: User, make_user: MakeUser, make_item: MakeItem, reef: Group, subtype: str
) -> None:
    ben = make_user("ben")
    old = long_ago(make_item(user, subtype=subtype, user_metadata={"team": "reef"}))
    services.change_access(
        handle=old.handle, general=["admin"], groups={"reef": ["metadata-write"]}, by=user
    )
    services.lock(handle=old.handle, reason="Paper", by=user)
    drain()
    old_before = kept(old)
    new = Item.objects.get(
        pk=services.create_version(handle=old.handle, reason=" New grid ", by=ben).pk
    )
    old.refresh_from_db()
    assert new.handle != old.handle
    assert (new.info, new.display_name, new.subtype) == (old.info, old.display_name, subtype)
    assert new.info["user_metadata"] == {"team": "reef"}
    assert (new.version, new.previous_version, new.version_reason) == (2, old, "New grid")
    assert (new.owner, new.is_locked, new.lock_events.count()) == (ben, False, 0)
    assert services.settings_of(new) == services.settings_of(old) | {"owner": "ben"}
    assert new.created_at == new.updated_at == new.revisions.get().at
    assert new.created_at - old.created_at > timedelta(hours=23)
    revision = new.revisions.get()
    assert (revision.number, revision.by, revision.info) == (1, ben, old.info)
    assert old.handle in revision.reason
    assert (kept(old), old.successors.get(), old.updated_at) == (old_before, new, old.created_at)
    assert new.creation_workflow is None
    job = new.version_workflow.jobs.get()
    assert (job.status, job.owner, job.subject) == (Status.PENDING, ben, new.handle)
    assert job.payload == {
        "reason": "New grid",
        "version_number": 2,
        "from_version_id": old.handle,
        "to_version_id": new.handle,
        "linked_person_id": services.person_of(ben).handle,
        "item_subtype": subtype,
    }


def test_a_version_of_a_dataset_has_an_empty_place_and_is_not_released(
    user: User, make_item: MakeItem
) -> None:
    old = make_item(user, subtype="DATASET")
    Item.objects.filter(pk=old.pk).update(system=old.system | {"release_status": "RELEASED"})
    new = services.create_version(handle=old.handle, reason="New grid", by=user)
    assert new.system["release_status"] == "NOT_RELEASED"
    assert new.system["release_history"] == []
    assert new.handle.rpartition("/")[2] in new.system["s3"]["path"]
    assert new.system["s3"] != old.system["s3"]


def test_a_version_of_a_version_is_the_next_number(user: User, make_item: MakeItem) -> None:
    first = make_item(user)
    second = services.create_version(handle=first.handle, reason="New grid", by=user)
    third = services.create_version(handle=second.handle, reason="Newer grid", by=user)
    assert (third.version, third.previous_version) == (3, second)
    with pytest.raises(Refused, match=second.handle):
        services.create_version(handle=first.handle, reason="Fork", by=user)


def test_a_version_and_its_job_are_written_together_or_not_at_all(
    user: User, make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = make_item(user)
    before = everything()
    monkeypatch.setattr(lifecycle, "submit", power_cut)
    with pytest.raises(OSError, match="power"):
        services.create_version(handle=item.handle, reason="New grid", by=user)
    assert everything() == before


def test_a_version_keeps_content_that_would_not_be_accepted_any_more(
    user: User, make_item: MakeItem
) -> None:
    """Its rules may have become stricter since: a version has the same content all the same."""
    item = make_item(user)
    Item.objects.filter(pk=item.pk).update(info=MODEL | {"former_field": "x"})
    new = services.create_version(handle=item.handle, reason="New grid", by=user)
    assert new.info == MODEL | {"former_field": "x"}


def test_when_the_latest_version_is_deleted_the_one_before_is_the_latest_again(
    user: User, admin: User, make_item: MakeItem
) -> None:
    first = make_item(user)
    second = services.create_version(handle=first.handle, reason="Wrong grid", by=user)
    drain()
    services.delete(handle=second.handle, reason="Wrong grid", by=admin)
    third = services.create_version(handle=first.handle, reason="Right grid", by=user)
    assert third.info == first.info


def test_locking_and_unlocking_are_recorded_and_change_nothing_else(
    user: User, admin: User, make_item: MakeItem
) -> None:
    item = long_ago(make_item(user))
    services.lock(handle=item.handle, reason=" Paper in review ", by=user)
    locked = Item.objects.get(pk=item.pk)
    services.unlock(handle=item.handle, reason="Published", by=admin)
    unlocked = Item.objects.get(pk=item.pk)
    assert (locked.is_locked, unlocked.is_locked) == (True, False)
    assert list(item.lock_events.values_list("action", "reason", "by__username")) == [
        ("UNLOCK", "Published", "admin"),
        ("LOCK", "Paper in review", "ana"),
    ]
    assert (unlocked.updated_at, unlocked.revisions.count()) == (item.updated_at, 1)


def test_a_seed_can_be_locked_and_is_not_completed_then(user: User) -> None:
    seed = services.seed(subtype="MODEL", owner=user)
    services.lock(handle=seed.handle, reason="Not yet", by=user)
    with pytest.raises(Locked, match="Not yet"):
        do_update(seed, user, content=MODEL)


@pytest.mark.parametrize("action", ["update", "revert", "delete"])
def test_a_lock_stops_even_an_admin(item: Item, user: User, admin: User, action: str) -> None:
    services.lock(handle=item.handle, reason="Paper", by=user)
    with pytest.raises(Locked, match="ana: Paper"):
        ITEM_ACTIONS[action][0](item, admin)


def test_a_lock_does_not_stop_versions_and_access_settings(item: Item, user: User) -> None:
    services.lock(handle=item.handle, reason="Paper", by=user)
    services.change_access(handle=item.handle, general=["metadata-read"], groups={}, by=user)
    services.create_version(handle=item.handle, reason="New grid", by=user)


def test_changed_access_is_what_was_asked_for_and_audited(
    user: User, admin: User, make_item: MakeItem, reef: Group
) -> None:
    item = long_ago(make_item(user, subtype="DATASET"))
    asked: dict[str, Any] = {
        "general": ["metadata-read"],
        "groups": {"reef": ["admin", "dataset-data-write"]},
    }
    services.change_access(handle=item.handle, by=admin, **asked)
    found = services.settings_of(item)
    assert (found["owner"], found["general"]) == ("ana", ["metadata-read"])
    assert set(found["groups"]["reef"]) == {"admin", "dataset-data-write"}
    event = item.access_events.get()
    assert event.by == admin
    assert event.before == {"general": ["metadata-read", "dataset-data-read"], "groups": {}}
    assert event.after == {key: found[key] for key in ("general", "groups")}
    item.refresh_from_db()
    assert item.updated_at == item.created_at
    assert item.revisions.count() == 1


def test_settings_that_are_as_they_were_are_not_audited(user: User, make_item: MakeItem) -> None:
    item = make_item(user)
    services.change_access(handle=item.handle, general=["metadata-read"], groups={}, by=user)
    assert not item.access_events.exists()


def test_a_group_without_roles_has_no_grant(user: User, make_item: MakeItem, reef: Group) -> None:
    item = make_item(user)
    services.change_access(handle=item.handle, general=[], groups={"reef": []}, by=user)
    assert services.settings_of(item)["groups"] == {}


@pytest.mark.parametrize("role", ["dataset-data-read", "dataset-data-write"])
def test_roles_for_files_exist_on_datasets_only(user: User, make_item: MakeItem, role: str) -> None:
    with pytest.raises(Refused, match=f"Models have no role {role}"):
        services.change_access(handle=make_item(user).handle, general=[role], groups={}, by=user)


def test_only_activities_that_jobs_made_follow_the_access_of_an_item(
    user: User, make_user: MakeUser, make_item: MakeItem
) -> None:
    """An item may also be generated by what other people own, as a model run will be."""
    item, activity = make_item(user), make_item(make_user("ben"), subtype="STUDY")
    Relation.objects.create(source=item, target=activity, type="wasGeneratedBy", record=activity)
    services.change_access(handle=item.handle, general=["admin"], groups={}, by=user)
    assert services.settings_of(activity)["general"] == ["metadata-read"]


def test_a_deleted_item_leaves_its_id_kind_and_name(user: User, admin: User, item: Item) -> None:
    services.lock(handle=item.handle, reason="Paper", by=user)
    services.unlock(handle=item.handle, reason="Published", by=user)
    assert services.delete(handle=item.handle, reason=" Entered twice ", by=admin)
    left = Item.objects.get(pk=item.pk)
    assert (left.handle, left.subtype, left.display_name) == (
        item.handle,
        "DATASET",
        "Secret name",
    )
    assert (left.info, left.system, left.search_text) == ({}, {}, "")
    assert left.deleted_at is not None
    assert not left.revisions.exists()
    assert not left.references.exists()
    stone = Tombstone.objects.get()
    assert (stone.item, stone.reason, stone.by) == (left, "Entered twice", admin)


def test_deleting_what_is_not_there_is_no_fault(item: Item, admin: User) -> None:
    assert not services.delete(handle=UNKNOWN, reason="Entered twice", by=admin)
    assert services.delete(handle=item.handle, reason="Entered twice", by=admin)
    assert not services.delete(handle=item.handle, reason="Entered twice", by=admin)
    assert Tombstone.objects.count() == 1


def test_a_seed_can_be_deleted(user: User, admin: User) -> None:
    seed = services.seed(subtype="MODEL", owner=user)
    assert services.delete(handle=seed.handle, reason="Not needed", by=admin)


def test_an_item_whose_jobs_have_not_finished_cannot_be_deleted(
    user: User, admin: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    job = Job.objects.get()
    with pytest.raises(Refused, match=str(job.session_id)):
        services.delete(handle=item.handle, reason="Entered twice", by=admin)
    drain()
    assert services.delete(handle=item.handle, reason="Entered twice", by=admin)


def test_all_that_depends_on_an_item_is_told(user: User, admin: User, make_item: MakeItem) -> None:
    model = make_item(user)
    template = make_item(user, subtype="MODEL_RUN_WORKFLOW_TEMPLATE", software_id=model.handle)
    new = services.create_version(handle=model.handle, reason="New grid", by=user)
    drain()
    activity = Item.objects.get(subtype="VERSION")
    with pytest.raises(Refused) as refused:
        services.delete(handle=model.handle, reason="Entered twice", by=admin)
    told = str(refused.value)
    assert f"{template.handle} names it as Model" in told
    assert f"{new.handle} is its next version" in told
    assert f"{activity.handle} used it" in told
    assert "wasGeneratedBy" not in told


def test_a_linked_person_cannot_be_deleted(user: User, admin: User) -> None:
    person = services.person_of(user)
    with pytest.raises(Refused, match="User ana is linked"):
        services.delete(handle=person.handle, reason="Left", by=admin)


def test_a_person_whom_a_waiting_job_will_name_cannot_be_deleted(
    user: User, admin: User, make_item: MakeItem
) -> None:
    make_item(user)
    person = services.person_of(user)
    services.clear_person(user=user)
    with pytest.raises(Refused, match=r"[Jj]ob"):
        services.delete(handle=person.handle, reason="Left", by=admin)


def test_an_activity_whose_edges_are_not_lodged_yet_cannot_be_deleted(
    user: User, admin: User, make_item: MakeItem
) -> None:
    from jobs import worker

    make_item(user)
    ((job_id, attempt, _),) = lifecycle.claim("provena", 1)
    worker.execute(job_id, attempt, 60)
    activity = Item.objects.get(subtype="CREATE")
    with pytest.raises(Refused, match=r"[Jj]ob"):
        services.delete(handle=activity.handle, reason="Not needed", by=admin)
