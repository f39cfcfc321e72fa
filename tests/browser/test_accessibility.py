"""No page breaks an accessibility rule that axe knows, in light or in dark, wide or narrow."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

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

SIZES: tuple[ViewportSize, ...] = ({"width": 1280, "height": 900}, {"width": 390, "height": 900})
OpenPages = Callable[..., Iterator[tuple[SitePage, Page]]]
OURS = [page for page in PAGES if page.is_ours]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", SIZES, ids=["wide", "narrow"])
def test_axe_finds_nothing_on_any_page(open_pages: OpenPages, size: ViewportSize) -> None:
    problems: list[str] = []
    for wanted, page in open_pages(OURS, viewport=size):
        page.emulate_media(color_scheme="light")
        problems += look(page, f"{wanted.name}, light")
        page.emulate_media(color_scheme="dark")
        problems += look(page, f"{wanted.name}, dark", runOnly=["color-contrast"])
        if (excess := overflow(page)) > 0:
            problems.append(f"{wanted.name}: {excess} px wider than the screen")
    assert not problems, "\n".join(problems)


def look(page: Page, name: str, **options: Any) -> list[str]:
    """What axe finds on the page as it is now. In the dark nothing differs but the colours."""
    return [
        f"{name}: {rule['id']}: {rule['help']}: {node['html'][:160]}"
        for rule in Axe().run(page, options=options or None).response["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_on_any_page_of_operators(
    open_page: Callable[..., Page], user: User, admin_user: User, scheme: str, width: int
) -> None:
    crowd(admin_user, 60, 1)
    make_batch(admin_user, "FAILED", "PENDING")
    cluster = make_cluster(host="reef-with-a-long-name.example.org")
    make_cluster(pid=2, beat_at=timezone.now() - timedelta(minutes=2))
    make_job(user, status=Status.IN_PROGRESS, worker=f"{cluster.pk}:1", started_at=timezone.now())
    make_job(user, status=Status.PENDING, queue="gone")
    roll_all()
    QueuePause.objects.create(queue="provena", by=admin_user, reason="Moving " + "x" * 90)
    page = open_page(admin_user, viewport={"width": width, "height": 900}, color_scheme=scheme)
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
