"""What filters of the job list cost among a million jobs of many kinds: whole requests."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from benchmarks.contenders.ours import owner
from benchmarks.rows import Figures, timed
from jobs.models import Batch, Job
from jobs.stuck import Standing

USERS = 5  # the first of them owns a fifth of the jobs
RARE = "rare"  # and one has few jobs, all of them old
REPEATS = 25
DEEP = 50_000  # rows above the page
INSERT = """
INSERT INTO jobs_job (session_id, owner_id, type, sub_type, queue, subject, payload, status, info,
    traceback, result, attempt, max_attempts, run_after, dequeued_at, started_at, finished_at,
    lease_until, worker, created_at, batch_id, batch_index)
SELECT {uuid}, {owner}, CASE WHEN {batch} THEN 'PROV_LODGE' ELSE 'REGISTRY' END,
    CASE WHEN {batch} THEN 'MODEL_RUN_PROV_LODGE' WHEN n % 9973 = 0 THEN 'LODGE_VERSION_ACTIVITY'
        ELSE 'REGISTER_CREATE_ACTIVITY' END,
    'provena', CASE WHEN {batch} THEN '' ELSE '10378.1/' || (1000000 + n % 20000) END, {payload},
    CASE WHEN {waits} THEN 'PENDING' WHEN {runs} THEN 'IN_PROGRESS' WHEN {failed} THEN 'FAILED'
        ELSE 'SUCCEEDED' END,
    CASE WHEN {failed} THEN 'The record names 10378.1/' || n || ', which is not there.' ELSE '' END,
    '', CASE WHEN NOT ({waits} OR {runs} OR {failed}) THEN {empty} END, 1, 3, {made},
    CASE WHEN NOT {waits} THEN {made} END, CASE WHEN NOT {waits} THEN {made} END,
    CASE WHEN NOT ({waits} OR {runs}) THEN {made} END, CASE WHEN {runs} THEN {made} END, '', {made},
    CASE WHEN {ours} THEN {first} WHEN {theirs} THEN {second} END,
    CASE WHEN {ours} THEN n - {rows} / 2 WHEN {theirs} THEN n - {rows} * 3 / 4 END
FROM {numbers}
"""


def filters(rows: int) -> Figures:
    """Milliseconds of a request for the list, by filter, of the first page and of a deep one, and
    of a look for news that finds none."""
    call_command("collectstatic", interactive=False, verbosity=0)  # the page names hashed files
    fill(rows)
    return asked(rows)


def asked(rows: int) -> Figures:
    """The same of a database that is filled."""
    figures: Figures = {}
    for who, name in (("own", owner().username), ("all", "staff"), ("few", RARE)):
        client, user = Client(SERVER_NAME="localhost"), User.objects.get(username=name)
        client.force_login(user)
        for what, query in _queries(name):
            for depth in (0, min(DEEP, rows // 10)) if who != "few" else (0,):
                address = reverse("job-list") + "?" + urlencode(query + _below(name, depth))
                figures[f"{who}, {what}, row {depth:,}"] = _times(client, address)
        top = Job.objects.order_by("-pk").values_list("pk", flat=True)[0]
        shown = Job.objects.visible_to(user).filter(pk=top).values_list("queue", flat=True)
        standing = Standing.of(set(shown)).seen  # no worker runs here, which the page says
        news = {"text": "reef", "top": top, "new": 0, "watch": f"{top}.P1", "standing": standing}
        address = f"{reverse('job-news')}?{urlencode(news)}"
        figures[f"{who}, no news"] = _times(client, address, [204])
    return figures


def _queries(name: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    text, month = ("text", "sediment"), [("since", "2026-01-10"), ("until", "2026-01-11")]
    yield "nothing", []
    yield "a state", [("status", "FAILED")]
    yield "unfinished", [("status", state) for state in ("PENDING", "DEQUEUED", "IN_PROGRESS")]
    yield "PENDING", [("status", "PENDING")]
    yield "two states", [("status", "FAILED"), ("status", "PENDING")]
    yield "SUCCEEDED", [("status", "SUCCEEDED")]
    yield "a rare sub type", [("sub_type", "LODGE_VERSION_ACTIVITY")]
    yield "a type", [("type", "PROV_LODGE")]
    yield "batches", [("batch", "only")]
    yield "no batches", [("batch", "none")]
    yield "an item", [("item", "10378.1/1000005")]
    yield "two days", month
    yield "rare text", [text]
    yield "no such text", [("text", "nowhere to be found")]
    yield "text, state, type, days", [text, *month, ("status", "FAILED"), ("type", "REGISTRY")]
    if name == "staff":
        yield "a user", [("user", owner().username)]
        yield (
            "a user, text, state, days",
            [("user", owner().username), text, *month, ("status", "SUCCEEDED")],
        )


def _below(name: str, depth: int) -> list[tuple[str, str]]:
    """The address of the page below that row of the user's jobs."""
    if not depth:
        return []
    jobs = Job.objects.visible_to(User.objects.get(username=name)).order_by("-pk")
    return [("after", str(jobs.values_list("pk", flat=True)[depth - 1]))]


