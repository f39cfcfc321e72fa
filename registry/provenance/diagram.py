"""A piece of the provenance graph as a drawing: kind by shape, colour and mark."""

from django.utils.safestring import SafeString

from provena import diagrams
from registry.kinds import Category
from registry.provenance.lineage import Graph, Node

# The shapes that W3C PROV diagrams use.
SHAPES = {Category.ENTITY: "ellipse", Category.ACTIVITY: "box", Category.AGENT: "house"}
LONGEST_NAME = 30  # characters


def dot(graph: Graph) -> str:
    """The graph as DOT source, causes to the right."""
    drawing = diagrams.graph(rankdir="LR", nodesep="0.3", ranksep="1.1")
    drawing.attr("node", height="0.65", margin="0.16,0.06")
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
            **link,
            **{"class": classes},
        )
    for edge in graph.edges:
        drawing.edge(_name(edge.source), _name(edge.target), label=f" {edge.label} ")
    return drawing.source


def draw(graph: Graph) -> SafeString | None:
    """The graph as SVG, or None where nothing can draw."""
    return diagrams.svg(dot(graph))


def _name(node: Node) -> str:
    """What the page calls it, too. It tells nothing of a restricted item but its place."""
    return f"node-{node.place}"


def _below(node: Node) -> str:
    note = f", {node.note}" if node.note == "deleted" else ""
    more = " · has more" if node.has_more else ""
    return f"{node.kind.mark} {node.kind.label}{note}{more}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"
