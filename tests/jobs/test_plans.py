"""With a million jobs, every hot query uses its index and reads about what it returns."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, Max, Min, QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs import attention, batch_views, lifecycle, progress, search, stuck, tallies, timings
from jobs.details import neighbours
from jobs.filters import JobFilter
from jobs.models import UNFINISHED, Batch, Job, Workflow
from jobs.stuck import LATELY
from provena.paging import keyset
from tests.conftest import new_user
from tests.jobs.test_list_filters import sue

__all__ = ["sue"]

pytestmark = pytest.mark.django_db

ROWS = 1_000_000
NOW = datetime(2026, 6, 1, tzinfo=UTC)
FEW = 400  # rows that a query may read to return a page of 26
INSERT = """
INSERT INTO jobs_job (session_id, owner_id, type, sub_type, queue, subject, payload, status, info,
    traceback, result, attempt, max_attempts, run_after, dequeued_at, lease_until, worker,
    created_at, finished_at, batch_id, batch_index)
SELECT {uuid}, {owner}, 'T', 'T', 'provena', '', '{{}}', {status}, 'x', '',
    CASE WHEN n % 20000 NOT BETWEEN 1 AND 8 THEN {result} END, 1, 3, {now},
    CASE WHEN n % 20000 IN (3, 4) THEN {now} END,
    CASE WHEN n % 20000 IN (3, 4) THEN {now} END, '', {now},
    CASE WHEN n % 20000 NOT IN (1, 2, 3, 4) THEN {now} END,
    CASE WHEN n % 2 = 1 THEN {batch} END, CASE WHEN n % 2 = 1 THEN n END
FROM {numbers}
"""
STATUS = """CASE WHEN n % 20000 IN (1, 2) THEN 'PENDING' WHEN n % 20000 = 3 THEN 'DEQUEUED'
    WHEN n % 20000 = 4 THEN 'IN_PROGRESS' WHEN n % 20000 BETWEEN 5 AND 8 THEN 'FAILED'
    ELSE 'SUCCEEDED' END"""


@pytest.fixture(scope="module")
def user(shared_db: None) -> User:
    return new_user()


@pytest.fixture(scope="module")
def rare(shared_db: None) -> User:
    """Somebody with few jobs, all of them long ago."""
    return new_user("rare", linked=False)


@pytest.fixture(scope="module")
def crowd(user: User, rare: User) -> Batch:
    """Many jobs of two users, half of them in one batch, and the oldest hundred of a third."""
    other = new_user("ben", linked=False)
    batch = Batch.objects.create(owner=user, title="t", total=ROWS // 2)
    sqlite = connection.vendor == "sqlite"
    numbers = (
        f"(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {ROWS}) "
        "SELECT n FROM t) AS numbers"
        if sqlite
        else f"generate_series(1, {ROWS}) AS numbers(n)"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT.format(
                uuid="printf('%032x', n)" if sqlite else "lpad(to_hex(n), 32, '0')::uuid",
                owner=f"CASE WHEN n <= 100 THEN {rare.pk} WHEN n % 4 < 2 THEN {user.pk} "
                f"ELSE {other.pk} END",
                status=STATUS,
                now="'2026-01-01 00:00:00'" + ("" if sqlite else "::timestamptz"),
                batch=f"'{batch.pk.hex}'" + ("" if sqlite else "::uuid"),
                result="'{}'" + ("" if sqlite else "::jsonb"),
                numbers=numbers,
            )
        )
        if not sqlite:
            cursor.execute("ANALYZE jobs_job")
            connection.check_constraints()  # once here, or after each test
    return batch


def check(sql: str, parameters: Any, index: str, most: int = FEW, *, sorts: bool = False) -> None:
    """The statement reads few rows, which PostgreSQL tells, or uses that index, which SQLite does:
    PostgreSQL may take another index that serves as well."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
            plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
            assert index in plan, plan
            assert sorts or "TEMP B-TREE" not in plan, plan
        else:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
            found = cursor.fetchone()[0]
            plan = found if isinstance(found, str) else json.dumps(found)
            top = json.loads(plan)[0]["Plan"]
            assert not reads_all_jobs(top), plan
            assert rows_read(top) <= most, plan


