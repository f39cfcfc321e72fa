"""No page breaks an accessibility rule that axe knows, in light or in dark."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page

from jobs.models import Batch, Job, Status
from registry.models import Item
from tests.browser.conftest import sign_in
from tests.conftest import drain
from tests.jobs.test_pages import make_job

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_on_any_page(
    open_page: Callable[..., Page],
    user: User,
    make_user: Callable[..., User],
    make_item: Callable[..., Item],
    admin_user: User,
    scheme: str,
    width: int,
) -> None:
    done = make_item(user)
    for number in range(14):
        make_item(user, display_name=f"A model with a long name, number {number} " + "x" * 60)
    drain()
    failed = Job.objects.filter(sub_type="LODGE_CREATE_ACTIVITY")[0]
    Job.objects.filter(pk=failed.pk).update(
        status=Status.FAILED,
        info="Person 10378.1/7 is gone.",
        result=None,
        finished_at=timezone.now(),
    )
    waiting = make_item(user)
    batch = Batch.objects.create(owner=user, title="Heat stress " + "x" * 80, total=2)
    for index, status in enumerate([Status.SUCCEEDED, Status.PENDING]):
        make_job(user, batch=batch, batch_index=index, status=status, queue="none")
    newcomer = make_user("new", linked=False)
    page = open_page(None, viewport={"width": width, "height": 900}, color_scheme=scheme)
    problems = check(page, ["/account/login/"])

    sign_in(page, user)
    problems += check(
        page,
        [
            "/",
            "/items/",
            "/items/?kind=VERSION",
            "/items/new/",
            "/items/new/model/",
            "/items/new/person/",
            done.get_absolute_url(),
            f"/item/{done.handle}/lineage/",
            f"/item/{waiting.handle}/lineage/",
            waiting.get_absolute_url(),
            "/jobs/",
            "/jobs/workers/",  # which is not for them
            batch.get_absolute_url(),
            failed.get_absolute_url(),
            waiting.creation_workflow.jobs.get().get_absolute_url(),
            "/account/",
            "/account/password/",
            "/nothing/",
        ],
    )
    page.goto("/items/new/model/")
    page.get_by_role("button", name="Register").click()
    problems += look(page, "a refused form")
    page.context.clear_cookies()
    sign_in(page, newcomer)
    problems += check(page, ["/", "/items/new/model/?x", "/jobs/", "/account/"])
    page.context.clear_cookies()
    sign_in(page, admin_user)
    problems += check(page, ["/jobs/workers/", failed.get_absolute_url(), "/jobs/"])
    assert not problems, "\n".join(problems)


def check(page: Page, addresses: list[str]) -> list[str]:
    """What axe finds at these addresses, and whether any is wider than the screen."""
    found = []
    for address in addresses:
        page.goto(address)
        found += look(page, address)
    return found


def look(page: Page, name: str) -> list[str]:
    """What axe finds on the page as it is now."""
    found = [
        f"{name}: {rule['id']}: {rule['help']}: {node['html'][:160]}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
    ]
    overflow = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return found + ([f"{name}: {overflow} px wider than the screen"] if overflow > 0 else [])
