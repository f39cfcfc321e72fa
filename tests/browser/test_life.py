"""The life of items in a real browser: each kind registered as a person would, edited, versioned,
reverted, locked, shared and found again."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from registry import services
from registry.models import Group, Item
from tests.conftest import drain
from tests.stack import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OpenPage = Callable[..., Page]
MakeItem = Callable[..., Item]


def choose(page: Page, label: str, typed: str, name: str) -> None:
    """Pick an item: type some of its name, and take the option."""
    page.get_by_role("combobox", name=label).last.press_sequentially(typed)
    page.get_by_role("option", name=name).click()
    expect(page.locator(".picked").get_by_text(name).last).to_be_visible()


def registered(page: Page, kind: str) -> Item:
    """Press Register, see the item's page, and return the item."""
    page.get_by_role("button", name="Register", exact=True).click()
    page.wait_for_url("**/item/**")
    expect(page.get_by_text(f"{kind} registered as")).to_be_visible()
    return Item.objects.order_by("-pk")[0]


def open_form(page: Page, kind: str) -> None:
    page.get_by_role("link", name="Register", exact=True).click()
    page.get_by_role("link", name=kind, exact=True).click()


def fill(page: Page, values: dict[str, str]) -> None:
    for label, value in values.items():
        page.get_by_label(label).fill(value)


def shows_its_workflow(page: Page) -> None:
    """Both steps, done, in the panel of the item that is open."""
    drain()
    expect(page.locator("#workflow svg .step.SUCCEEDED")).to_have_count(2)


def test_an_organisation_and_a_study_are_registered(open_page: OpenPage, user: User) -> None:
    page = open_page(user)
    open_form(page, "Organisation")
    fill(page, {"Display name": "Reef Institute", "Official name": "The Reef Institute"})
    registered(page, "Organisation")
    open_form(page, "Study")
    fill(page, {"Display name": "Where", "Title": "Where first?", "Description": "Ranks reefs"})
    registered(page, "Study")


def test_a_person_is_registered_with_their_consent_only(open_page: OpenPage, user: User) -> None:
    page = open_page(user)
    open_form(page, "Person")
    fill(page, {"Display name": "Ben Ito", "First name": "Ben", "Last name": "Ito"})
    page.get_by_label("Email address").fill("ben@example.org")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("The person's consent is missing").first).to_be_visible()
    page.get_by_label("This person agrees").check()
    registered(page, "Person")


def test_a_dataset_template_is_registered(open_page: OpenPage, user: User) -> None:
    page = open_page(user)
    open_form(page, "Dataset template")
    page.get_by_label("Display name").fill("Currents of a season")
    files = page.get_by_role("group", name="Files named by each run", exact=True)
    files.get_by_role("button", name="Add a row").click()
    expect(files.get_by_label("Key").first).to_be_focused()
    files.get_by_label("Key").first.fill("currents")
    files.get_by_label("Description").first.fill("One file a day")
    files.get_by_label("Use").first.select_option("Forcing data")
    files.get_by_role("button", name="Add a row").click()
    files.get_by_role("button", name="Remove row 2").click()
    expect(files.get_by_role("button", name="Remove")).to_have_count(1)
    item = registered(page, "Dataset template")
    assert item.info["deferred_resources"][0]["usage_type"] == "FORCING_DATA"
    shows_its_workflow(page)


def test_a_workflow_template_is_registered(
    open_page: OpenPage, user: User, make_item: MakeItem
) -> None:
    make_item(user)
    make_item(user, subtype="DATASET_TEMPLATE", display_name="Currents of a season")
    page = open_page(user)
    open_form(page, "Workflow template")
    page.get_by_label("Display name").fill("Connectivity of a season")
    choose(page, "Model", "reef", "Reef model")
    page.get_by_role("group", name="Inputs").get_by_role("button", name="Add a row").click()
    choose(page, "Dataset template", "curr", "Currents of a season")
    needed = page.get_by_role("group", name="Each run must give", exact=True)
    needed.get_by_role("button", name="Add a row").click()
    page.get_by_role("textbox", name="Each run must give, row 1").fill("random seed")
    item = registered(page, "Workflow template")
    assert item.info["annotations"]["required"] == ["random seed"]
    expect(page.get_by_role("link", name="Currents of a season")).to_be_visible()
    shows_its_workflow(page)


def test_a_dataset_is_registered(open_page: OpenPage, user: User, make_item: MakeItem) -> None:
    make_item(user, subtype="ORGANISATION", display_name="Reef Institute", name="n")
    page = open_page(user)
    open_form(page, "Dataset")
    choose(page, "Organisation", "inst", "Reef Institute")
    choose(page, "Data custodian", "ana", "Person of ana")
    knowledge = page.get_by_role("group", name="Indigenous knowledge")
    knowledge.get_by_label("Applies to this data").check()
    data = page.get_by_role("group", name="The data", exact=True)
    data.get_by_label("Name").first.fill("Currents 2024")
    data.get_by_label("Description").first.fill("Hourly")
    choose(page, "Publisher", "inst", "Reef Institute")
    data.get_by_label("Licence").fill("https://creativecommons.org/licenses/by/4.0/")
    created = page.get_by_role("group", name="Created on")
    created.get_by_label("Applies").check()
    created.get_by_label("Date").fill("2024-12-31")
    data.get_by_label("Coverage").fill("SRID=4326;POINT(147 -18")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("the approval is missing").first).to_be_visible()
    expect(page.get_by_text("no well-known text").first).to_be_visible()
    knowledge.get_by_label("Approval obtained").check()
    data.get_by_label("Coverage").fill("SRID=4326;POINT(147 -18)")
    item = registered(page, "Dataset")
    assert item.info["collection_format"]["dataset_info"]["created_date"]["value"] == "2024-12-31"
    shows_its_workflow(page)


