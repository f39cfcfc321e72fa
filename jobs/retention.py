"""Removing old finished jobs, and only whole: a workflow or batch goes with all its jobs or stays.

What something else points at stays, such as the workflow that an item's page shows.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Exists, ForeignObjectRel, OuterRef, Q, QuerySet

from jobs.models import FINISHED, Batch, Job, Workflow

CHUNK = 200  # jobs, workflows or batches in one transaction


class Pruned(NamedTuple):
    jobs: int
    workflows: int
    batches: int


def prune(before: datetime, *, dry_run: bool) -> Pruned:
    """Remove what finished before that moment, in small transactions. A dry run only counts."""
    kept = ~Q(status__in=FINISHED) | Q(finished_at__gte=before)
    alone = _prune_alone(Job.objects.filter(workflow=None, batch=None).exclude(kept), dry_run)
    workflows = Workflow.objects.exclude(_is_shown())
    steps, whole_workflows = _prune_groups(workflows, "workflow", kept, dry_run)
    rows, whole_batches = _prune_groups(Batch.objects.all(), "batch", kept, dry_run)
    return Pruned(alone + steps + rows, whole_workflows, whole_batches)


def _prune_alone(old: QuerySet[Job], dry_run: bool) -> int:
    if dry_run:
        return old.count()
    total = 0
    for keys in _chunks(old):
        with transaction.atomic():
            # Asked again under lock: one of them may have been retried meanwhile.
            still = list(old.select_for_update().filter(pk__in=keys).values_list("pk", flat=True))
            Job.objects.filter(pk__in=still).delete()
            total += len(still)
    return total


def _prune_groups(groups: QuerySet[Any], name: str, kept: Q, dry_run: bool) -> tuple[int, int]:
    """Remove the groups none of whose jobs must be kept. Returns (jobs, groups)."""
    old = groups.exclude(Exists(Job.objects.filter(kept, **{name: OuterRef("pk")})))
    if dry_run:
        return Job.objects.filter(**{f"{name}__in": old}).count(), old.count()
    jobs_gone = groups_gone = 0
    for keys in _chunks(old):
        with transaction.atomic():
            jobs = Job.objects.select_for_update().filter(**{f"{name}__in": keys})
            locked = list(jobs.values_list("pk", name))
            still = set(old.filter(pk__in=keys).values_list("pk", flat=True))
            steps = [pk for pk, group in locked if group in still]
            Job.objects.filter(pk__in=steps).delete()
            groups.filter(pk__in=still).delete()
            jobs_gone, groups_gone = jobs_gone + len(steps), groups_gone + len(still)
    return jobs_gone, groups_gone


def _is_shown() -> Q:
    """True for workflows that other models point at, whichever apps they are of."""
    shown = Q(pk__in=[])
    for relation in Workflow._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and relation.related_model is not Job:
            pointing: QuerySet[Any] = QuerySet(relation.related_model)
            shown |= Q(Exists(pointing.filter(**{relation.field.name: OuterRef("pk")})))
    return shown


def _chunks(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    """The keys of the rows, CHUNK at a time, all read before the first is removed."""
    keys = iter(list(rows.order_by("pk").values_list("pk", flat=True)))
    while chunk := list(islice(keys, CHUNK)):
        yield chunk
