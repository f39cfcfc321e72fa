"""Deleting an item: the last resort, for what nothing depends on. A tombstone stays."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from jobs.models import Job
from registry import search
from registry.access import Level
from registry.models import Item, PersonLink, Relation, Reviewer, RunSheet, SheetRow, Tombstone
from registry.services import rules
from registry.services.rules import Refused

SHOWN = 20  # dependents named in a refusal


def dependents(item: Item) -> list[str]:
    """What would dangle without the item, a line each, at most SHOWN; empty if nothing would."""
    found = [
        f"{handle} names it as {role}"
        for handle, role in item.referrers.filter(source__deleted_at=None, follows=False)
        .order_by("source")
        .values_list("source__handle", "role")[: SHOWN + 1]
    ]
    following = Item.objects.filter(previous_version=item, deleted_at=None).first()
    if following:
        found.append(f"{following.handle} is its next version")
    claims = Relation.objects.filter(target=item).exclude(source__deleted_at__isnull=False)
    edges = claims.order_by("source").values_list("source__handle", "type").distinct()
    found += [f"{handle} {Relation.Type(kind).label} it" for handle, kind in edges[: SHOWN + 1]]
    found += [
        f"User {name} is linked to it"
        for name in PersonLink.objects.filter(person=item).values_list("user__username", flat=True)
    ]
    if Reviewer.objects.filter(person=item).exists():
        found.append("It is on the list of reviewers of releases")
    # Also those that will name it, such as the Person of a registration.
    jobs = Job.objects.unfinished().annotate(text=Cast("payload", TextField()))
    waiting = jobs.filter(text__contains=f'"{item.handle}"').values_list("session_id", flat=True)
    found += [f"Job {one}, which names it, has not finished" for one in waiting[: SHOWN + 1]]
    launches = Job.objects.unfinished().filter(sub_type="MODEL_RUN_BATCH_SUBMIT")
    launched = launches.values("session_id")
    being = RunSheet.objects.filter(launching__isnull=False, launching__in=launched)
    new = Q(state=SheetRow.State.NEW, sheet__in=being)
    rows = SheetRow.objects.filter(Q(submission__in=launched) | new)
    if rows.annotate(text=Cast("record", TextField())).filter(text__contains=f'"{item.handle}"'):
        found.append("A table of model runs that is being launched names it")
    return found if len(found) <= SHOWN else [*found[:SHOWN], "and more"]


def delete(*, handle: str, reason: str, by: User) -> bool:
    """Delete an item that nothing depends on; a tombstone with its id, kind and name stays. False
    if there is no such item (any more).

    Raises Refused, naming what depends on it.
    """
    rules.need_level(by, Level.ADMIN)
    with transaction.atomic():
        item = Item.objects.select_for_update().filter(handle=handle, deleted_at=None).first()
        if item is None:
            return False
        rules.need_unlocked(item, by)
        text = rules.need_reason(reason)
        if found := dependents(item):
            raise Refused(
                f"{handle} cannot be deleted while this depends on it: {'; '.join(found)}."
            )
        item.revisions.all().delete()
        item.references.all().delete()
        item.lock_events.all().delete()
        item.access_events.all().delete()
        search.remove(item)
        # Its grants stay: they say who may see the name on the tombstone.
        item.info, item.system, item.search_text, item.version_reason = {}, {}, "", ""
        item.fingerprint, item.deleted_at = None, timezone.now()
        item.save()
        Tombstone.objects.create(item=item, reason=text, by=by)
    return True
