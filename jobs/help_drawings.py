"""The drawings of the help. Each is made of rows that its page prints as text, too."""

from typing import NamedTuple

from django.urls import reverse
from django.utils.safestring import SafeString

from jobs import definitions
from jobs.definitions import WorkflowKind
from jobs.diagram import SIGNS
from jobs.models import Status
from provena import diagrams

START = "START"
PLAIN = "PLAIN"  # the class of what has no state


class Change(NamedTuple):
    """A change of a job's state. `arrow` is written on the drawing; changes that share source,
    target and arrow are one there."""

    source: str
    target: str
    arrow: str
    when: str
    recorded: str


CHANGES = (
    Change(
        START,
        Status.PENDING,
        "submitted",
        "You or a program submit it, or the step before it in a workflow succeeds.",
        "its owner, its input and the time it was created",
    ),
    Change(
        Status.PENDING,
        Status.DEQUEUED,
        "taken",
        "A worker becomes free, and no older job of the queue is due.",
        "the time, and which worker took it",
    ),
    Change(
        Status.DEQUEUED,
        Status.IN_PROGRESS,
        "started",
        "That worker begins.",
        "the time, and that it is one attempt more",
    ),
    Change(
        Status.IN_PROGRESS,
        Status.SUCCEEDED,
        "done",
        "The work is complete.",
        "the time and the output, in one transaction with all that the job did",
    ),
    Change(
        Status.IN_PROGRESS,
        Status.FAILED,
        "failed",
        "The record is wrong, so that trying again cannot help; or the last attempt failed.",
        "the time, why, and an event; for administrators the traceback",
    ),
    Change(
        Status.IN_PROGRESS,
        Status.PENDING,
        "tried again",
        "An attempt failed and another is left: after a pause. Or its worker ended in the middle: "
        "at once.",
        "an event with the reason; for administrators the traceback",
    ),
    Change(
        Status.DEQUEUED,
        Status.PENDING,
        "given back",
        "The worker that took it ended before it began.",
        "nothing: no attempt was lost",
    ),
    Change(
        Status.FAILED,
        Status.PENDING,
        "Retry",
        "Somebody presses Retry, or an operator's command does.",
        "an event that says who",
    ),
    *(
        Change(
            source,
            Status.FAILED,
            "Cancel",
            "Somebody cancels it, or an operator's command does."
            + (
                " What it has done so far is rolled back, unless it works in pieces."
                if source == Status.IN_PROGRESS
                else " It never starts."
            ),
            "the time, and an event that says who, and what remains of it",
        )
        for source in (Status.PENDING, Status.DEQUEUED, Status.IN_PROGRESS)
    ),
)


class Leg(NamedTuple):
    """A leg of a job's way through the engine."""

    source: str
    target: str
    arrow: str
    told: str


PLACES = {
    "page": ("Page or command", "where you are"),
    "table": ("Job table", "the queue: its PENDING rows"),
    "pusher": ("Cluster", "one or many"),
    "worker": ("Worker", "runs one job at a time"),
}
WAY = (
    Leg(
        "page",
        "table",
        "1 submit",
        "A page, a command or another job writes one row, PENDING, in the same transaction as what "
        "the job is about: both are there, or neither is.",
    ),
    Leg(
        "table",
        "pusher",
        "2 wake",
        "The commit wakes an idle cluster, by NOTIFY on PostgreSQL and by a change of the database "
        "file on SQLite. If that is missed, it looks every second.",
    ),
    Leg(
        "pusher",
        "table",
        "3 take",
        "The cluster takes the oldest due rows off the queue in one statement, DEQUEUED, with a "
        "lease: until when they are its own. No two clusters get the same row.",
    ),
    Leg(
        "pusher",
        "worker",
        "4 id, attempt",
        "A worker of that cluster is told two numbers: which job, and how often it had been "
        "started.",
    ),
    Leg(
        "worker",
        "table",
        "5 start",
        "The worker starts it, IN_PROGRESS, if the row still says the same number, and raises that "
        "number by one. Otherwise the message is stale, and is dropped.",
    ),
    Leg(
        "worker",
        "table",
        "6 finish",
        "What the job changed, its SUCCEEDED and the next step of its workflow are one "
        "transaction, which is valid only while the number is still the worker's own.",
    ),
)
RACE = (
    Leg("first", "lost", "stops answering", "Worker A starts attempt 1 and stops answering."),
    Leg("lost", "second", "lease passes", "Its lease passes, and the job is PENDING again."),
    Leg("second", "done", "finishes", "Worker B starts attempt 2 and finishes: SUCCEEDED."),
    Leg(
        "lost",
        "refused",
        "comes back",
        "Worker A comes back and wants to finish attempt 1. The row says 2, so all it did is "
        "rolled back.",
    ),
)
MOMENTS = {
    "first": ("Worker A", "attempt 1", Status.IN_PROGRESS),
    "lost": ("Nobody knows", "is A slow, or dead?", PLAIN),
    "second": ("Worker B", "attempt 2", Status.IN_PROGRESS),
    "done": ("Recorded", "once, by B", Status.SUCCEEDED),
    "refused": ("Rolled back", "A has lost its claim", Status.FAILED),
}


