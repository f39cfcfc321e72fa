"""What a batch of model runs costs: from the request to the last run, what pages take meanwhile,
and a run beside the bare statements that it executes."""

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from benchmarks import contenders
from benchmarks.processes import wait_until, workers
from benchmarks.rows import timed
from jobs import lifecycle, worker
from jobs.definitions import DEFAULT_QUEUE
from jobs.models import Batch, Job
from registry import services
from registry.model_runs import services as runs
from registry.models import Item

Figures = dict[str, list[float]]
Statement = tuple[str, Any]
LOG = Path(os.environ["BENCH_MARKS"]).with_suffix(".log")
PATIENCE = 300  # seconds
PAUSE = 0.1  # seconds between two pages: somebody clicks ten times a second
THOUSAND = 1_000
ROUND, ROUNDS = 100, 8  # runs, of ours and of bare statements in turn
TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
CLAIMED = 8  # jobs that a cluster takes at once
PERSON = {
    "display_name": "Ana Silva",
    "first_name": "Ana",
    "last_name": "Silva",
    "email": "bench@example.org",
    "ethics_approved": True,
}
APPROVALS = ("ethics_registration", "ethics_access", "indigenous_knowledge", "export_controls")


def batch(size: int) -> Figures:
    """A batch on one cluster of two workers: seconds until its jobs are there, runs a second, the
    last thousand against the first, and milliseconds of pages that somebody reads meanwhile."""
    call_command("collectstatic", interactive=False, verbosity=0)  # pages name hashed files
    user, record = workflow()
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    figures: Figures = {"page": []}
    with workers(contenders.load(contenders.OURS).commands, LOG):
        wait_until(lambda: not Job.objects.unfinished().exists(), 0.1)
        began = time.monotonic()
        records = [record | {"display_name": f"Run {number}"} for number in range(size)]
        launch = runs.register_batch(batch=records, owner=user)
        wait_until(Batch.objects.exists, 0.01)
        figures["seconds until all jobs are there"] = [time.monotonic() - began]
        made = Batch.objects.get()
        pages = itertools.cycle(
            ["/", "/jobs/", made.get_absolute_url(), "/items/", launch.get_absolute_url()]
        )
        deadline = time.monotonic() + PATIENCE
        while made.jobs.filter(finished_at=None).exists():
            if time.monotonic() > deadline:
                raise TimeoutError("The batch did not end.")
            with timed(figures["page"], 1e3):
                answer = client.get(next(pages))
            if answer.status_code != 200:
                raise RuntimeError(f"A page answered {answer.status_code}.")
            time.sleep(PAUSE)
    figures |= _rates(made)
    if Item.objects.filter(subtype="MODEL_RUN").count() != size:
        raise RuntimeError("There are not as many runs as records.")
    return figures


