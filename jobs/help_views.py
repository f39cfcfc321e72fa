"""The help on jobs. What changes, such as the kinds of jobs, is read from where it is declared."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import DjangoHelpFormatter
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.html import strip_tags
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from jobs import contact, definitions, health, help_drawings, lifecycle, timings
from jobs.definitions import JobKind, WorkflowKind
from jobs.help_fields import Field, fields_of
from jobs.models import MEANINGS, Status
from provena.http import HtmxRequest

EXAMPLE = settings.BASE_DIR / "examples" / "tides"
HEADING = re.compile(r'<(h[23]) id="([^"]+)">(.*?)</\1>', re.DOTALL)
ADVICE = {
    Status.PENDING: "You can cancel it.",
    Status.DEQUEUED: "That takes milliseconds. You can still cancel it.",
    Status.IN_PROGRESS: "You can still cancel it: what it has done so far is then rolled back, "
    "unless it works in pieces.",
    Status.SUCCEEDED: "That is final. What it gave back is on its page, under Output.",
    Status.FAILED: "Its page says why. You can retry it.",
}


@dataclass(frozen=True)
class Page:
    """A page of the help. Its text is the template `help/_<name>.html`, whose headings with an id
    make its contents list."""

    name: str
    title: str
    about: str
    context: Callable[[], dict[str, Any]] = dict


class Entry(NamedTuple):
    """A line of a contents list."""

    level: str
    anchor: str
    title: str


class KindHelp(NamedTuple):
    """What the help says of a kind of job. `starts` completes "It is started by ..."."""

    kind: JobKind
    starts: list[str]
    workflows: list[WorkflowKind]
    takes: list[Field]
    gives: list[Field]


class CommandHelp(NamedTuple):
    """A command, with (name, text) of each of its own options."""

    name: str
    text: str
    options: list[tuple[str, str]]


class File(NamedTuple):
    name: str
    text: str


@require_safe
def index(request: HtmxRequest) -> HttpResponse:
    """All pages of the help."""
    return render(request, "help/index.html", {"groups": GROUPS})


@require_safe
def page(request: HtmxRequest, name: str) -> HttpResponse:
    """One page: its text, with a contents list made of its headings."""
    shown = PAGES.get(name)
    if shown is None:
        raise Http404("The help has no such page.")
    return show(request, shown)


def show(request: HtmxRequest, shown: Page) -> HttpResponse:
    """A page of the help, of this app or of another that has one to add."""
    body = render_to_string(f"help/_{shown.name}.html", shown.context(), request)
    contents = [
        Entry(level, anchor, strip_tags(title).strip())
        for level, anchor, title in HEADING.findall(body)
    ]
    linked = HEADING.sub(r'<\1 id="\2"><a href="#\2">\3</a></\1>', body)
    context = {
        "page": shown,
        "contents": contents,
        "body": mark_safe(linked),  # noqa: S308 - a rendered template of ours
        "groups": GROUPS,
    }
    return render(request, "help/page.html", context)


def _life() -> dict[str, Any]:
    return {
        "drawing": help_drawings.life(),
        "states": [(status, MEANINGS[status], ADVICE[status]) for status in Status],
        "changes": help_drawings.CHANGES,
        "in_pieces": [kind for kind in definitions.job_kinds() if kind.in_pieces],
        **_numbers(),
    }


def _trouble() -> dict[str, Any]:
    return {"contact": contact.administrators(), **_numbers()}


def _types() -> dict[str, Any]:
    workflows = definitions.workflow_kinds()
    return {
        "workflows": [
            {
                "kind": kind,
                "drawing": help_drawings.workflow(kind),
                "steps": [(step, definitions.title_of(step)) for step in kind.steps],
            }
            for kind in workflows
        ],
        "kinds": [_explain(kind, workflows) for kind in definitions.job_kinds()],
    }


def _explain(kind: JobKind, workflows: list[WorkflowKind]) -> KindHelp:
    its_own = [flow for flow in workflows if kind.sub_type in flow.steps]
    starts = [start for flow in its_own if (start := _start_in(flow, kind.sub_type))]
    return KindHelp(
        kind=kind,
        starts=[kind.started_by, *starts] if kind.started_by else starts,
        workflows=its_own,
        takes=fields_of(kind.payload),
        gives=fields_of(kind.result),
    )


def _start_in(flow: WorkflowKind, step: str) -> str:
    """What starts that step of a workflow; empty for a first one of which nobody has said it."""
    number = flow.steps.index(step)
    if number == 0:
        return flow.started_by
    return f"the step before it, {definitions.title_of(flow.steps[number - 1])}"


def _numbers() -> dict[str, Any]:
    """The engine's own figures, in seconds."""
    return {
        "lease_margin": lifecycle.LEASE_MARGIN,
        "dequeued_lease": lifecycle.DEQUEUED_LEASE,
        "backoff_first": int(lifecycle.BACKOFF_FIRST),
        "backoff_longest": int(lifecycle.BACKOFF_LONGEST),
    }


