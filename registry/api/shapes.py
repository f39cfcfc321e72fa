"""Items as the HTTP APIs tell them (contract, section 5). Times are whole Unix seconds: the client
reads nothing else, and one fraction would cost it a whole page."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import (
    ForeignKey,
    OuterRef,
    Prefetch,
    QuerySet,
    Subquery,
    prefetch_related_objects,
)

from jobs.models import Job
from registry.models import Item, Revision

JSON = dict[str, Any]


def with_all(items: QuerySet[Item]) -> QuerySet[Item]:
    """The items with what `item` tells of them: four queries, however many they are. People have
    queries of their own, because a page names the same few again and again."""
    history = Revision.objects.prefetch_related("by").order_by("-number")
    return _with_links(items).prefetch_related("owner", Prefetch("revisions", history))


def by_key(items: QuerySet[Item]) -> dict[int, Any]:
    """The items of `with_all` by their keys, in three queries: for a page of a list, of which
    prefetching people costs a third."""
    history = Revision.objects.order_by("-number")
    found = _with_links(items).prefetch_related(Prefetch("revisions", history)).in_bulk()
    of_items: ForeignKey = Item._meta.get_field("owner")
    of_revisions: ForeignKey = Revision._meta.get_field("by")
    revisions = [revision for one in found.values() for revision in one.revisions.all()]
    keys = {one.owner_id for one in found.values()} | {one.by_id for one in revisions}
    people = User.objects.filter(pk__in=keys).only("username").in_bulk()
    for one in found.values():
        of_items.set_cached_value(one, people[one.owner_id])
    for revision in revisions:
        of_revisions.set_cached_value(revision, people[revision.by_id])
    return found


def _with_links(items: QuerySet[Item]) -> QuerySet[Item]:
    """With what of other tables belongs to them: versions and the first jobs of workflows."""
    following = Item.objects.live().filter(previous_version=OuterRef("pk"), pk__gt=OuterRef("pk"))
    first = Job.objects.filter(step=0)
    previous = Item.objects.filter(pk=OuterRef("previous_version"))
    return items.defer("search_text").annotate(
        previous_handle=Subquery(previous.values("handle")),
        next_version=Subquery(following.values("handle")[:1]),
        creation_session=Subquery(
            first.filter(workflow=OuterRef("creation_workflow")).values("session_id")[:1]
        ),
        version_session=Subquery(
            first.filter(workflow=OuterRef("version_workflow")).values("session_id")[:1]
        ),
    )


def full(item: Item) -> Any:
    """The item at hand as `with_all` reads it."""
    return with_all(Item.objects.filter(pk=item.pk)).get()


def new(item: Any) -> Any:
    """An item that was registered just now, as `with_all` would read it: much of it is known. Two
    queries, because scripts register thousands."""
    history = Revision.objects.select_related("by").order_by("-number")
    prefetch_related_objects([item], Prefetch("revisions", history))
    item.previous_handle = item.next_version = item.version_session = None
    item.creation_session = session_of(item.creation_workflow_id)
    return item


def session_of(workflow: UUID | None) -> UUID | None:
    """The session id of the first job of a workflow, if there is one."""
    if workflow is None:
        return None
    return Job.objects.values_list("session_id", flat=True).get(workflow=workflow, step=0)


def item(item: Any) -> JSON:
    """An item of `with_all`: what every kind has, its history, and its content at the same level.
    Of a seed there is only what every kind has."""
    told = {
        "id": item.handle,
        "owner_username": item.owner.get_username(),
        "created_timestamp": int(item.created_at.timestamp()),
        "updated_timestamp": int(item.updated_at.timestamp()),
        "item_category": item.category,
        "item_subtype": item.subtype,
        "record_type": "COMPLETE_ITEM" if item.is_complete else "SEED_ITEM",
    }
    told |= _workflows(item) | _version(item)
    if not item.is_complete:
        return told
    return told | _content(item, item.info) | {"history": history(item)}


def items(found: Iterable[Item]) -> list[JSON]:
    return [item(one) for one in found]


def history(item: Item) -> list[JSON]:
    """Newest first. Ids count from 0, numbers of revisions from 1."""
    return [
        {
            "id": revision.number - 1,
            "timestamp": int(revision.at.timestamp()),
            "reason": revision.reason,
            "username": revision.by.get_username(),
            "item": _content(item, revision.info),
        }
        for revision in item.revisions.all()
    ]


def _workflows(item: Any) -> JSON:
    """The session ids of the first jobs of its workflows."""
    links = {
        "create_activity_workflow_id": item.creation_session,
        "version_activity_workflow_id": item.version_session,
    }
    known = {name: str(session_id) for name, session_id in links.items() if session_id}
    return {"workflow_links": known} if known else {}


def _version(item: Any) -> JSON:
    if item.version is None:
        return {}
    told: JSON = {"version": item.version}
    if item.previous_handle:
        told |= {"previous_version": item.previous_handle, "reason": item.version_reason}
    if item.next_version:
        told |= {"next_version": item.next_version}
    return {"versioning_info": told}


def _content(item: Item, info: JSON) -> JSON:
    """Content, now or as of then. To that of a dataset belongs what the system keeps beside it
    (domain reference, 1.2): without it the client reads no entry of its history, nor the item."""
    if not item.kind.has_files:
        return info
    access = info["collection_format"]["dataset_info"]["access_info"]
    address = {"access_info_uri": access["uri"]} if access.get("uri") else {}
    return info | item.system | address
