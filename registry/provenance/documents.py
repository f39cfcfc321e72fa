"""The W3C PROV document of a run, as its job keeps it, and of any item, as a reader may see it.

A document says what the relations say. Beyond them it says which entity was made from which: see
`relations.Derivation`.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from django.contrib.auth.models import User
from prov.constants import PROV_TYPE
from prov.identifier import QualifiedName
from prov.model import ProvDocument

from registry.kinds.activities import Create, Version
from registry.kinds.base import Category
from registry.kinds.runs import ModelRun, RunRecord
from registry.models import Item, Relation
from registry.provenance import formats, relations
from registry.provenance.draft import (
    FILES,
    NOTES,
    RESOLVER,
    Attributes,
    Draft,
    Names,
    at,
    local_name,
    period,
    plan,
    role,
)
from registry.provenance.relations import Derivation, Edge, RunParts

Type = Relation.Type
Triple = tuple[int, str, int]
MOST_RELATIONS = 1_000  # of one item, in its document
MOST_DERIVATIONS = 1_000  # of one run: 500 outputs from 500 inputs would be a quarter of a million
RECORDERS = (Create.subtype, Version.subtype)


def of_run(handle: str, record: RunRecord, parts: RunParts) -> str:
    """The PROV-JSON document of a model run: what its record says, which is what its edges say.

    The workflow template is the plan of the association with the modeller (PROV-DM 3.3.3).
    """
    run = Item(
        handle=handle,
        category=Category.ACTIVITY,
        subtype=ModelRun.subtype,
        display_name=record.display_name,
    )
    draft = Draft(handle)
    derivations = relations.derivations_of_run(parts)
    is_cut = len(derivations) > MOST_DERIVATIONS
    draft.declare(run, _about_run(draft, record, len(derivations) if is_cut else 0))
    edges = relations.of_run(run=run, parts=parts)
    draft.declare_all(edges)
    files = _files(record)
    for edge in edges:
        paths = draft.files(files.get((edge.type, _dataset(edge)), {}))
        draft.relate(edge, [*_part_in_run(draft, edge, parts), *paths])
    for derivation in [] if is_cut else derivations:
        draft.derive(derivation)
    return draft.text()


def of_item(item: Item, user: User) -> ProvDocument:
    """The document of an item that `user` may read; of what they may not read, it has only kinds
    and relations.

    - Of a model run: the document that its job kept.
    - Of a Create or Version activity: the relations that it claims.
    - Of anything else: its relations to its causes, at most MOST_RELATIONS, and what the activity
      that recorded it claims. Its `provena:omitted` says so where there are more.

    A new version is also derived from the one before, as its revision.
    """
    if item.subtype == ModelRun.subtype:
        return _as_seen(formats.read(item.info["prov_serialisation"]), item.handle, user)
    is_recorder = item.subtype in RECORDERS
    triples, is_cut = (_claimed_by([item.pk]), False) if is_recorder else _causes(item)
    items = _items(_ends(triples) | {item.pk, item.previous_version_id or item.pk})
    draft = Draft(item.handle, _hidden({one.handle for one in items.values()}, user))
    draft.declare(item, _about(draft, item, is_cut))
    edges = [Edge(items[a], Type(kind), items[b]) for a, kind, b in triples]
    draft.declare_all(edges)
    for edge in edges:
        draft.relate(edge, _generated_at(edge, draft.names))
    for revision in _revisions(item, items, edges):
        draft.derive(revision)
    return formats.read(draft.text())


def _about_run(draft: Draft, record: RunRecord, left_out: int) -> Iterator[tuple[Any, Any]]:
    yield from period(_moment(record.start_time), _moment(record.end_time))
    yield from draft.ours(
        description=record.description,
        modelVersion=record.model_version,
        omitted=f"{left_out} derivations of outputs from inputs" if left_out else None,
    )
    yield from draft.notes(record.annotations)


def _files(record: RunRecord) -> dict[tuple[str, str], dict[str, str]]:
    """The paths of files, by the relation in which the run used or made their dataset, and its id.
    Where it did so for several templates that have the key, the key tells which."""
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for relation, side in (
        (Type.USED, record.inputs),
        (Type.WAS_GENERATED_BY, record.outputs),
    ):
        for used in side:
            paths = found[relation, used.dataset_id]
            for key, path in (used.resources or {}).items():
                is_other = paths.get(key, path) != path
                paths[f"{key} [template id: {used.dataset_template_id}]" if is_other else key] = (
                    path
                )
    return found


def _dataset(edge: Edge) -> str:
    return edge.target.handle if edge.type == Type.USED else edge.source.handle


def _part_in_run(draft: Draft, edge: Edge, parts: RunParts) -> Attributes:
    """The role of an agent, and the plan of who followed it. Roles also keep the two associations
    apart in RDF, where `prov` would read the plan of one into the other."""
    if edge.type != Type.WAS_ASSOCIATED_WITH:
        return []
    if edge.target.handle != parts.modeller.handle:
        return role("requester")
    return [*plan(draft.declare(parts.workflow_template)), *role("modeller")]


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _causes(item: Item) -> tuple[list[Triple], bool]:
    """The edges from an item, once for all their claims, and those of the activity that recorded
    it; and whether there are more than a document takes. They are read in the order of the index,
    so that of a hub no more is read than is taken."""
    edges = Relation.objects.filter(source=item).order_by("target", "type").distinct()
    causes = list(edges.values_list("source", "type", "target")[: MOST_RELATIONS + 1])
    is_cut = len(causes) > MOST_RELATIONS
    makers = [target for _, kind, target in causes if kind == Type.WAS_GENERATED_BY]
    return list(dict.fromkeys([*causes[:MOST_RELATIONS], *_claimed_by(makers)])), is_cut


def _claimed_by(activities: list[int]) -> list[Triple]:
    """What those of the activities claim that record how an item came to be."""
    claims = Relation.objects.filter(record__in=activities, record__subtype__in=RECORDERS)
    return list(claims.order_by("pk").values_list("source", "type", "target"))


def _ends(triples: list[Triple]) -> set[int]:
    return {pk for source, _, target in triples for pk in (source, target)}


def _items(pks: set[int]) -> dict[int, Item]:
    related = ("creation_workflow", "version_workflow")
    found = Item.objects.select_related(*related).defer("info", "search_text", "system")
    return found.in_bulk(pks)


def _hidden(handles: set[str], user: User) -> set[str]:
    """Which of these the user may not know of. Tombstones they may, as lineage shows them."""
    known = Item.objects.granted_to(user).filter(handle__in=handles)
    return handles.difference(known.values_list("handle", flat=True))


def _about(draft: Draft, item: Item, is_cut: bool) -> Iterator[tuple[QualifiedName, Any]]:
    """What the document says of the item that it is about, beyond kind, name and version."""
    dataset = item.info.get("collection_format", {}).get("dataset_info", {})
    yield from draft.ours(
        description=item.info.get("description") or dataset.get("description"),
        reason=item.version_reason or item.info.get("reason"),
        omitted=f"relations beyond the first {MOST_RELATIONS}" if is_cut else None,
    )
    yield from draft.notes(item.info.get("user_metadata"))


def _generated_at(edge: Edge, names: Names) -> Attributes:
    """When an item was registered: the workflow that records it began in the same transaction."""
    is_registration = edge.type == Type.WAS_GENERATED_BY and edge.target.subtype in RECORDERS
    workflow = edge.source.workflow if is_registration else None
    if workflow is None or names.is_hidden(edge.source.handle):
        return []
    return at(workflow.created_at)


def _revisions(item: Item, items: dict[int, Item], edges: list[Edge]) -> list[Derivation]:
    if item.previous_version_id:
        return [Derivation(item, items[item.previous_version_id], is_revision=True)]
    if item.subtype != Version.subtype:
        return []
    made = [edge.source for edge in edges if edge.type == Type.WAS_GENERATED_BY]
    used = [edge.target for edge in edges if edge.type == Type.USED]
    return [Derivation(*pair, is_revision=True) for pair in itertools.product(made, used)]


def _as_seen(document: ProvDocument, home: str, user: User) -> ProvDocument:
    """A kept document, which names everything, without the ids and names of what the user may not
    read. It says what items were called when it was made."""
    handles = {name: name.uri.removeprefix(RESOLVER) for name in _item_names(document)}
    hidden = _hidden(set(handles.values()), user)
    if not hidden:
        return document
    copy = ProvDocument()  # it takes over the namespaces that are still used, and no others
    names = Names(home, hidden)

    def told(value: Any) -> Any:
        if isinstance(value, str):
            return names.in_text(value)
        return names.of(handles[value]) if value in handles else value

    def told_key(name: QualifiedName) -> QualifiedName:
        """People choose the keys of notes and files, which may hold an id, too."""
        if name.namespace not in (NOTES, FILES):
            return name
        return name.namespace[local_name(names.in_text(unquote(name.localpart)))]

    for record in document.get_records():
        is_told = record.identifier is None or handles.get(record.identifier) not in hidden
        attributes = [
            (told_key(key), told(value))
            for key, value in record.attributes
            if is_told or key == PROV_TYPE
        ]
        copy.new_record(record.get_type(), told(record.identifier), attributes)
    return copy


def _item_names(document: ProvDocument) -> set[QualifiedName]:
    """All names of items in a document, of its elements and in its relations."""
    names = {
        value
        for record in document.get_records()
        for value in (record.identifier, *(value for _, value in record.attributes))
        if isinstance(value, QualifiedName)
    }
    return {name for name in names if name.uri.startswith(RESOLVER)}
