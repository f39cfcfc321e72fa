"""What is measured. Contenders take turns, round by round, so that a noisy minute meets all."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.contenders import ENTRIES, OURS, POSTGRESQL, REDIS, SQLITE, TUNED
from benchmarks.databases import REDIS_URL, Databases
from benchmarks.report import Figure, Results

Figures = dict[str, list[float]]
PATIENCE = 300  # seconds for one probe
ALWAYS = (OURS, TUNED)


@dataclass(frozen=True)
class Size:
    """How much is measured. `rounds` of OURS and TUNED, `rounds_of_others` of the rest."""

    rounds: int = 5
    rounds_of_others: int = 3
    jobs: int = 1500
    rounds_of_idle: int = 2
    samples: int = 50  # in each round of idle
    seconds: float = 10.0
    rows: int = 1_000_000
    items: int = 100_000
    runs: int = 10_000
    relations: int = 1_000_000
    pages: int = 200
    models: int = 1_000


QUICK = Size(
    rounds=1,
    rounds_of_others=0,
    rounds_of_idle=1,
    jobs=400,
    samples=10,
    seconds=2.0,
    rows=50_000,
    items=5_000,
    runs=1_000,
    relations=50_000,
    models=100,
)


class Bench:
    """Runs probes and keeps what they found."""

    def __init__(self, databases: Databases, engines: list[str], size: Size) -> None:
        self.brokers = engines
        self.engines = [name for name in engines if name != REDIS]
        self.size = size
        self.results = Results()
        self._databases = databases
        self._keys = f"provena-bench-{secrets.token_hex(4)}:"

    def probe(
        self, name: str, engine: str, contender: str = OURS, *, database: str = "", **options: float
    ) -> Figures:
        """What that probe found, or nothing if it failed, which the results then note."""
        url, is_new = self._databases.url(engine, database or contender)
        environment = self._environment(contender, url)
        try:
            if is_new:
                _run("prepare", {}, environment)
            began = time.monotonic()
            figures = _run(name, options, environment)
            seconds = time.monotonic() - began
            print(f"  {name} {engine} {contender}: {seconds:.0f} s", file=sys.stderr)
            return figures
        except (subprocess.SubprocessError, ValueError) as error:
            output = str(getattr(error, "stderr", "") or error).strip()
            last = output.splitlines()[-1] if output else type(error).__name__
            self.results.notes.append(f"{name} of {contender} on {engine} failed: {last}")
            return {}

    def add(self, measure: str, engine: str, what: str, unit: str, values: list[float]) -> None:
        """Keep a figure, if there is one."""
        if values:
            self.results.figures.append(Figure(measure, engine, what, unit, values))

    def _environment(self, contender: str, url: str) -> dict[str, str]:
        directory = self._databases.directory
        settings = "provena.settings" if contender == OURS else "benchmarks.contenders.settings"
        own = {
            "BENCH_CONTENDER": contender,
            "BENCH_KEYS": self._keys,
            "BENCH_MARKS": str(directory / f"{contender}.marks"),
            "DATABASE_URL": url,
            "DATA_DIR": str(directory),
            "DEBUG": "0",
            "DJANGO_SETTINGS_MODULE": settings,
            "EXTRA_APPS": "benchmarks.app" if contender == OURS else "",
            "LOG_LEVEL": "WARNING",
            "REDIS_URL": REDIS_URL,
            "WORKERS": "2",
        }
        return os.environ | own


def lifecycle(bench: Bench) -> None:
    """Jobs per second, and against ours of the same round."""
    rates: dict[tuple[str, str], dict[int, float]] = {}
    costs: dict[tuple[str, str], list[float]] = {}
    for turn in range(max(bench.size.rounds, bench.size.rounds_of_others)):
        for engine, contender in _turn(bench, turn):
            jobs = bench.size.jobs // (5 if contender == "q2_default" else 1)
            found = bench.probe("lifecycle", engine, contender, jobs=jobs)
            if found:
                rates.setdefault((engine, contender), {})[turn] = found["jobs per second"][0]
                costs.setdefault((engine, contender), []).extend(found["CPU ms per job"])
    for (engine, contender), values in sorted(rates.items()):
        title = ENTRIES[contender].title
        bench.add("lifecycle", engine, title, "jobs/s", list(values.values()))
        bench.add("lifecycle", engine, f"CPU of {title}", "ms/job", costs[engine, contender])
        if contender == OURS:
            continue
        ours = rates.get((POSTGRESQL if engine == REDIS else engine, OURS), {})
        pairs = [(ours[turn], values[turn]) for turn in ours.keys() & values.keys()]
        if contender == TUNED:
            times = [other / own for own, other in pairs]
            bench.add("lifecycle", engine, f"our time / {title}", "x", times)
        speeds = [own / other for own, other in pairs]
        bench.add("lifecycle", engine, f"our jobs/s / {title}", "x", speeds)


def idle(bench: Bench) -> None:
    """Latencies of one job and of two steps on an idle cluster."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for _ in range(bench.size.rounds_of_idle):
        for engine in bench.engines:
            for contender in ALWAYS:
                figures = bench.probe("idle", engine, contender, samples=bench.size.samples)
                for what, values in figures.items():
                    found.setdefault((engine, contender, what), []).extend(values)
    for (engine, contender, what), values in sorted(found.items()):
        bench.add("idle", engine, f"{ENTRIES[contender].title}: {what}", "ms", values)


def cpu(bench: Bench) -> None:
    """What an idle cluster uses, all its processes together."""
    for engine in bench.engines:
        for values in bench.probe("cpu", engine, seconds=bench.size.seconds).values():
            bench.add("cpu", engine, ENTRIES[OURS].title, "% of a core", values)


