"""Adding rows by one statement, for what is written with every item or in great numbers.

Django's `bulk_create` makes an instance of each row and an expression of each value, which costs a
run with a dozen edges more than the database does.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, JSONField, Model, UUIDField

PREPARED = (DateTimeField, JSONField, UUIDField)
Preparer = Callable[..., Any]
MOST_VALUES = 900  # in one statement: SQLite may take no more than 999


def add(
    model: type[Model],
    columns: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    *,
    anew: bool,
    shared: Mapping[str, Any] | None = None,
) -> None:
    """Add these rows, in the caller's transaction, with the values of `shared` in all of them.
    `anew` says that none is there yet; otherwise those that are stay as they are."""
    prepare = _preparers(model, columns)
    names = tuple(shared or ())
    same = _prepared(_preparers(model, names), tuple((shared or {}).values()))
    every = columns + names
    most = MOST_VALUES // len(every)
    with connection.cursor() as cursor:
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            values = [value for row in some for value in (*_prepared(prepare, row), *same)]
            cursor.execute(_insert(model, every, len(some), anew), values)


def add_new(instance: Model) -> None:
    """Add the row of a new instance, in the caller's transaction, and give it its key. As `save`,
    but without signals, which cost more than the database does."""
    model = type(instance)
    columns = _columns(model)
    row = tuple(getattr(instance, column) for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(_insert_new(model), _prepared(_preparers(model, columns), row))
        [instance.pk] = cursor.fetchone()
    state = instance._state  # noqa: SLF001 - documented as public
    state.adding, state.db = False, connection.alias


@functools.cache
def _columns(model: type[Model]) -> tuple[str, ...]:
    """All but the key, and others that the database chooses."""
    return tuple(
        field.attname
        for field in model._meta.concrete_fields
        if not (field.primary_key or field.generated)
    )


@functools.cache
def _insert_new(model: type[Model]) -> str:
    key, columns = model._meta.pk.attname, _columns(model)
    if not columns:
        return f"INSERT INTO {model._meta.db_table} DEFAULT VALUES RETURNING {key}"  # noqa: S608
    return f"{_insert(model, columns, 1, True)} RETURNING {key}"


def _prepared(prepare: list[Preparer | None], row: tuple[Any, ...]) -> list[Any]:
    return [
        one(value, connection) if one else value for one, value in zip(prepare, row, strict=True)
    ]


@functools.cache
def _preparers(model: type[Model], columns: tuple[str, ...]) -> list[Preparer | None]:
    """What turns a value of each column into what the database's driver takes, where that needs
    it."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    chosen = [fields[column] for column in columns]
    held = [getattr(field, "target_field", field) for field in chosen]  # of a foreign key, its key
    return [kind.get_db_prep_save if isinstance(kind, PREPARED) else None for kind in held]


@functools.lru_cache(maxsize=500)
def _insert(model: type[Model], columns: tuple[str, ...], count: int, anew: bool) -> str:
    places = f"({', '.join(['%s'] * len(columns))})"
    return (
        f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "  # noqa: S608 - our own names
        f"VALUES {', '.join([places] * count)}" + ("" if anew else " ON CONFLICT DO NOTHING")
    )
