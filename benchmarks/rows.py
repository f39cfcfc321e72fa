"""What our statements cost: one submit, and lists, claim and sweep at a million jobs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benchmarks.contenders.ours import owner
from jobs import lifecycle
from jobs.definitions import DEFAULT_QUEUE
from jobs.models import Job, Status

Figures = dict[str, list[float]]
FIELDS = [field for field in Job._meta.concrete_fields if not field.primary_key]
COLUMNS = ", ".join(f'"{field.column}"' for field in FIELDS)
WAITING, RUNNING = 10_000, 500  # jobs among the finished ones
USERS = 5  # the first owns a fifth of the jobs, the others share the rest
REPEATS = 25


def submit(samples: int) -> Figures:
    """Microseconds of a submit, and of a bare INSERT of the same row, by turns in a transaction."""
    figures: Figures = {"submit": [], "bare INSERT": []}
    marks = ", ".join(["%s"] * len(FIELDS))
    insert = f"INSERT INTO {Job._meta.db_table} ({COLUMNS}) VALUES ({marks})"
    with transaction.atomic(), connection.cursor() as cursor:
        for _ in range(samples):
            with timed(figures["submit"], 1e6):
                job = lifecycle.submit(sub_type="BENCH_NOTHING", payload={}, owner=owner())
            job.session_id = uuid4()
            values = [
                field.get_db_prep_save(getattr(job, field.attname), connection) for field in FIELDS
            ]
            with timed(figures["bare INSERT"], 1e6):
                cursor.execute(insert, values)
        transaction.set_rollback(True)
    return figures


def large(rows: int) -> Figures:
    """Milliseconds of SQL of a page of the job list, of a claim and of a sweep at `rows` jobs."""
    fill(rows)
    client = Client(headers={"HX-Request": "true"}, SERVER_NAME="localhost")
    client.force_login(owner())
    figures: Figures = {}
    owned = Job.objects.filter(owner=owner()).order_by("-pk").values_list("pk", flat=True)
    for depth in (0, rows // 20, rows // 5 - rows // 1000):
        address = reverse("job-list") + (f"?after={owned[depth - 1]}" if depth else "")
        statements = _statements(partial(client.get, address))
        figures[f"page at row {depth:,}"] = _repeat(partial(_run, statements))
    figures["claim of 8"] = _repeat(partial(lifecycle.claim, DEFAULT_QUEUE, 8, "bench:1"))
    figures["sweep, nothing lapsed"] = _repeat(lifecycle.sweep)
    figures["sweep of 20 lapsed"] = _repeat(lifecycle.sweep, before=partial(_let_lapse, 20))
    return figures


def fill(rows: int, ended: datetime | None = None) -> None:
    """Finished jobs, which ended then or now, waiting and running ones: each as copies of one."""
    others = [User.objects.create(username=f"other{number}") for number in range(1, USERS)]
    now = timezone.now()
    at = ended or now
    done = {"result": {}, "started_at": at, "finished_at": at, "attempt": 1}
    running = {
        "started_at": now,
        "dequeued_at": now,
        "lease_until": now + timedelta(hours=1),
        "attempt": 1,
    }
    users = [owner(), *others]
    copy(users, rows - WAITING - RUNNING, status=Status.SUCCEEDED, **done)
    copy(users, WAITING)
    copy(users, RUNNING, status=Status.IN_PROGRESS, **running)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")


def copy(users: list[User], number: int, **values: Any) -> None:
    """Make `number` jobs like the one that `values` describe, owned by `users` in turn."""
    session_id, series = "gen_random_uuid()", "generate_series(1, %s) AS s(n)"
    if connection.vendor == "sqlite":
        session_id = "lower(hex(randomblob(16)))"
        series = (
            "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %s) "
            "SELECT n FROM c) AS s"
        )
    turns = " ".join(f"WHEN {turn} THEN {user.pk}" for turn, user in enumerate(users))
    own = {"session_id": session_id, "owner_id": f"CASE s.n % {len(users)} {turns} END"}
    chosen = ", ".join(own.get(str(field.column), f'"{field.column}"') for field in FIELDS)
    table = Job._meta.db_table
    model = Job(owner=users[0], type="BENCH", sub_type="BENCH_NOTHING", **values)
    with transaction.atomic(), connection.cursor() as cursor:
        model.save()
        cursor.execute(
            f"INSERT INTO {table} ({COLUMNS}) SELECT {chosen.replace('%', '%%')} "
            f"FROM {table}, {series} WHERE id = %s",
            [number - 1, model.pk],
        )


def _let_lapse(number: int) -> None:
    """Let the leases of some running jobs be over."""
    running = Job.objects.filter(status=Status.IN_PROGRESS, lease_until__gt=timezone.now())
    some = list(running.values_list("pk", flat=True)[:number])
    Job.objects.filter(pk__in=some).update(lease_until=timezone.now() - timedelta(seconds=1))


def _statements(request: Callable[[], Any]) -> list[tuple[str, Any]]:
    """The statements that the request sends, with their parameters."""
    statements = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        answer = request()
    if answer.status_code != 200:
        raise RuntimeError(f"The job list answered {answer.status_code}.")
    return [(sql, params) for sql, params in statements if sql.startswith("SELECT")]


def _run(statements: list[tuple[str, Any]]) -> None:
    with connection.cursor() as cursor:
        for sql, params in statements:
            cursor.execute(sql, params)
            cursor.fetchall()


def _repeat(action: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> list[float]:
    """Milliseconds of the action, each time after `before`, which is not counted."""
    samples: list[float] = []
    for _ in range(REPEATS):
        before()
        with timed(samples, 1e3):
            action()
    return samples


@contextmanager
def timed(samples: list[float], per_second: float) -> Iterator[None]:
    began = time.perf_counter()
    yield
    samples.append(per_second * (time.perf_counter() - began))
