"""A piece of the provenance graph as a drawing: kind by shape, colour and mark."""

import itertools
from collections import Counter, defaultdict
from typing import Any

from django.utils.safestring import SafeString

from provena import diagrams
from registry.kinds import Category
from registry.provenance.lineage import Graph, Node

# The shapes that W3C PROV diagrams use.
SHAPES = {Category.ENTITY: "ellipse", Category.ACTIVITY: "box", Category.AGENT: "house"}
LONGEST_NAME = 30  # characters
MOST_LABELS = 150  # relations; more would hide each other's labels
HIGHEST = 15  # items in a column, with curves between them
DENSE = {"nodesep": "0.15", "splines": "line", "outputorder": "edgesfirst", "class": "dense"}
HASTE = {"nslimit": "1", "mclimit": "0.3"}  # how long Graphviz looks for something better


def dot(graph: Graph) -> str:
    """The graph as DOT source: causes to the right, a column for each distance.

    The columns are given. Graphviz, left to find them, needs a minute for 300 items around a hub.
    """
    columns = Counter(node.column for node in graph.nodes)
    highest = max(columns.values())
    is_dense = highest > HIGHEST or len(graph.edges) > MOST_LABELS
    width = min(1.1 + 0.02 * highest, 4)  # so that what comes from far above is not too steep
    looks = DENSE if is_dense else {"nodesep": "0.45"}  # room for labels, too
    drawing = diagrams.graph(rankdir="LR", ranksep=f"{width:.2f}", **looks, **HASTE)
    drawing.attr("node", height="0.65", margin="0.16,0.06")
    drawing.attr("edge", constraint="false")
    for node in graph.nodes:
        classes = f"item {node.kind.category} kind-{node.subtype}"
        classes += " centre" if node is graph.start else ""
        classes += "" if node.item else " restricted"
        link = {"href": node.url} if node.url else {}
        drawing.node(
            _name(node),
            label=diagrams.label(_short(node.name), _below(node)),
            shape=SHAPES[node.kind.category],
            tooltip=diagrams.label(node.name),
            id=_name(node),
            # The name of the start is bold, and so wider.
            **({"margin": "0.3,0.06"} if node is graph.start else {}),
            **link,
            **{"class": classes},
        )
    for edge in graph.edges:
        label = f" {edge.label} " if len(graph.edges) <= MOST_LABELS else ""
        drawing.edge(_name(edge.source), _name(edge.target), label=label)
    _align(drawing, graph)
    return drawing.source


def draw(graph: Graph) -> SafeString | None:
    """The graph as SVG, or None where nothing can draw."""
    return diagrams.svg(dot(graph))


def _align(drawing: Any, graph: Graph) -> None:
    """Put the nodes into their columns, and these into their order."""
    columns: dict[int, list[str]] = defaultdict(list)
    for node in graph.nodes:
        columns[node.column].append(_name(node))
    for names in columns.values():
        with drawing.subgraph(graph_attr={"rank": "same"}) as column:
            for name in names:
                column.node(name)
    heads = [columns[place][0] for place in sorted(columns)]
    for left, right in itertools.pairwise(heads):
        drawing.edge(left, right, constraint="true", style="invis")


def _name(node: Node) -> str:
    """What the page calls it, too. It tells nothing of a restricted item but its place."""
    return f"node-{node.place}"


def _below(node: Node) -> str:
    note = f", {node.note}" if node.note == "deleted" else ""
    more = " +" if node.has_more else ""
    return f"{node.kind.mark} {node.kind.label}{note}{more}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"
