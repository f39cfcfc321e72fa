"""What looks odd in a run's record and may yet be right: it is told, and hinders nothing."""

import time

from registry.kinds.runs import RunRecord
from registry.model_runs.records import NO_ITEM, Finding

CLOCKS_DIFFER = 60  # seconds


def of(record: RunRecord) -> list[Finding]:
    """A finding at each field that is worth a second look."""
    return [*_in_the_future(record), *_both_ways(record)]


def _in_the_future(record: RunRecord) -> list[Finding]:
    latest = time.time() + CLOCKS_DIFFER
    text = "This is in the future. Is the year right? Without an offset a time is UTC."
    times = {"start_time": record.start_time, "end_time": record.end_time}
    return [Finding((name,), text) for name, seconds in times.items() if seconds > latest]


def _both_ways(record: RunRecord) -> list[Finding]:
    inputs = {used.dataset_id for used in record.inputs} - {NO_ITEM}
    return [
        Finding(
            ("outputs", index, "dataset_id"),
            f"{made.dataset_id} is an input of this run, too. Did the run change the data that it "
            "used, or is one of the two another dataset?",
        )
        for index, made in enumerate(record.outputs)
        if made.dataset_id in inputs
    ]
