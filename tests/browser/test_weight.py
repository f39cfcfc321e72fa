"""What a page costs over the wire: little at first, and no style, script or picture twice."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.pages import PAGES, SitePage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MOST = 150_000  # bytes, with headers, of all that a first visit to a page transfers
AT_REST = [page for page in PAGES if not page.then]


class Meter:
    """What the pages of one tab receive from the network; the browser's own cache sends nothing."""

    def __init__(self, page: Page) -> None:
        self.sizes: dict[str, float] = {}  # bytes of each address when it came over the wire
        self.used: set[str] = set()  # addresses of the present page
        self.again: list[str] = []  # static files that came over the wire although they had before
        self._addresses: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.on("Network.responseReceived", self._answered)
        session.on("Network.loadingFinished", self._finished)
        session.send("Network.enable")
        session.send("Network.clearBrowserCache")
        page.reload()

    @property
    def weight(self) -> float:
        """Bytes of a first visit to the present page. The icon, which browsers keep apart, may be
        missing."""
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, float]:
        return {address: self.sizes[address] for address in self.used if address in self.sizes}

    def turn(self) -> None:
        """Go on to another page."""
        self.used, self.again = set(), []

    def _answered(self, event: dict[str, Any]) -> None:
        self._addresses[event["requestId"]] = event["response"]["url"]

    def _finished(self, event: dict[str, Any]) -> None:
        address = self._addresses.get(event["requestId"])
        if not address or address.startswith("data:"):
            return
        self.used.add(address)
        is_static, is_from_cache = "/static/" in address, not event["encodedDataLength"]
        if address in self.sizes and is_static and not is_from_cache:
            self.again.append(address)
        if not is_from_cache:
            self.sizes[address] = event["encodedDataLength"]


@pytest.mark.timeout(600)
def test_a_first_visit_is_light_and_nothing_static_is_asked_for_twice(
    open_pages: Callable[..., Iterator[tuple[SitePage, Page]]],
) -> None:
    faults: list[str] = []
    meters: dict[Page, Meter] = {}
    cached = 0
    for wanted, page in open_pages(AT_REST):
        if page not in meters:
            meters[page] = Meter(page)
        meter = meters[page]
        assert any("/static/" in address for address in meter.used), f"{wanted.name}: not measured"
        if meter.weight > MOST:
            faults.append(f"{wanted.name}: {meter.weight:.0f} bytes: {meter.parts}")
        faults += [f"{wanted.name}: asks for {address} again" for address in meter.again]
        cached += len(meter.used)
        for each in meters.values():
            each.turn()
    assert cached > sum(len(meter.sizes) for meter in meters.values()), "Nothing came from caches."
    assert not faults, "\n".join(faults)
