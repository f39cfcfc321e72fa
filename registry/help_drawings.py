"""The drawing of the help on model runs, made of rows that its page prints as text, too."""

from typing import NamedTuple

from django.utils.safestring import SafeString

from jobs.models import Status
from provena import diagrams
from registry.models import SheetRow

State = SheetRow.State
PLAIN = "PLAIN"  # the class of what has no state


class Leg(NamedTuple):
    """A leg of a table's way, from the file to the runs."""

    source: str
    target: str
    arrow: str
    told: str
    is_back: bool = False  # drawn against the order of the others


PLACES = {
    "template": ("CSV template", "one header, no rows", PLAIN),
    "filled": ("Your table", "one run a row", PLAIN),
    "checked": ("Checked table", "nothing is registered yet", Status.PENDING),
    "faulty": ("Faulty rows", "each says what is wrong", Status.FAILED),
    "existing": ("Existing rows", "left out", PLAIN),
    "batch": ("Batch", "a job for each run", Status.IN_PROGRESS),
    "failed": ("Failed jobs", "each says why", Status.FAILED),
    "runs": ("Model runs", "with ids and provenance", Status.SUCCEEDED),
}
WAY = (
    Leg(
        "template",
        "filled",
        "1 fill in",
        "Download the CSV template of the workflow, or the one with an example row, and fill in "
        "one run a row in any spreadsheet. The page that offers it explains each column.",
    ),
    Leg(
        "filled",
        "checked",
        "2 upload",
        "Upload it. Every row is checked in full: how it is written, and whether each item that it "
        "names is there and may be named. Nothing is registered.",
    ),
    Leg(
        "checked",
        "faulty",
        "faults",
        "Rows with a fault wait, with what is wrong at each cell. The others "
        "need not wait for them.",
    ),
    Leg(
        "faulty",
        "checked",
        "3 mend",
        "Mend them one by one on their pages, or download them, mend them in the spreadsheet and "
        "upload that: they go on in the new table, and the first one says where.",
        is_back=True,
    ),
    Leg(
        "checked",
        "existing",
        "there already",
        "Rows that were registered before, by any table or form of yours, are left out, unless you "
        "say that they are to be registered once more.",
    ),
    Leg(
        "checked",
        "batch",
        "4 register",
        "Press Register: the rows that are right become a batch, with a job for each run. You can "
        "follow it, or leave; jobs do not need you.",
    ),
    Leg(
        "batch",
        "runs",
        "succeed",
        "Each job makes its run, with an id of its own, and writes its provenance.",
    ),
    Leg(
        "batch",
        "failed",
        "fail",
        "A job checks its run once more. It fails if that is no longer right, because an item was "
        "deleted meanwhile, say.",
    ),
    Leg(
        "failed",
        "batch",
        "5 retry",
        "Retry what failed for a reason that is gone; mend what is wrong in itself. A job that was "
        "mended is not retried any more: the new one has taken its place.",
        is_back=True,
    ),
)
ROW_STATES = (
    (State.FAULTY, "Something in it must be mended before it can be registered."),
    (State.NEW, "It is right, and nothing like it is registered yet."),
    (State.EXISTING, "There is a run, or a job, that says exactly the same. It is left out."),
    (
        State.RETRY,
        "Its job in a batch failed, and it says the same as then: that job is tried again.",
    ),
    (State.SUBMITTED, "It went into a batch, which tells what became of it."),
    (
        State.MOVED,
        "It was faulty, and goes on in the table that you uploaded to mend it.",
    ),
)


def table() -> SafeString | None:
    """The way of a table of runs, from its template to what was registered."""
    graph = diagrams.graph(rankdir="TB", nodesep="0.5", ranksep="0.5")
    graph.attr("node", shape="box", style="rounded", width="2.5", height="0.75", fixedsize="true")
    for name, (title, below, colour) in PLACES.items():
        graph.node(name, label=diagrams.label(title, below), **{"class": f"step {colour}"})
    for leg in WAY:
        if leg.is_back:  # said the other way round, it does not disturb their order
            graph.edge(leg.target, leg.source, label=f"  {leg.arrow}  ", dir="back")
        else:
            graph.edge(leg.source, leg.target, label=f"  {leg.arrow}  ")
    return diagrams.svg(graph.source)
