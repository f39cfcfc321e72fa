"""A real Chromium against the real server that all tests share. Each test has its own rows and its
own context."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.conftest import CHROMIUM, drain
from tests.pages import SitePage
from tests.world import furnish

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="package")  # one that idles for minutes takes more than a minute to close
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def open_page(
    browser: Browser, address: str, transactional_db: None
) -> Iterator[Callable[..., Page]]:
    """Open a page of the running site, signed in if a user is given. A script error or a breach of
    the content security policy fails the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            faults.append(message.text)

    def open_page(user: User | None = None, **options: Any) -> Page:
        context = browser.new_context(base_url=address, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", note)
        page.on("pageerror", lambda error: faults.append(str(error)))
        if user:
            sign_in(page, user, address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture
def open_pages(
    open_page: Callable[..., Page],
) -> Callable[..., Iterator[tuple[SitePage, Page]]]:
    """Go to one after another of the pages of the table, each as its user, on a furnished site."""
    places = furnish(drain)

    def visit(wanted: Iterable[SitePage], **options: Any) -> Iterator[tuple[SitePage, Page]]:
        open_for: dict[str, Page] = {}
        for one in wanted:
            if one.who not in open_for:
                user = User.objects.get(username=one.who) if one.who else None
                open_for[one.who] = open_page(user, **options)
            page = open_for[one.who]
            answer = page.goto(one.address.format(**places))
            assert answer, one.name
            assert answer.status == one.status, (one.name, page.url)
            if one.then and options.get("java_script_enabled", True):
                one.then(page)
            yield one, page

    return visit


def sign_in(page: Page, user: User, address: str) -> None:
    """Give the browser a session of the user, at the address of a site. That the form works is a
    test of its own."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": address}])
    page.goto("/")