def _times(client: Client, address: str, statuses: Sequence[int] = (200, 302)) -> list[float]:
    """Milliseconds of a request. It leads to the first page where nothing is left behind it."""
    samples: list[float] = []
    for _ in range(REPEATS + 1):
        with timed(samples, 1e3):
            answer = client.get(address)
        if answer.status_code not in statuses:
            raise RuntimeError(f"{address} answered {answer.status_code}.")
    return samples[1:]  # templates are read once


def fill(rows: int) -> None:
    """So many jobs of many kinds, states and owners, some in batches."""
    users = [owner(), *(User.objects.create(username=f"other{n}") for n in range(1, USERS))]
    User.objects.create(username="staff", is_staff=True, is_superuser=True)
    rare = User.objects.create(username=RARE)
    batches = [
        Batch.objects.create(owner=user, title="Runs", total=rows // parts)
        for user, parts in zip(users, (20, 5), strict=False)
    ]
    sqlite = connection.vendor == "sqlite"
    ours = f"(n >= {rows} / 2 AND n < {rows} / 2 + {rows} / 20)"
    theirs = f"(n >= {rows} * 3 / 4 AND n < {rows} * 3 / 4 + {rows} / 5)"
    turns = " ".join(f"WHEN {turn} THEN {user.pk}" for turn, user in enumerate(users))
    waits = f"(n > {rows} - 10000 OR n % 5003 = 11)"
    runs = f"(n BETWEEN {rows} - 10500 AND {rows} - 10000 AND n % 5003 <> 11)"
    seconds = f"(n * {13 * 86400}.0 / {rows})"
    payload = (
        """'{"created_item_id": "10378.1/' || n || '", "item_subtype": "MODEL", "note": "' """
        """|| CASE WHEN n % 50021 = 5 THEN 'sediment' ELSE 'Larval dispersal of the reef' END """
        """|| '", "linked_person_id": "10378.1/1000001"}'"""
    )
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT.format(
                uuid="lower(hex(randomblob(16)))" if sqlite else "gen_random_uuid()",
                owner=f"CASE WHEN n <= 100 THEN {rare.pk} WHEN {ours} THEN {users[0].pk} "
                f"WHEN {theirs} THEN {users[1].pk} ELSE CASE n % {USERS} {turns} END END",
                batch=f"({ours} OR {theirs})",
                ours=ours,
                theirs=theirs,
                first=f"'{batches[0].pk.hex}'" + ("" if sqlite else "::uuid"),
                second=f"'{batches[1].pk.hex}'" + ("" if sqlite else "::uuid"),
                payload=payload if sqlite else f"({payload})::jsonb",
                empty="'{}'" + ("" if sqlite else "::jsonb"),
                waits=waits,
                runs=runs,
                failed=f"(n % 100 = 7 AND NOT {waits} AND NOT {runs})",
                made=f"strftime('%Y-%m-%d %H:%M:%f', '2026-01-01', '+' || {seconds} || ' seconds')"
                if sqlite
                else f"('2026-01-01 00:00Z'::timestamptz + {seconds} * interval '1 second')",
                rows=rows,
                numbers=(
                    "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c "
                    f"WHERE n < {rows}) SELECT n FROM c) AS numbers"
                    if sqlite
                    else f"generate_series(1, {rows}) AS numbers(n)"
                ),
            )
        )
        cursor.execute("ANALYZE" if sqlite else "VACUUM ANALYZE jobs_job")
