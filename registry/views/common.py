"""What the pages of an item share: finding it, and what its reader may do."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults

from provena.http import HtmxRequest
from registry import access, kinds
from registry.access import Level, Role
from registry.models import HANDLE, Item, Tombstone
from registry.reports import contents

UNPROCESSABLE = 422
CONFLICT = 409


class Deleted(Http404):
    """The item is a tombstone."""

    def __init__(self, item: Item) -> None:
        self.item = item
        super().__init__(f"The item {item.handle} was deleted on {item.deleted_at:%d %B %Y}.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page for what is not there; of a deleted item, what its tombstone says to the reader."""
    if not isinstance(exception, Deleted):
        return defaults.page_not_found(request, exception)
    user = cast(User, request.user)
    shown = Item.objects.granted_to(user).filter(pk=exception.item.pk).first()
    tombstone = Tombstone.objects.select_related("by").filter(item=exception.item).first()
    context = {"item": exception.item, "shown": shown, "tombstone": tombstone}
    return render(request, "registry/tombstone.html", context, status=410)


def item_for(user: User, handle: str) -> Item:
    """The item, if the user may read it.

    Raises Http404 for an unknown or deleted one and PermissionDenied for one of others, each with
    its own message: ids are public, but names and contents are not.
    """
    if not HANDLE.fullmatch(handle):
        raise Http404(f"{handle!r} is no persistent id. Ids look like 10378.1/1000001.")
    related = ("owner", "creation_workflow", "version_workflow")
    readable = Item.objects.readable_by(user).with_successors().with_history()
    readable = readable.select_related(*related)
    if item := readable.filter(handle=handle).first():
        return item
    other = Item.objects.select_related("owner").filter(handle=handle).first()
    if other is None:
        raise Http404(f"There is no item with the id {handle}.")
    if other.deleted_at:
        raise Deleted(other)
    raise PermissionDenied(
        f"You may not read the item {handle}. Its owner, {other.owner.get_username()}, can give "
        "you access."
    )


@dataclass
class Reader:
    """What a user may do with an item, for its pages."""

    user: User
    item: Item

    @cached_property
    def roles(self) -> frozenset[Role]:
        return access.roles(self.user, self.item)

    @cached_property
    def is_writer(self) -> bool:
        """True for who may change items at all."""
        return access.level(self.user) >= Level.WRITE

    @property
    def may_edit(self) -> bool:
        has_form = self.item.kind.user_made or self.is_run
        return self.is_writer and has_form and Role.METADATA_WRITE in self.roles

    @property
    def is_run(self) -> bool:
        return self.item.subtype == kinds.runs.ModelRun.subtype

    @property
    def may_administer(self) -> bool:
        return self.is_writer and Role.ADMIN in self.roles

    @property
    def may_version(self) -> bool:
        versioned = self.item.kind.versioned and self.item.is_complete
        return versioned and not self.item.is_superseded and self.may_administer

    @property
    def may_clone(self) -> bool:
        has_form = self.item.kind.user_made or (self.is_run and "record" in self.item.info)
        return self.is_writer and has_form and self.item.is_complete

    @property
    def may_run(self) -> bool:
        """True for a workflow template, of which runs can be registered."""
        is_template = self.item.subtype == kinds.entities.WorkflowTemplate.subtype
        return is_template and self.is_writer and self.item.is_complete

    @property
    def may_report(self) -> bool:
        return self.item.subtype in contents.KINDS and self.item.is_complete

    @property
    def may_delete(self) -> bool:
        return access.level(self.user) == Level.ADMIN


def item_page(request: HtmxRequest, handle: str, tab: str) -> tuple[Item, dict[str, Any]]:
    """The item and the context that `registry/item.html` needs for one of its tabs."""
    item = item_for(request.user, handle)
    successor = None
    if item.is_superseded:
        readable = Item.objects.readable_by(request.user).defer("info", "search_text")
        successor = readable.filter(previous_version=item).first()
    lock = item.lock_events.select_related("by").first() if item.is_locked else None
    return item, {
        "item": item,
        "tab": tab,
        "reader": Reader(request.user, item),
        "lock": lock,
        "successor": successor,
    }
