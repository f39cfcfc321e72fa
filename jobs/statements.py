"""Executing the few statements that every job needs, as cheaply as the database allows.

PostgreSQL plans each statement anew when Django sends it, which for these costs more than running
them. Here it is told to keep the plan with the connection (psycopg's `prepare`).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg
from django.db import connection
from django.db.models import Model

Row = tuple[Any, ...]
Converter = Callable[[Any], Any]
M = TypeVar("M", bound=Model)


def fetch(sql: str, parameters: Sequence[Any]) -> list[Row]:
    """The rows that a statement returns. It must not depend on its parameters."""
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as prepared:
        prepared.execute(sql.encode(), parameters, prepare=True)
        return prepared.fetchall()


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
