"""Filters of jobs, each alone and many together, against a slow and obvious reference."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.http import QueryDict
from django.utils import timezone
from pydantic import ValidationError

from jobs import filter_values, search
from jobs.filters import JobFilter
from jobs.models import CANCELLED, MENDED, UNFINISHED, Batch, Job, Status
from registry import services
from registry.models import Item
from tests.jobs.test_pages import make_job

pytestmark = pytest.mark.django_db

MakeUser = Callable[..., User]
KINDS = [
    ("REGISTRY", "REGISTER_CREATE_ACTIVITY"),
    ("PROV_LODGE", "LODGE_CREATE_ACTIVITY"),
    ("PROV_LODGE", "MODEL_RUN_PROV_LODGE"),
]
WORDS = ["reef", "Größe", 'a "quoted" word', "50 %", "back\\slash", "_"]


@dataclass
class World:
    """Jobs of three users, about items that are open to all or hidden from the others."""

    jobs: list[Job]
    users: dict[str, User]
    items: dict[str, str]


@pytest.fixture
def sue(make_user: MakeUser) -> User:
    """Staff who see everybody's jobs, but have no rights on items of their own."""
    sue = make_user("sue", linked=False, is_staff=True)
    sue.user_permissions.add(Permission.objects.get(codename="view_job"))
    return User.objects.get(pk=sue.pk)


@pytest.fixture
def world(user: User, sue: User, make_user: MakeUser, make_item: Callable[..., Item]) -> World:
    chance = random.Random(2026)
    users = {"ana": user, "ben": make_user("ben", linked=False), "sue": sue}
    items = {"open": make_item(user).handle, "hidden": make_item(user).handle}
    services.change_access(handle=items["hidden"], general=[], groups={}, by=user)
    Job.objects.all().delete()
    began = timezone.now() - timedelta(days=3)
    for number in range(160):
        at = began + timedelta(minutes=27 * number, seconds=chance.uniform(-20, 20))
        kind, sub_type = chance.choice(KINDS)
        owner = users[chance.choice(list(users))]
        about = chance.choice(["", items["open"], items["hidden"]])
        batch = None
        if chance.random() < 0.1:
            size = chance.randint(1, 5)
            batch = Batch.objects.create(owner=owner, title="Runs", total=size)
        for index in range(batch.total if batch else 1):
            status = chance.choice(Status.values)
            word = chance.choice(WORDS)
            make_job(
                owner,
                type=kind,
                sub_type=sub_type,
                subject="" if batch else about,
                status=status,
                created_at=at,
                payload={"note": f"about {word.upper() if word == 'reef' else word}, {number}"},
                info=f"It met {chance.choice(WORDS)}." if status == Status.FAILED else "",
                cancelled_at=at if status == Status.FAILED and chance.random() < 0.4 else None,
                mended_by=uuid4() if status == Status.FAILED and chance.random() < 0.3 else None,
                batch=batch,
                batch_index=index if batch else None,
            )
    return World(list(Job.objects.select_related("owner", "batch").order_by("-pk")), users, items)


def expected(world: World, viewer: User, asked: dict[str, Any]) -> list[Job]:
    """What a filter should find, asked of each job in words of Python."""
    readable = {"", world.items["open"]}
    if viewer.username == "ana":
        readable.add(world.items["hidden"])

    def is_wanted(job: Job) -> bool:
        sees_all = viewer.username == "sue"
        is_open = job.owner == viewer or job.subject in readable
        text = asked.get("text", "").lower()
        note = job.payload["note"].lower()
        since = datetime.fromisoformat(asked.get("since", "1970-01-01T00:00+00:00"))
        until = datetime.fromisoformat(asked.get("until", "2999-01-01T00:00+00:00"))
        each = "status" in asked or "text" in asked
        is_titled = bool(job.batch) and text in job.batch.title.lower()
        by_title = is_titled and (bool(asked.get("status")) or not job.batch_index)
        return (
            (sees_all or job.owner == viewer)
            and (not asked.get("status") or job.shown in asked["status"])
            and asked.get("type", job.type) == job.type
            and asked.get("sub_type", job.sub_type) == job.sub_type
            and ("batch" not in asked or (asked["batch"] == "only") == (job.batch_id is not None))
            and ("item" not in asked or (job.subject == asked["item"] and is_open))
            and asked.get("user", job.owner.username) == job.owner.username
            and ("mine" not in asked or job.owner == viewer)
            and since <= job.created_at < until
            and (text in job.info.lower() or (text in note and is_open) or by_title)
            and (each or not job.batch_index)
        )

    return [job for job in world.jobs if is_wanted(job)]


