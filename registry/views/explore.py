"""Finding items: the list of all items with search, and the kinds explained."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from provena.http import HtmxRequest, wants_fragment
from provena.paging import Page, keyset, keyset_by
from registry import kinds, presentation, search
from registry.kinds import Kind
from registry.kinds.values import without_address
from registry.models import HANDLE, Item, ItemQuerySet

HITS = 20  # of a search, in one page
SORTS = {"updated": "Updated", "created": "Registered", "name": "Name"}


@dataclass(frozen=True)
class Wanted:
    """What the address of Explore asks for; whatever it does not know is left at its default."""

    kind: type[Kind] | None
    is_mine: bool
    sort: str
    is_descending: bool
    text: str
    after: str

    @classmethod
    def by(cls, request: HtmxRequest) -> "Wanted":
        given = request.GET
        subtype = given.get("kind", "").upper()
        sort = given.get("sort", "")
        sort = sort if sort in SORTS else "updated"
        order = given.get("order", "")
        return cls(
            kind=next((kind for kind in kinds.all_kinds() if kind.subtype == subtype), None),
            is_mine=given.get("owner") == "me",
            sort=sort,
            is_descending=order != "up" if order else sort != "name",
            text=without_address(given.get("q", "").replace("\0", "").strip()[:500]),
            after=given.get("after", ""),
        )

    def query(self, **changed: Any) -> str:
        """The address of this list with something changed, from its first page on."""
        wanted = {
            "q": self.text,
            "kind": self.kind.subtype if self.kind else "",
            "owner": "me" if self.is_mine else "",
            "sort": self.sort if self.sort != "updated" else "",
            "order": ("down" if self.is_descending else "up")
            if self.is_descending != (self.sort != "name")
            else "",
        } | changed
        return "?" + urlencode({name: value for name, value in wanted.items() if value})


@require_safe
def explore(request: HtmxRequest) -> HttpResponse:
    """The items that the user may read: filtered, sorted, searched. A pasted id leads to its item,
    whatever kind it is of."""
    wanted = Wanted.by(request)
    if HANDLE.fullmatch(wanted.text):
        return redirect("item-detail", wanted.text)
    context = _searched(request, wanted) if wanted.text else _listed(request, wanted)
    context |= {"wanted": wanted, "after": wanted.after}
    if wants_fragment(request):
        rows = "registry/_hits.html" if wanted.text else "registry/_item_rows.html"
        return render(request, rows, context)
    context |= {
        "kinds": [
            {"kind": kind, "query": wanted.query(kind=kind.subtype)} for kind in kinds.all_kinds()
        ],
        "all_kinds_query": wanted.query(kind=""),
        "mine_query": wanted.query(owner="" if wanted.is_mine else "me"),
        "sorts": _sorts(wanted),
        "first_query": wanted.query(),
        "unsearched_query": wanted.query(q=""),
    }
    return render(request, "registry/explore.html", context)


@require_safe
def explain_kinds(request: HtmxRequest) -> HttpResponse:
    """One page about all kinds: what each is for, its fields, and who makes it."""
    return render(request, "help/kinds.html", {"kinds": kinds.all_kinds()})


def _filtered(request: HtmxRequest, wanted: Wanted) -> ItemQuerySet:
    items = Item.objects.readable_by(request.user).complete().with_successors()
    # Owners in a query of their own: beside a join, SQLite walks by owner and sorts all items.
    items = items.prefetch_related("owner")
    if wanted.kind:
        items = items.of_kind(wanted.kind.subtype)
    else:  # a list of all kinds would drown in runs; who searches may mean one
        items = items.named_by_people() if wanted.text else items.made_by_people()
    return items.filter(owner=request.user) if wanted.is_mine else items


def _listed(request: HtmxRequest, wanted: Wanted) -> dict[str, Any]:
    items = _filtered(request, wanted).defer("info", "search_text")
    page: Page[Item]
    if wanted.sort == "created" and wanted.is_descending:
        page = keyset(items, wanted.after)
    else:
        field = {"updated": "updated_at", "created": "id", "name": "display_name"}[wanted.sort]
        page = keyset_by(items, field, wanted.after, descending=wanted.is_descending)
    return {
        "page": page,
        "more": wanted.query(after=page.next) if page.next else "",
        "failed": presentation.failed(page.rows),
    }


def _searched(request: HtmxRequest, wanted: Wanted) -> dict[str, Any]:
    found = search.search(_filtered(request, wanted), wanted.text, limit=HITS, after=wanted.after)
    return {
        "found": found,
        "more": wanted.query(after=found.next) if found.next else "",
        "failed": presentation.failed(hit.item for hit in found.hits),
    }


def _sorts(wanted: Wanted) -> list[dict[str, Any]]:
    """The sort links: the one in force turns its direction."""
    return [
        {
            "label": label,
            "is_on": sort == wanted.sort,
            "is_descending": wanted.is_descending,
            "query": wanted.query(
                sort=sort,
                order=("up" if wanted.is_descending else "down") if sort == wanted.sort else "",
            ),
        }
        for sort, label in SORTS.items()
    ]
