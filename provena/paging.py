"""Keyset paging, the same for pages and API: no page number, no OFFSET, no COUNT.

A page is cut by a key that only grows, mostly the primary key. So its cost does not depend on how
far down the list it is, and rows that arrive meanwhile never shift it.
"""

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

PAGE_SIZE = 25
KEY, LARGEST_KEY = re.compile(r"[0-9]{1,19}"), 2**63 - 1

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """The rows of one page, newest first, and the cursor of the next (None at the end)."""

    rows: list[M]
    next: str | None


def keyset(
    queryset: QuerySet[M], after: str | None = None, limit: int = PAGE_SIZE, *, key: str = "id"
) -> Page[M]:
    """Cut one page out of `queryset`, by descending `key`: a whole number, distinct in it.

    `after` is the `next` of the page before. A cursor that is no key of ours, or behind which
    nothing is left, gives the first page: a stale or mangled link still leads somewhere useful.
    """
    ordered = queryset.order_by(f"-{key}")
    rows = list(_after(ordered, after, key)[: limit + 1])
    if not rows and after:
        rows = list(ordered[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows=rows, next=str(getattr(rows[-1], key)) if more else None)


def _after(ordered: QuerySet[M], after: str | None, key: str) -> QuerySet[M]:
    if not after or not KEY.fullmatch(after) or int(after) > LARGEST_KEY:
        return ordered
    return ordered.filter(**{f"{key}__lt": int(after)})