def asked_at_random(world: World, chance: random.Random) -> dict[str, Any]:
    """A filter of some parts, most of which find something."""
    times = sorted(chance.choice(world.jobs).created_at for _ in range(2))
    kind = chance.choice(KINDS)
    parts = {
        "status": chance.sample([*Status.values, CANCELLED, MENDED], chance.randint(1, 4)),
        "type": kind[0],
        "sub_type": kind[1],
        "batch": chance.choice(["only", "none"]),
        "item": chance.choice([*world.items.values(), "10378.1/7"]),
        "since": times[0].isoformat(),
        "until": (times[1] + timedelta(seconds=1)).isoformat(),
        "text": chance.choice([*WORDS, "reef, 4", "runs", "nowhere"]),
        "user": chance.choice([*world.users, "nobody"]),
        "mine": True,
    }
    number = chance.choice([1, 1, 2, 2, 3, 4])
    return {name: parts[name] for name in sorted(chance.sample(list(parts), number))}


def paged(wanted: JobFilter, viewer: User, *, look: int) -> list[Job]:
    """All that pages give, from the first to the end."""
    found: list[Job] = []
    below = None
    for _ in range(1_000):
        page = search.page(wanted, viewer, below=below, limit=7, look=look)
        found += page.jobs
        assert page.next is None or below is None or page.next < below
        below = page.next
        if below is None:
            return found
    raise AssertionError("The pages have no end.")


