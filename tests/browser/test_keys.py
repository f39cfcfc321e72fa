"""Keyboard shortcuts: they lead where they say, keep out of fields, and can be turned off."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from registry.models import Item

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OpenPage = Callable[..., Page]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_keys_lead_to_pages_and_through_lists(
    open_page: OpenPage, user: User, make_item: Callable[..., Item]
) -> None:
    make_item(user, display_name="The older")
    newer = make_item(user, display_name="The newer")
    page = open_page(user)
    press(page, "g", "j")
    page.wait_for_url("**/jobs/")
    page.evaluate("window.isOld = true")
    press(page, "r")
    expect(page.locator("#announcer")).to_contain_text("Refreshed")
    press(page, "/")  # to the search of the page, if it has one
    expect(page.get_by_role("searchbox", name="Text")).to_be_focused()
    page.goto("/groups/")
    press(page, "/")
    page.wait_for_url("**/items/#q")
    expect(page.locator("#q")).to_be_focused()
    press(page, "n", "g", "h", "?")
    expect(page.locator("#q")).to_have_value("ngh?")
    page.locator("#q").blur()

    press(page, "j")
    expect(page.get_by_role("link", name="The newer")).to_be_focused()
    press(page, "j", "j", "k", "k", "k")
    expect(page.get_by_role("link", name="The newer")).to_be_focused()
    press(page, "o")
    page.wait_for_url(f"**{newer.get_absolute_url()}")
    press(page, "Control+j", "n")
    page.wait_for_url("**/items/new/")
    press(page, "g", "w")  # which is for staff
    press(page, "g", "h")
    page.wait_for_url(re.compile(r"//[^/]+/$"))


def test_the_sheet_opens_closes_and_turns_them_off(open_page: OpenPage, user: User) -> None:
    page = open_page(user)
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    press(page, "?")
    expect(sheet).to_be_visible()
    press(page, "n", "Escape")
    expect(sheet).not_to_be_visible()
    assert page.url.endswith("/")

    opener = page.get_by_role("button", name="Keyboard shortcuts")
    opener.click()
    sheet.get_by_label("Shortcuts are on").uncheck()
    sheet.get_by_role("button", name="Close").click()
    expect(opener).to_be_focused()
    press(page, "?", "n")
    page.goto("/groups/")
    press(page, "?", "n", "g", "j")
    expect(sheet).not_to_be_visible()
    assert page.url.endswith("/groups/")

    opener.click()
    sheet.get_by_label("Shortcuts are on").check()
    press(page, "Escape", "n")
    page.wait_for_url("**/items/new/")


def test_without_javascript_nothing_is_shown_of_them(open_page: OpenPage, user: User) -> None:
    page = open_page(user, java_script_enabled=False)
    expect(page.get_by_text("Keyboard shortcuts")).to_have_count(2)
    for text in page.get_by_text("Keyboard shortcuts").all():
        expect(text).not_to_be_visible()


def test_the_skip_link_comes_first_and_leads_to_the_content(
    open_page: OpenPage, user: User
) -> None:
    page = open_page(user)
    press(page, "Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    press(page, "Enter")
    expect(page.locator("main")).to_be_focused()
