"""What comes of an attempt, as a job's row can hold it: a result that fits its kind, and texts that
any database takes and a person can read."""

import json
import traceback

from pydantic_core import PydanticSerializationError

from jobs import definitions
from jobs.definitions import Payload, PermanentError
from jobs.models import Job

NOTHING = "Nothing was recorded."
LONGEST_TEXT = 20_000  # characters of a message or traceback


class TimedOut(Exception):
    """The job ran longer than its kind allows."""


def explain(job: Job, error: BaseException) -> str:
    """What an error means to the owner of the job. The text of an unexpected one may hold anything,
    so it is for administrators only."""
    if isinstance(error, (PermanentError, TimedOut)):
        text = storable(text_of(error))
        return text or f"It failed for good, and its handler gave no reason ({_name(error)})."
    return (
        f"An unexpected error ({_name(error)}) stopped it. {remains(job)} "
        f"Quote job {job.session_id} to an administrator, who finds the details there."
    )


def remains(job: Job) -> str:
    """What is left of an attempt that did not succeed, in a sentence."""
    if definitions.is_in_pieces(job.sub_type):
        return "What it had done by then stays."
    return NOTHING


def details(error: BaseException) -> str:
    """The traceback of an error, for administrators."""
    return storable("".join(traceback.format_exception(error)))


def result_text(job: Job, result: Payload | None) -> str:
    """The result as JSON text that fits the job's kind. Raises PermanentError."""
    model = definitions.job_kind(job.sub_type).result
    try:
        if result is None:
            fitting = model.model_validate({})
        elif isinstance(result, model):
            fitting = result
        else:
            raise PermanentError(
                f"The handler of {job.sub_type} returned {_name(result)} instead of "
                f"{model.__name__}. A programmer must mend it."
            )
        return json.dumps(fitting.model_dump(mode="json", exclude_none=True), allow_nan=False)
    except (ValueError, PydanticSerializationError) as error:
        raise PermanentError(
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