def reads_all_jobs(node: dict[str, Any]) -> bool:
    """True if any step of a plan reads the table from end to end."""
    is_whole = node["Node Type"] == "Seq Scan" and node.get("Relation Name") == "jobs_job"
    return is_whole or any(map(reads_all_jobs, node.get("Plans", [])))


def rows_read(node: dict[str, Any]) -> float:
    """The most rows that any step of a plan read, with those it threw away."""
    own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return max([own, *(rows_read(below) for below in node.get("Plans", []))])


def check_queryset(rows: "QuerySet[Any]", index: str, most: int = FEW) -> None:
    check(*rows.query.sql_with_params(), index, most)


def test_every_hot_query_uses_its_index(crowd: Batch, user: User, rare: User) -> None:
    now = timezone.now()
    sql = lifecycle.CLAIM.format(
        table="jobs_job",
        due=lifecycle.DUE,
        locking="FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else "",
    )
    moment = connection.ops.adapt_datetimefield_value(now)
    check(sql, ["provena", moment, "provena", 8, moment, moment, ""], "job_waiting")
    lapsed = Job.objects.leased().filter(lease_until__lt=now)
    check_queryset(lapsed.order_by("dequeued_at")[:26], "job_leased")
    for after in (None, str(ROWS // 2)):
        check_queryset(sliced(crowd.jobs.all(), after, "batch_index"), "job_once_per_row")
    failed, others = batch_views.in_turn(crowd.jobs.all(), listed("", now))
    check_queryset(failed.order_by("batch_index")[:26], "job_batch_failed")
    for row in (0, ROWS // 2):
        rest = others.filter(batch_index__gt=row)
        check_queryset(rest.order_by("batch_index")[:26], "job_once_per_row")
    [mended] = batch_views.in_turn(crowd.jobs.all(), listed("MENDED", now))
    check_queryset(mended.order_by("batch_index")[:26], "job_batch_mended")
    check_queryset(Job.objects.filter(mended_by=uuid4()).order_by(), "job_mended")
    [cancelled] = batch_views.in_turn(crowd.jobs.all(), listed("CANCELLED", now))
    check_queryset(cancelled.order_by("batch_index")[:26], "job_batch_cancelled")
    [waiting] = batch_views.in_turn(crowd.jobs.all(), listed("PENDING", now))
    check_queryset(waiting.order_by("batch_index")[:26], "job_batch_unfinished")
    jobs = Job.objects.visible_to(rare)
    for own in (jobs, Job.objects.visible_to(user)):
        check(*attention.alone(own).query.sql_with_params(), "job_unfinished", sorts=True)
    check_queryset(jobs.failed_by_itself()[:6], "job_failed")
    due = Job.objects.waiting().filter(queue="provena", run_after__lte=now)
    check_queryset(due.order_by("run_after", "id")[:1], "job_waiting")
    recent = Job.objects.filter(finished_at__isnull=False, finished_at__gt=now - LATELY)
    check_queryset(recent.order_by("-finished_at")[:200], "job_finished")
    alone = jobs.failed_by_itself().filter(batch=None)
    check_queryset(alone[:7], "job_failed_alone")
    strays = Job.objects.waiting().filter(queue__gt="provena").order_by("queue")
    check_queryset(strays[:25], "job_waiting")
    due = Job.objects.waiting().filter(queue__in=["provena"], run_after__lte=now).order_by()
    check_queryset(due.values_list("queue")[:26], "job_waiting")
    first = Job.objects.order_by("id").values_list("id", flat=True)[0]
    places = stuck.PLACES.format(jobs="jobs_job", keys="%s, %s")
    check(places, ["provena", moment, 100, first, first + 5], "job_waiting")
    sql, parameters = tallies.statement(now - timedelta(minutes=5), now)
    check(sql, parameters, "job_finished", sorts=True)
    check_queryset(timings.recent().values_list(*timings.COLUMNS)[:FEW], "job_finished")


def test_what_the_page_of_a_job_asks_for_uses_its_index(
    crowd: Batch, user: User, rare: User
) -> None:
    dense, sparse = Job.objects.filter(owner=user)[ROWS // 8], Job.objects.filter(owner=rare)[0]
    row = crowd.jobs.get(batch_index=ROWS // 2 + 1)
    for job, index in (
        (dense, "job_listed"),
        (sparse, "job_listed"),
        (row, "job_once_per_row"),
    ):
        with CaptureQueriesContext(connection) as asked:
            neighbours(job)
        check(asked.captured_queries[0]["sql"], None, index)
    flow = Workflow.objects.create(kind="k", subject="s", owner=user)
    with CaptureQueriesContext(connection) as asked:
        assert progress.failed_workflows([flow.pk, None]) == set()
    check(asked.captured_queries[0]["sql"], None, "job_once_per_step")


ANY, FAILED = JobFilter(), JobFilter(status=("FAILED",))
WAITING, BOTH = JobFilter(status=UNFINISHED), JobFilter(status=("FAILED", "PENDING"))
GONE, ENDED = JobFilter(status=("CANCELLED",)), JobFilter(status=("FAILED", "CANCELLED"))
MENDED, ILL = JobFilter(status=("MENDED",)), JobFilter(status=("FAILED", "MENDED"))
DONE, TEXT = JobFilter(status=("SUCCEEDED",)), JobFilter(text="needle")
BATCHES, ITEM = JobFilter(batch="only"), JobFilter(item="10378.1/1")
OF_BEN, MINE = JobFilter(user="ben"), JobFilter(mine=True)
WALKS: list[tuple[JobFilter, str, list[str]]] = [
    (ANY, "rare", ["job_listed"]),
    (ANY, "staff", ["job_listed_all"]),
    (MINE, "staff", ["job_listed"]),
    (OF_BEN, "staff", ["job_listed"]),
    (FAILED, "rare", ["job_failed"]),
    (FAILED, "staff", ["job_failed_all"]),
    (WAITING, "rare", ["job_unfinished"]),
    (WAITING, "staff", ["job_unfinished_all"]),
    (BOTH, "rare", ["job_unfinished", "job_failed"]),
    (BOTH, "staff", ["job_unfinished_all", "job_failed_all"]),
    (GONE, "rare", ["job_cancelled"]),
    (GONE, "staff", ["job_cancelled_all"]),
    (ENDED, "rare", ["job_failed", "job_cancelled"]),
    (ENDED, "staff", ["job_failed_all", "job_cancelled_all"]),
    (MENDED, "rare", ["job_mended_own"]),
    (MENDED, "staff", ["job_mended_all"]),
    (ILL, "rare", ["job_failed", "job_mended_own"]),
    (ILL, "staff", ["job_failed_all", "job_mended_all"]),
    (DONE, "rare", ["job_listed", "job_unlisted"]),
    (DONE, "staff", ["INTEGER PRIMARY KEY"]),
    (TEXT, "rare", ["job_listed", "job_unlisted"]),
    (TEXT, "staff", ["INTEGER PRIMARY KEY"]),
    (BATCHES, "rare", ["job_first"]),
    (BATCHES, "staff", ["job_first"]),
    (ITEM, "rare", ["job_about"]),
    (ITEM, "staff", ["job_about"]),
]


def test_every_filter_walks_its_index(crowd: Batch, user: User, rare: User, sue: User) -> None:
    """From the newest job and from the middle on; where rows are asked, down to a floor."""
    check_window()
    check_part_of_many(user)
    viewers = {"rare": rare, "staff": sue}
    first = Job.objects.order_by("id").values_list("id", flat=True)[0]
    for wanted, name, indexes in WALKS:
        for below in (None, first + ROWS // 2):
            parts = search._parts(wanted, viewers[name], None, below)
            floor, _ = search._floor(parts, wanted, FEW)
            for part, index in zip(parts, indexes, strict=True):
                found = search._wanted(part, wanted, viewers[name], floor).for_lists()[:26]
                named = index if below or "KEY" not in index else "SCAN jobs_job"
                check_queryset(found, index if floor else named, 2 * FEW)
                check_queryset(part.newest(None).values("pk")[FEW - 1 : FEW], named, 2 * FEW)


def check_window() -> None:
    """The ids of a window are found by few looks."""
    with CaptureQueriesContext(connection) as asked:
        low, high = search._ids(*JobFilter(since="2025-12-31", until="2026-01-02").window(NOW))
    [query] = asked.captured_queries
    first, last = Job.objects.aggregate(low=Min("id"), high=Max("id")).values()
    assert (low, high) == (first, last + 1)
    if connection.vendor == "postgresql":
        check(query["sql"], None, "", 100)


def check_part_of_many(user: User) -> None:
    """What lies between two ids is walked in order from its end. PostgreSQL would read and sort all
    of it, did it expect as few as it does without the statistics of migration 0012."""
    first = Job.objects.order_by("id").values_list("id", flat=True)[0]
    parts = search._parts(TEXT, user, first + ROWS // 4, first + ROWS // 2)
    for part, index in zip(parts, ["job_listed", "job_unlisted"], strict=True):
        check_queryset(part.newest(None).values("pk")[FEW - 1 : FEW], index, 2 * FEW)


def listed(status: str, now: datetime) -> batch_views.Wanted:
    """What the address of a batch page asks for."""
    return batch_views.Wanted(status=status, text="", after="", as_of=now)


def test_a_batch_is_counted_by_its_indexes(
    crowd: Batch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1) as asked:
        counts = progress.of_batches([crowd])[crowd.pk]
    held = Job.objects.filter(batch=crowd).values_list("status").annotate(Count("pk"))
    assert dict(counts) == dict(held.order_by())
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {asked.captured_queries[0]['sql']}")
            plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
        names = ("unfinished", "failed", "cancelled", "mended")
        for index in (*(f"job_batch_{name}" for name in names), "job_leased"):
            assert f"USING INDEX {index}" in plan or f"COVERING INDEX {index}" in plan, plan


def test_how_long_a_batch_took_is_told_by_the_last_of_its_jobs(crowd: Batch) -> None:
    """Whether it is asked for a list or before some of it is retried."""
    with CaptureQueriesContext(connection) as asked:
        assert progress.lengths([crowd]) == {
            crowd.pk: datetime(2026, 1, 1, tzinfo=UTC) - crowd.created_at
        }
        crowd.jobs.ended_in_batch().aggregate(at=Max("finished_at"))
    for query in asked.captured_queries:
        check(query["sql"], None, "job_batch_ended")


def sliced(rows: "QuerySet[Job]", after: str | None, key: str = "id") -> "QuerySet[Job]":
    """The query that `keyset` makes for a page, as its rows prove."""
    ordered = rows.order_by(f"-{key}")
    if after:
        ordered = ordered.filter(**{f"{key}__lt": int(after)})
    assert keyset(rows, after, key=key).rows == list(ordered[:25])
    return ordered[:26]


def test_a_start_changes_nothing_that_an_index_holds_or_tests() -> None:
    """So PostgreSQL updates the row in place and leaves all indexes alone (HOT)."""
    catalogue = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'jobs_job'",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE tablename = 'jobs_job'",
    }
    with connection.cursor() as cursor:
        cursor.execute(catalogue[connection.vendor])
        texts = [row[0] for row in cursor.fetchall() if row[0]]
    definitions = " ".join(text.partition(" ON ")[2] for text in texts)
    held = set(re.findall(r"[a-z_]+", definitions.lower()))
    assert {"run_after", "finished_at"} <= held
    changed = set(re.findall(r"([a-z_]+) = ", lifecycle.START.partition("WHERE")[0]))
    assert changed == {"status", "attempt", "started_at", "lease_until", "worker"}
    assert not changed & held
