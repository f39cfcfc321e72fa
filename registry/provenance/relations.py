"""The edges of an activity, and writing them. An arrow points from effect to cause (PROV-DM)."""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

from provena import rows
from registry.models import Item, Relation

Type = Relation.Type


class Edge(NamedTuple):
    source: Item
    type: Relation.Type
    target: Item


class Derivation(NamedTuple):
    """That an entity was made from another. Documents say so; the graph does not, where the way
    through the activity says more (domain reference, 5.4)."""

    result: Item
    origin: Item
    is_revision: bool = False


def of_creation(*, item: Item, activity: Item, person: Item) -> list[Edge]:
    """The edges of a Create activity (domain reference, 5.1)."""
    return [
        Edge(item, Type.WAS_GENERATED_BY, activity),
        Edge(activity, Type.WAS_ASSOCIATED_WITH, person),
        Edge(item, Type.WAS_ATTRIBUTED_TO, person),
    ]


def of_version(*, old: Item, new: Item, activity: Item, person: Item) -> list[Edge]:
    """The edges of a Version activity (domain reference, 5.1)."""
    return [
        Edge(new, Type.WAS_GENERATED_BY, activity),
        Edge(activity, Type.USED, old),
        Edge(activity, Type.WAS_ASSOCIATED_WITH, person),
        Edge(new, Type.WAS_ATTRIBUTED_TO, person),
    ]


class RunParts(NamedTuple):
    """The items that a model run's record names. Datasets come with the template of each."""

    workflow_template: Item
    model: Item
    inputs: list[tuple[Item, Item]]
    outputs: list[tuple[Item, Item]]
    modeller: Item
    study: Item | None
    organisation: Item | None


def of_run(*, run: Item, parts: RunParts) -> list[Edge]:
    """The edges of a model run (domain reference, 5.1), each once."""
    datasets = [*parts.inputs, *parts.outputs]
    used = [*(dataset for dataset, _ in parts.inputs), parts.model, parts.workflow_template]
    agents = [agent for agent in (parts.modeller, parts.organisation) if agent]
    studies = [parts.study] if parts.study else []
    members = [parts.model, *(template for _, template in datasets)]
    edges = [
        *(Edge(run, Type.USED, item) for item in used),
        *(Edge(run, Type.WAS_INFORMED_BY, study) for study in studies),
        *(Edge(run, Type.WAS_ASSOCIATED_WITH, agent) for agent in agents),
        *(Edge(dataset, Type.WAS_GENERATED_BY, run) for dataset, _ in parts.outputs),
        *(Edge(dataset, Type.WAS_ATTRIBUTED_TO, parts.modeller) for dataset, _ in parts.outputs),
        *(Edge(dataset, Type.WAS_INFLUENCED_BY, template) for dataset, template in datasets),
        *(Edge(parts.workflow_template, Type.HAD_MEMBER, member) for member in members),
    ]
    return list({(one.source.handle, one.type, one.target.handle): one for one in edges}.values())


def derivations_of_run(parts: RunParts) -> list[Derivation]:
    """Each output from each input, for the document of a model run."""
    origins = {item.handle: item for item, _ in parts.inputs}
    results = {item.handle: item for item, _ in parts.outputs}
    pairs = itertools.product(results.values(), origins.values())
    return [Derivation(*pair) for pair in pairs if pair[0].handle != pair[1].handle]


def lodge(*, record: Item, edges: Iterable[Edge]) -> None:
    """Claim edges for an activity. Claiming one again changes nothing."""
    claims = [(edge.source.pk, edge.target.pk, str(edge.type), record.pk) for edge in edges]
    rows.add(Relation, ("source_id", "target_id", "type", "record_id"), claims, anew=False)


def replace(*, record: Item, edges: Iterable[Edge]) -> None:
    """Make these the edges that an activity claims, and no others. An edge that it lets go lives on
    while another activity claims it (domain reference, 5.2)."""
    wanted = {(edge.source.pk, str(edge.type), edge.target.pk): edge for edge in edges}
    claims = Relation.objects.filter(record=record).values_list("pk", "source", "type", "target")
    present = {(source, kind, target): pk for pk, source, kind, target in claims}
    gone = [pk for key, pk in present.items() if key not in wanted]
    Relation.objects.filter(pk__in=gone).delete()
    lodge(record=record, edges=[edge for key, edge in wanted.items() if key not in present])
