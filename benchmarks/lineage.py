"""What lineage costs at a million relations: of a deep graph, and of a hub that everything uses."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client

from benchmarks.rows import timed
from registry import kinds
from registry.models import Grant, Item, Reference, Relation
from registry.provenance.lineage import walk
from registry.provenance.reach import Query

Figures = dict[str, list[float]]
SAMPLES = 30
PER_RUN = 10  # relations
INPUTS = 2  # datasets that each run uses
WINDOW = 1_000  # of which it takes them: the outputs of the runs before it
PEOPLE = 100


def lineage(rows: int) -> Figures:
    """Milliseconds of SQL of walks at depth 10, and of whole pages, at `rows` relations."""
    call_command("collectstatic", interactive=False, verbosity=0)  # pages name hashed files
    user, deep, hub, template = fill(rows)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    figures: Figures = {}
    for what, start, query in (
        ("upstream", deep, Query.UPSTREAM),
        ("contributing datasets", deep, Query.CONTRIBUTING_DATASETS),
        ("upstream of a template", template, Query.UPSTREAM),
        ("downstream of a hub", hub, Query.DOWNSTREAM),
        ("effected agents of a hub", hub, Query.EFFECTED_AGENTS),
    ):
        found = partial(walk, start, user, query, 10)
        found()
        figures[f"SQL, depth 10: {what}"] = [_sql(found) for _ in range(SAMPLES)]
    for what, address in (
        ("upstream, depth 10", f"/item/{deep.handle}/lineage/?query=upstream&depth=10&most=1000"),
        ("a hub", f"/item/{hub.handle}/lineage/"),
        ("a hub, 500 drawn", f"/item/{hub.handle}/lineage/?query=downstream&most=500"),
        ("a hub, 1,000 listed", f"/item/{hub.handle}/lineage/?query=downstream&most=1000"),
    ):
        figures[f"page: {what}"] = _pages(client, address)
    return figures


def _sql(action: Callable[[], Any]) -> float:
    """The milliseconds that the statements of an action take, until all their rows are here."""
    statements: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        action()
    began = time.perf_counter()
    with connection.cursor() as cursor:
        for sql, params in statements:
            cursor.execute(sql, params)
            cursor.fetchall()
    return 1e3 * (time.perf_counter() - began)


def _pages(client: Client, address: str) -> list[float]:
    samples: list[float] = []
    client.get(address)  # templates are read once
    for _ in range(SAMPLES):
        with timed(samples, 1e3):
            answer = client.get(address)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}.")
    return samples


def fill(relations: int) -> tuple[User, Item, Item, Item]:
    """A chain of runs, each from outputs of earlier ones, all by one model and one template.

    So the model has a consumer in each run, and each run claims anew what the template has as
    members. Returns somebody who may read it all, the last dataset, the model and the template.
    """
    runs = relations // PER_RUN
    owner = User.objects.create_user("owner")
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA cache_size = -500000")
        model, workflow, template = (
            _items(owner, subtype, 1)
            for subtype in ("MODEL", "MODEL_RUN_WORKFLOW_TEMPLATE", "DATASET_TEMPLATE")
        )
        people = f"{_items(owner, 'PERSON', PEOPLE)} + n % {PEOPLE}"
        outputs = _items(owner, "DATASET", runs)
        run, output = f"{_items(owner, 'MODEL_RUN', runs)} + n", f"{outputs} + n"
        for step in (1, WINDOW // 2)[:INPUTS]:
            back = f"{step} + n * 7919 % {WINDOW // 2}"
            _relations(
                runs,
                run,
                "used",
                f"{outputs} + CASE WHEN n < {WINDOW} THEN 0 ELSE n - ({back}) END",
                run,
            )
        for source, relation, target in (
            (run, "used", str(model)),
            (run, "used", str(workflow)),
            (run, "wasAssociatedWith", people),
            (output, "wasGeneratedBy", run),
            (output, "wasAttributedTo", people),
            (output, "wasInfluencedBy", str(template)),
            (str(workflow), "hadMember", str(model)),
            (str(workflow), "hadMember", str(template)),
        ):
            _relations(runs, source, relation, target, run)
        named = {"source_id": run, "target_id": str(workflow)}
        _insert(Reference(role="Workflow template"), named, runs)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    last = outputs + runs - 1
    deep, hub, named_by_all = (Item.objects.get(pk=pk) for pk in (last, model, workflow))
    return User.objects.create_user("reader"), deep, hub, named_by_all


def _items(owner: User, subtype: str, number: int) -> int:
    """Make that many items, which everyone may read. Returns the id of the first; the others
    follow it."""
    first = (Item.objects.order_by("-pk").values_list("pk", flat=True).first() or 0) + 1
    kind = kinds.kind(subtype)
    item = Item(
        handle="bench/0",
        category=kind.category,
        subtype=subtype,
        owner=owner,
        info={},
        search_text="",
    )
    own = {
        "id": f"{first} + n",
        "handle": f"'bench/' || ({first} + n)",
        "display_name": f"'{kind.label} ' || n",
    }
    _insert(item, own, number)
    _insert(Grant(roles=["metadata-read"]), {"item_id": f"{first} + n"}, number)
    return first


def _relations(number: int, source: str, relation: str, target: str, record: str) -> None:
    own = {"source_id": source, "target_id": target, "record_id": record}
    _insert(Relation(type=relation), own, number)


def _insert(model: Any, own: dict[str, str], number: int) -> None:
    """Insert `number` rows like an object that is not saved: the columns in `own` by SQL over n,
    from 0."""
    series = "(SELECT n FROM generate_series(0, %s) AS s(n)) AS s"
    if connection.vendor == "sqlite":
        series = (
            "(WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < %s) "
            "SELECT n FROM c) AS s"
        )
    fields = [
        field for field in model._meta.concrete_fields if not (field.primary_key or field.generated)
    ]
    values = {
        field.column: field.get_db_prep_save(getattr(model, field.attname), connection)
        for field in fields
        if field.column not in own
    }
    columns = ", ".join(f'"{column}"' for column in [*own, *values])
    computed = [value.replace("%", "%%") for value in own.values()]
    chosen = ", ".join([*computed, *["%s"] * len(values)])
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({columns}) SELECT {chosen} FROM {series} "
            "WHERE true ON CONFLICT DO NOTHING",
            [*values.values(), number - 1],
        )
