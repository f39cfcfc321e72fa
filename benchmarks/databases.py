"""Databases of the benchmark's own, made for one run and dropped after it."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from benchmarks.contenders import POSTGRESQL, REDIS

POSTGRES_URL = os.environ.get("POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")


class Databases:
    """Makes a database for each name that is asked for."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._made: set[str] = set()

    def url(self, engine: str, name: str) -> tuple[str, bool]:
        """The address of the database of that name, and whether it was made just now."""
        key = f"provena_bench_{os.getpid()}_{name}"
        if engine != POSTGRESQL:
            path = self.directory / f"{name}.sqlite3"
            return f"sqlite:///{path}", not path.exists()
        is_new = key not in self._made
        if is_new:
            _administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(key)))
            self._made.add(key)
        return urlunsplit(urlsplit(POSTGRES_URL)._replace(path=f"/{key}")), is_new

    def drop(self) -> None:
        """Drop those on the server."""
        for key in self._made:
            _administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(key)))


@contextmanager
def temporary() -> Iterator[Databases]:
    """Databases that exist inside the block only; their directory also takes logs."""
    with tempfile.TemporaryDirectory(prefix="provena-bench-") as directory:
        databases = Databases(Path(directory))
        try:
            yield databases
        finally:
            databases.drop()


def why_not(engine: str) -> str:
    """Why that kind of database cannot be used; empty if it can."""
    try:
        if engine == POSTGRESQL:
            psycopg.connect(POSTGRES_URL, connect_timeout=2).close()
        elif engine == REDIS:
            parts = urlsplit(REDIS_URL)
            socket.create_connection((parts.hostname, parts.port or 6379), timeout=2).close()
    except (psycopg.OperationalError, OSError) as error:
        return f"none answers ({str(error).strip()})"
    return ""


def _administer(statement: sql.Composed) -> None:
    with psycopg.connect(POSTGRES_URL, autocommit=True) as connection:
        connection.execute(statement)
