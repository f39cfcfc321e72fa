"""What content names: which items may be named, what is told, and who is noted as naming whom."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from registry import services
from registry.kinds import Findings
from registry.models import Item, Reference
from registry.references import named
from tests.conftest import dataset, drain

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
MakeItem = Callable[..., Item]

UNKNOWN = "10378.1/999"
ORGANISATION = ("collection_format", "associations", "organisation_id")
PUBLISHER = ("collection_format", "dataset_info", "publisher_id")


@pytest.fixture
def ben(make_user: MakeUser) -> User:
    """Somebody else, who may register anything."""
    return make_user("ben")


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    return make_user("admin", is_staff=True, is_superuser=True)


def hide(item: Item) -> Item:
    """Let nobody but its owner read it."""
    services.change_access(handle=item.handle, general=[], groups={}, by=item.owner)
    return item


def of_organisation(organisation: str, custodian: str = "") -> dict[str, Any]:
    content = dataset(organisation)
    if custodian:
        content["collection_format"]["associations"]["data_custodian_id"] = custodian
    return content


def register(content: dict[str, Any], owner: User) -> Item:
    return services.register(subtype="DATASET", content=content, owner=owner)


def update(item: Item, content: dict[str, Any], by: User) -> Item:
    return services.update(
        handle=item.handle, subtype=item.subtype, content=content, reason="Mended", by=by
    )


def told(call: Callable[[], object]) -> dict[tuple[str | int, ...], str]:
    """What is found wrong, by place."""
    with pytest.raises(Findings) as refused:
        call()
    assert not refused.value.misshapen
    return dict(refused.value.faults)


# What may be named.


def test_an_unknown_item_cannot_be_named(user: User) -> None:
    found = told(lambda: register(of_organisation(UNKNOWN), user))
    assert set(found) == {ORGANISATION, PUBLISHER}
    assert f"no item {UNKNOWN}" in found[ORGANISATION]


def test_an_item_of_another_kind_cannot_be_named(user: User, make_item: MakeItem) -> None:
    model = make_item(user, display_name="Named")
    found = told(lambda: register(of_organisation(model.handle), user))
    assert found[ORGANISATION] == (
        f"{model.handle} is a model, and an organisation is needed here."
    )


def test_a_seed_cannot_be_named(user: User) -> None:
    seed = services.seed(subtype="ORGANISATION", owner=user)
    found = told(lambda: register(of_organisation(seed.handle), user))
    assert "only a reserved id" in found[ORGANISATION]


def test_a_deleted_item_cannot_be_named(user: User, admin: User, make_item: MakeItem) -> None:
    gone = make_item(user, subtype="ORGANISATION", display_name="Gone name")
    services.delete(handle=gone.handle, reason="Closed", by=admin)
    found = told(lambda: register(of_organisation(gone.handle), user))
    assert "was deleted" in found[ORGANISATION]


def test_a_system_activity_cannot_be_named_as_a_model(user: User, make_item: MakeItem) -> None:
    make_item(user)
    drain()
    activity = Item.objects.get(subtype="CREATE")
    content = {"display_name": "Forecast", "software_id": activity.handle}
    found = told(
        lambda: services.register(
            subtype="MODEL_RUN_WORKFLOW_TEMPLATE", content=content, owner=user
        )
    )
    assert "a create activity" in found["software_id",]


def test_all_failing_references_are_told_at_once_each_with_its_place(
    user: User, make_item: MakeItem
) -> None:
    shape = make_item(user, subtype="DATASET_TEMPLATE")
    seed = services.seed(subtype="DATASET_TEMPLATE", owner=user)
    content = {
        "display_name": "Forecast",
        "software_id": shape.handle,
        "input_templates": [
            {"template_id": handle} for handle in (shape.handle, seed.handle, UNKNOWN)
        ],
        "output_templates": [{"template_id": UNKNOWN}],
    }
    found = told(
        lambda: services.register(
            subtype="MODEL_RUN_WORKFLOW_TEMPLATE", content=content, owner=user
        )
    )
    assert set(found) == {
        ("software_id",),
        ("input_templates", 1, "template_id"),
        ("input_templates", 2, "template_id"),
        ("output_templates", 0, "template_id"),
    }


@pytest.mark.parametrize("action", ["validate", "register", "update", "revert", "complete"])
def test_references_are_resolved_by_every_action(
    user: User, make_item: MakeItem, action: str
) -> None:
    item, content = make_item(user, subtype="DATASET"), of_organisation(UNKNOWN)
    seed = services.seed(subtype="DATASET", owner=user)
    if action == "revert":
        item.revisions.update(info=content | {"display_name": "x"})
    calls: dict[str, Callable[[], object]] = {
        "validate": lambda: services.validate(subtype="DATASET", content=content, user=user),
        "register": lambda: register(content, user),
        "update": lambda: update(item, content, user),
        "revert": lambda: services.revert(handle=item.handle, number=1, reason="Back", by=user),
        "complete": lambda: update(seed, content, user),
    }
    assert set(told(calls[action])) == {ORGANISATION, PUBLISHER}


# Unreadable items: ids cannot be probed, and what is there already may stay.


def test_an_unreadable_item_is_told_like_an_unknown_one(
    user: User, ben: User, make_item: MakeItem
) -> None:
    hidden = hide(make_item(user, subtype="ORGANISATION", display_name="Secret name"))
    found = told(lambda: register(of_organisation(hidden.handle), ben))
    unknown = told(lambda: register(of_organisation(UNKNOWN), ben))
    assert found[ORGANISATION].replace(hidden.handle, UNKNOWN) == unknown[ORGANISATION]
    assert "ask for access" in found[ORGANISATION]


@pytest.mark.parametrize("state", ["of another kind", "a seed", "locked", "deleted", "superseded"])
def test_nothing_is_told_of_the_state_of_an_unreadable_item(
    user: User, ben: User, admin: User, make_item: MakeItem, state: str
) -> None:
    subtype = "MODEL" if state in {"of another kind", "superseded"} else "ORGANISATION"
    if state == "a seed":
        hidden = services.seed(subtype=subtype, owner=user)
    else:
        hidden = make_item(user, subtype=subtype)
    if state == "superseded":
        services.create_version(handle=hidden.handle, reason="New grid", by=user)
    hide(hidden)
    drain()
    if state == "locked":
        services.lock(handle=hidden.handle, reason="Paper", by=user)
    if state == "deleted":
        services.delete(handle=hidden.handle, reason="Closed", by=admin)
    found = told(lambda: register(of_organisation(hidden.handle), ben))
    assert found[ORGANISATION].startswith(f"There is no item {hidden.handle} that you may read")


def test_a_forged_reference_stores_nothing_and_tells_nothing(
    user: User, ben: User, make_item: MakeItem
) -> None:
    hidden = hide(make_item(user, subtype="ORGANISATION", display_name="Secret name"))
    own = make_item(ben, subtype="DATASET")
    items, noted = Item.objects.count(), list(Reference.objects.values())
    content = of_organisation(hidden.handle)
    for call in (lambda: register(content, ben), lambda: update(own, content, ben)):
        assert "Secret" not in str(told(call))
    assert Item.objects.count() == items
    assert list(Reference.objects.values()) == noted
    assert own.revisions.count() == 1


def test_what_was_named_before_may_stay_though_it_became_unreadable(
    user: User, ben: User, make_item: MakeItem
) -> None:
    organisation = make_item(user, subtype="ORGANISATION", display_name="Secret name")
    item = register(of_organisation(organisation.handle), ben)
    hide(organisation)
    renamed = of_organisation(organisation.handle)
    renamed["collection_format"]["dataset_info"]["name"] = "Renamed"
    warnings = services.validate(subtype="DATASET", content=renamed, user=ben, item=item)
    assert sorted(warnings) == [
        f"Organisation {organisation.handle}: you may not read it.",
        f"Publisher {organisation.handle}: you may not read it.",
    ]
    update(item, renamed, ben)
    services.revert(handle=item.handle, number=1, reason="Back", by=ben)
    assert item.references.count() == 2


def test_old_content_that_names_what_became_unreadable_can_be_restored(
    user: User, ben: User, make_item: MakeItem
) -> None:
    """It was accepted once, and its reader sees the id in the history: nothing can be probed."""
    organisation = make_item(user, subtype="ORGANISATION")
    item = register(of_organisation(organisation.handle), ben)
    hide(organisation)
    update(item, of_organisation(make_item(ben, subtype="ORGANISATION").handle), ben)
    services.revert(handle=item.handle, number=1, reason="Back", by=ben)
    assert organisation.referrers.filter(source=item).exists()


def test_a_kept_reference_must_still_be_to_something_usable(
    user: User, ben: User, make_item: MakeItem
) -> None:
    organisation = make_item(user, subtype="ORGANISATION")
    item = register(of_organisation(organisation.handle), ben)
    hide(organisation)
    Item.objects.filter(pk=organisation.pk).update(is_complete=False)
    found = told(lambda: update(item, of_organisation(organisation.handle), ben))
    assert "reserved id" in found[ORGANISATION]


def test_what_a_foreign_item_names_cannot_be_probed_by_an_update(
    user: User, ben: User, make_item: MakeItem
) -> None:
    hidden = hide(make_item(user, subtype="ORGANISATION"))
    foreign = hide(register(of_organisation(hidden.handle), user))
    found = told(lambda: update(foreign, of_organisation(hidden.handle), ben))
    assert "There is no item" in found[ORGANISATION]


def test_what_a_foreign_item_names_cannot_be_probed_by_a_validation(
    user: User, ben: User, make_item: MakeItem
) -> None:
    hidden = hide(make_item(user, subtype="ORGANISATION"))
    foreign = hide(register(of_organisation(hidden.handle), user))
    content = of_organisation(hidden.handle)
    found = told(
        lambda: services.validate(subtype="DATASET", content=content, user=ben, item=foreign)
    )
    assert "There is no item" in found[ORGANISATION]


# Warnings: it may be named, and a reader should know.


def warnings_of(content: dict[str, Any], user: User) -> list[str]:
    return services.validate(
        subtype="MODEL_RUN_WORKFLOW_TEMPLATE",
        content={"display_name": "Forecast"} | content,
        user=user,
    )


def test_a_superseded_or_locked_item_may_be_named_with_a_warning(
    user: User, make_item: MakeItem
) -> None:
    model = make_item(user)
    content = {"software_id": model.handle}
    assert warnings_of(content, user) == []
    services.create_version(handle=model.handle, reason="New grid", by=user)
    assert warnings_of(content, user) == [f"Model {model.handle}: it has a newer version."]
    services.lock(handle=model.handle, reason="Paper", by=user)
    assert warnings_of(content, user) == [
        f"Model {model.handle}: it has a newer version, and it is locked."
    ]
    services.register(
        subtype="MODEL_RUN_WORKFLOW_TEMPLATE",
        content={"display_name": "Forecast"} | content,
        owner=user,
    )


def test_a_warning_is_given_once_for_a_role(user: User, make_item: MakeItem) -> None:
    model, shape = make_item(user), make_item(user, subtype="DATASET_TEMPLATE")
    services.lock(handle=shape.handle, reason="Paper", by=user)
    uses = [{"template_id": shape.handle}]
    content = {"software_id": model.handle, "input_templates": uses, "output_templates": uses}
    assert warnings_of(content, user) == [f"Dataset template {shape.handle}: it is locked."]


def test_an_item_whose_newer_version_was_deleted_is_not_superseded(
    user: User, admin: User, make_item: MakeItem
) -> None:
    model = make_item(user)
    new = services.create_version(handle=model.handle, reason="Wrong grid", by=user)
    drain()
    services.delete(handle=new.handle, reason="Wrong grid", by=admin)
    assert warnings_of({"software_id": model.handle}, user) == []


def test_named_items_are_seen_as_far_as_the_reader_may(
    user: User, ben: User, admin: User, make_item: MakeItem
) -> None:
    shown, hidden = make_item(user), hide(make_item(user))
    gone = make_item(user, subtype="STUDY")
    services.delete(handle=gone.handle, reason="Over", by=admin)
    found = named([shown.handle, hidden.handle, gone.handle, UNKNOWN], ben)
    assert found[shown.handle].item == shown
    assert (found[hidden.handle].item, found[UNKNOWN].item) == (None, None)
    assert (found[gone.handle].item, found[gone.handle].warning) == (gone, "it was deleted")


def test_a_hidden_tombstone_is_seen_like_nothing(
    user: User, ben: User, admin: User, make_item: MakeItem
) -> None:
    gone = hide(make_item(user, subtype="STUDY"))
    services.delete(handle=gone.handle, reason="Over", by=admin)
    assert named([gone.handle], ben)[gone.handle].item is None


# Who names whom follows each write.


def noted(item: Item) -> set[tuple[str, str]]:
    return set(item.references.values_list("role", "target__handle"))


def test_references_follow_each_write(user: User, make_item: MakeItem) -> None:
    one, two = (make_item(user, subtype="ORGANISATION") for _ in range(2))
    person = services.person_of(user)
    item = register(of_organisation(one.handle, person.handle), user)
    first = {
        ("Organisation", one.handle),
        ("Publisher", one.handle),
        ("Data custodian", person.handle),
    }
    assert noted(item) == first
    update(item, of_organisation(two.handle), user)
    second = {("Organisation", two.handle), ("Publisher", two.handle)}
    assert noted(item) == second
    services.revert(handle=item.handle, number=1, reason="Back", by=user)
    assert noted(item) == first
    new = services.create_version(handle=item.handle, reason="New grid", by=user)
    assert noted(new) == noted(item) == first


def test_a_completed_seed_is_noted_and_an_incomplete_one_is_not(
    user: User, make_item: MakeItem
) -> None:
    organisation = make_item(user, subtype="ORGANISATION")
    seed = services.seed(subtype="DATASET", owner=user)
    assert not noted(seed)
    update(seed, of_organisation(organisation.handle), user)
    assert ("Organisation", organisation.handle) in noted(seed)


def test_a_template_that_is_named_on_both_sides_is_noted_once(
    user: User, make_item: MakeItem
) -> None:
    model, shape = make_item(user), make_item(user, subtype="DATASET_TEMPLATE")
    uses = [{"template_id": shape.handle}]
    item = make_item(
        user,
        subtype="MODEL_RUN_WORKFLOW_TEMPLATE",
        software_id=model.handle,
        input_templates=uses,
        output_templates=uses,
    )
    assert noted(item) == {("Model", model.handle), ("Dataset template", shape.handle)}


def test_a_deleted_item_names_nobody_any_more(user: User, admin: User, make_item: MakeItem) -> None:
    item = make_item(user, subtype="DATASET")
    organisation = Item.objects.get(subtype="ORGANISATION")
    drain()
    with pytest.raises(services.Refused, match="names it as Organisation"):
        services.delete(handle=organisation.handle, reason="Closed", by=admin)
    services.delete(handle=item.handle, reason="Entered twice", by=admin)
    assert services.delete(handle=organisation.handle, reason="Closed", by=admin)


def test_former_content_does_not_keep_an_item_from_being_deleted_but_cannot_come_back(
    user: User, admin: User, make_item: MakeItem
) -> None:
    item = make_item(user, subtype="DATASET")
    organisation = Item.objects.get(subtype="ORGANISATION")
    update(item, of_organisation(make_item(user, subtype="ORGANISATION").handle), user)
    assert services.delete(handle=organisation.handle, reason="Closed", by=admin)
    found = told(lambda: services.revert(handle=item.handle, number=1, reason="Back", by=user))
    assert "was deleted" in found[ORGANISATION]


def test_what_jobs_record_about_an_item_does_not_keep_it(
    user: User, admin: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    drain()
    assert set(Reference.objects.values_list("follows", flat=True)) == {True}
    assert services.delete(handle=item.handle, reason="Entered twice", by=admin)
