"""procrastinate: two workers, each an own process, and an async body, which it runs fastest."""

import os

import procrastinate
from django.db import connection

from benchmarks import contenders
from benchmarks.marks import mark

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=os.environ["DATABASE_URL"])
)


@app.task(name="nothing")
async def nothing() -> None:
    """The body of a job."""
    mark()


class System(contenders.Contender):
    commands = [["-m", "procrastinate", "-a", f"{__name__}.app", "worker", "-c", "1"]] * 2

    def __init__(self) -> None:
        self._connector = procrastinate.SyncPsycopgConnector(conninfo=os.environ["DATABASE_URL"])

    def prepare(self) -> None:
        with app.replace_connector(self._connector), app.open():
            app.schema_manager.apply_schema()

    def fill(self, jobs: int) -> None:
        with app.replace_connector(self._connector), app.open():
            nothing.batch_defer(*[{}] * jobs)

    def is_idle(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing') LIMIT 1"
            )
            return cursor.fetchone() is None