def _rates(batch: Batch) -> Figures:
    times = batch.jobs.order_by("finished_at").values_list("started_at", "finished_at")
    spans = [(start.timestamp(), end.timestamp()) for start, end in times if start and end]
    ends = [end for _, end in spans]
    few = min(THOUSAND, len(ends) // 4)
    return {
        "runs per second": [len(ends) / (ends[-1] - min(start for start, _ in spans))],
        "rate of the last thousand / first": [(ends[few] - ends[0]) / (ends[-1] - ends[-1 - few])],
    }


def bare() -> Figures:
    """SQLite: milliseconds of a run in this process, and of the statements that it executes, sent
    to the database driver with nothing between: in turn, on the same database."""
    user, record = workflow()
    _drain()
    total = 2 * ROUND * ROUNDS + 2 * CLAIMED
    records = [record | {"display_name": f"Run {number}"} for number in range(total)]
    runs.register_batch(batch=records, owner=user)
    _execute(lifecycle.claim(DEFAULT_QUEUE, 1))
    _execute(lifecycle.claim(DEFAULT_QUEUE, CLAIMED))
    figures: Figures = {"our run": [], "bare statements": []}
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(ROUND // CLAIMED):
            _execute(lifecycle.claim(DEFAULT_QUEUE, CLAIMED))
        figures["our run"].append(_each(began))
        spent = [_replayed(_recorded()) for _ in range(ROUND // CLAIMED)]
        figures["bare statements"].append(1e3 * sum(spent) / len(spent) / CLAIMED)
    return figures


def workflow() -> tuple[User, dict[str, Any]]:
    """A user with all that a run names, and a record of a usual size."""
    user = User.objects.create_user("runner", email="runner@example.org")

    def register(subtype: str, **content: Any) -> str:
        return services.register(subtype=subtype, content=content, owner=user).handle

    person = services.register(subtype="PERSON", content=PERSON, owner=user)
    services.link_person(user=user, person=person)
    organisation = register("ORGANISATION", display_name="Institute", name="Institute")
    study = register("STUDY", display_name="Study", title="Study", description="Of reefs")
    model = register(
        "MODEL",
        display_name="Model",
        name="Model",
        description="Of reefs",
        documentation_url="https://example.org/",
        source_url="https://example.org/",
    )
    file = {"key": "file", "description": "Its data", "usage_type": "GENERAL_DATA"}
    sides: dict[str, list[dict[str, Any]]] = {"inputs": [], "outputs": []}
    for side, count in (("inputs", 2), ("outputs", 1)):
        for number in range(count):
            template = register(
                "DATASET_TEMPLATE",
                display_name=f"{side} {number}",
                deferred_resources=[file],
            )
            sides[side].append(
                {
                    "dataset_template_id": template,
                    "dataset_id": _dataset(organisation, user),
                    "dataset_type": "DATA_STORE",
                    "resources": {"file": "a/b.nc"},
                }
            )
    template = register(
        "MODEL_RUN_WORKFLOW_TEMPLATE",
        display_name="Workflow",
        software_id=model,
        input_templates=[{"template_id": one["dataset_template_id"]} for one in sides["inputs"]],
        output_templates=[{"template_id": one["dataset_template_id"]} for one in sides["outputs"]],
        annotations={"required": ["seed"]},
    )
    return user, {
        "workflow_template_id": template,
        **sides,
        "annotations": {"seed": "7"},
        "display_name": "Run",
        "description": "One member of an ensemble",
        "study_id": study,
        "associations": {
            "modeller_id": person.handle,
            "requesting_organisation_id": organisation,
        },
        "start_time": 1_700_000_000,
        "end_time": 1_700_003_600,
    }


def _dataset(organisation: str, user: User) -> str:
    about = {
        "name": "Data",
        "description": "Of reefs",
        "access_info": {"reposited": True},
        "publisher_id": organisation,
        "created_date": {},
        "published_date": {},
        "license": "https://creativecommons.org/licenses/by/4.0/",
    }
    content = {
        "collection_format": {
            "associations": {"organisation_id": organisation},
            "approvals": {topic: {} for topic in APPROVALS},
            "dataset_info": about,
        }
    }
    return services.register(subtype="DATASET", content=content, owner=user).handle


def _drain() -> None:
    while claimed := lifecycle.claim(DEFAULT_QUEUE, CLAIMED):
        _execute(claimed)


def _execute(claimed: list[tuple[int, int, str]]) -> None:
    for job, attempt, _ in claimed:
        worker.execute(job, attempt, 60)


def _recorded() -> list[Statement]:
    """The statements of CLAIMED runs, which are then undone so that they can be sent again."""
    statements: list[Statement] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with transaction.atomic():
        with connection.execute_wrapper(note):
            _execute(lifecycle.claim(DEFAULT_QUEUE, CLAIMED))
        transaction.set_rollback(True)
    return [one for one in statements if not one[0].startswith(TRANSACTION)]


def _replayed(statements: list[Statement]) -> float:
    """Seconds that SQLite's own driver takes for them, in a transaction for each run."""
    cursor = connection.connection.cursor()
    adapted = [(sql.replace("%s", "?"), tuple(params or ())) for sql, params in statements]
    began = time.perf_counter()
    cursor.execute("BEGIN IMMEDIATE")
    for sql, params in adapted:
        cursor.execute(sql, params).fetchall()
        if "SUCCEEDED" in sql:
            cursor.execute("COMMIT")
            cursor.execute("BEGIN IMMEDIATE")
    cursor.execute("COMMIT")
    return time.perf_counter() - began


def _each(began: float) -> float:
    return 1e3 * (time.perf_counter() - began) / (ROUND // CLAIMED * CLAIMED)