def test_the_picker_works_by_keyboard(open_page: OpenPage, user: User, make_item: MakeItem) -> None:
    make_item(user, display_name="Reef model A")
    chosen = make_item(user, display_name="Reef model B")
    page = open_page(user)
    page.goto("/items/new/model_run_workflow_template/")
    model = page.get_by_role("combobox", name="Model")
    model.press("ArrowDown")
    expect(page.get_by_role("option")).to_have_count(2)
    model.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
    model.press_sequentially("reef")
    expect(page.get_by_role("option")).to_have_count(2)
    model.press("ArrowDown")
    first = page.get_by_role("option", selected=True)
    while "Reef model B" not in first.inner_text():
        model.press("ArrowDown")
    model.press("Enter")
    expect(model).to_have_value(chosen.handle)
    expect(model).to_have_attribute("aria-expanded", "false")
    assert page.url.endswith("/model_run_workflow_template/")  # Enter did not send the form


def test_an_item_is_edited_compared_and_brought_back(
    open_page: OpenPage, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    page = open_page(user)
    page.goto(item.get_absolute_url())
    expect(page.get_by_role("link", name="History")).to_have_count(0)
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Description").fill("Larval drift")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Give a reason").first).to_be_visible()
    page.get_by_label("Reason").fill("Shorter")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Larval drift")).to_be_visible()
    page.get_by_role("link", name="History").click()
    expect(page.locator("ins mark")).to_have_text("drift")
    expect(page.locator("del mark")).to_have_text("dispersal")
    page.get_by_role("link", name="Revision 1").click()
    page.get_by_label("Bring this revision back").fill("It was clearer")
    page.get_by_role("button", name="Revert to revision 1").click()
    expect(page.get_by_text("Larval dispersal")).to_be_visible()
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.get_by_text("Reverted to revision 1: It was clearer")).to_be_visible()


def test_two_who_edit_at_once_lose_nothing(
    open_page: OpenPage, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    first, second = open_page(user), open_page(user)
    for page in (first, second):
        page.goto(f"/item/{item.handle}/edit/")
    first.get_by_label("Model name").fill("Theirs")
    first.get_by_label("Reason").fill("Faster")
    first.get_by_role("button", name="Save").click()
    first.wait_for_url(f"**{item.get_absolute_url()}")
    second.get_by_label("Description").fill("Mine, typed at length")
    second.get_by_label("Reason").fill("Slower")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_text("saved this item meanwhile: Faster")).to_be_visible()
    expect(second.locator(".changes ins")).to_contain_text("Theirs")
    expect(second.get_by_label("Description")).to_have_value("Mine, typed at length")
    second.get_by_label("Model name").fill("Theirs")
    second.get_by_role("button", name="Save").click()
    second.wait_for_url(f"**{item.get_absolute_url()}")
    item.refresh_from_db()
    assert (item.info["name"], item.info["description"]) == ("Theirs", "Mine, typed at length")