@pytest.mark.parametrize("seed", range(4))
def test_filters_find_what_the_reference_finds(world: World, seed: int) -> None:
    chance = random.Random(seed)
    some = 0
    for _ in range(15):
        asked = asked_at_random(world, chance)
        wanted, faults = JobFilter.from_values(dict(asked))
        assert not faults
        for viewer in world.users.values():
            right = expected(world, viewer, asked)
            some += bool(right)
            applied = wanted.apply(Job.objects.all(), viewer).order_by("-pk")
            assert list(applied) == right, asked
            assert paged(wanted, viewer, look=chance.choice([1, 9, 5_000])) == right, asked
            assert [
                job for jobs in search.walk(wanted, viewer, at_once=11) for job in jobs
            ] == right
            for at, job in list(enumerate(right))[:: len(right) // 4 + 1]:
                near = [right[at - 1] if at else None, (right[at + 1 :] or [None])[0]]
                assert list(search.beside(wanted, viewer, job.pk)) == near, asked
            if right:
                newer = search.newer(wanted, viewer, right[-1].pk, 1_000)
                assert newer == len(right) - 1, asked
    assert some > 15


@pytest.mark.parametrize(
    "asked",
    [
        {"status": [Status.FAILED]},
        {"status": [CANCELLED]},
        {"status": [Status.FAILED, CANCELLED]},
        {"status": [CANCELLED, Status.SUCCEEDED]},
        {"status": [MENDED]},
        {"status": [MENDED, CANCELLED, Status.FAILED]},
        {"status": [Status.FAILED, Status.SUCCEEDED]},
        {"status": [*UNFINISHED]},
        {"status": [Status.SUCCEEDED]},
        {"type": "PROV_LODGE"},
        {"sub_type": "REGISTER_CREATE_ACTIVITY"},
        {"batch": "only"},
        {"batch": "none"},
        {"user": "ben"},
        {"mine": True},
        *({"text": word} for word in [*WORDS, "runs"]),
        {"text": "runs", "status": [Status.SUCCEEDED]},
    ],
)
def test_each_filter_alone_finds_what_it_says(world: World, asked: dict[str, Any]) -> None:
    wanted, _ = JobFilter.from_values(dict(asked))
    for viewer in world.users.values():
        assert paged(wanted, viewer, look=50) == expected(world, viewer, asked)
    assert expected(world, world.users["sue"], asked)


def test_an_operator_finds_everything(world: World) -> None:
    everything = [job for job in world.jobs if not job.batch_index]
    assert paged(JobFilter(), None, look=5_000) == everything
    hidden = JobFilter(item=world.items["hidden"])
    assert len(paged(hidden, None, look=9)) > 10


def test_staff_find_no_content_that_they_may_not_open(world: World) -> None:
    """Neither by a text of the payload nor by the id of the item, whatever else is asked for."""
    ana, sue = world.users["ana"], world.users["sue"]
    secret = make_job(ana, subject=world.items["hidden"], payload={"note": "sediment"})
    hidden = world.items["hidden"]
    for wanted in (JobFilter(text="sediment"), JobFilter(item=hidden, user="ana")):
        assert secret in paged(wanted, ana, look=9)
        assert secret not in paged(wanted, sue, look=9)
        assert secret not in wanted.apply(Job.objects.all(), sue)
    assert secret in paged(JobFilter(user="ana"), sue, look=9)
    services.change_access(handle=hidden, general=["metadata-read"], groups={}, by=ana)
    assert secret in paged(JobFilter(text="sediment"), sue, look=9)


def test_a_page_says_how_far_it_has_looked(user: User) -> None:
    old = make_job(user, type="PROV_LODGE", sub_type="LODGE_CREATE_ACTIVITY")
    others = [make_job(user) for _ in range(30)]
    wanted = JobFilter(type="PROV_LODGE")
    page = search.page(wanted, user, limit=25, look=20)
    assert (page.jobs, page.next) == ([], others[10].pk)
    assert page.looked_back_to == others[10].created_at
    page = search.page(wanted, user, below=page.next, limit=25, look=20)
    assert (page.jobs, page.next, page.looked_back_to) == ([old], None, None)


def test_pages_lose_nothing_and_double_nothing_while_jobs_come_in(user: User) -> None:
    wanted = JobFilter(text="reef")
    there = [make_job(user, payload={"note": "reef"}) for _ in range(40)]
    found, below = [], None
    while True:
        page = search.page(wanted, user, below=below, limit=6, look=15)
        found += page.jobs
        below = page.next
        make_job(user, payload={"note": "reef"})
        if below is None:
            break
    assert found == there[::-1]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 100])
def test_the_ids_of_a_window_leave_nothing_out(user: User, number: int) -> None:
    began = datetime(2026, 3, 1, tzinfo=UTC)
    chance = random.Random(number)
    for minute in range(number):
        late = timedelta(minutes=minute, seconds=chance.uniform(-25, 25))
        make_job(user, created_at=began + late)
    for since, until in ((-5, 200), (0, 1), (10, 20), (50, 51), (99, 500), (300, 400)):
        bounds = [began + timedelta(minutes=minutes) for minutes in (since, until)]
        wanted = JobFilter(since=bounds[0].isoformat(), until=bounds[1].isoformat())
        inside = Job.objects.filter(created_at__gte=bounds[0], created_at__lt=bounds[1])
        assert paged(wanted, user, look=4) == list(inside.order_by("-pk"))


