"""What administrators do to the provenance of runs: removing it, and recording it anew."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import BooleanField, Exists, OuterRef, QuerySet, TextField, UUIDField, Value
from django.db.models.expressions import RawSQL
from django.db.models.fields.json import JSONField, KeyTransform
from django.db.models.functions import Cast, Concat

from jobs import batches
from jobs.models import Batch
from provena.words import counted
from registry import services
from registry.access import Level
from registry.kinds.runs import ModelRun, RecordStatus
from registry.model_runs.services import known_run
from registry.models import Item, Relation
from registry.provenance import relations
from registry.services import rules
from registry.services.rules import Refused

# A new session id for each row, in the form in which the database keeps one.
NEW_ID = {"postgresql": "gen_random_uuid()", "sqlite": "lower(hex(randomblob(16)))"}


@dataclass(frozen=True)
class Claim:
    """An edge that a run claims; `is_shared` if other activities do, too, so that it lives on."""

    source: Item
    type: str
    target: Item
    is_shared: bool


@dataclass(frozen=True)
class Removal:
    """What a run lets go of: its claims, and the items that they name, each with whether others
    still relate it to something, so that it stays in the graph."""

    run: Item
    claims: list[Claim]
    items: list[tuple[Item, bool]]


def remove_provenance(*, handle: str, by: User, dry_run: bool = False) -> Removal:
    """Drop the edges that a run claims; those that others claim, too, live on. A dry run only tells
    what it would do.

    Raises NotAllowed for all but administrators of the registry, or Refused.
    """
    rules.need_level(by, Level.ADMIN)
    with transaction.atomic():
        run = known_run(handle)
        removal = _removal(run)
        if not dry_run:
            relations.replace(record=run, edges=[])
            services.amend(
                item=run,
                content=ModelRun.model_validate(
                    run.info | {"record_status": RecordStatus.COMPLETE}
                ),
            )
    return removal


def rebuild(*, records: Mapping[str, Any], by: User, revalidate: bool) -> Batch:
    """Queue a job for each of these runs, given with its record, that writes its edges and its
    document anew. Returns the batch of them.

    Raises NotAllowed for all but administrators of the registry, or Refused for what is no run, or
    for a record that is not the one that the run has.
    """
    rules.need_level(by, Level.ADMIN)
    if not records:
        raise Refused("Name at least one model run.")
    with transaction.atomic():
        for handle, record in records.items():
            if known_run(handle).info["record"] != record:
                raise Refused(
                    f"That is not the record that {handle} has. To change a record, edit the run; "
                    "its provenance then follows by itself."
                )
        return _launch(Item.objects.filter(handle__in=records), by, revalidate)


def rebuild_all(*, by: User, revalidate: bool) -> Batch:
    """As `rebuild`, of every model run that there is."""
    rules.need_level(by, Level.ADMIN)
    runs = Item.objects.live().filter(subtype=ModelRun.subtype, is_complete=True)
    with transaction.atomic():
        if not runs.exists():
            raise Refused("There are no model runs.")
        return _launch(runs, by, revalidate)


def _launch(runs: QuerySet[Item], by: User, revalidate: bool) -> Batch:
    """One job a run, made by the database: a hundred thousand records need no memory here."""
    new_id = RawSQL(NEW_ID[connection.vendor], [], output_field=UUIDField())  # noqa: S611 - our own
    record = KeyTransform("record", "info")
    payload = Concat(
        Value('{"model_run_record_id": "'),
        "handle",
        Value('", "record": '),
        Cast(record, TextField()),
        Value(f', "revalidate": {str(revalidate).lower()}, "user_info": ""}}'),
        output_field=TextField(),
    )
    return batches.launch(
        sub_type="MODEL_RUN_LODGE_ONLY",
        rows=runs.annotate(session_id=new_id).order_by("pk"),
        payload=Cast(payload, JSONField()),
        owner=by,
        title=f"Provenance of {counted(runs.count(), 'model run')}, anew",
    )


def _removal(run: Item) -> Removal:
    others = Relation.objects.exclude(record=run)
    same = others.filter(
        source=OuterRef("source"), target=OuterRef("target"), type=OuterRef("type")
    )
    found = Relation.objects.filter(record=run).select_related("source", "target").order_by("pk")
    claims = [
        Claim(claim.source, claim.type, claim.target, claim.is_shared)
        for claim in found.annotate(is_shared=Exists(same))
    ]
    named = {one.pk: one for claim in claims for one in (claim.source, claim.target)}
    kept = _related(named, others)
    return Removal(run, claims, [(item, pk in kept) for pk, item in named.items()])


def _related(keys: Collection[int], others: QuerySet[Relation]) -> set[int]:
    """Those of these items that one of the other relations has at an end."""
    causes = Exists(others.filter(source=OuterRef("pk")), output_field=BooleanField())
    effects = Exists(others.filter(target=OuterRef("pk")), output_field=BooleanField())
    return set(
        Item.objects.filter(pk__in=keys).filter(causes | effects).values_list("pk", flat=True)
    )
