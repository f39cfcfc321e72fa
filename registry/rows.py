"""Adding rows by one statement, for what is written with every item.

Django's `bulk_create` makes an instance of each row and an expression of each value, which costs a
run with a dozen edges more than the database does.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, JSONField, Model

PREPARED = (DateTimeField, JSONField)
MOST_VALUES = 900  # in one statement: SQLite may take no more than 999


def add(
    model: type[Model], columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], *, anew: bool
) -> None:
    """Add these rows, in the caller's transaction. `anew` says that none is there yet; otherwise
    those that are stay as they are."""
    most = MOST_VALUES // len(columns)
    prepare = _preparers(model, columns)
    with connection.cursor() as cursor:
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            values = [
                one(value, connection) if one else value
                for row in some
                for one, value in zip(prepare, row, strict=True)
            ]
            cursor.execute(_insert(model, columns, len(some), anew), values)


@functools.cache
def _preparers(model: type[Model], columns: tuple[str, ...]) -> list[Callable[..., Any] | None]:
    """What turns a value of each column into what the database's driver takes, where that needs
    it."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    chosen = [fields[column] for column in columns]
    return [field.get_db_prep_save if isinstance(field, PREPARED) else None for field in chosen]


@functools.lru_cache(maxsize=500)
def _insert(model: type[Model], columns: tuple[str, ...], count: int, anew: bool) -> str:
    places = f"({', '.join(['%s'] * len(columns))})"
    return (
        f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "  # noqa: S608 - our own names
        f"VALUES {', '.join([places] * count)}" + ("" if anew else " ON CONFLICT DO NOTHING")
    )
