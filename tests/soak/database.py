"""A scratch database for one soak, and what can be done to it on PostgreSQL."""

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg.sql import SQL, Identifier

CLUSTERS = "soak_clusters"  # application_name, which tells their connections from the soak's own


class Sqlite:
    """A file, which nobody but the operating system can take away."""

    def __init__(self, directory: Path) -> None:
        self.url = self.cluster_url = f"sqlite:///{directory / 'soak.sqlite3'}"

    def __str__(self) -> str:
        return "SQLite"


class Postgres:
    """A database of its own, beside the one of `url`, on the same server.

    The server may serve others, so `go_away` makes this one database refuse and cut every
    connection, which is what a restart looks like from here. With RESTART_POSTGRES set to a
    command that restarts the server, it is restarted as well.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.name = f"{parts.path.strip('/')}_soak_{os.getpid()}"
        self._url = url
        self.restart_command = os.environ.get("RESTART_POSTGRES", "")
        self._admin = psycopg.connect(url, autocommit=True)
        self._admin.execute(SQL("CREATE DATABASE {}").format(Identifier(self.name)))
        self.url = urlunsplit(parts._replace(path=f"/{self.name}", query=""))
        self.cluster_url = f"{self.url}?application_name={CLUSTERS}"

    def __str__(self) -> str:
        return "PostgreSQL"

    def cut_clusters(self) -> None:
        """End all connections of the clusters, as a failing network would."""
        self._terminate(CLUSTERS)

    def go_away(self, seconds: float) -> None:
        """End all connections and let nobody in for that long."""
        self._let_in(False)
        self._terminate("%")
        time.sleep(seconds)
        self._let_in(True)

    def restart(self) -> None:
        """Restart the server itself, with the command that whoever runs the soak has given."""
        subprocess.run(shlex.split(self.restart_command), check=True, stdout=subprocess.DEVNULL)
        self._admin.close()
        self._admin = psycopg.connect(self._url, autocommit=True)

    def drop(self) -> None:
        self._admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(self.name)))
        self._admin.close()

    def _let_in(self, may: bool) -> None:
        statement = SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        self._admin.execute(statement.format(Identifier(self.name), may))

    def _terminate(self, application: str) -> None:
        self._admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND application_name LIKE %s",
            [self.name, application],
        )


@contextmanager
def scratch(url: str, directory: Path) -> Iterator[Sqlite | Postgres]:
    """A fresh database of the kind that `url` names; it is gone at the end."""
    if not url.startswith("postgres"):
        yield Sqlite(directory)  # the directory is the caller's
        return
    database = Postgres(url)
    try:
        yield database
    finally:
        database.drop()
