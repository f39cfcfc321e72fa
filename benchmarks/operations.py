"""What the home and workers pages cost among many jobs, and what counting for the charts does."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from benchmarks.contenders.ours import owner
from benchmarks.rows import fill, timed
from jobs import lifecycle, tallies
from jobs.models import Cluster, TallyMark

Figures = dict[str, list[float]]
KINDS = ("BENCH_NOTHING", "BENCH_A", "BENCH_B", "BENCH_C", "BENCH_D", "BENCH_E")
A_DAY = 5  # one job in so many ended in the last day
SAMPLES = 40


def operations(rows: int) -> Figures:
    """Milliseconds of requests among `rows` jobs, a fifth of which ended in the last day, some as
    FAILED; 10,000 wait and 500 run. And of a sentinel's count of an hour and of ten seconds."""
    call_command("collectstatic", interactive=False, verbosity=0)  # pages name hashed files
    fill(rows, ended=timezone.now() - timedelta(days=2))
    _spread()
    lifecycle.submit_batch(
        sub_type="BENCH_NOTHING", payloads=[{}] * 5_000, owner=owner(), title="A batch"
    )
    now = timezone.now()
    Cluster.objects.create(
        pk="0b2f6a0e-4a53-4c56-9a0e-6a3f4e1d2c11",
        host="bench",
        pid=1,
        queue="provena",
        workers=2,
        started_at=now,
        beat_at=now + timedelta(hours=1),
    )
    figures: Figures = {"counting an hour of jobs": _count_all()}
    figures["counting ten seconds of jobs"] = _repeat(_count_again)
    admin = User.objects.create_superuser("admin")
    for what, user, address in (
        ("page: home of a user with a fifth of the jobs", owner(), "/"),
        ("page: home of an administrator", admin, "/"),
        ("page: workers", admin, "/jobs/workers/"),
    ):
        figures[what] = _pages(user, address)
    for part in ("now", "charts"):
        ask = {"HX-Request": "true"}
        address = f"/jobs/workers/?part={part}"
        figures[f"page: workers, its part {part}"] = _pages(admin, address, headers=ask)
    return figures


def _spread() -> None:
    """Let a fifth of the finished jobs have ended at random moments of the last day, as several
    kinds; some of all failed."""
    ago = "'-' || abs(random() % 86400) || ' seconds'"
    lately = {
        "sqlite": f"strftime('%Y-%m-%d %H:%M:%f', 'now', {ago})",
        "postgresql": "now() - random() * interval '1 day'",
    }[connection.vendor]
    kind = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(KINDS))
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {lifecycle.TABLE} SET finished_at = {lately}, "
            f"sub_type = CASE id % {len(KINDS)} {kind} END "
            f"WHERE finished_at IS NOT NULL AND id % {A_DAY} = 0"
        )
        cursor.execute(
            f"UPDATE {lifecycle.TABLE} SET created_at = finished_at, started_at = finished_at, "
            "status = 'FAILED', result = NULL, info = 'It failed.' "
            "WHERE finished_at IS NOT NULL AND id % 1000 < 10"
        )
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")


def _count_all() -> list[float]:
    samples: list[float] = []
    is_more = True
    while is_more:
        with timed(samples, 1e3):
            is_more = tallies.roll()
    return samples[:-1]


def _count_again() -> None:
    TallyMark.objects.update(upto=timezone.now() - tallies.LAG - tallies.EVERY)
    if not tallies.roll():
        raise RuntimeError("It was not time to count.")


def _pages(user: User, address: str, **options: Any) -> list[float]:
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    ask = partial(_get, client, address, **options)
    ask()  # templates are read once
    return _repeat(ask)


def _get(client: Client, address: str, **options: Any) -> None:
    answer = client.get(address, **options)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}.")


def _repeat(action: Callable[[], Any]) -> list[float]:
    samples: list[float] = []
    for _ in range(SAMPLES):
        with timed(samples, 1e3):
            action()
    return samples
