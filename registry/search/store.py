"""The index in the database: a row for each item, with the line of words that is kept of it.

A query is made of needles that are to be found in that line: " reef " is a whole word, " reef" the
beginning of one. SQLite answers it by FTS5, PostgreSQL by a GIN index.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models.expressions import RawSQL

Query = Sequence[Collection[str]]  # of each of these needles, an item must have one
TABLE = "registry_search"
LARGEST_KEY = 2**63 - 1
LATEST, FEW_HITS = 1_000, 2_000  # rows that PostgreSQL looks at first, and sorts
COMPLETE = "SELECT id FROM registry_item WHERE deleted_at IS NULL AND is_complete"


@dataclass(frozen=True)
class _Database:
    """How one database says it."""

    newest: str
    among: str
    listed: str
    key_list: str
    lines: str
    keep: str
    forget: str
    forget_others: str
    analyze: str | None
    all_of: str
    any_of: str
    whole: str
    beginning: str

    def expression(self, query: Query) -> str:
        """The query in the database's own language. Needles hold letters, digits and marks only,
        so none can end its quotes."""
        clauses = (self.any_of.join(map(self._needle, needles)) for needles in query)
        return self.all_of.join(f"({clause})" for clause in clauses)

    def _needle(self, needle: str) -> str:
        return (self.whole if needle.endswith(" ") else self.beginning).format(needle.strip())


_SQLITE = _Database(
    newest="SELECT rowid FROM registry_search WHERE registry_search MATCH %s AND rowid < %s "
    "ORDER BY rowid DESC LIMIT %s",
    # With a plus it goes through the hits, without it would search anew for each key.
    among="SELECT rowid FROM registry_search WHERE registry_search MATCH %s AND rowid < %s "
    "AND +rowid IN (SELECT value FROM json_each(%s)) ORDER BY rowid DESC LIMIT %s",
    listed="SELECT value FROM json_each(%s)",
    key_list="[{}]",
    lines="SELECT rowid, words FROM registry_search "
    "WHERE rowid IN (SELECT value FROM json_each(%s))",
    keep="REPLACE INTO registry_search (rowid, words) VALUES (%s, %s)",
    forget="DELETE FROM registry_search WHERE rowid = %s",
    forget_others="DELETE FROM registry_search WHERE rowid NOT IN ({complete})",
    analyze=None,
    all_of=" AND ",
    any_of=" OR ",
    whole='"{}"',
    beginning='"{}" *',
)
BY_INDEX = (
    "SELECT item_id FROM registry_search WHERE vector @@ %s::tsquery AND item_id < %s LIMIT %s"
)
_POSTGRESQL = _Database(
    newest="SELECT item_id FROM (SELECT item_id, vector FROM registry_search "
    "WHERE item_id < %s ORDER BY item_id DESC LIMIT %s) AS latest "
    "WHERE vector @@ %s::tsquery ORDER BY item_id DESC LIMIT %s",
    among="SELECT item_id FROM registry_search WHERE vector @@ %s::tsquery AND item_id < %s "
    "AND item_id = ANY(%s::bigint[]) ORDER BY item_id DESC LIMIT %s",
    listed="SELECT unnest(%s::bigint[])",
    key_list="{{{}}}",
    lines="SELECT item_id, words FROM registry_search WHERE item_id = ANY(%s::bigint[])",
    keep="INSERT INTO registry_search (item_id, words) VALUES (%s, %s) "
    "ON CONFLICT (item_id) DO UPDATE SET words = excluded.words",
    forget="DELETE FROM registry_search WHERE item_id = %s",
    forget_others="DELETE FROM registry_search WHERE item_id NOT IN ({complete})",
    analyze="ANALYZE registry_search, registry_search_word",
    all_of=" & ",
    any_of=" | ",
    whole="'{}'",
    beginning="'{}':*",
)


def keep(key: int, line: str) -> None:
    """Write the row of an item, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_database().keep, [key, line])


def forget(key: int) -> None:
    """Remove the row of an item, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_database().forget, [key])


def is_empty() -> bool:
    """Whether no item is indexed."""
    return not rows(f"SELECT 1 FROM {TABLE} LIMIT 1", [])  # noqa: S608 - our own table's name


def forget_others() -> None:
    """Remove the rows of what is no complete item. In one statement, so that what others write
    meanwhile is seen with its item or not at all."""
    with connection.cursor() as cursor:
        cursor.execute(_database().forget_others.format(complete=COMPLETE))


def analyze() -> None:
    """Let the database know what is in the index now, where it would not find that out itself soon
    enough."""
    if sql := _database().analyze:
        with connection.cursor() as cursor:
            cursor.execute(sql)


def newest(
    query: Query, limit: int, below: int = LARGEST_KEY, *, among: str | None = None
) -> list[int]:
    """The keys of the newest items that fit, below a key, in descending order; only of those in
    the `key_list` among, if there is one."""
    database = _database()
    expression = database.expression(query)
    if among is not None:
        return _keys(database.among, [expression, below, among, limit])
    if connection.vendor == "postgresql":
        return _newest_on_postgresql(expression, limit, below)
    return _keys(database.newest, [expression, below, limit])


def _newest_on_postgresql(expression: str, limit: int, below: int) -> list[int]:
    """PostgreSQL guesses badly how many rows have a beginning of a word, and may read all of them
    for a wrong guess. So it has no choice here: the latest rows are enough for a common word, the
    index is for a rare one, and only for what is neither all rows are gone through from the newest,
    of which one in some hundred fits."""
    keys = _keys(_POSTGRESQL.newest, [below, LATEST, expression, limit])
    if len(keys) == limit:
        return keys
    keys = _keys(BY_INDEX, [expression, below, FEW_HITS])
    if len(keys) < FEW_HITS:
        return sorted(keys, reverse=True)[:limit]
    return _keys(_POSTGRESQL.newest, [below, LARGEST_KEY, expression, limit])


def key_list(keys: Iterable[int]) -> str:
    """Keys as one parameter: thousands of them would take Django longer than the database."""
    return _database().key_list.format(",".join(map(str, keys)))


def listed(keys: Iterable[int]) -> RawSQL:
    """Keys as a subquery, for `pk__in`."""
    return RawSQL(_database().listed, [key_list(keys)])  # noqa: S611 - it is constant


def lines(keys: Iterable[int]) -> dict[int, str]:
    """The lines of these items, of those that are in the index."""
    return dict(rows(_database().lines, [key_list(keys)]))


def rows(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What a statement returns."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _keys(sql: str, parameters: Sequence[Any]) -> list[int]:
    return [key for (key,) in rows(sql, parameters)]


def places(values: Sequence[Any]) -> str:
    """As many places for parameters as there are values."""
    return ", ".join(["%s"] * len(values))


def _database() -> _Database:
    return _SQLITE if connection.vendor == "sqlite" else _POSTGRESQL