@pytest.mark.parametrize(
    ("query", "window"),
    [
        ("when=hour", ("2026-11-24T04:30:00+00:00", None)),
        ("when=today", ("2026-11-24T00:00:00+00:00", None)),
        ("when=yesterday", ("2026-11-23T00:00:00+00:00", "2026-11-24T00:00:00+00:00")),
        ("when=week", ("2026-11-17T05:30:00+00:00", None)),
        (
            "when=yesterday&zone=Australia/Brisbane",
            ("2026-11-22T14:00:00+00:00", "2026-11-23T14:00:00+00:00"),
        ),
        ("since=2026-11-01", ("2026-11-01T00:00:00+00:00", None)),
        (
            "since=2026-11-01T10:15&until=2026-11-02&zone=Australia/Brisbane",
            ("2026-11-01T00:15:00+00:00", "2026-11-02T14:00:00+00:00"),
        ),
        (
            "when=today&until=2026-11-24T03:00",
            ("2026-11-24T00:00:00+00:00", "2026-11-24T03:00:00+00:00"),
        ),
    ],
)
def test_windows_of_time(query: str, window: tuple[str | None, str | None]) -> None:
    now = datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
    wanted, faults = JobFilter.from_query(QueryDict(query))
    assert not faults
    told = tuple(at and at.astimezone(UTC).isoformat() for at in wanted.window(now))
    assert told == window
    fixed = wanted.fixed(now)
    until = min(datetime.fromisoformat(window[1]) if window[1] else now, now)
    later = now + timedelta(days=30)
    begin, end = fixed.window(later)
    assert (begin and begin.astimezone(UTC).isoformat(), end) == (window[0], until)
    assert JobFilter.from_payload(fixed.to_payload()) == fixed


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("status=BROKEN", "“BROKEN” is no state of a job"),
        ("status=FAILED&status=failed", "“failed” is no state"),
        ("type=NONE", "“NONE” is no type of jobs"),
        ("sub_type=NONE", "“NONE” is no sub type of jobs"),
        ("type=REGISTRY&sub_type=LODGE_CREATE_ACTIVITY", "is of the type PROV_LODGE"),
        ("batch=both", "“both” is no choice for batches"),
        ("when=tomorrow", "“tomorrow” is no window"),
        ("since=24/11/2026", "“24/11/2026” is no time"),
        ("since=0001-01-01", "“0001-01-01” is no time"),
        ("until=9999-12-31", "“9999-12-31” is no time"),
        ("since=2026-11-24&until=2026-11-23", "“2026-11-23” is not after “2026-11-24”"),
        ("zone=Nowhere", "“Nowhere” is no time zone"),
        ("zone=../../etc/passwd", "is no time zone"),
        ("zone=Australia", "is no time zone"),
        (f"text={'x' * 201}", "cannot be looked for"),
        ("text=a%00b", "cannot be looked for"),
        ("item=%00", "cannot be looked for"),
        ("user=%00", "cannot be looked for"),
    ],
)
def test_a_bad_value_is_named_and_left_out(query: str, fault: str) -> None:
    wanted, faults = JobFilter.from_query(QueryDict(f"{query}&mine=1"))
    assert [fault in text for text in faults] == [True]
    assert wanted.mine
    with pytest.raises(ValidationError):
        JobFilter.from_payload({"status": ["BROKEN"]})


def test_a_filter_survives_the_way_through_an_address_and_a_payload(world: World) -> None:
    chance = random.Random(7)
    for _ in range(100):
        wanted, _ = JobFilter.from_values(asked_at_random(world, chance))
        assert JobFilter.from_query(QueryDict(wanted.to_query())) == (wanted, [])
        assert JobFilter.from_payload(wanted.to_payload()) == wanted
        for part in wanted.parts():
            assert len(list(wanted.without(part).parts())) == len(list(wanted.parts())) - 1
    assert JobFilter().to_query() == ""
    assert JobFilter.from_query(QueryDict("after=7&rows=3-2&zone=Australia/Brisbane&mine=0")) == (
        JobFilter(zone="Australia/Brisbane"),
        [],
    )


def test_every_kind_and_type_can_be_chosen() -> None:
    for sub_type in filter_values.sub_types():
        JobFilter(sub_type=sub_type)
    assert {"REGISTRY", "PROV_LODGE"} <= filter_values.types().keys()
