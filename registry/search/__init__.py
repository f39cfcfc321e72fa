"""Full-text search over items: it forgives misspelt and partial words, ranks, says what matched,
and shows nobody more than they may read.

`words` says how texts become words, `store` keeps them and lists the newest items that have some,
`reader` leaves out what somebody may not read, `spelling` knows what may be meant, `ranking` puts
hits in order, and `matches` says where they match. Only `store` depends on the database.
"""

import re
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from registry.models import Item, ItemQuerySet
from registry.search import spelling, store, words
from registry.search.matches import Snippet, matched
from registry.search.ranking import EXACT, FIRST, Place, Term, places_from, ranked, terms_of
from registry.search.reader import Reader

MOST_HITS = 50  # on a page
LONGEST_QUERY = 1_000  # characters; the rest is ignored
CHUNK = 500  # items that are indexed in one transaction
_CURSOR = re.compile(r"([0-9]{1,10})-([0-9]{1,18})")


@dataclass(frozen=True)
class Hit:
    """An item that was found. `score` tells how well it fits beside others; `field` is the label of
    the field that matched; `snippet` is the text of it around the first match, in pieces of which
    True marks what matched."""

    item: Item
    score: int
    field: str
    snippet: Snippet


@dataclass(frozen=True)
class Results:
    """A page of hits, best first, the cursor of the next page (None at the end), and for each
    misspelt word the one that was searched instead."""

    hits: list[Hit]
    next: str | None
    corrected: dict[str, str]


def index(item: Item) -> None:
    """(Re)index an item from its current fields, in the caller's transaction."""
    line = words.kept(item)
    store.keep(item.pk, line)
    spelling.learn(line.split())


def remove(item: Item) -> None:
    """Take an item out of the index, in the caller's transaction."""
    store.forget(item.pk)


def rebuild() -> int:
    """Index all items anew, some at a time: others can write meanwhile, and nobody finds less.
    Returns how many items there are."""
    spelling.forget_all()
    complete = Item.objects.live().complete().order_by("pk")
    count, last = 0, 0
    while chunk := _index_after(complete, last):
        if not count:
            store.analyze()  # or the known words would be read through for each item
        count, last = count + len(chunk), chunk[-1].pk
    store.forget_others()
    store.analyze()
    return count


def rebuild_if_empty(**signal: Any) -> None:
    """After `migrate`: index the items of a database that has none indexed yet."""
    tables = set(connection.introspection.table_names())
    if not {Item._meta.db_table, store.TABLE} <= tables or not store.is_empty():
        return
    if Item.objects.live().complete().exists():
        rebuild()


def search(items: ItemQuerySet, text: str, *, limit: int = 10, after: str | None = None) -> Results:
    """Find `text` in `items`: those that the reader may see, perhaps filtered further.

    Any word matches. More and rarer words, whole ones and those in the display name rank higher;
    items whose id is in the text come first. `limit` is at most 50. `after` is the `next` of the
    page before; a cursor that is none of ours, or behind which nothing is left, gives the first
    page. Whatever the text, this raises nothing.
    """
    limit = min(max(limit, 1), MOST_HITS)
    text = text[:LONGEST_QUERY]
    reader = Reader(items)
    terms, corrected = terms_of(reader, text)
    asked = items.filter(handle__in=words.ids(text)).values_list("pk", flat=True)
    best = ranked(reader, terms, asked)
    places = places_from(reader, terms, best, _place(after), limit + 1)
    if not places and after:
        places = places_from(reader, terms, best, FIRST, limit + 1)
    shown = places[:limit]
    return Results(
        hits=_hits(items, terms, shown),
        next="{}-{}".format(*shown[-1]) if len(places) > limit else None,
        corrected=corrected,
    )


def _index_after(items: ItemQuerySet, last: int) -> list[Item]:
    """Index the next items, which nobody can change meanwhile."""
    with transaction.atomic():
        chunk = list(items.filter(pk__gt=last).select_for_update(no_key=True)[:CHUNK])
        for item in chunk:
            index(item)
    return chunk


def _place(cursor: str | None) -> Place:
    match = _CURSOR.fullmatch(cursor or "")
    return (int(match[1]), int(match[2])) if match else FIRST


def _hits(items: ItemQuerySet, terms: list[Term], places: list[Place]) -> list[Hit]:
    whole = items.defer(None)  # what matched may be in any field
    found = {item.pk: item for item in whole.filter(pk__in=[key for _, key in places])}
    return [
        Hit(found[key], score, *matched(found[key], terms, by_id=score == EXACT))
        for score, key in places
        if key in found  # else it was deleted this moment
    ]
