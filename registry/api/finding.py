"""The search API of Provena's Python client (contract, section 10)."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import BeforeValidator, Field

from provena import rest
from provena.rest import ApiRequest
from provena.words import counted
from registry import search
from registry.api.answers import Status
from registry.api.listing import Subtype
from registry.api.rights import READ
from registry.models import HANDLE, Item, ItemQuerySet

router = Router(tags=["Search"])

USUAL = 10  # hits


def _given(value: Any) -> Any:
    """The client sends what was not given as an empty text."""
    return None if value == "" else value


class Wanted(Schema):
    """`record_limit` is 10 unless it is given, and 50 at most."""

    query: str
    record_limit: Annotated[int | None, Field(ge=1), BeforeValidator(_given)] = None
    subtype_filter: Annotated[Subtype | None, BeforeValidator(_given)] = None


class Result(Schema):
    id: str
    score: float


class Found(Schema):
    """The best hits first. `warnings` tells of words that nothing has, and what was searched
    instead."""

    status: Status
    results: list[Result]
    warnings: list[str] | None


@router.get("/", auth=None, summary="Health check")
def health(request: HttpRequest) -> dict[str, str]:
    return rest.HEALTHY


@router.get(
    "/search/entity-registry",
    auth=READ,
    response={200: Found, **rest.REFUSALS},
    summary="Search the registry",
)
def find(request: ApiRequest, wanted: Query[Wanted]) -> Any:
    """The items that you may read and that have any of these words: in their names, descriptions
    and other texts, in their kinds and ids. Misspelt words find what was probably meant. An id
    finds its item first, of whatever kind; activities that jobs record are else found only by
    asking for their kind."""
    text = wanted.query.strip()
    items = _among(Item.objects.readable_by(request.user).complete(), wanted.subtype_filter, text)
    found = search.search(items, text, limit=min(wanted.record_limit or USUAL, search.MOST_HITS))
    return {
        "status": Status(details=f"{counted(len(found.hits), 'result')}."),
        "results": [{"id": hit.item.handle, "score": hit.score} for hit in found.hits],
        "warnings": [
            f"Nothing has the word {word!r}; {other!r} was searched for instead."
            for word, other in found.corrected.items()
        ]
        or None,
    }


def _among(items: ItemQuerySet, subtype: str | None, text: str) -> ItemQuerySet:
    if subtype:
        return items.of_kind(subtype)
    return items if HANDLE.fullmatch(text) else items.named_by_people()
