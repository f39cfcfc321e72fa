"""One step over the graph from many items at once, in SQL. Items are told by their keys.

Nothing here costs by claims: a template may have one member that a hundred thousand runs claim
anew. So each statement leaps along an index from one neighbour to the next, newest first, and takes
a neighbour of each item before it takes the second of any.
"""

from collections.abc import Collection
from enum import Enum
from typing import NamedTuple

from django.db import connection

from registry.models import Relation
from registry.search import store

TABLE = Relation._meta.db_table


class Direction(Enum):
    """Which end of a relation is near, and which far."""

    UP = ("source_id", "target_id")  # along the arrow, to the cause
    DOWN = ("target_id", "source_id")


class Step(NamedTuple):
    """A relation as it is met on the way."""

    near: int
    type: str
    far: int


# Two leaps: to the next type of relation with the same neighbour, else to the next neighbour. One,
# by comparing rows, would go through all claims that are equal to the last one.
_SQLITE = f"""
WITH RECURSIVE link(id) AS (
    SELECT (
        SELECT id FROM {TABLE} WHERE {{near}} = node.value
        ORDER BY {{far}} DESC, type DESC LIMIT 1
    ) FROM json_each(%s) AS node
    UNION ALL
    SELECT COALESCE(
        (
            SELECT id FROM {TABLE} WHERE {{near}} = last.{{near}} AND {{far}} = last.{{far}}
            AND type < last.type ORDER BY type DESC LIMIT 1
        ),
        (
            SELECT id FROM {TABLE} WHERE {{near}} = last.{{near}} AND {{far}} < last.{{far}}
            ORDER BY {{far}} DESC, type DESC LIMIT 1
        )
    ) FROM link JOIN {TABLE} AS last ON last.id = link.id
    LIMIT %s
)
SELECT {{near}}, type, {{far}} FROM link CROSS JOIN {TABLE} AS relation
WHERE relation.id = link.id
"""  # noqa: S608 - our own names
# The limit stands outside, and yet ends the recursion: PostgreSQL makes rows as they are fetched.
_POSTGRESQL = f"""
WITH RECURSIVE link(near, type, far) AS (
    SELECT node.id, first.type, first.far FROM unnest(%s::bigint[]) AS node(id), LATERAL (
        SELECT {{far}} AS far, type FROM {TABLE} WHERE {{near}} = node.id
        ORDER BY {{far}} DESC, type DESC LIMIT 1
    ) AS first
    UNION ALL
    SELECT link.near, next.type, next.far FROM link, LATERAL (
        SELECT relation.{{far}} AS far, relation.type FROM {TABLE} AS relation
        WHERE {{near}} = link.near AND ({{far}}, relation.type) < (link.far, link.type)
        ORDER BY {{far}} DESC, relation.type DESC LIMIT 1
    ) AS next
)
SELECT near, type, far FROM link LIMIT %s
"""  # noqa: S608 - our own names
_BEYOND = f"""
WITH RECURSIVE shown(id) AS ({{listed}}), step(near, far) AS (
    SELECT id, (SELECT MAX({{far}}) FROM {TABLE} WHERE {{near}} = shown.id) FROM shown
    UNION ALL
    SELECT near, (
        SELECT MAX({{far}}) FROM {TABLE} WHERE {{near}} = step.near AND {{far}} < step.far
    ) FROM step WHERE far IN (SELECT id FROM shown)
)
SELECT DISTINCT near FROM step WHERE far IS NOT NULL AND far NOT IN (SELECT id FROM shown)
"""  # noqa: S608 - our own names


def steps(keys: Collection[int], direction: Direction, limit: int) -> list[Step]:
    """The relations of these items in that direction, each once for all its claims, at most
    `limit`: of each item the newest neighbours."""
    near, far = direction.value
    sql = _SQLITE if connection.vendor == "sqlite" else _POSTGRESQL
    # On SQLite an item that has no (further) relation takes up a row, too.
    most = limit if connection.vendor != "sqlite" else limit + len(keys)
    found = store.rows(sql.format(near=near, far=far), [store.key_list(keys), most])
    return [Step(*row) for row in found[:limit]]


def with_more(keys: Collection[int]) -> set[int]:
    """Those of these items that have a neighbour, in either direction, that is none of them."""
    shown = store.listed(keys)
    found: set[int] = set()
    for direction in Direction:
        near, far = direction.value
        sql = _BEYOND.format(near=near, far=far, listed=shown.sql)
        found.update(key for (key,) in store.rows(sql, shown.params))
    return found
