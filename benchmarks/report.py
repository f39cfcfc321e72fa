"""The figures as a table and as JSON, each target with its figure, and the machine."""

import importlib.metadata
import os
import platform
import sqlite3
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import psycopg

from benchmarks.contenders import ENTRIES, POSTGRESQL, SQLITE, TUNED
from benchmarks.databases import POSTGRES_URL

FEWEST_ROWS = 20_000
PACKAGES = ("django", "django-q2", "psycopg", "procrastinate", "django-tasks-db", "celery")


@dataclass(frozen=True)
class Figure:
    """Samples of one thing on one database, in `unit`."""

    measure: str
    database: str
    what: str
    unit: str
    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def percentile(self, percent: int) -> float:
        """The smallest sample that is not below `percent` percent of them."""
        return sorted(self.values)[max(0, -(-percent * len(self.values) // 100) - 1)]


@dataclass
class Results:
    """All figures of a run, and what was left out."""

    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def find(self, measure: str, database: str, what: str) -> list[Figure]:
        """The figures whose description begins like that."""
        return [
            figure
            for figure in self.figures
            if (figure.measure, figure.database) == (measure, database)
            and figure.what.startswith(what)
        ]


@dataclass(frozen=True)
class Target:
    """A promise of the project about one figure on one database, in the unit of the figure."""

    text: str
    measure: str
    database: str
    what: str
    limit: float
    at_least: bool = False
    of: Callable[[Figure], float] = lambda figure: figure.median

    def judge(self, results: Results) -> tuple[str, str]:
        """The figure (the worst, where there are several), and OK, MISSED or not measured."""
        values = [
            self.of(figure) for figure in results.find(self.measure, self.database, self.what)
        ]
        if not values:
            return "", "not measured"
        value = min(values) if self.at_least else max(values)
        kept = value >= self.limit if self.at_least else value <= self.limit
        return f"{value:.3g}", "OK" if kept else "MISSED"


def _p95(figure: Figure) -> float:
    return figure.percentile(95)


def _targets() -> list[Target]:
    targets = []
    for database in (SQLITE, POSTGRESQL):
        time = f"our time / {ENTRIES[TUNED].title}"
        targets += [
            Target("lifecycle time at most 1.0x Django-Q2 tuned", "lifecycle", database, time, 1.0),
            Target("the same: alarm at 1.2x", "lifecycle", database, time, 1.2),
        ]
        for name in ("procrastinate", "tasks_db"):
            if database in ENTRIES[name].databases:
                title = ENTRIES[name].title
                what = f"our jobs/s / {title}"
                text = f"at least 1.2x the jobs/s of {title}"
                targets.append(Target(text, "lifecycle", database, what, 1.2, at_least=True))
        steps = "Provena Jobs: two steps"
        core = 6 if database == SQLITE else 1
        targets += [
            Target("idle two-step workflow p95 <= 50 ms", "idle", database, steps, 50, of=_p95),
            Target(f"idle CPU <= {core} % of a core", "cpu", database, "Provena Jobs", core),
            Target("a page of the job list <= 2 ms of SQL", "list", database, "page", 2),
            Target("the job list by any filter p95 <= 50 ms", "filters", database, "", 50, of=_p95),
            Target("registering p50 <= 25 ms", "items", database, "register", 25),
            Target(
                "upstream, depth 10 <= 30 ms of SQL", "lineage", database, "SQL, depth 10: up", 30
            ),
            Target("home and workers p95 <= 50 ms", "operations", database, "page", 50, of=_p95),
            Target(
                "open pages slow the workers by at most a tenth",
                "polling",
                database,
                "beside pages / alone",
                0.9,
                at_least=True,
            ),
            Target("a job by the API p95 <= 10 ms", "api", database, "a job", 10, of=_p95),
            Target("100 jobs by the API p95 <= 40 ms", "api", database, "a list", 40, of=_p95),
            Target(
                "datasets, search, people by the API <= 40 ms",
                "items",
                database,
                "route",
                40,
                of=_p95,
            ),
            Target("lineage of a hub <= 300 ms", "lineage", database, "page: a hub", 300, of=_p95),
        ]
    return [
        *targets,
        Target("a batch is launched within 5 s", "batch", SQLITE, "seconds", 5),
        Target("at least 150 runs/s", "batch", SQLITE, "runs per second", 150, at_least=True),
        Target("last thousand >= 0.8x first", "batch", SQLITE, "rate of", 0.8, at_least=True),
        Target("a run at most 2.5x its statements", "batch", SQLITE, "our run /", 2.5),
        Target("pages beside a batch p95 <= 150 ms", "batch", SQLITE, "page", 150, of=_p95),
        Target("a page of the registry p95 <= 30 ms", "items", SQLITE, "page", 30, of=_p95),
        Target("60 models/s by the API", "api", SQLITE, "models per", 60, at_least=True),
        Target("their jobs are done within 10 s", "api", SQLITE, "seconds until", 10),
        Target("no locked error", "locked", SQLITE, "locked errors", 0),
    ]


def show(results: Results, machine: dict[str, str]) -> None:
    """Print everything."""
    print("\nMachine: " + ", ".join(f"{key} {value}" for key, value in machine.items()))
    for measure in dict.fromkeys(figure.measure for figure in results.figures):
        print(f"\n{measure}")
        rows = [
            [
                figure.database,
                figure.what,
                *(f"{value:.4g}" for value in _summary(figure).values()),
                str(len(figure.values)),
                figure.unit,
            ]
            for figure in results.figures
            if figure.measure == measure
        ]
        _table(["database", "what", "median", "p95", "p99", "min", "max", "n", "unit"], rows)
    print("\ntargets")
    _table(
        ["database", "target", "figure", ""],
        [[target.database, target.text, *target.judge(results)] for target in _targets()],
    )
    for note in results.notes:
        print(f"Left out: {note}")


def as_json(results: Results, machine: dict[str, str]) -> dict[str, Any]:
    """Everything that `show` prints, with all samples."""
    return {
        "machine": machine,
        "figures": [asdict(figure) | _summary(figure) for figure in results.figures],
        "targets": [
            {
                "database": target.database,
                "target": target.text,
                "figure": value,
                "verdict": verdict,
            }
            for target in _targets()
            for value, verdict in [target.judge(results)]
        ],
        "notes": results.notes,
    }


def describe_machine() -> dict[str, str]:
    """What the figures depend on."""
    machine = {
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
    }
    try:
        with psycopg.connect(POSTGRES_URL, connect_timeout=2) as connection:
            number = connection.info.server_version
            fsync = connection.execute("SHOW fsync").fetchone() or ("?",)
            machine["PostgreSQL"] = f"{number // 10000}.{number % 10000} (fsync {fsync[0]})"
    except psycopg.OperationalError:
        machine["PostgreSQL"] = "none"
    for package in PACKAGES:
        try:
            machine[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return machine


def _summary(figure: Figure) -> dict[str, float]:
    return {
        "median": figure.median,
        "p95": figure.percentile(95),
        "p99": figure.percentile(99),
        "min": min(figure.values),
        "max": max(figure.values),
    }


def _table(head: Sequence[str], rows: list[list[str]]) -> None:
    """Columns of equal width; numbers to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in [head, *rows]:
        cells = [
            cell.ljust(width) if index < 2 or index == len(row) - 1 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  " + "  ".join(cells).rstrip())
