"""Executing the few statements that every job needs, as cheaply as Django allows.

A model's instance is made of a row without `raw()`, which works out columns and converters anew
each time.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import connection
from django.db.models import Model

Row = tuple[Any, ...]
Converter = Callable[[Any], Any]
M = TypeVar("M", bound=Model)


def fetch(sql: str, parameters: Sequence[Any]) -> list[Row]:
    """The rows that a statement returns."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def get(model: type[M], pk: Any) -> M:
    """The row of that key. Raises ObjectDoesNotExist."""
    columns, sql = _look_up(model)
    found = fetch(sql, [pk])
    if not found:
        raise ObjectDoesNotExist(f"There is no {model.__name__} {pk}.")
    return instance(model, columns, found[0])


@functools.cache
def _look_up(model: type[Model]) -> tuple[tuple[str, ...], str]:
    meta = model._meta
    columns = tuple(field.attname for field in meta.concrete_fields)
    key = meta.pk.attname
    return columns, f"SELECT {', '.join(columns)} FROM {meta.db_table} WHERE {key} = %s"  # noqa: S608


def instance(model: type[M], columns: tuple[str, ...], row: Row) -> M:
    """The model's instance that a row describes; its other fields are read when asked for."""
    values = [
        convert(value) if convert else value
        for convert, value in zip(_converters(model, columns), row, strict=True)
    ]
    return model.from_db(connection.alias, columns, values)


@functools.cache
def _converters(model: type[Model], columns: tuple[str, ...]) -> list[Converter | None]:
    return [_converter(model, column) for column in columns]


def _converter(model: type[Model], column: str) -> Converter | None:
    """What turns a value of the database into one of Python, as Django's queries do it."""
    field = next(field for field in model._meta.concrete_fields if field.attname == column)
    expression = field.get_col(model._meta.db_table)
    steps = connection.ops.get_db_converters(expression) + expression.get_db_converters(connection)
    if not steps:
        return None

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, expression, connection)
        return value

    return convert
