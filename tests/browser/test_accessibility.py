"""No page breaks an accessibility rule that axe knows, in light or in dark, wide or narrow."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, ViewportSize

from jobs.models import QueuePause, Status
from tests.jobs.test_batches import make_batch
from tests.jobs.test_operations import make_cluster
from tests.jobs.test_pages import make_job
from tests.jobs.test_tallies import crowd, roll_all
from tests.pages import PAGES, SitePage, overflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NARROW: ViewportSize = {"width": 390, "height": 900}
WIDE: ViewportSize = {"width": 1280, "height": 900}
SCHEMES: tuple[tuple[Literal["light", "dark"], dict[str, Any]], ...] = (
    ("light", {}),
    ("dark", {"runOnly": ["color-contrast"]}),
)
OpenPages = Callable[..., Iterator[tuple[SitePage, Page]]]
OURS = [page for page in PAGES if page.is_ours]
AXE = Axe().axe_script
# To tell what passed, too, takes axe two or three times as long.
RUN = "options => axe.run(options).then((told) => told.violations)"
BRIEF = {"resultTypes": ["violations"]}


@pytest.mark.timeout(900)
def test_axe_finds_nothing_on_any_page(open_pages: OpenPages) -> None:
    problems: list[str] = []
    for wanted, page in open_pages(OURS, viewport=NARROW):
        problems += look(page, wanted.name)
    assert not problems, "\n".join(problems)


def look(page: Page, name: str) -> list[str]:
    """What is wrong with a page that was opened narrow: so, and then wide; in light and in dark,
    where nothing differs but the colours."""
    found = []
    for size in (NARROW, WIDE):
        page.set_viewport_size(size)
        for scheme, options in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            where = f"{name}, {size['width']} px, {scheme}"
            found += [f"{where}: {fault}" for fault in faults(page, options)]
        if (excess := overflow(page)) > 0:
            found.append(f"{name}: {excess} px wider than a screen of {size['width']} px")
    page.set_viewport_size(NARROW)
    return found


def faults(page: Page, options: dict[str, Any]) -> list[str]:
    """The rules that axe finds broken on the page as it is now, and the elements that do."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:160]}"
        for rule in page.evaluate(RUN, BRIEF | options)
        for node in rule["nodes"]
    ]


def test_axe_finds_nothing_on_any_page_of_operators(
    open_page: Callable[..., Page], user: User, admin_user: User
) -> None:
    crowd(admin_user, 60, 1)
    make_batch(admin_user, "FAILED", "PENDING")
    cluster = make_cluster(host="reef-with-a-long-name.example.org")
    make_cluster(pid=2, beat_at=timezone.now() - timedelta(minutes=2))
    make_job(user, status=Status.IN_PROGRESS, worker=f"{cluster.pk}:1", started_at=timezone.now())
    make_job(user, status=Status.PENDING, queue="gone")
    roll_all()
    QueuePause.objects.create(queue="provena", by=admin_user, reason="Moving " + "x" * 90)
    page = open_page(admin_user, viewport=NARROW)
    queue = "/jobs/workers/queue/provena/"
    problems = check(page, "/", "/jobs/workers/", queue)
    page.goto("/jobs/workers/")
    page.get_by_role("region", name="The last hour").get_by_text("The figures").click()
    problems += look(page, "the figures of a chart")
    QueuePause.objects.update(ended_at=timezone.now())
    problems += check(page, "/jobs/workers/", queue, "/jobs/workers/wake-up/")
    page.get_by_role("button", name="Launch").click()
    page.get_by_role("region", name="What was launched").wait_for()
    problems += look(page, "wake-ups under way")
    assert not problems, "\n".join(problems)


def check(page: Page, *addresses: str) -> list[str]:
    """What axe finds at these addresses."""
    found = []
    for address in addresses:
        page.goto(address)
        found += look(page, address)
    return found
