"""A workflow as a drawing: a box for each step, an arrow between, coloured by the style sheet."""

from django.utils.safestring import SafeString

from jobs.models import CANCELLED, MENDED, Job, Status
from jobs.progress import LATER, Progress, Step
from jobs.templatetags.jobs import duration
from provena import diagrams

SIGNS = {
    Status.PENDING: "○",
    Status.DEQUEUED: "◔",
    Status.IN_PROGRESS: "◑",
    Status.SUCCEEDED: "✓",
    Status.FAILED: "✕",
    CANCELLED: "⊘",
    MENDED: "↷",
    LATER: "·",
}


def dot(progress: Progress, current: Job | None = None) -> str:
    """The workflow as DOT source; the step of the job `current` is marked by word and outline."""
    graph = diagrams.graph(rankdir="TB", nodesep="0.2", ranksep="0.35")
    graph.attr("node", shape="box", style="rounded", width="3.7", height="0.8", fixedsize="true")
    for step in progress.steps:
        attributes = {"class": f"step {step.shown}"}
        if step.job and progress.open_jobs:
            attributes |= {"href": step.job.get_absolute_url(), "tooltip": "Open this job"}
        word = f"{SIGNS[step.shown]} {_word(step)}"
        if step.job and current and step.job.pk == current.pk:
            attributes = {"class": f"step {step.shown} current"}
            word = f"{word} · this job"
        text = diagrams.label(step.title, word)
        graph.node(f"step{step.number}", label=text, **attributes)
    for step in progress.steps[1:]:
        graph.edge(f"step{step.number - 1}", f"step{step.number}")
    return str(graph.source)


def draw(progress: Progress, current: Job | None = None) -> SafeString | None:
    """The workflow as SVG, or None where nothing can draw."""
    return diagrams.svg(dot(progress, current))


def _word(step: Step) -> str:
    if step.job is None or step.job.ran is None:
        return step.word
    return f"{step.word} · {duration(step.job.ran)}"