def submit(bench: Bench) -> None:
    """What a submit adds to a transaction."""
    for engine in bench.engines:
        figures = bench.probe("submit", engine, samples=500)
        for what, values in figures.items():
            bench.add("submit", engine, what, "us", values)
        ratios = [a / b for a, b in zip(*figures.values(), strict=True)] if figures else []
        bench.add("submit", engine, "submit / bare INSERT", "x", ratios)


def locked(bench: Bench) -> None:
    """SQLite: a web process that writes all the time, under two busy workers."""
    if SQLITE in bench.engines:
        figures = bench.probe("locked", SQLITE, database="locked", seconds=bench.size.seconds)
        for what, values in figures.items():
            unit = "ms" if what.startswith("ms") else ""
            bench.add("locked", SQLITE, what, unit, values)


def large(bench: Bench) -> None:
    """The job list, claim and sweep among many jobs."""
    for engine in bench.engines:
        figures = bench.probe("large", engine, database="large", rows=bench.size.rows)
        for what, values in figures.items():
            bench.add("list", engine, what, "ms", values)


def filters(bench: Bench) -> None:
    """The job list by filter among many jobs."""
    for engine in bench.engines:
        figures = bench.probe("filters", engine, database="filters", rows=bench.size.rows)
        for what, values in figures.items():
            bench.add("filters", engine, what, "ms", values)


def items(bench: Bench) -> None:
    """The registry's pages among many items."""
    for engine in bench.engines:
        figures = bench.probe("items", engine, database="items", rows=bench.size.items)
        for what, values in figures.items():
            bench.add("items", engine, what, "ms", values)


def batch(bench: Bench) -> None:
    """A batch of model runs, and a run beside its bare statements."""
    for engine in bench.engines:
        figures = bench.probe("batch", engine, database="batch", size=bench.size.runs)
        for what, values in figures.items():
            bench.add("batch", engine, what, "ms" if what == "page" else "", values)
    if SQLITE in bench.engines:
        figures = bench.probe("bare", SQLITE, database="bare")
        for what, values in figures.items():
            bench.add("batch", SQLITE, what, "ms", values)
        ratios = [a / b for a, b in zip(*figures.values(), strict=True)] if figures else []
        bench.add("batch", SQLITE, "our run / bare statements", "x", ratios)


def lineage(bench: Bench) -> None:
    """Walks over many relations, and their pages."""
    for engine in bench.engines:
        figures = bench.probe("lineage", engine, database="lineage", rows=bench.size.relations)
        for what, values in figures.items():
            bench.add("lineage", engine, what, "ms", values)


def operations(bench: Bench) -> None:
    """The home and workers pages among many jobs."""
    for engine in bench.engines:
        figures = bench.probe("operations", engine, database="operations", rows=bench.size.rows)
        for what, values in figures.items():
            bench.add("operations", engine, what, "ms", values)


def polling(bench: Bench) -> None:
    """Jobs per second of a cluster alone, and beside open pages, by turns."""
    kept: dict[tuple[str, str, str], list[float]] = {}
    for turn in range(bench.size.rounds):
        for engine in bench.engines:
            rates: dict[int, float] = {}
            for pages in (0, bench.size.pages) if turn % 2 == 0 else (bench.size.pages, 0):
                figures = bench.probe(
                    "polling", engine, database="polling", pages=pages, seconds=bench.size.seconds
                )
                for what, values in figures.items():
                    named = f"{what}, {pages} pages"
                    kept.setdefault((engine, named, _unit(what)), []).extend(values)
                rates[pages] = sum(figures.get("jobs per second", []))
            if all(rates.values()):
                ratio = rates[bench.size.pages] / rates[0]
                kept.setdefault((engine, "beside pages / alone", "x"), []).append(ratio)
    for (engine, what, unit), values in sorted(kept.items()):
        bench.add("polling", engine, what, unit, values)


def api(bench: Bench) -> None:
    """The HTTP API: reads among many jobs, and registering models one by one."""
    for engine in bench.engines:
        figures = bench.probe("api_reads", engine, database="api_reads", rows=bench.size.rows)
        for what, values in figures.items():
            bench.add("api", engine, what, "ms", values)
        figures = bench.probe("api_writes", engine, database="api_writes", models=bench.size.models)
        for what, values in figures.items():
            bench.add("api", engine, what, "", values)


MEASURES: dict[str, Callable[[Bench], None]] = {
    "lifecycle": lifecycle,
    "idle": idle,
    "cpu": cpu,
    "submit": submit,
    "locked": locked,
    "list": large,
    "filters": filters,
    "items": items,
    "batch": batch,
    "lineage": lineage,
    "operations": operations,
    "polling": polling,
    "api": api,
}


def _unit(what: str) -> str:
    """The unit of a figure, if its name begins with one."""
    return "ms" if what.startswith(("ms ", "CPU ms ")) else ""


def _turn(bench: Bench, turn: int) -> Iterator[tuple[str, str]]:
    """Who runs in that round. Every other round goes backwards: being first helps nobody."""
    for engine in bench.brokers:
        entrants = [
            name
            for name, entry in ENTRIES.items()
            if engine in entry.databases
            and entry.is_installed
            and turn < (bench.size.rounds if name in ALWAYS else bench.size.rounds_of_others)
        ]
        for name in entrants if turn % 2 == 0 else reversed(entrants):
            yield engine, name


def _run(name: str, options: dict[str, float], environment: dict[str, str]) -> Figures:
    """Run one probe. Raises SubprocessError or ValueError if it fails.

    Whatever interrupts us, the probe gets the time to stop the workers that it has started.
    """
    command = [sys.executable, "-m", "benchmarks.probe", name, json.dumps(options)]
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=PATIENCE)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output, errors)
    figures: Figures = json.loads(output.splitlines()[-1])
    return figures
