"""Waking an idle broker the moment a job is committed, instead of polling for it.

PostgreSQL: NOTIFY, which is delivered on commit, and LISTEN on the broker's own connection.
SQLite: `PRAGMA data_version` changes when another connection commits; reading it costs some
microseconds. Polling stays as the floor under both, for jobs that are due later.
"""

import time

from django.db import connection

CHANNEL = "provena_jobs"
SQLITE_INTERVAL = 0.005  # seconds


def announce() -> None:
    """Tell idle brokers that this transaction adds a job; PostgreSQL sends it on commit, once."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


class Wakeup:
    """One broker's ear. Call `listen()` before looking for jobs, then `wait()` if there are none:
    what is committed between the two ends the wait at once."""

    def __init__(self) -> None:
        self._listening_on: object = None
        self._version = 0

    def listen(self) -> None:
        connection.ensure_connection()
        if connection.vendor == "sqlite":
            self._version = _data_version()
        elif self._listening_on is not connection.connection:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
            self._listening_on = connection.connection

    def wait(self, seconds: float) -> None:
        """Return when something was committed since `listen()`, or after `seconds`."""
        if connection.vendor == "sqlite":
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and _data_version() == self._version:
                time.sleep(SQLITE_INTERVAL)
        else:
            with connection.wrap_database_errors:
                for _ in connection.connection.notifies(timeout=seconds, stop_after=1):
                    pass


def _data_version() -> int:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA data_version")
        return int(cursor.fetchone()[0])
