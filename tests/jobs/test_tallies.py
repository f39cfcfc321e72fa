"""What the charts show against a slow count of the jobs themselves, on random ones."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs import charts, lifecycle, reports, tallies
from jobs.charts import Series
from jobs.cluster import Heartbeat
from jobs.models import Job, Status, Tally, TallyMark
from tests.jobs.test_pages import make_job
from tests.jobs.test_races import all_at_once

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
LENGTHS = (0.003, 0.04, 0.7, 3, 25, 400, 9_000, 200_000)


def crowd(owner: User, number: int, seed: int, hours: float = 23) -> list[Job]:
    """Random jobs that ended in the last hours."""
    chance = random.Random(seed)
    now = timezone.now() - tallies.LAG - timedelta(seconds=1)
    jobs = []
    for _ in range(number):
        ended = now - timedelta(hours=hours) * chance.random() ** 2
        took = timedelta(seconds=chance.choice(LENGTHS) * (0.5 + chance.random()))
        failed = chance.random() < 0.2
        started = None if failed and chance.random() < 0.3 else ended - took / 2
        jobs.append(
            Job(
                owner=owner,
                type="T",
                sub_type=chance.choice(["A", "B", "C"]),
                queue=chance.choice(["provena", "slow"]),
                status=Status.FAILED if failed else Status.SUCCEEDED,
                result=None if failed else {},
                info="x" * failed,
                created_at=ended - took,
                run_after=ended - took,
                started_at=started,
                finished_at=ended,
            )
        )
    return Job.objects.bulk_create(jobs)


def roll_all() -> None:
    """Count as the clusters would in the course of time."""
    for _ in range(100):
        if not tallies.roll():
            return
    raise AssertionError("It never ends.")


def slot_of(moment: datetime, width: int) -> datetime:
    minutes = int(moment.timestamp()) // 60
    return tallies.EPOCH + timedelta(minutes=minutes // width * width)


def bucket_of(job: Job) -> int:
    took = (job.finished_at - job.created_at).total_seconds()
    return sum(took >= bound for bound in tallies.BOUNDS)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("width", "count"), [(1, 60), (15, 96)])
def test_a_window_says_what_a_slow_count_says(
    user: User, seed: int, width: int, count: int
) -> None:
    jobs = crowd(user, 400, seed)
    make_job(user, status=Status.PENDING)
    roll_all()
    window = tallies.window(width, count)
    begin, end = window.begin, window.begin + count * window.width
    shown = [job for job in jobs if begin <= job.finished_at < end]
    assert shown
    number = Counter(slot_of(job.finished_at, width) for job in shown)
    failed = Counter(slot_of(job.finished_at, width) for job in shown if job.result is None)
    assert {slot.at: slot.number for slot in window.slots if slot.number} == dict(number)
    assert {slot.at: slot.failed for slot in window.slots if slot.failed} == dict(failed)
    assert window.buckets == Counter(map(bucket_of, shown))
    assert len(window.slots) == count
    for kind in window.kinds:
        own = [job for job in shown if job.sub_type == kind.sub_type]
        assert (kind.number, kind.failed) == (len(own), sum(job.result is None for job in own))
        assert kind.ran == pytest.approx(sum(ran(own)), abs=0.01)
        assert kind.rate == pytest.approx(100 * kind.failed / len(own))
    assert len(window.kinds) == len({job.sub_type for job in shown})


def ran(jobs: Iterable[Job]) -> Iterable[float]:
    return ((job.finished_at - job.started_at).total_seconds() for job in jobs if job.started_at)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("part", [0.5, 0.95])
def test_a_length_is_right_within_the_bounds_of_its_bucket(
    user: User, seed: int, part: float
) -> None:
    jobs = crowd(user, 200, seed)
    roll_all()
    found = tallies.within(tallies.window(tallies.COARSE, 96).buckets, part)
    took = sorted((job.finished_at - job.created_at).total_seconds() for job in jobs)
    true = took[round(part * len(took)) - 1]
    edges = [0, *tallies.BOUNDS, float("inf")]
    low = max(edge for edge in edges if edge <= true)
    high = min(edge for edge in edges if edge > true)
    assert low <= found <= min(high, tallies.BOUNDS[-1])


def test_rates_and_what_is_usual(user: User) -> None:
    ended = timezone.now() - timedelta(minutes=2)
    for _ in range(12):
        make_job(user, finished_at=ended, started_at=ended - timedelta(seconds=3))
    make_job(user, sub_type="RARE", finished_at=ended, started_at=ended)
    roll_all()
    assert tallies.per_minute(timedelta(minutes=10)) == {"provena": 1.3}
    usual = tallies.usual(["REGISTER_CREATE_ACTIVITY", "RARE", "NEVER"])
    assert list(usual) == ["REGISTER_CREATE_ACTIVITY"]
    assert usual["REGISTER_CREATE_ACTIVITY"].total_seconds() == pytest.approx(3, abs=0.01)
    assert tallies.last_hour() == (13, 0)


def test_cancelled_jobs_say_nothing_about_the_system(user: User) -> None:
    for by in (user, None):
        job = make_job(user, status=Status.PENDING)
        lifecycle.cancel(job, by=by)
    past = timezone.now() - timedelta(minutes=1)
    Job.objects.update(finished_at=past, created_at=past)
    make_job(user, status=Status.FAILED, info="x", finished_at=past, created_at=past)
    roll_all()
    assert tallies.last_hour() == (1, 1)


def test_each_job_is_counted_once_however_often_one_looks(user: User) -> None:
    crowd(user, 50, 1, hours=0.9)
    roll_all()
    assert not tallies.roll()
    before = list(Tally.objects.order_by("pk").values())
    TallyMark.objects.update(upto=timezone.now() - timedelta(seconds=30))
    Job.objects.update(finished_at=timezone.now() - timedelta(hours=2))
    assert tallies.roll()
    assert list(Tally.objects.order_by("pk").values()) == before


@pytest.mark.django_db(transaction=True)
def test_clusters_that_count_at_once_count_once(user: User) -> None:
    crowd(user, 60, 2, hours=0.9)
    TallyMark.objects.create(pk=tallies.MARK, upto=timezone.now() - timedelta(minutes=59))
    assert sum(all_at_once(tallies.roll)) == 1
    true = Job.objects.filter(finished_at__gt=timezone.now() - timedelta(minutes=58)).count()
    kept = sum(Tally.objects.filter(width=tallies.COARSE).values_list("number", flat=True))
    assert true <= kept <= 60


def test_old_tallies_are_forgotten(user: User) -> None:
    crowd(user, 10, 3, hours=0.5)
    old = tallies._slot(timezone.now() - timedelta(days=3), tallies.COARSE)
    common = {"queue": "q", "sub_type": "A", "bucket": 1, "number": 1, "failed": 0, "ran": 1}
    Tally.objects.create(width=tallies.COARSE, slot=old, **common)
    roll_all()
    assert not Tally.objects.filter(slot=old).exists()
    assert Tally.objects.exists()


def test_a_heartbeat_counts(user: User) -> None:
    class Stat:
        status, host, pid, tob = "Idle", "h", 1, timezone.now()
        cluster_id = "0b2f6a0e-4a53-4c56-9a0e-6a3f4e1d2c11"

    crowd(user, 5, 1, hours=0.1)
    TallyMark.objects.create(pk=tallies.MARK, upto=timezone.now() - timedelta(minutes=50))
    Heartbeat().beat(Stat, "provena")
    assert tallies.last_hour()[0] == 5


def test_no_job_and_a_single_one_are_drawn(admin_client: Client, user: User) -> None:
    page = admin_client.get("/jobs/workers/").content.decode()
    assert "No job ended in the last hour." in page
    assert "<svg" not in page
    past = timezone.now() - timedelta(minutes=3)
    make_job(user, finished_at=past, created_at=past - timedelta(milliseconds=30))
    roll_all()
    page = admin_client.get("/jobs/workers/").content.decode()
    assert "1 job ended in the last hour, none of them failed. Most in a minute: 1." in page
    assert page.count("<rect") == 2
    assert page.count('class="spot half"') == 2
    assert "none of 1" in page


def test_figures_stand_in_a_table_below_each_chart(admin_client: Client, user: User) -> None:
    crowd(user, 100, 5)
    roll_all()
    answer = admin_client.get("/jobs/workers/?part=charts", headers=HTMX)
    page = answer.content.decode()
    for report in reports.both().windows:
        assert page.count("<details") == 2
        for row in report.rows:
            assert row["slot"].at.isoformat() in page
    seen = page.partition("seen=")[2].partition('"')[0]
    again = admin_client.get(f"/jobs/workers/?part=charts&seen={seen}", headers=HTMX)
    assert again.status_code == 204


def test_bars_stand_upon_each_other_and_reach_the_top() -> None:
    series = [Series("FAILED", [1, 0, None]), Series("SUCCEEDED", [3, 2, 0])]
    drawn = charts.bars(series, ["a <", "b", "c"], 4)
    assert drawn.count("<rect") == 3
    assert 'class="FAILED" x="33.33" y="75" width="266.67" height="25"' in drawn
    assert 'class="SUCCEEDED" x="33.33" y="0" width="266.67" height="75"' in drawn
    assert "<title>a &lt;</title>" in drawn


def test_a_line_is_broken_where_values_lack() -> None:
    drawn = charts.lines([Series("half", [1, None, 2, 4])], ["a", "b", "c", "d"], 4)
    assert 'd="M125 75M625 50L875 0"' in drawn
    assert drawn.count('class="spot half"') == 3


@pytest.mark.parametrize(
    ("values", "top"),
    [([], 0.001), ([None], 0.001), ([3], 5), ([0.07], 0.1), ([100], 100), ([101], 200)],
)
def test_the_upper_edge_is_a_round_number(values: list[float | None], top: float) -> None:
    assert charts.ceiling(values) == pytest.approx(top)


def test_what_is_counted_begins_when_a_job_was_due_last(user: User) -> None:
    """A retry after a day took a second, not a day; one that went ahead did not wait before it."""
    now = timezone.now() - tallies.LAG - timedelta(seconds=1)
    day, second = timedelta(days=1), timedelta(seconds=1)
    for created, due in ((now - day, now - second), (now - second, now - day)):
        make_job(
            user,
            status=Status.SUCCEEDED,
            created_at=created,
            run_after=due,
            started_at=now - second / 2,
            finished_at=now,
        )
    roll_all()
    half = tallies.window(tallies.FINE, 60).buckets
    within = tallies.within(half, 1)
    assert within is not None
    assert within <= 2
