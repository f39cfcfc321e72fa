"""A picture of each page, narrow to wide, light and dark; and what is wrong with any of them."""

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from jobs.models import Job
from tests.browser.conftest import ARGUMENTS, sign_in
from tests.conftest import CHROMIUM
from tests.pages import PAGES, SitePage, overflow
from tests.stack import Stack, wait_until
from tests.world import NOWHERE, furnish

WIDTHS = (390, 768, 1440)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
OUTPUT = settings.BASE_DIR / "var" / "screenshots"
PICTURES = settings.BASE_DIR / "static" / "screenshots"
PICTURE: ViewportSize = {"width": 1280, "height": 760}


def take_all(folder: Path, wanted: re.Pattern[str]) -> int:
    """Take pictures of the wanted pages into var/screenshots. Returns the exit code: 1 if a page
    does not answer as it should, is wider than the screen, or has an error in its console."""
    pages = [page for page in PAGES if wanted.search(page.name)]
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    with site(folder) as (address, places), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        photographer = Photographer(browser, address, places)
        for page in pages:
            photographer.take(page)
    for fault in photographer.faults:
        sys.stderr.write(f"{fault}\n")
    taken = f"{len(pages)} pages, {len(list(OUTPUT.iterdir()))} pictures in {OUTPUT}"
    sys.stdout.write(f"{taken}; {len(photographer.faults)} faults.\n")
    return 1 if photographer.faults or not pages else 0


@contextmanager
def site(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A running site with demo data: its address, and those of its things."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    (folder / "processes").mkdir()
    stack = Stack(folder / "processes", settings.STATIC_ROOT)
    try:
        stack.start_worker()
        places = furnish(settle)
        yield stack.start_web(), places
    finally:
        stack.stop()


def settle() -> None:
    """Wait until the worker has done what it can."""
    unfinished = Job.objects.unfinished().exclude(queue=NOWHERE)
    wait_until(lambda: not unfinished.exists(), "the worker does its jobs")


def is_right(said: str, page: SitePage) -> bool:
    """True where the browser calls an answer an error that is what the page should answer, or a
    form that was sent there to be refused."""
    refused = (str(page.status), "422" if page.then else "200")
    return said.startswith("Failed to load resource") and any(f" {n} (" in said for n in refused)


class Photographer:
    """Goes to pages as their users, takes their pictures, and notes their faults."""

    def __init__(self, browser: Browser, address: str, places: dict[str, str]) -> None:
        self.faults: list[str] = []
        self._browser, self._address, self._places = browser, address, places
        self._contexts: dict[str, BrowserContext] = {}

    def take(self, wanted: SitePage) -> None:
        """All pictures of one page."""
        page = self._context(wanted.who).new_page()
        said: list[str] = []
        page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        for width in WIDTHS:
            self._visit(page, wanted, width)
        if wanted.picture:
            page.set_viewport_size(PICTURE)
            page.emulate_media(color_scheme="light")
            page.screenshot(path=PICTURES / wanted.picture)
        page.close()
        self._note(wanted, *(text for text in dict.fromkeys(said) if not is_right(text, wanted)))

    def _visit(self, page: Page, wanted: SitePage, width: int) -> None:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="light")
        answer = page.goto(wanted.address.format(**self._places))
        if answer is None or answer.status != wanted.status:
            got = answer and answer.status
            self._note(wanted, f"answers {got} and not {wanted.status} at {page.url}")
        if wanted.then:
            wanted.then(page)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            file = OUTPUT / f"{wanted.name}-{width}-{scheme}.png"
            page.screenshot(path=file, full_page=True, animations="disabled")
        if (excess := overflow(page)) > 0:
            self._note(wanted, f"is {excess} px wider than a screen of {width} px")

    def _context(self, who: str) -> BrowserContext:
        if who not in self._contexts:
            context = self._browser.new_context(
                base_url=self._address, locale="en-AU", timezone_id="Australia/Brisbane"
            )
            context.set_default_timeout(20_000)
            if who:
                page = context.new_page()
                sign_in(page, User.objects.get(username=who), self._address)
                page.close()
            self._contexts[who] = context
        return self._contexts[who]

    def _note(self, wanted: SitePage, *faults: str) -> None:
        self.faults += [f"{wanted.name}: {fault}" for fault in faults]
