"""Keyset paging, the same for pages and API: no page number, no OFFSET, no COUNT.

A page is cut by the key of the last row of the page before. So its cost does not depend on how far
down the list it is, and rows that arrive meanwhile never shift it.
"""

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from django.core.exceptions import ValidationError
from django.db.models import F, Model, Q, QuerySet

PAGE_SIZE = 25
KEY, LARGEST_KEY = re.compile(r"[0-9]{1,19}"), 2**63 - 1
LONGEST_CURSOR = 4_000  # characters

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """The rows of one page, and the cursor of the next (None at the end)."""

    rows: list[M]
    next: str | None


def keyset(
    queryset: QuerySet[M],
    after: str | None = None,
    limit: int = PAGE_SIZE,
    *,
    key: str = "id",
    descending: bool = True,
) -> Page[M]:
    """Cut one page out of `queryset`, by `key`: a whole number, distinct in it.

    `after` is the `next` of the page before. A cursor that is no key of ours, or behind which
    nothing is left, gives the first page: a stale or mangled link still leads somewhere useful.
    """
    number = _number(after)
    sign, than = ("-", "lt") if descending else ("", "gt")
    ordered = queryset.order_by(f"{sign}{key}")
    rest = ordered if number is None else ordered.filter(**{f"{key}__{than}": number})
    return _page(ordered, rest, limit, lambda row: str(getattr(row, key)))


def keyset_by(
    queryset: QuerySet[M],
    field: str,
    after: str | None = None,
    limit: int = PAGE_SIZE,
    *,
    descending: bool = True,
) -> Page[M]:
    """Cut one page by a field that is a text or a time, and by id where that is equal.

    Cursors behave as those of `keyset`.
    """
    sign = "-" if descending else ""
    ordered = queryset.order_by(f"{sign}{field}", f"{sign}id")
    rest = ordered
    if cursor := _cursor(after, queryset.model._meta.get_field(field)):
        rest = behind(ordered, field, *cursor, descending=descending)
    return _page(ordered, rest, limit, lambda row: _text(getattr(row, field), row.pk))


def behind(
    ordered: QuerySet[M], field: str, value: Any, number: int, *, descending: bool
) -> QuerySet[M]:
    """What comes behind the row of that value and id, in rows ordered by both."""
    than = "lt" if descending else "gt"
    # Written so, and not as one OR, each database walks its index from here on; with the bare id,
    # PostgreSQL may look up both sides of the OR and sort what it finds.
    near = ordered.filter(**{f"{field}__{than}e": value}).alias(number=F("id") + 0)
    rest = near.filter(Q(**{f"{field}__{than}": value}) | Q(**{f"number__{than}": number}))
    return cast("QuerySet[M]", rest)


def keyset_in_turn(
    querysets: Sequence[QuerySet[M]],
    after: str | None = None,
    limit: int = PAGE_SIZE,
    *,
    key: str = "id",
) -> Page[M]:
    """Cut one page out of several querysets, one after the other, each by ascending `key`: a whole
    number, distinct in it. Cursors behave as those of `keyset`.
    """
    turn, number = _place(after)
    found = _walk(querysets, turn, number, key, limit + 1)
    if not found:
        found = _walk(querysets, 0, None, key, limit + 1)
    rows = found[:limit]
    last = f"{rows[-1][0]}.{getattr(rows[-1][1], key)}" if len(found) > limit else None
    return Page(rows=[row for _, row in rows], next=last)


def _walk(
    querysets: Sequence[QuerySet[M]], turn: int, number: int | None, key: str, most: int
) -> list[tuple[int, M]]:
    """At most so many rows behind a place, each with the turn of its queryset."""
    found: list[tuple[int, M]] = []
    for at, queryset in list(enumerate(querysets))[turn:]:
        rows = queryset.order_by(key)
        if at == turn and number is not None:
            rows = rows.filter(**{f"{key}__gt": number})
        found += [(at, row) for row in rows[: most - len(found)]]
        if len(found) == most:
            break
    return found


def _place(cursor: str | None) -> tuple[int, int | None]:
    """The turn and the key in a cursor; the start for one that is not ours."""
    turn, _, key = (cursor or "").partition(".")
    at, number = _number(turn), _number(key)
    return (0, None) if at is None or number is None else (at, number)


def _page(
    ordered: QuerySet[M], rest: QuerySet[M], limit: int, cursor: Callable[[M], str]
) -> Page[M]:
    rows = list(rest[: limit + 1])
    if not rows and rest is not ordered:
        rows = list(ordered[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows=rows, next=cursor(rows[-1]) if more else None)


def _number(text: str | None) -> int | None:
    if not text or not KEY.fullmatch(text) or int(text) > LARGEST_KEY:
        return None
    return int(text)


def _text(value: Any, number: int) -> str:
    told = value.isoformat() if isinstance(value, datetime) else value
    data = json.dumps([told, number], separators=(",", ":"))
    return base64.urlsafe_b64encode(data.encode()).decode().rstrip("=")


def _cursor(text: str | None, field: Any) -> tuple[Any, int] | None:
    """The value and id in a cursor; None for one that is not ours, or of another sort."""
    if not text or len(text) > LONGEST_CURSOR:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        told, number = json.loads(base64.urlsafe_b64decode(padded))
        value = field.to_python(told)
        str(told).encode()  # no database takes a lone surrogate
        if value is None or "\0" in str(told) or not 0 <= number <= LARGEST_KEY:
            return None
        if isinstance(value, datetime) and not 1000 < value.year < 9000:
            return None  # a change of its zone must not lead out of what a datetime can say
        return value, int(number)
    except (ValueError, TypeError, OverflowError, RecursionError, ValidationError):
        return None
