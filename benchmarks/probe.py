"""One measurement, in a process that has the settings and the database of one contender.

`python -m benchmarks.probe NAME OPTIONS` prints its figures as JSON. OPTIONS is a JSON object with
the keyword arguments of the function called NAME.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django

Figures = dict[str, list[float]]
django.setup()

# ruff: noqa: E402 - what follows needs Django
from django.db import OperationalError, transaction

from benchmarks import contenders, marks
from benchmarks.processes import cpu_seconds, wait_until, workers

PAUSE = 0.005  # seconds
SETTLE = 1.5  # seconds from the first job to an idle cluster
CONTENDER = contenders.load(os.environ["BENCH_CONTENDER"])
LOG = Path(os.environ["BENCH_MARKS"]).with_suffix(".log")


def prepare() -> Figures:
    """Make the tables."""
    CONTENDER.prepare()
    return {}


def lifecycle(jobs: int) -> Figures:
    """Jobs per second, from the start of the first body until the last job is done with, and the
    processor time that all its processes (but no database server) use meanwhile, in ms per job."""
    marks.clear()
    CONTENDER.fill(jobs)
    try:
        with workers(CONTENDER.commands, LOG) as roots:
            wait_until(lambda: marks.count() > 0, 0.005)
            used = cpu_seconds(roots)
            wait_until(lambda: marks.count() >= jobs and CONTENDER.is_idle(), 0.005)
            end, used = time.monotonic(), cpu_seconds(roots) - used
        CONTENDER.check()
    finally:
        CONTENDER.clean_up()
    rate = jobs / (end - marks.times()[0])
    return {"jobs per second": [rate], "CPU ms per job": [1000 * used / jobs]}


def idle(samples: int) -> Figures:
    """Milliseconds from the commit of a submit, on an idle cluster, at random moments."""
    figures: Figures = {"one job, to its start": [], "one job, finished": [], "two steps": []}
    with workers(CONTENDER.commands, LOG):
        _settle()
        for _ in range(samples):
            start, end = _latency(1)
            figures["one job, to its start"].append(start)
            figures["one job, finished"].append(end)
            figures["two steps"].append(_latency(2)[1])
    CONTENDER.check()
    return figures


def cpu(seconds: float) -> Figures:
    """Percent of one core that an idle cluster uses."""
    with workers(CONTENDER.commands, LOG) as roots:
        _settle()
        began, used = time.monotonic(), cpu_seconds(roots)
        time.sleep(seconds)
        share = (cpu_seconds(roots) - used) / (time.monotonic() - began)
    return {"percent of a core": [100 * share]}


def locked(seconds: float) -> Figures:
    """Milliseconds of the writes of a web process on SQLite while two workers are busy, and how
    many writes of anybody failed as locked.

    The process reads and writes in each transaction and rests PAUSE between them, as one that
    answers about 200 requests a second would: SQLite's lock is not fair, and a writer without any
    pause leaves the others next to nothing.
    """
    writes, errors = [], 0
    CONTENDER.fill(round(1000 * seconds))
    seen = LOG.read_text().count("locked") if LOG.exists() else 0
    marks.clear()
    with workers(CONTENDER.commands, LOG):
        wait_until(lambda: marks.count() > 0, 0.01)
        before, end = marks.count(), time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            try:
                with transaction.atomic():
                    CONTENDER.is_idle()
                    CONTENDER.submit(1)
            except OperationalError as error:
                errors += "locked" in str(error)
            writes.append(1000 * (time.monotonic() - began))
            time.sleep(PAUSE)
        done = marks.count() - before
    errors += LOG.read_text().count("locked") - seen
    return {
        "ms of a write": writes,
        "locked errors": [errors],
        "jobs per second meanwhile": [done / seconds],
    }


def _settle() -> None:
    """Wait until the cluster works, and then until it has nothing to do."""
    CONTENDER.submit(1)
    wait_until(lambda: marks.count() > 0 and CONTENDER.is_idle(), 0.05)
    time.sleep(SETTLE)


def _latency(steps: int) -> tuple[float, float]:
    """(ms to the start of the first body, ms until the last job is seen as finished)."""
    time.sleep(random.uniform(0.05, 0.25))
    marks.clear()
    with transaction.atomic():
        CONTENDER.submit(steps)
        committing = time.monotonic()
    wait_until(lambda: marks.count() >= steps, 0.0005)
    wait_until(CONTENDER.is_idle, 0.0005)
    end = time.monotonic()
    return 1000 * (marks.times()[0] - committing), 1000 * (end - committing)


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the workers have to be stopped
    name, options = sys.argv[1:]
    probes: list[Callable[..., Figures]] = [prepare, lifecycle, idle, cpu, locked]
    if name not in {probe.__name__ for probe in probes}:
        from benchmarks import (  # noqa: PLC0415 - they need our tables
            api,
            items,
            job_filters,
            lineage,
            operations,
            polling,
            rows,
            runs,
        )

        probes = [
            rows.submit,
            rows.large,
            job_filters.filters,
            items.items,
            runs.batch,
            runs.bare,
            lineage.lineage,
            operations.operations,
            polling.polling,
            api.api_reads,
            api.api_writes,
        ]
    chosen = next(probe for probe in probes if probe.__name__ == name)
    print(json.dumps(chosen(**json.loads(options))))


if __name__ == "__main__":
    main()
