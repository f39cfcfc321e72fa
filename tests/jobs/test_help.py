"""The help on jobs: it answers, it is true, and its links lead somewhere."""

import contextlib
import html
import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.management import get_commands
from django.test import Client
from django.utils import timezone
from pydantic import Field
from pytest_django import DjangoAssertNumQueries

from jobs import definitions, help_drawings, help_views, lifecycle, queues
from jobs.definitions import Payload, PermanentError
from jobs.help_fields import fields_of
from jobs.models import MEANINGS, Job, JobEvent, Status
from jobs.worker import Run
from tests.jobs.test_operations import make_cluster
from tests.jobs.test_pages import make_job

pytestmark = pytest.mark.django_db

PAGES = [f"/help/jobs/{name}/" for name in help_views.PAGES]
LINK = re.compile(r'<a [^>]*?href="([^"]*)"')
PAST = timedelta(minutes=1)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test declares is forgotten after it."""
    registry = definitions._registry
    monkeypatch.setattr(registry, "jobs", dict(registry.jobs))
    monkeypatch.setattr(registry, "workflows", dict(registry.workflows))


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


@pytest.mark.parametrize("path", ["/help/", "/help/runs/", *PAGES])
def test_each_page_answers_at_the_same_cost_however_many_jobs_there_are(
    signed_in: Client,
    user: User,
    path: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for jobs in (0, 1, 40):
        for _ in range(jobs):
            make_job(user, started_at=timezone.now())
        # Session, user, and of one page the times and why nothing moves, of another administrators.
        with django_assert_max_num_queries(7):
            read(signed_in, path)


def test_help_is_for_who_is_signed_in(client: Client) -> None:
    for path in ("/help/", *PAGES):
        assert client.get(path)["Location"].startswith("/account/login/")


def test_an_unknown_page_is_not_found(signed_in: Client) -> None:
    assert signed_in.get("/help/jobs/nothing/").status_code == 404


def test_the_bar_leads_to_the_help_and_that_to_each_page(signed_in: Client) -> None:
    assert 'href="/help/"' in read(signed_in, "/jobs/")
    assert {*PAGES, "/help/runs/", "/help/kinds/"} <= set(LINK.findall(read(signed_in, "/help/")))


@pytest.mark.parametrize("is_staff", [False, True])
def test_every_link_of_the_help_leads_somewhere(
    client: Client, user: User, admin_client: Client, is_staff: bool
) -> None:
    client.force_login(user)
    reader = admin_client if is_staff else client
    seen: dict[str, str] = {}
    for path in ("/help/", "/help/kinds/", "/help/runs/", *PAGES):
        page = read(reader, path)
        for link in map(html.unescape, LINK.findall(page)):
            address, _, anchor = link.partition("#")
            assert not address or address.startswith("/"), f"{path} leads away: {link}"
            target = address or path
            if target not in seen:
                seen[target] = read(reader, target)
            assert not anchor or f'id="{anchor}"' in seen[target], f"{path}: {link}"
    assert len(seen) > len(PAGES)


@pytest.mark.parametrize("path", PAGES)
def test_headings_are_unique_and_make_the_contents(signed_in: Client, path: str) -> None:
    page = read(signed_in, path)
    text = page.partition("<article")[2].partition("</article>")[0]
    headings = re.findall(r"<h[23]([^>]*)>", text)
    anchors = re.findall(r'<h[23] id="([^"]+)"', text)
    assert len(headings) == len(anchors) == len(set(anchors)) > 0
    contents = page.partition('aria-label="On this page"')[2].partition("</nav>")[0]
    assert LINK.findall(contents) == [f"#{anchor}" for anchor in anchors]


def test_the_drawing_of_the_states_says_what_the_table_says(signed_in: Client) -> None:
    page = read(signed_in, "/help/jobs/life/")
    drawing = page.partition("<svg")[2].partition("</svg>")[0]
    assert drawing.count('class="edge"') == len(help_drawings.CHANGES)
    for change in help_drawings.CHANGES:
        assert change.arrow in drawing
        assert html.escape(change.when) in page
        assert html.escape(change.recorded) in page
    for status in Status:
        assert f'class="node step {status}"' in drawing
        assert MEANINGS[status] in page


def test_the_drawings_of_the_engine_have_their_legs_as_text(signed_in: Client) -> None:
    page = read(signed_in, "/help/jobs/engine/")
    for leg in (*help_drawings.WAY, *help_drawings.RACE):
        assert leg.arrow in page
        assert html.escape(leg.told) in page


OPERATIONS: dict[str, Callable[[Job, User], object]] = {
    "claim": lambda job, user: lifecycle.claim("provena", 8),
    "start": lambda job, user: lifecycle.start(job.pk, job.attempt, 60),
    "succeed": lambda job, user: lifecycle.succeed(job, None),
    "fail for good": lambda job, user: lifecycle.fail(job, PermanentError("No")),
    "fail": lambda job, user: lifecycle.fail(job, ValueError("No")),
    "sweep": lambda job, user: lifecycle.sweep(),
    "retry": lambda job, user: lifecycle.retry(job, by=user),
    "cancel": lambda job, user: lifecycle.cancel(job, by=user),
}


def test_the_help_knows_every_change_of_a_state_and_no_other(user: User) -> None:
    happened = {(help_drawings.START, Status.PENDING)}
    for status in Status:
        for operate in OPERATIONS.values():
            JobEvent.objects.all().delete()
            Job.objects.all().delete()
            lease = timezone.now() - PAST
            info = "No" if status == Status.FAILED else ""
            job = make_job(
                user,
                sub_type="LODGE_CREATE_ACTIVITY",  # which gives back nothing
                status=status,
                attempt=1,
                lease_until=lease,
                info=info,
            )
            with contextlib.suppress(lifecycle.NotPossible, lifecycle.Fenced):
                operate(job, user)
            now = Status(Job.objects.get(pk=job.pk).status)
            if now != status:
                happened.add((status, now))
    assert happened == {(change.source, change.target) for change in help_drawings.CHANGES}


def test_each_kind_of_job_says_what_it_does_and_what_starts_it(signed_in: Client) -> None:
    page = html.unescape(read(signed_in, "/help/jobs/types/"))
    workflows = definitions.workflow_kinds()
    ours = [kind for kind in definitions.job_kinds() if kind.handler.__module__[:9] == "registry."]
    assert ours
    for kind in ours:
        explained = help_views._explain(kind, workflows)
        assert kind.purpose
        assert explained.starts
        section = page.partition(f'id="{kind.sub_type}"')[2].partition("</section>")[0]
        for told in (kind.title, kind.purpose, kind.type, *explained.starts):
            assert told in section
        for field in (*explained.takes, *explained.gives):
            assert f"<code>{field.name}</code>" in section


def test_a_kind_that_is_added_stands_in_the_help(signed_in: Client, declared: None) -> None:
    @definitions.job(
        type="REEFS",
        sub_type="COUNT_REEFS",
        title="Count Reefs",
        payload=Sample,
        max_attempts=7,
        timeout=123,
        queue="slow",
        started_by="a diver",
    )
    def count_reefs(run: Run, payload: Sample) -> None:
        """Count the reefs
        of a map.

        This is for programmers.
        """

    definitions.workflow(
        name="REEFS", title="Reef workflow", purpose="Counts.", steps=["COUNT_REEFS"]
    )
    page = read(signed_in, "/help/jobs/types/")
    section = page.partition('id="COUNT_REEFS"')[2].partition("</section>")[0]
    for told in ("Count the reefs of a map.", "at most 7", "123 s", "slow", "a diver", "#REEFS"):
        assert told in section
    assert "for programmers" not in section
    assert "Reef workflow" in page


class Part(Payload):
    depth: float


class Sample(Payload):
    """Of everything that a field may be."""

    name: str = Field(description="What it is called.")
    id: UUID
    count: int | None = None
    part: Part
    parts: list[Part] = []
    notes: dict[str, str] = {}


def test_fields_are_told_in_words() -> None:
    assert [tuple(field) for field in fields_of(Sample)] == [
        ("name", "text", True, "What it is called."),
        ("id", "UUID", True, ""),
        ("count", "whole number or nothing", False, ""),
        ("part", "object", True, ""),
        ("part.depth", "number", True, ""),
        ("parts", "list of: object", False, ""),
        ("parts.depth", "number", True, ""),
        ("notes", "object", False, ""),
    ]


def test_kinds_that_keep_what_they_have_done_are_named(signed_in: Client) -> None:
    life = read(signed_in, "/help/jobs/life/").partition('id="pieces"')[2].partition("<h2")[0]
    types = read(signed_in, "/help/jobs/types/")
    for kind in definitions.job_kinds():
        section = types.partition(f'id="{kind.sub_type}"')[2].partition("</section>")[0]
        assert (kind.title in life) == ("stays" in section) == kind.in_pieces


def test_a_paused_queue_is_told_where_people_ask_how_long_it_takes(
    signed_in: Client, admin_user: User
) -> None:
    make_cluster()
    assert "paused queue" not in read(signed_in, "/help/jobs/waiting/")
    queues.pause("provena", by=admin_user, reason="The disk is full.")
    assert "admin paused queue provena" in read(signed_in, "/help/jobs/waiting/")


def test_every_command_of_the_engine_is_explained(signed_in: Client) -> None:
    page = read(signed_in, "/help/jobs/programs/")
    for name in (name for name, app in get_commands().items() if app == "jobs"):
        assert f'<h3 id="{name}">' in page
    assert "<code>--older-than</code>" in page
    assert "--skip-checks" not in page


def test_the_example_is_shown_whole(signed_in: Client) -> None:
    page = read(signed_in, "/help/jobs/new-type/")
    shown = dict(re.findall(r'data-file="([^"]+)">(.*?)</pre>', page, re.DOTALL))
    files = {
        str(path.relative_to(help_views.EXAMPLE.parent)): path.read_text()
        for path in help_views.EXAMPLE.rglob("*.py")
    }
    assert {name: html.unescape(text) for name, text in shown.items()} == {
        name: text for name, text in files.items() if text
    }
