"""Adding rows of plain values by one statement, for what is written with every item.

Django's `bulk_create` makes an instance of each row and an expression of each value, which costs a
run with a dozen edges more than the database does.
"""

import functools
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Model

MOST_VALUES = 900  # in one statement: SQLite may take no more than 999


def add(
    model: type[Model], columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], *, anew: bool
) -> None:
    """Add these rows, in the caller's transaction. `anew` says that none is there yet; otherwise
    those that are stay as they are."""
    most = MOST_VALUES // len(columns)
    with connection.cursor() as cursor:
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            values = [value for row in some for value in row]
            cursor.execute(_insert(model, columns, len(some), anew), values)


@functools.lru_cache(maxsize=500)
def _insert(model: type[Model], columns: tuple[str, ...], count: int, anew: bool) -> str:
    places = f"({', '.join(['%s'] * len(columns))})"
    return (
        f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "  # noqa: S608 - our own names
        f"VALUES {', '.join([places] * count)}" + ("" if anew else " ON CONFLICT DO NOTHING")
    )
