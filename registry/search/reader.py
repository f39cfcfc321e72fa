"""The index as somebody sees it who may read some items and nothing else."""

from collections.abc import Sequence

from registry.models import ItemQuerySet
from registry.search import store
from registry.search.store import LARGEST_KEY, Query

FEW = 20_000  # items that are listed for the database, instead of looking at all its hits
RARELY = 20  # hits, of which less than one is for the reader
MOST_AT_ONCE = 10_000  # hits


class Reader:
    """Even whether a word is known depends on `items` alone, so that nobody learns of words that
    only others may read."""

    def __init__(self, items: ItemQuerySet) -> None:
        self._items = items.order_by()
        self._may_read: dict[int, bool] = {}
        self._few: str | None = None
        self._were_counted = False

    def newest(self, query: Query, limit: int, below: int = LARGEST_KEY) -> list[int]:
        """The keys of the newest items that fit, below a key, in descending order."""
        return self._completed([], query, limit, below, limit)

    def newest_of_each(self, queries: Sequence[Query], limit: int) -> list[list[int]]:
        """The same for several queries, whose hits are looked at together."""
        if self._few is not None:
            return [self.newest(query, limit) for query in queries]
        ahead = [store.newest(query, limit) for query in queries]
        self._readable(list({key for keys in ahead for key in keys}))
        return [
            self._completed(self._readable(keys), query, limit, keys[-1], 2 * limit)
            if len(keys) == limit
            else self._readable(keys)
            for query, keys in zip(queries, ahead, strict=True)
        ]

    def _completed(
        self, found: list[int], query: Query, limit: int, below: int, step: int
    ) -> list[int]:
        """What was found so far, and as much more as there is and is wanted."""
        while len(found) < limit and self._few is None:
            keys = store.newest(query, step, below)
            readable = self._readable(keys)
            found = [*found, *readable]
            if len(keys) < step:
                return found[:limit]
            if len(readable) < len(keys) // RARELY:
                self._look_if_few()
            step, below = min(2 * step, MOST_AT_ONCE), keys[-1]
        if len(found) < limit:
            found += store.newest(query, limit - len(found), below, among=self._few)
        return found[:limit]

    def _readable(self, keys: list[int]) -> list[int]:
        unknown = [key for key in keys if key not in self._may_read]
        if unknown:
            found = self._items.filter(pk__in=store.listed(unknown)).values_list("pk", flat=True)
            self._may_read |= dict.fromkeys(unknown, False) | dict.fromkeys(found, True)
        return [key for key in keys if self._may_read[key]]

    def _look_if_few(self) -> None:
        """Hardly any hit is for this reader. Where they may read few items, or look among few, it
        is quicker to have the database look for those alone."""
        if not self._were_counted:
            self._were_counted = True
            keys = list(self._items.values_list("pk", flat=True)[: FEW + 1])
            self._few = store.key_list(keys) if len(keys) <= FEW else None
