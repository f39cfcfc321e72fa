"""The water levels of a tide gauge: checked by one job, summed up by the next."""

from pydantic import Field

from jobs import definitions
from jobs.definitions import Payload, PermanentError
from jobs.worker import Run

POSSIBLE = 20.0  # metres: no tide is further from the mean sea level

definitions.workflow(
    name="TIDES",
    title="Tide workflow",
    purpose="Checks the levels of a tide gauge and sums them up.",
    steps=("TIDES_CHECK", "TIDES_SUM_UP"),
    started_by="the command sum_up_tides",
)


class Levels(Payload):
    gauge: str = Field(description="Name of the tide gauge.")
    levels: list[float] = Field(description="Metres above the mean sea level.")


class Checked(Payload):
    left_out: int = Field(description="How many levels no tide can have.")


class Summary(Payload):
    lowest: float
    highest: float


@definitions.job(
    type="TIDES",
    sub_type="TIDES_CHECK",
    title="Check Tide Levels",
    payload=Levels,
    result=Checked,
    named_by="gauge",
)
def check(run: Run, payload: Levels) -> Checked:
    """Leave out levels that no tide can have, and hand the others to the next step."""
    possible = [level for level in payload.levels if abs(level) <= POSSIBLE]
    if not possible:
        raise PermanentError(f"{payload.gauge} has no possible level. Are they in metres?")
    run.submit_next(Levels(gauge=payload.gauge, levels=possible))
    return Checked(left_out=len(payload.levels) - len(possible))


@definitions.job(
    type="TIDES",
    sub_type="TIDES_SUM_UP",
    title="Sum Up Tide Levels",
    payload=Levels,
    result=Summary,
    named_by="gauge",
)
def sum_up(run: Run, payload: Levels) -> Summary:
    """Find the lowest and the highest level."""
    return Summary(lowest=min(payload.levels), highest=max(payload.levels))