def life() -> SafeString | None:
    """The five states and what leads from one to another."""
    graph = diagrams.graph(rankdir="TB", nodesep="0.4", ranksep="0.55")
    graph.attr("node", shape="box", style="rounded", width="1.75", height="0.6", fixedsize="true")
    graph.node(START, label="", shape="circle", width="0.18", height="0.18", **{"class": "start"})
    for status in Status:
        text = diagrams.label(f"{SIGNS[status]} {status}")
        href = f"#{status}"
        graph.node(status, label=text, href=href, **{"class": f"step {status}"})
    for change in CHANGES:
        ends = [change.source, change.target]
        label = f"  {change.arrow}  "
        if change.target == Status.PENDING and change.source != START:
            # Said the other way round, it does not disturb the order of the states.
            graph.edge(*reversed(ends), label=label, dir="back")
        else:
            graph.edge(*ends, label=label)
    return diagrams.svg(graph.source)


def engine() -> SafeString | None:
    """The way of a job from a page to a worker and back."""
    graph = diagrams.graph(rankdir="TB", nodesep="0.8", ranksep="0.7")
    graph.attr("node", shape="box", style="rounded", width="2.6", height="0.75", fixedsize="true")
    for name, lines in PLACES.items():
        shape = {"shape": "cylinder", "height": "1", "width": "3"} if name == "table" else {}
        colour = Status.PENDING if name == "table" else PLAIN
        graph.node(name, label=diagrams.label(*lines), **shape, **{"class": f"step {colour}"})
    for leg in WAY:
        graph.edge(leg.source, leg.target, label=f" {leg.arrow} ")
    return diagrams.svg(graph.source)


def race() -> SafeString | None:
    """Two workers with the same job: how one of them is fenced."""
    graph = diagrams.graph(rankdir="TB", nodesep="0.5", ranksep="0.5")
    graph.attr("node", shape="box", style="rounded", width="2.3", height="0.75", fixedsize="true")
    for name, (title, below, status) in MOMENTS.items():
        text = diagrams.label(title, below)
        graph.node(name, label=text, **{"class": f"step {status}"})
    for leg in RACE:
        graph.edge(leg.source, leg.target, label=f"  {leg.arrow}  ")
    return diagrams.svg(graph.source)


def workflow(kind: WorkflowKind) -> SafeString | None:
    """The steps of a workflow; each leads to the section about its kind of job."""
    graph = diagrams.graph(rankdir="TB", nodesep="0.2", ranksep="0.35")
    graph.attr("node", shape="box", style="rounded", width="3.7", height="0.8", fixedsize="true")
    for sub_type in kind.steps:
        text = diagrams.label(definitions.title_of(sub_type), sub_type)
        href = f"{reverse('help-page', args=['types'])}#{sub_type}"
        graph.node(sub_type, label=text, href=href, **{"class": f"step {PLAIN}"})
    for before, after in zip(kind.steps, kind.steps[1:], strict=False):
        graph.edge(before, after)
    return diagrams.svg(graph.source)
