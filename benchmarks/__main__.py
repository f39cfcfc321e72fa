"""`python -m benchmarks`: measure, print a table, say which targets are kept."""

import argparse
import dataclasses
import json
import signal
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path

from benchmarks import report
from benchmarks.contenders import DATABASES, ENTRIES
from benchmarks.databases import temporary, why_not
from benchmarks.measures import MEASURES, QUICK, Bench, Size

INSTALL = "pip install -e '.[bench]'"


def main() -> None:
    """Run what the options ask for. A missed target is no error: a benchmark informs."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _options()
    size = QUICK if options.quick else Size()
    if options.rows:
        size = dataclasses.replace(size, rows=options.rows)
    faults = {name: why_not(name) for name in options.databases}
    notes = [f"{name}: {fault}" for name, fault in faults.items() if fault]
    notes += [
        f"{entry.title} is not installed ({INSTALL} in the environment that runs this)"
        for entry in ENTRIES.values()
        if not entry.is_installed
    ]
    machine = report.describe_machine()
    began = time.monotonic()
    with temporary() as databases:
        usable = [name for name, fault in faults.items() if not fault]
        bench = Bench(databases, usable, size)
        bench.results.notes = notes
        try:
            for name in options.only:
                print(f"{name} ...", file=sys.stderr)
                MEASURES[name](bench)
        except KeyboardInterrupt:
            notes.append("everything after the interruption")
    report.show(bench.results, machine)
    print(f"Took {time.monotonic() - began:.0f} s.")
    if options.json:
        options.json.write_text(json.dumps(report.as_json(bench.results, machine), indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="rough figures in 90 seconds")
    parser.add_argument("--only", type=_some_of(MEASURES), default=list(MEASURES), metavar="A,B")
    parser.add_argument(
        "--databases", type=_some_of(DATABASES), default=list(DATABASES), metavar="A,B"
    )
    parser.add_argument("--rows", type=int, help="jobs in the measure called list (1,000,000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write all samples")
    options = parser.parse_args()
    if options.rows is not None and options.rows < report.FEWEST_ROWS:
        parser.error(f"--rows must be at least {report.FEWEST_ROWS}.")
    return options


def _some_of(names: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := set(chosen) - set(names):
            raise argparse.ArgumentTypeError(
                f"{', '.join(sorted(unknown))} is none of {', '.join(names)}"
            )
        return chosen

    return parse


if __name__ == "__main__":
    main()
