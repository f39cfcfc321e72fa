"""What people do to one job, to those of a batch, or to all that a filter finds, in the words of
the pages that ask first."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from jobs import batches, definitions, lifecycle
from jobs.models import CANCELLED, UNFINISHED, Job, Status
from provena.words import counted


@dataclass(frozen=True)
class Deed:
    """`states` are those in which many jobs have it done to them, `if_chosen` those in which they
    have where a filter names them, `alone` those in which one job may."""

    name: str  # in addresses
    verb: str
    which: str  # jobs have it done to them
    done: str
    states: tuple[str, ...]
    alone: tuple[str, ...]
    unfit: str  # why it cannot be done to a job
    one: str  # what it means for a job
    many: str  # what it means for many
    to_one: Callable[..., None]
    to_batch: Callable[..., int]
    to_all: Callable[..., int]
    if_chosen: tuple[str, ...] = ()
    in_pieces: str = ""  # what it means for a job that has done a part, if that is different

    def means(self, job: Job) -> str:
        """What it means for that job."""
        is_other = self.in_pieces and definitions.is_in_pieces(job.sub_type)
        return self.in_pieces if is_other else self.one

    def question(self, number: int, *, is_more: bool = False) -> str:
        """What is asked before it is done to so many jobs, or to more than that."""
        more = "more than " if is_more else ""
        return f"{self.verb} {more}{counted(number, f'{self.which} job')}?"

    def told(self, number: int) -> str:
        """To how many jobs it was done."""
        return f"{counted(number, 'job')} {self.done}"


RETRY = Deed(
    name="retry",
    verb="Retry",
    which="failed",
    done="put back into the queue",
    states=(Status.FAILED,),
    alone=(Status.FAILED, CANCELLED),
    if_chosen=(CANCELLED,),
    unfit="Only a failed job that was not mended can be retried.",
    one="It goes back into the queue: the same job, its next attempt, with its history. What comes "
    "after it in its workflow goes on from there.",
    many="Each goes back into the queue as the same job, with its history. What failed for a cause "
    "that is still there will fail again.",
    to_one=lifecycle.retry,
    to_batch=batches.retry_failed,
    to_all=batches.retry_all,
)
RETRY_CANCELLED = replace(
    RETRY,
    name="retry-cancelled",
    which="cancelled",
    states=(CANCELLED,),
    many="Each goes back into the queue as the same job, with its history, and is done after all.",
    to_batch=batches.retry_cancelled,
)
CANCEL = Deed(
    name="cancel",
    verb="Cancel",
    which="waiting",
    done="cancelled",
    states=(Status.PENDING, Status.DEQUEUED),
    alone=UNFINISHED,
    unfit="Only a job that has not finished can be cancelled.",
    one="If no worker has begun it, it ends at once; if one has, what it did is rolled back. "
    "Nothing of it is recorded, and what comes after it in its workflow does not begin. It can be "
    "retried later.",
    in_pieces="If no worker has begun it, it ends at once; if one has, with what it is doing at "
    "this moment. What it has done by then stays. It can be retried, and goes on from there.",
    many="What no worker has begun ends as CANCELLED, and nothing of it is recorded. What is in "
    "progress goes on. What is cancelled can be retried.",
    to_one=lifecycle.cancel,
    to_batch=batches.cancel_waiting,
    to_all=batches.cancel_all,
)