def test_a_version_is_made_and_the_old_one_says_so(
    open_page: OpenPage, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    drain()
    page = open_page(user)
    page.goto(item.get_absolute_url())
    page.get_by_role("link", name="New version").click()
    page.get_by_label("Reason").fill("By reef zone")
    page.get_by_role("button", name="Make version 2").click()
    page.wait_for_url(re.compile(rf"/item/(?!{re.escape(item.handle)})"))
    panel = page.get_by_label("Workflow", exact=True)
    expect(panel.locator("summary")).to_contain_text("Version workflow")
    expect(panel.locator("summary .state")).to_have_text("PENDING")
    drain()
    expect(panel.locator("svg .step.SUCCEEDED")).to_have_count(2)
    page.get_by_role("link", name="Lineage").click()
    expect(page.get_by_role("table").get_by_text("Version 2 of Reef model").first).to_be_visible()
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("link", name="Version 1").click()
    expect(page.get_by_text("This version is superseded")).to_be_visible()
    expect(page.get_by_role("link", name="New version")).to_have_count(0)


def test_an_item_is_locked_and_shared_with_a_group(
    open_page: OpenPage, user: User, make_user: Callable[..., User], make_item: MakeItem
) -> None:
    item = make_item(user)
    member, stranger = make_user("cleo"), make_user("dan")
    Group.objects.create(slug="reef", display_name="Reef team").members.add(member)
    page = open_page(user)
    page.goto(f"/item/{item.handle}/settings/")
    page.get_by_label("metadata-read for Everyone").uncheck()
    page.get_by_label("Group").select_option("Reef team")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_label("metadata-write for Reef team").check()
    page.get_by_role("button", name="Save access").click()
    expect(page.get_by_text("Access saved")).to_be_visible()
    expect(page.get_by_label("metadata-read for Reef team")).to_be_checked()  # it is implied
    assert services.settings_of(item)["groups"] == {"reef": ["metadata-write"]}
    page.get_by_label("Reason").fill("Published")
    page.get_by_role("button", name="Lock", exact=True).click()
    expect(page.get_by_text("Locked by ana: Published")).to_be_visible()

    other = open_page(member)
    other.goto("/items/?q=reef")
    other.get_by_role("link", name="Reef model").click()
    expect(other.get_by_text("locked", exact=True)).to_be_visible()
    expect(other.get_by_role("link", name="Edit")).to_have_count(0)
    page.get_by_label("Reason").fill("An erratum")
    page.get_by_role("button", name="Unlock").click()
    wait_until(lambda: not Item.objects.get(pk=item.pk).is_locked, "it is unlocked")
    other.reload()
    expect(other.get_by_role("link", name="Edit")).to_be_visible()

    outside = open_page(stranger)
    outside.goto("/items/?q=reef")
    expect(outside.get_by_text("Nothing found")).to_be_visible()
    outside.goto(item.get_absolute_url())
    expect(outside.get_by_text("You may not read the item")).to_be_visible()
    expect(outside.get_by_text("Reef model")).to_have_count(0)


def test_items_are_found_by_kind_name_misspelt_word_and_id(
    open_page: OpenPage, user: User, make_item: MakeItem
) -> None:
    for number in range(27):
        make_item(user, display_name=f"Reef model {number:02}")
    item = make_item(user, display_name="Sediment plume", description="Turbidity after floods")
    page = open_page(user)
    page.goto("/items/")
    page.get_by_role("navigation", name="Filters").get_by_role("link", name="Models").click()
    page.get_by_role("navigation", name="Sort").get_by_role("link", name="Name").click()
    rows = page.locator("tbody tr:not(.more)")
    expect(rows.first).to_contain_text("Reef model 00")
    expect(rows).to_have_count(25)
    page.get_by_role("link", name="Load More").click()
    expect(rows).to_have_count(28)
    expect(rows.nth(25).locator("a.row")).to_be_focused()
    page.get_by_role("searchbox").fill("turbidty")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("instead.")).to_contain_text("turbidity")
    expect(page.locator(".hits li")).to_have_count(1)
    expect(page.locator(".hits")).to_contain_text("Description:")
    page.get_by_role("searchbox").fill(item.handle)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="Sediment plume")).to_be_visible()


def test_a_workflow_template_is_filled_in_without_javascript(
    open_page: OpenPage, user: User, make_item: MakeItem
) -> None:
    model = make_item(user)
    page = open_page(user, java_script_enabled=False)
    page.goto("/items/new/model_run_workflow_template/")
    page.get_by_label("Display name").fill("By hand")
    page.get_by_role("combobox", name="Model").fill(model.handle)
    inputs = page.get_by_role("group", name="Inputs")
    inputs.get_by_role("button", name="Add a row").click()
    inputs.get_by_role("button", name="Add a row").click()
    inputs.get_by_role("combobox").first.fill("10378.1/9")
    inputs.get_by_role("button", name="Remove row 2").click()
    expect(inputs.get_by_role("combobox")).to_have_value("10378.1/9")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_text("There is no item 10378.1/9 that you may read").first).to_be_visible()
    expect(page.get_by_label("Display name")).to_have_value("By hand")
    inputs.get_by_role("button", name="Remove row 1").click()
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_role("heading", name="By hand")).to_be_visible()


def test_enter_saves_a_form_and_removing_a_row_keeps_the_focus(
    open_page: OpenPage, user: User, make_item: MakeItem
) -> None:
    item = make_item(user)
    page = open_page(user)
    page.goto(f"/item/{item.handle}/edit/")
    page.get_by_label("Reason").fill("Typed and sent")
    page.get_by_label("Model name").fill("By Enter")
    page.get_by_label("Model name").press("Enter")
    page.wait_for_url(f"**{item.get_absolute_url()}")
    expect(page.get_by_text("By Enter")).to_be_visible()
    page.goto("/items/new/dataset/")
    keywords = page.get_by_role("group", name="Keywords", exact=True)
    for row in (1, 2):
        keywords.get_by_role("button", name="Add a row").click()
        expect(keywords.get_by_role("button", name=f"Remove row {row}")).to_be_visible()
    keywords.get_by_role("button", name="Remove row 1").press("Enter")
    expect(keywords.get_by_role("button", name="Remove")).to_have_count(1)
    expect(keywords.get_by_role("button", name="Remove row 1")).to_be_focused()
    keywords.get_by_role("button", name="Remove row 1").press("Enter")
    expect(keywords.get_by_role("button", name="Add a row")).to_be_focused()
