"""Items of any kind, and lists of them (contract, section 7)."""

import importlib.metadata
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from provena import rest
from provena.page_keys import PageKey
from provena.rest import ApiRequest, Plain
from registry.access import Role
from registry.api import listing, shapes
from registry.api.answers import Status, content_in_status, refused
from registry.api.items import UNKNOWN, Fetched, fetched
from registry.api.listing import Filter, GeneralList, KindFilter, KindList, Paged, Subtype
from registry.api.of_kinds import ALL, for_each
from registry.api.rights import EVERYONE, READ
from registry.api.shapes import JSON
from registry.kinds import Kind
from registry.models import Item
from registry.services import rules

router = Router(tags=["Registry"])


class Listed(Schema):
    """A page of items of all kinds, seeds among them where they were asked for. Without a key it is
    the last."""

    status: Status = Status()
    items: list[JSON]
    total_item_count: int
    pagination_key: PageKey | None = None


class ListedKind(Schema):
    """A page of items of a kind. The counts are those of this page; without a key it is the last.
    What you may not read is left out, and not counted."""

    status: Status = Status()
    items: list[JSON]
    seed_items: list[JSON]
    unparsable_items: list[JSON] = []
    total_item_count: int
    complete_item_count: int
    seed_item_count: int
    unparsable_item_count: int = 0
    not_authorised_count: int = 0
    pagination_key: PageKey | None = None


class About(Schema):
    """Which version runs here. The first two names are those that the Python client reads."""

    new_version_id: str
    version_job_session_id: str
    commit_id: str
    commit_url: str
    tag_name: str
    release_title: str
    release_url: str


@router.get("/", auth=None, summary="Health check")
def health(request: HttpRequest) -> dict[str, str]:
    return rest.HEALTHY


@router.get(
    "/registry/general/fetch",
    auth=READ,
    response={200: Fetched, **rest.REFUSALS},
    summary="Fetch an item of any kind",
)
@content_in_status
def fetch_any(request: ApiRequest, id: Plain) -> Any:
    """Its content, history, versions and jobs, also of a seed. Needs the role metadata-read. An
    unknown id gives `success: false`."""
    item = shapes.with_all(Item.objects.live()).filter(handle=id).first()
    if item is None:
        return refused(UNKNOWN.format(id))
    rules.need_role(request.user, item, Role.METADATA_READ)
    return fetched(request, item)


@router.post(
    "/registry/general/list",
    auth=READ,
    response={200: Listed, **rest.REFUSALS},
    summary="List items of all kinds",
)
def list_all(request: ApiRequest, asked: GeneralList) -> Any:
    """Those that you may read, a page at a time: at most 100, and full while there are more. Send
    the `pagination_key` of a page, with the same filter and sort, to get the next."""
    found, key = listing.page(request.user, asked.filter_by or Filter(), asked)
    return {
        "status": Status(details=f"{len(found)} items."),
        "items": shapes.items(found),
        "total_item_count": len(found),
        "pagination_key": key,
    }


@for_each(ALL, router, "POST", "/list", auth=READ, response=ListedKind, summary="List {}")
def list_items(request: ApiRequest, kind: type[Kind], asked: KindList) -> Any:
    """All of this kind that you may read, a page at a time: at most 100, and full while there are
    more. Send the `pagination_key` of a page, with the same filter and sort, to get the next."""
    return listed(request, kind, asked, asked.filter_by or KindFilter())


def listed(request: ApiRequest, kind: type[Kind], asked: Paged, own: KindFilter) -> dict[str, Any]:
    """A page of items of a kind, as `ListedKind` describes it."""
    wanted = Filter(item_subtype=Subtype(kind.subtype), record_type=own.record_type)
    found, key = listing.page(request.user, wanted, asked)
    complete = [item for item in found if item.is_complete]
    seeds = [item for item in found if not item.is_complete]
    return {
        "status": Status(details=f"{len(found)} items."),
        "items": shapes.items(complete),
        "seed_items": shapes.items(seeds),
        "total_item_count": len(found),
        "complete_item_count": len(complete),
        "seed_item_count": len(seeds),
        "pagination_key": key,
    }


@router.get(
    "/registry/general/about/version",
    auth=EVERYONE,
    response={200: About, **rest.REFUSALS},
    summary="Which version runs here",
)
def about_version(request: HttpRequest) -> Any:
    """The name of the release. It is not told from which commit it was built."""
    number = importlib.metadata.version("provena-jobs")
    return {
        "new_version_id": number,
        "version_job_session_id": "",
        "commit_id": "",
        "commit_url": "",
        "tag_name": f"v{number}",
        "release_title": f"Provena Jobs {number}",
        "release_url": "",
    }
