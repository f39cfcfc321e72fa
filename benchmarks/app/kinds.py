"""A job that does nothing, and a workflow of two such steps."""

from benchmarks.marks import mark
from jobs import definitions
from jobs.definitions import Nothing, job
from jobs.worker import Run


@job(type="BENCH", sub_type="BENCH_NOTHING", title="Nothing", payload=Nothing)
def nothing(run: Run, payload: Nothing) -> None:
    mark()


@job(type="BENCH", sub_type="BENCH_FIRST", title="First", payload=Nothing)
def first(run: Run, payload: Nothing) -> None:
    mark()
    run.submit_next(payload)


@job(type="BENCH", sub_type="BENCH_SECOND", title="Second", payload=Nothing)
def second(run: Run, payload: Nothing) -> None:
    mark()


TWO_STEPS = definitions.workflow(
    name="BENCH_TWO_STEPS",
    title="Two steps",
    purpose="Measures the way from the end of one step to the start of the next.",
    steps=("BENCH_FIRST", "BENCH_SECOND"),
)