def _engine() -> dict[str, Any]:
    return {
        "drawing": help_drawings.engine(),
        "way": help_drawings.WAY,
        "race_drawing": help_drawings.race(),
        "race": help_drawings.RACE,
        **_numbers(),
    }


def _waiting() -> dict[str, Any]:
    return {
        "timings": timings.look(),
        "sample": timings.SAMPLE,
        "standing": health.brief(lately=False).standing,
        **_numbers(),
    }


def _programs() -> dict[str, Any]:
    names = sorted(name for name, app in get_commands().items() if app == "jobs")
    return {"commands": [command_of("jobs", name) for name in names]}


def command_of(app: str, name: str) -> CommandHelp:
    """What a command of that app says of itself."""
    command = load_command_class(app, name)
    parser = command.create_parser("manage.py", name)
    own = [
        action
        for action in parser._actions  # noqa: SLF001 - argparse tells them in no other way
        if not DjangoHelpFormatter.show_last & set(action.option_strings) and action.dest != "help"
    ]
    options = [
        (", ".join(action.option_strings) or action.dest, action.help or "") for action in own
    ]
    return CommandHelp(name, str(command.help), options)


def _new_type() -> dict[str, Any]:
    return {"files": {file.name.rpartition("/")[2][:-3]: file for file in _example()}}


def _example() -> Iterator[File]:
    """The files of the example that have a content, as they are."""
    for path in sorted(EXAMPLE.rglob("*.py")):
        if text := path.read_text():
            yield File(str(path.relative_to(EXAMPLE.parent)), text)


GROUPS = {
    "Your jobs": (
        Page(
            "life",
            "Life of a job",
            "The five states, what leads from one to another, and what is recorded when.",
            _life,
        ),
        Page(
            "viewing",
            "Viewing jobs",
            "Where to see them: the Jobs tab, the page of a job, of a batch and of an item.",
        ),
        Page(
            "trouble",
            "If something goes wrong",
            "A job failed, or does not move: what it means, what is safe, and whom to tell what.",
            _trouble,
        ),
        Page(
            "waiting",
            "How long jobs take",
            "How long they wait and run, as measured on this site, and what makes it longer.",
            _waiting,
        ),
        Page(
            "types",
            "Types of jobs",
            "Everything that is done in the background here: what it does, takes and gives back.",
            _types,
        ),
    ),
    "For programs and programmers": (
        Page(
            "engine",
            "How jobs run",
            "The queue, workers, leases and attempts; why nothing is lost and nothing done twice.",
            _engine,
        ),
        Page(
            "programs",
            "Jobs for programs",
            "Commands that list, follow, retry and cancel jobs, with their options.",
            _programs,
        ),
        Page(
            "new-type",
            "Make a new type of job",
            "A complete example to copy: two steps, a command that starts them, and their test.",
            _new_type,
        ),
    ),
}
PAGES = {shown.name: shown for pages in GROUPS.values() for shown in pages}
