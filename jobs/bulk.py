"""What people do to all jobs that a filter finds: retry those that failed, cancel those that wait.

There may be hundreds of thousands, so it is a job of its own, which goes on in pieces and tells how
far it is. It comes before all that waits: who cancels a full queue would else have to wait for it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils import timezone
from pydantic import ValidationError

from jobs import batches, lifecycle
from jobs.definitions import Payload, PermanentError, job
from jobs.filters import JobFilter
from jobs.models import Job, JobQuerySet, Status
from jobs.worker import Run

if TYPE_CHECKING:
    from django.contrib.auth.models import User

TYPE = "JOBS"
CHUNK = 1_000  # jobs in one piece
COUNT_UP_TO = 10_000  # beyond that a page says "more than"
WAITING = (Status.PENDING, Status.DEQUEUED)


class Matching(Payload):
    """Which jobs: a filter as `JobFilter.to_payload` tells it, as it was when somebody asked, and
    in words."""

    filter: dict[str, Any]
    words: str = ""


class Changed(Payload):
    """How many jobs were changed."""

    changed: int


@dataclass(frozen=True)
class Deed:
    """Something done to all jobs that match, in the words of its page of confirmation."""

    name: str
    verb: str
    which: str
    states: tuple[Status, ...]
    meaning: str
    act: Callable[..., int]
    sub_type: str

    def wanted(self, chosen: JobFilter) -> JobFilter | None:
        """The filter narrowed to the states that this can be done in; None if it finds none."""
        states = tuple(
            state for state in self.states if not chosen.status or state in chosen.status
        )
        return chosen.model_copy(update={"status": states}) if states else None

    @property
    def url(self) -> str:
        """The address where it is asked about."""
        return reverse(f"jobs-{self.name}")

    def number(self, chosen: JobFilter, user: "User") -> int:
        """How many jobs it would be done to now, counted up to COUNT_UP_TO + 1."""
        wanted = self.wanted(chosen)
        if wanted is None:
            return 0
        found = _in_states(wanted.apply(Job.objects.all(), user), self)
        return found.order_by()[: COUNT_UP_TO + 1].count()


RETRY = Deed(
    name="retry",
    verb="Retry",
    which="failed",
    states=(Status.FAILED,),
    meaning="They go back into the queue, each as the same job with its history. Those whose "
    "cause has not been mended will fail again.",
    act=batches.retry_all,
    sub_type="RETRY_MATCHING",
)
CANCEL = Deed(
    name="cancel",
    verb="Cancel",
    which="waiting",
    states=WAITING,
    meaning="Jobs that no worker has begun end as FAILED, and nothing of them is recorded. Those "
    "in progress go on. What is cancelled can be retried.",
    act=batches.cancel_all,
    sub_type="CANCEL_MATCHING",
)
DEEDS = {deed.name: deed for deed in (RETRY, CANCEL)}


def submit(deed: Deed, chosen: JobFilter, *, by: "User") -> Job:
    """Queue the job that does it to all jobs that match now, and to none that comes later.

    Raises NotPossible if the filter leaves none out of the states that it can be done in.
    """
    wanted = deed.wanted(chosen)
    if wanted is None:
        raise lifecycle.NotPossible(f"No job that matches is {deed.which}.")
    fixed = wanted.fixed(timezone.now())
    parts = [f"{part.label}: {part.words}" if part.label else part.words for part in chosen.parts()]
    return lifecycle.submit(
        sub_type=deed.sub_type,
        payload={"filter": fixed.to_payload(), "words": ", ".join(parts) or "all jobs"},
        owner=by,
        ahead=True,
    )


@job(
    type=TYPE,
    sub_type="RETRY_MATCHING",
    title="Retry Matching Jobs",
    started_by="“Retry failed” below the list of jobs",
    payload=Matching,
    result=Changed,
    named_by="words",
    timeout=3600,
    in_pieces=True,
)
def retry_matching(run: Run, payload: Matching) -> Changed:
    """Put all failed jobs that match a filter back into the queue."""
    # Those that fail again after it are not the ones that were meant.
    since = run.job.created_at
    return _do(run, RETRY, payload, lambda jobs: jobs.filter(finished_at__lte=since))


@job(
    type=TYPE,
    sub_type="CANCEL_MATCHING",
    title="Cancel Matching Jobs",
    started_by="“Cancel waiting” below the list of jobs",
    payload=Matching,
    result=Changed,
    named_by="words",
    timeout=3600,
    in_pieces=True,
)
def cancel_matching(run: Run, payload: Matching) -> Changed:
    """End all waiting jobs that match a filter."""
    return _do(run, CANCEL, payload, lambda jobs: jobs)


def _do(
    run: Run, deed: Deed, payload: Matching, meant: Callable[[JobQuerySet], JobQuerySet]
) -> Changed:
    """Change them from the newest to the oldest. Begun anew, it finds only those that are left."""
    try:
        chosen = JobFilter.from_payload(payload.filter)
    except ValidationError as error:
        raise PermanentError(f"Its filter no longer makes sense: {error}") from None
    everything = meant(_in_states(chosen.apply(Job.objects.all(), run.owner), deed))
    found = everything.exclude(pk=run.job.pk)
    changed = run.job.done or 0  # by an attempt before this one
    total = changed + found.order_by().count()
    for keys in _chunks(found):
        with run.piece(changed + len(keys), of=max(total, changed + len(keys))):
            changed += deed.act(meant(Job.objects.filter(pk__in=keys)), by=run.owner)
    return Changed(changed=changed)


def _in_states(jobs: JobQuerySet, deed: Deed) -> JobQuerySet:
    return jobs.failed() if deed is RETRY else jobs.unfinished()


def _chunks(jobs: JobQuerySet) -> Iterator[list[int]]:
    last = None
    while True:
        rest = jobs if last is None else jobs.filter(pk__lt=last)
        keys = list(rest.order_by("-pk").values_list("pk", flat=True)[:CHUNK])
        if not keys:
            return
        last = keys[-1]
        yield keys
