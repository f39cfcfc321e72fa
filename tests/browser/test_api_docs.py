"""The page that documents the API."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from provena.api import api
from tests.pages import overflow

pytestmark = pytest.mark.browser
OPEN_ALL = "for (const part of document.querySelectorAll('.opblock-tag')) part.click()"


def test_the_page_of_the_api_shows_every_route(open_page: Callable[..., Page], user: User) -> None:
    page = open_page(user, color_scheme="dark", viewport={"width": 390, "height": 844})
    page.get_by_role("contentinfo").get_by_role("link", name="API").click()
    page.locator(".opblock-tag").first.wait_for()
    page.evaluate(OPEN_ALL)
    routes = sum(len(methods) for methods in api.get_openapi_schema()["paths"].values())
    expect(page.locator(".opblock")).to_have_count(routes)
    expect(page.locator("html")).to_have_class("dark-mode")

    page.locator("[id$=own_find]").get_by_role("button", name="/api/v1/jobs").first.click()
    refusals = page.locator("[id$=own_find] .responses-table")
    expect(refusals).to_contain_text("6,000 requests")
    assert overflow(page) == 0
    page.get_by_role("banner").get_by_role("link", name="Access tokens").click()
    expect(page.get_by_role("heading", name="Access tokens")).to_be_visible()
    page.goto("/help/jobs/programs/")
    page.get_by_role("link", name="All routes").click()
    page.locator(".opblock-tag").first.wait_for()
