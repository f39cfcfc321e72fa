"""The lineage of an item: drawn, as tables, and as files for a spreadsheet."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from provena.http import HtmxRequest, csv_file, wants_fragment
from registry import kinds, references
from registry.models import HANDLE, Item
from registry.provenance import diagram
from registry.provenance.lineage import DEEPEST, Graph, Node, WrongDepth, walk
from registry.provenance.reach import Query
from registry.views.common import item_for, item_page

DIGITS = re.compile("[0-9]{1,9}")
MOST_NAMED = 50  # that name an item
MOST_DRAWN, MOST_LINES = 500, 1_000  # items and relations of a drawing
MOST_LISTED = 500  # items, and relations, at once: all that are drawn, and then as many more
USUAL, *LARGER = SIZES = (50, 100, 250, 500, 1_000)  # items that a page may be asked for


@dataclass(frozen=True)
class Wanted:
    """What the address of a lineage page asks for. Raises WrongDepth; whatever else it does not
    know is left at its default."""

    query: Query
    depth: int  # 0: the default of the query
    most: int
    kinds: list[str]  # none: all
    expanded: list[str]  # as often as they are to bring more neighbours
    items: int = 0  # the place from which on they are listed
    relations: int = 0

    @classmethod
    def by(cls, request: HtmxRequest) -> "Wanted":
        given = request.GET
        query, most, known = given.get("query"), given.get("most"), kinds.all_kinds()
        return cls(
            query=Query(query) if query in Query.values else Query.BOTH,
            depth=_depth(given.get("depth", "")),
            most=next((size for size in LARGER if str(size) == most), USUAL),
            kinds=[kind.subtype for kind in known if kind.subtype in given.getlist("kind")],
            expanded=[text for text in given.getlist("expand") if HANDLE.fullmatch(text)],
            items=_place(given.get("items", "")),
            relations=_place(given.get("relations", "")),
        )

    def graph(self, item: Item, request: HtmxRequest) -> Graph:
        """All that it asks for, of whatever kind."""
        return walk(
            item, request.user, self.query, self.depth, expanded=self.expanded, limit=self.most
        )

    def shown(self, graph: Graph) -> Graph:
        """What of a graph it asks to see."""
        return graph.of_kinds(self.kinds) if self.kinds else graph

    def address(self, **changed: Any) -> str:
        """The query string of this page with something changed."""
        wanted: dict[str, Any] = {
            "query": self.query if self.query != Query.BOTH else "",
            "depth": self.depth or "",
            "most": self.most if self.most != USUAL else "",
            "kind": self.kinds,
            "expand": self.expanded,
        } | changed
        return "?" + urlencode({name: value for name, value in wanted.items() if value}, True)


@dataclass(frozen=True)
class Row:
    """A node with what can be done to it."""

    node: Node
    root: str = ""
    expand: str = ""
    collapse: str = ""


@require_safe
def lineage(request: HtmxRequest, handle: str) -> HttpResponse:
    """What an item came from and what came from it, as far as the address says."""
    item, context = item_page(request, handle, "lineage")
    context |= {"queries": Query, "sizes": SIZES, "depths": range(1, DEEPEST + 1)}
    try:
        wanted = Wanted.by(request)
    except WrongDepth as error:
        context |= {"error": error, "wanted": Wanted(Query.BOTH, 0, USUAL, [], [])}
        return render(request, "registry/item_lineage.html", context, status=400)
    whole = wanted.graph(item, request)
    graph = wanted.shown(whole)
    context |= {"wanted": wanted, "graph": graph} | _listed(graph, wanted)
    if wants_fragment(request) and (wanted.items or wanted.relations):
        what = "items" if wanted.items else "relations"
        return render(request, f"registry/_lineage_{what}.html", context)
    is_large = len(graph.nodes) > MOST_DRAWN or len(graph.edges) > MOST_LINES
    context |= {
        "depth": wanted.depth or wanted.query.default_depth,
        "hidden": len(whole.nodes) - len(graph.nodes),
        "kinds": _kinds(whole, wanted),
        "drawing": None if is_large else diagram.draw(graph),
        "is_large": is_large,
        "has_labels": len(graph.edges) <= diagram.MOST_LABELS,
        "most_drawn": MOST_DRAWN,
        "most_lines": MOST_LINES,
        "larger": _larger(whole, wanted),
        "files": wanted.address(),
        "named_by": references.named_by(item, request.user, MOST_NAMED),
    }
    return render(request, "registry/item_lineage.html", context)


@require_safe
def items_file(request: HtmxRequest, handle: str) -> StreamingHttpResponse | HttpResponse:
    """The items that the page of the same query string shows."""
    return _file(request, handle, "items", _items)


@require_safe
def relations_file(request: HtmxRequest, handle: str) -> StreamingHttpResponse | HttpResponse:
    """The relations that the page of the same query string shows, and more than it lists."""
    return _file(request, handle, "relations", _relations)


def _file(
    request: HtmxRequest, handle: str, what: str, rows: Any
) -> StreamingHttpResponse | HttpResponse:
    item = item_for(request.user, handle)
    try:
        wanted = Wanted.by(request)
    except WrongDepth as error:
        return HttpResponse(f"{error}\n", status=400, content_type="text/plain")
    graph = wanted.shown(wanted.graph(item, request))
    return csv_file(f"lineage-{handle.replace('/', '-')}-{what}.csv", rows(graph))


def _items(graph: Graph) -> Iterator[Iterable[object]]:
    yield "id", "name", "category", "kind", "note", "upstream", "downstream", "steps"
    for node in graph.nodes:
        category = node.kind.category.value
        about = node.reference, node.name, category, node.subtype, node.note
        yield *about, node.upstream, node.downstream, node.steps


def _relations(graph: Graph) -> Iterator[Iterable[object]]:
    yield "source", "source name", "relation", "target", "target name"
    for edge in graph.edges:
        source, target = edge.source, edge.target
        yield source.reference, source.name, edge.type, target.reference, target.name


def _depth(text: str) -> int:
    """The depth that an address says, 0 for none."""
    text = text.strip()
    if text and not (DIGITS.fullmatch(text) and int(text) <= DEEPEST):
        raise WrongDepth(text[:20])
    return int(text or 0)


def _place(text: str) -> int:
    """From where on to list, which is the start for what is no place."""
    return int(text) if DIGITS.fullmatch(text) else 0


def _listed(graph: Graph, wanted: Wanted) -> dict[str, Any]:
    """The items and relations of the tables, and the addresses that go on with them. The graph is
    walked anew for each: what is new in it meanwhile may show an item twice, and hides none."""
    items, relations = wanted.items + MOST_LISTED, wanted.relations + MOST_LISTED
    return {
        "rows": [_row(node, wanted) for node in graph.nodes[wanted.items : items]],
        "edges": graph.edges[wanted.relations : relations],
        "more_items": wanted.address(items=items) if len(graph.nodes) > items else "",
        "more_relations": wanted.address(relations=relations)
        if len(graph.edges) > relations
        else "",
    }


def _row(node: Node, wanted: Wanted) -> Row:
    """What a reader may do with it: nothing, if it is restricted. What is expanded can be expanded
    further while it has more neighbours than are shown."""
    if node.item is None:
        return Row(node)
    own, others = [node.item.handle], wanted.expanded
    page = reverse("item-lineage", args=own) + wanted.address(expand=[])
    rest = [handle for handle in others if handle not in own]
    return Row(
        node,
        root=page.rstrip("?") if node.url else "",
        expand=wanted.address(expand=others + own) if node.has_more else "",
        collapse=wanted.address(expand=rest) if own[0] in others else "",
    )


def _kinds(graph: Graph, wanted: Wanted) -> list[dict[str, Any]]:
    """The kinds to choose from: those that are there, and those that were chosen."""
    there = {node.subtype for node in graph.nodes} | set(wanted.kinds)
    return [
        {"kind": kind, "is_on": kind.subtype in wanted.kinds}
        for kind in kinds.all_kinds()
        if kind.subtype in there
    ]


def _larger(graph: Graph, wanted: Wanted) -> list[dict[str, Any]]:
    """The addresses of larger pages, where this one leaves something out."""
    sizes = [size for size in LARGER if graph.is_cut and size > wanted.most]
    return [{"size": size, "address": wanted.address(most=size)} for size in sizes]
