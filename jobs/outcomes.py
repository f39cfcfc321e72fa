"""What comes of an attempt, as a job's row can hold it: a result that fits its kind, and texts that
any database takes and a person can read."""

import json
import traceback

from django.db import InterfaceError, OperationalError
from pydantic_core import PydanticSerializationError

from jobs import definitions
from jobs.definitions import BrokenHandler, JobError, Payload
from jobs.models import Job

NOTHING = "Nothing of it was recorded."
LONGEST_TEXT = 20_000  # characters of a message, traceback or log
ASK = (
    "A retry is safe, because nothing is done twice. If it fails again, give the "
    "id of this job to an administrator, who finds the details there."
)
LOST = (
    "A retry is safe, because nothing is done twice. If it is lost each time, its "
    "input may need more memory than a worker has: try less at once, or give the id of this job "
    "to an administrator."
)
CANCELLED = "Retry it if it should be done after all."
# Errors that Python or Django raise in any handler, and what they mean.
KNOWN: dict[tuple[type[BaseException], ...], tuple[str, str]] = {
    (OperationalError, InterfaceError): (
        "The database did not answer, or was too busy.",
        f"It may be a matter of time. {ASK}",
    ),
    (MemoryError,): (
        "It needed more memory than its worker has.",
        LOST,
    ),
    (SystemExit,): (
        "It was told to stop before it was done.",
        ASK,
    ),
}


class TimedOut(JobError):
    """The job ran longer than its kind allows."""

    remedy = (
        "A retry is safe. If it takes too long each time, its input may be too much for one job: "
        "try less at once, or ask an administrator, who can allow this kind of job more time."
    )


def remains(job: Job) -> str:
    """What is left of an attempt that did not succeed, in a sentence."""
    return "What it had done by then stays." if definitions.is_in_pieces(job.sub_type) else NOTHING


def explain(job: Job, error: BaseException) -> tuple[str, str]:
    """What an error means to the owner of the job, and what they can do about it. The text of an
    unexpected one may hold anything, so it is for administrators only."""
    if isinstance(error, JobError):
        text = storable(text_of(error)) or f"Its handler gave no reason ({_name(error)})."
        return text, error.remedy or ASK
    for types, (text, remedy) in KNOWN.items():
        if isinstance(error, types):
            return f"{text} {remains(job)}", remedy
    return f"An unexpected error ({_name(error)}) stopped it. {remains(job)}", ASK


def details(error: BaseException) -> str:
    """The traceback of an error, for administrators."""
    return storable("".join(traceback.format_exception(error)))


def result_text(job: Job, result: Payload | None) -> str:
    """The result as JSON text that fits the job's kind. Raises BrokenHandler."""
    model = definitions.job_kind(job.sub_type).result
    try:
        if result is None:
            fitting = model.model_validate({})
        elif isinstance(result, model):
            fitting = result
        else:
            raise BrokenHandler(
                f"The handler of {job.sub_type} returned {_name(result)} instead of "
                f"{model.__name__}. Nothing of it was recorded."
            )
        return json.dumps(fitting.model_dump(mode="json", exclude_none=True), allow_nan=False)
    except (ValueError, PydanticSerializationError) as error:
        raise BrokenHandler(
            f"The result of {job.sub_type} is not what its kind declares, or no JSON: {error}"
        ) from None


def storable(text: str) -> str:
    """Text that any database takes, at most LONGEST_TEXT long; of a long one, its end."""
    clean = text.replace("\0", "\ufffd").encode(errors="replace").decode()
    return clean[-LONGEST_TEXT:].strip()


def text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error whose own text is broken must not hide that the job failed
        return ""


def _name(thing: object) -> str:
    return type(thing).__name__
