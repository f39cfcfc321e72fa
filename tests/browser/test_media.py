"""Paper, colours of the reader's own, and less motion."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from registry.models import Item

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

STYLE = "(element, [property, part]) => getComputedStyle(element, part)[property]"


def test_paper_has_what_the_page_says_and_nothing_to_press(
    open_page: Callable[..., Page], user: User, make_item: Callable[..., Item]
) -> None:
    page = open_page(user)
    page.goto(make_item(user).get_absolute_url())
    page.emulate_media(media="print", color_scheme="light")
    expect(page.get_by_text("Larval dispersal")).to_be_visible()
    expect(page.locator("summary .state")).to_be_visible()
    for pressed in page.locator("button, .btn, nav a, footer a").all():
        expect(pressed).not_to_be_visible()


def test_a_state_is_a_shape_and_a_word_where_colours_are_taken_away(
    open_page: Callable[..., Page], user: User, make_item: Callable[..., Item]
) -> None:
    page = open_page(user)
    page.goto(make_item(user).get_absolute_url())
    page.emulate_media(forced_colors="active")
    state = page.locator("summary .state")
    expect(state).to_have_text("PENDING")
    assert "○" in state.evaluate(STYLE, ["content", "::before"])
    assert state.evaluate(STYLE, ["outlineColor", None]) == state.evaluate(STYLE, ["color", None])
    assert state.evaluate(STYLE, ["outlineStyle", None]) == "solid"
    here = page.locator("nav.tabs [aria-current]")
    other = page.locator("nav.tabs a:not([aria-current])").first
    edge = ["borderBottomColor", None]
    assert here.evaluate(STYLE, edge) != other.evaluate(STYLE, edge)


def test_nothing_moves_for_who_wants_no_motion(
    open_page: Callable[..., Page], user: User, make_item: Callable[..., Item]
) -> None:
    page = open_page(user)
    page.goto(make_item(user).get_absolute_url())
    assert page.evaluate("document.getAnimations().length") > 0
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_function("document.getAnimations().length === 0")
