"""Lineage: what an item came from, and what came from it."""

from typing import Annotated, Any

from ninja import Query as InQuery
from ninja import Router, Schema

from provena import rest
from provena.rest import ApiRequest
from provena.words import counted
from registry.access import Role
from registry.api.answers import Status
from registry.api.rights import READ
from registry.provenance.lineage import DEEPEST, Graph, walk
from registry.provenance.reach import Query
from registry.services import rules

router = Router(tags=["Lineage"])

MOST = 5_000  # items in one answer
DEPTH = f"Hops of any relation, 1 to {DEEPEST}; the usual depth of the query if it is left out."

Depth = Annotated[int, InQuery(description=DEPTH)]
Start = Annotated[str, InQuery(description="The id of the item to start from.")]


class Node(Schema):
    """An item. Of one that you may not read, `id` is made up and holds for this answer only."""

    id: str
    item_category: str
    item_subtype: str


class Link(Schema):
    """A relation of W3C PROV; it points from the effect to the cause."""

    type: str
    source: str
    target: str


class LineageGraph(Schema):
    """A graph as networkx reads it, each node once."""

    directed: bool = True
    multigraph: bool = False
    graph: dict[str, Any] = {}
    nodes: list[Node]
    links: list[Link]


class Lineage(Schema):
    status: Status
    record_count: int
    graph: LineageGraph


def _route(path: str, query: Query, what: str) -> None:
    """Add the route of a query of the graph."""

    def explore(request: ApiRequest, starting_id: Start, depth: Depth = 0) -> Any:
        start = rules.known(starting_id)
        rules.need_role(request.user, start, Role.METADATA_READ)
        graph = walk(start, request.user, query, depth, limit=MOST)
        return _told(graph, f"{query.label}, depth {depth or query.default_depth}")

    explore.__doc__ = (
        f"{what} The usual depth is {query.default_depth}. What you may not read stays in the "
        "graph with its kind and its relations, but without its id; `status.details` says how many "
        f"such items there are, and whether there is more than the {MOST:,} items of one answer, "
        "the nearest to the start.\n\nRefused with 400 for an unknown id and for a depth above "
        f"{DEEPEST}, and with 401 for an item that you may not read."
    )
    router.get(
        path,
        auth=READ,
        response={200: Lineage, **rest.REFUSALS},
        summary=query.label,
        operation_id=query.value,
    )(explore)


SPECIAL = "Only what is on a way there is told."
_route("/explore/upstream", Query.UPSTREAM, "What an item came from.")
_route("/explore/downstream", Query.DOWNSTREAM, "What came from an item.")
_route(
    "/explore/special/contributing_datasets",
    Query.CONTRIBUTING_DATASETS,
    f"The datasets that contributed to an item. {SPECIAL}",
)
_route(
    "/explore/special/effected_datasets",
    Query.EFFECTED_DATASETS,
    f"The datasets that an item had an effect on. {SPECIAL}",
)
_route(
    "/explore/special/contributing_agents",
    Query.CONTRIBUTING_AGENTS,
    f"The people and organisations that contributed to an item. {SPECIAL}",
)
_route(
    "/explore/special/effected_agents",
    Query.EFFECTED_AGENTS,
    "The people and organisations who have to do with an item or with what came from it. "
    f"{SPECIAL}",
)


def _told(graph: Graph, what: str) -> dict[str, Any]:
    restricted = sum(node.item is None for node in graph.nodes)
    items, relations = counted(len(graph.nodes), "item"), counted(len(graph.edges), "relation")
    texts = [f"{what}: {items} and {relations}."]
    if restricted:
        texts.append(f"Of these items, {restricted:,} are restricted: you may not read them.")
    if graph.is_cut:
        texts.append("There is more: these are the nearest to the start.")
    return {
        "status": Status(details=" ".join(texts)),
        "record_count": len(graph.nodes),
        "graph": {
            "directed": True,
            "multigraph": False,
            "graph": {},
            "nodes": [
                {
                    "id": node.reference,
                    "item_category": node.kind.category.value,
                    "item_subtype": node.subtype,
                }
                for node in graph.nodes
            ],
            "links": [
                {
                    "type": edge.type,
                    "source": edge.source.reference,
                    "target": edge.target.reference,
                }
                for edge in graph.edges
            ],
        },
    }
