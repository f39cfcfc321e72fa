"""All that happened to an item in one line of time: revisions, locks, access, versions, jobs."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.urls import reverse

from jobs.models import Job, sees_all_jobs
from registry import access
from registry.access import Role
from registry.models import Item

MOST = 200


@dataclass(frozen=True)
class Moment:
    """One thing that happened. `url` leads to more about it; `note` says why or how it went."""

    at: datetime
    what: str
    by: str
    note: str = ""
    url: str = ""
    status: str = ""


def of(item: Item, user: User) -> list[Moment]:
    """Newest first, at most MOST. Jobs lead on only for who may open them, and access is told to
    who administers the item."""
    moments = [*_revisions(item), *_locks(item), *_versions(item, user), *_jobs(item, user)]
    if Role.ADMIN in access.roles(user, item):
        moments += _access(item)
    return sorted(moments, key=lambda moment: moment.at, reverse=True)[:MOST]


def _revisions(item: Item) -> list[Moment]:
    return [
        Moment(
            at=revision.at,
            what=f"Revision {revision.number}" if revision.number > 1 else "Registered",
            by=revision.by.get_username(),
            note=revision.reason,
            url=reverse("item-revision", args=[item.handle, revision.number]),
        )
        for revision in item.revisions.select_related("by").defer("info")[:MOST]
    ]


def _locks(item: Item) -> list[Moment]:
    return [
        Moment(event.at, event.get_action_display(), event.by.get_username(), event.reason)
        for event in item.lock_events.select_related("by")[:MOST]
    ]


def _access(item: Item) -> list[Moment]:
    return [
        Moment(event.at, "Access changed", event.by.get_username(), event.difference)
        for event in item.access_events.select_related("by")[:MOST]
    ]


def _versions(item: Item, user: User) -> list[Moment]:
    following = Item.objects.readable_by(user).filter(previous_version=item).select_related("owner")
    return [
        Moment(
            at=new.created_at,
            what=f"Version {new.version} made",
            by=new.owner.get_username(),
            note=new.version_reason,
            url=new.get_absolute_url(),
        )
        for new in following
    ]


def _jobs(item: Item, user: User) -> list[Moment]:
    if item.workflow is None:
        return []
    sees_all = sees_all_jobs(user)
    jobs = Job.objects.filter(workflow=item.workflow).select_related("owner")
    return [
        Moment(
            at=job.finished_at or job.created_at,
            what=job.title,
            by=job.owner.get_username(),
            url=job.get_absolute_url() if sees_all or job.owner_id == user.pk else "",
            status=job.status,
        )
        for job in jobs.defer("payload", "result", "traceback")[:MOST]
    ]
