"""No page breaks an accessibility rule that axe knows, in light or in dark."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page

from jobs import help_views, lifecycle
from jobs.models import Batch, Job, QueuePause, Status
from registry import services
from registry.model_runs import services as runs
from registry.model_runs import sheets
from registry.models import Group, Item
from tests.browser.conftest import sign_in
from tests.conftest import MODEL, drain
from tests.jobs.test_batches import make_batch
from tests.jobs.test_operations import make_cluster
from tests.jobs.test_pages import make_job
from tests.jobs.test_tallies import crowd, roll_all
from tests.registry.model_runs.tables import load_rows, row_of
from tests.registry.runs import Workflow, workflow

__all__ = ["workflow"]

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
    rows = make_batch(user, "SUCCEEDED", "FAILED", "IN_PROGRESS", "DEQUEUED", "PENDING")
    newcomer = make_user("new", linked=False)
    hidden = make_item(user, display_name="Hidden")
    services.change_access(handle=hidden.handle, general=[], groups={}, by=user)
    person = services.person_of(user)
    page = open_page(None, viewport={"width": width, "height": 900}, color_scheme=scheme)
    problems = check(page, ["/account/login/"])

    superseded = make_item(user, display_name="An old version")
    services.create_version(handle=superseded.handle, reason="New " * 60, by=user)
    services.update(
        handle=superseded.handle,
        subtype="MODEL",
        content=MODEL | {"description": "Changed " + "x" * 120},
        reason="Long",
        by=user,
    )
    services.lock(handle=superseded.handle, reason="Published", by=user)
    group = Group.objects.create(slug="reef", display_name="Reef team", description="x" * 90)
    group.members.add(user)
    services.change_access(
        handle=superseded.handle,
        general=["metadata-read"],
        groups={"reef": ["metadata-write"]},
        by=user,
    )
    dataset = make_item(user, subtype="DATASET")
    sign_in(page, user)
    life = [
        "",
        "history/",
        "history/1/",
        "versions/",
        "activity/",
        "settings/",
        "lineage/",
        "prov/",
    ]
    problems += check(page, [f"/item/{superseded.handle}/{part}" for part in life])
    problems += check(
        page,
        [
            "/",
            "/items/",
            "/items/?sort=name&owner=me",
            "/items/?q=model",
            "/items/?q=qqzzqq",
            "/groups/",
            "/help/kinds/",
            "/help/",
            *(f"/help/jobs/{name}/" for name in help_views.PAGES),
            "/items/new/dataset/",
            "/items/new/model_run_workflow_template/",
            f"/items/new/dataset/?from={dataset.handle}",
            dataset.get_absolute_url(),
            f"/item/{dataset.handle}/edit/",
            f"/item/{dataset.handle}/versions/new/",
            "/items/?kind=VERSION",
            "/items/new/",
            "/items/new/model/",
            "/items/new/person/",
            done.get_absolute_url(),
            f"/item/{done.handle}/lineage/",
            f"/item/{waiting.handle}/lineage/",
            f"/item/{person.handle}/lineage/?query=downstream&depth=4&most=250",
            f"/item/{done.handle}/lineage/?query=upstream&kind=PERSON",
            f"/item/{done.handle}/lineage/?query=effected_datasets",
            f"/item/{done.handle}/lineage/?depth=11",
            waiting.get_absolute_url(),
            "/jobs/",
            "/jobs/?status=FAILED&status=PENDING&batch=none&text=Person",
            "/jobs/?status=BROKEN",
            "/jobs/?text=nowhere",
            "/jobs/workers/",  # which is not for them
            batch.get_absolute_url(),
            rows.get_absolute_url(),
            f"{rows.get_absolute_url()}?status=FAILED&q=nothing",
            f"{rows.get_absolute_url()}retry/",
            failed.get_absolute_url(),
            waiting.creation_workflow.jobs.get().get_absolute_url(),
            "/account/",
            "/account/password/",
            "/nothing/",
        ],
    )
    page.goto(f"/item/{done.handle}/lineage/")
    page.locator("#drawing .node").first.click()
    problems += look(page, "a chosen item of a drawing")
    page.goto("/items/new/dataset/")
    page.get_by_role("button", name="Add a row to Keywords").click()
    page.get_by_role("button", name="Remove row 1").wait_for()
    page.get_by_role("button", name="Register", exact=True).click()
    problems += look(page, "a refused form")
    page.goto("/items/new/model_run_workflow_template/")
    page.get_by_role("combobox", name="Model").press_sequentially("mod")
    page.get_by_role("option").first.wait_for()
    problems += look(page, "a picker with its options")
    page.context.clear_cookies()
    sign_in(page, make_user("ben"))
    problems += check(page, [f"/item/{hidden.handle}/", f"/item/{person.handle}/lineage/"])
    page.context.clear_cookies()
    sign_in(page, newcomer)
    problems += check(page, ["/", "/items/new/model/?x", "/jobs/", "/account/"])
    page.context.clear_cookies()
    sign_in(page, admin_user)
    problems += check(page, ["/jobs/workers/", failed.get_absolute_url(), "/jobs/"])
    problems += check(page, [f"/item/{dataset.handle}/delete/", f"/item/{person.handle}/delete/"])
    assert not problems, "\n".join(problems)


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
    problems = check(page, ["/", "/jobs/workers/", queue])
    page.goto("/jobs/workers/")
    page.get_by_role("region", name="The last hour").get_by_text("The figures").click()
    problems += look(page, "the figures of a chart")
    QueuePause.objects.update(ended_at=timezone.now())
    problems += check(page, ["/jobs/workers/", queue, "/jobs/workers/wake-up/"])
    page.get_by_role("button", name="Launch").click()
    page.get_by_role("region", name="What was launched").wait_for()
    problems += look(page, "wake-ups under way")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_on_any_page_of_model_runs(
    open_page: Callable[..., Page],
    user: User,
    make_item: Callable[..., Item],
    workflow: Workflow,
    scheme: str,
    width: int,
) -> None:
    runs.register(record=workflow.record(study_id=None), owner=user)
    drain()
    run = Item.objects.get(subtype="MODEL_RUN")
    failed = runs.register(record=workflow.record(display_name="Failed " + "x" * 80), owner=user)
    Item.objects.filter(pk=workflow.study.pk).update(is_complete=False)
    drain()
    Item.objects.filter(pk=workflow.study.pk).update(is_complete=True)
    bad = {"agent id": "", "study id": "x" * 90, "description": "y" * 200}
    rows = [
        row_of(workflow, user, cells=bad, display_name=f"Run {number} " + "x" * 60)
        for number in range(27)
    ]
    good = row_of(workflow, user)
    cancelled = load_rows(workflow, user, good, good, row_of(workflow, user, study_id=None))
    sheet = load_rows(workflow, user, *rows, good, row_of(workflow, user, study_id=None))
    launch = sheets.submit(sheet=cancelled, by=user).job
    assert launch
    page = open_page(user, viewport={"width": width, "height": 900}, color_scheme=scheme)
    waiting = f"/runs/jobs/{launch.session_id}/"
    problems = check(page, [waiting])
    lifecycle.cancel(launch, by=user)
    of = f"/runs/of/{workflow.template.handle}/"
    problems += check(
        page,
        [
            "/runs/new/",
            "/runs/new/?template=10378.1/9",
            of,
            f"{of}new/",
            f"{of}new/?from={run.handle}",
            waiting,
            f"/runs/jobs/{failed.session_id}/",
            "/runs/sheets/",
            sheet.get_absolute_url(),
            f"{sheet.get_absolute_url()}?state=",
            f"{sheet.get_absolute_url()}?state=EXISTING",
            f"{sheet.get_absolute_url()}rows/2/",
            cancelled.get_absolute_url(),
            run.get_absolute_url(),
            f"/runs/{run.handle}/edit/",
            f"/runs/{run.handle}/study/",
        ],
    )
    page.goto(f"{of}new/")
    page.get_by_role("button", name="Register", exact=True).last.click()
    problems += look(page, "a refused run")
    page.goto("/runs/sheets/")
    file: Any = {"name": "x.csv", "mimeType": "text/csv", "buffer": b"a,b"}
    page.get_by_label("CSV file").set_input_files(files=[file])
    page.get_by_role("button", name="Upload and check").click()
    problems += look(page, "a refused table")
    page.goto(sheet.get_absolute_url())
    page.get_by_role("link", name="Load More").click()
    page.get_by_role("link", name="Mend row 28").wait_for()
    problems += look(page, "more rows of a table")
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
