"""What people do to all jobs that a filter finds: retry those that failed, cancel those that wait.

There may be hundreds of thousands, so it is a job of its own, which goes on in pieces and tells how
far it is. It comes before all that waits: who cancels a full queue would else have to wait for it.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from pydantic import ValidationError

from jobs import deeds, definitions, lifecycle, places, search
from jobs.deeds import Deed
from jobs.definitions import Link, Payload, PermanentError, job
from jobs.filters import JobFilter
from jobs.models import CANCELLED, UNFINISHED, Job, JobEvent, JobQuerySet, sees_all_jobs
from jobs.worker import Run

if TYPE_CHECKING:
    from django.contrib.auth.models import User

TYPE = "JOBS"
CHUNK = 1_000  # jobs in one piece
COUNT_UP_TO = 10_000  # beyond that a page says "more than"
MOST_LOOKED_AT = 1_000  # unfinished jobs, to say how many have ended since they were retried
CAUSES = 5  # that the page of confirmation names
NAMED = re.compile(r"“[^”]*”|[0-9][0-9a-f./:-]*")  # what distinguishes failures of one cause


class Matching(Payload):
    """Which jobs: a filter as `JobFilter.to_payload` tells it, as it was when somebody asked, and
    in words."""

    filter: dict[str, Any]
    words: str = ""


class Changed(Payload):
    """How many jobs were changed."""

    changed: int


@dataclass(frozen=True)
class Survey:
    """The jobs that something would be done to: their number, counted up to COUNT_UP_TO + 1, and
    why the newest of them failed, or what they are, with how many are so; the most frequent
    first."""

    counted: int
    causes: list[tuple[str, int]]

    @property
    def is_more(self) -> bool:
        return self.counted > COUNT_UP_TO

    @property
    def number(self) -> int:
        return min(self.counted, COUNT_UP_TO)

    @property
    def top(self) -> list[tuple[str, int]]:
        return self.causes[:CAUSES]

    @property
    def rest(self) -> int:
        """How many have none of these causes."""
        return sum(number for _, number in self.causes[CAUSES:])


def _grouped(texts: list[str]) -> list[tuple[str, int]]:
    """Equal texts, and those that differ only in what they name, by how many they are."""
    alike: dict[str, Counter[str]] = {}
    for text, number in Counter(text.partition("\n")[0] for text in texts).items():
        alike.setdefault(NAMED.sub("…", text), Counter())[text] = number
    told = [
        (next(iter(same)) if len(same) == 1 else pattern, same.total())
        for pattern, same in alike.items()
    ]
    return sorted(told, key=lambda cause: -cause[1])


MATCHING = {deeds.RETRY.name: "RETRY_MATCHING", deeds.CANCEL.name: "CANCEL_MATCHING"}
DEEDS = (deeds.RETRY, deeds.CANCEL)


def narrowed(deed: Deed, chosen: JobFilter) -> JobFilter | None:
    """The filter narrowed to the states that this is done in; None if it finds none."""
    states = tuple(state for state in (*deed.states, *deed.if_chosen) if state in chosen.status)
    if not chosen.status:
        states = deed.states
    return chosen.model_copy(update={"status": states}) if states else None


def worded(deed: Deed, chosen: JobFilter) -> Deed:
    """The deed in the words of the cancelled jobs, where only these are chosen."""
    wanted = narrowed(deed, chosen)
    if deed is deeds.RETRY and wanted and wanted.status == (CANCELLED,):
        return replace(deed, which=deeds.RETRY_CANCELLED.which, many=deeds.RETRY_CANCELLED.many)
    return deed


def fits(deed: Deed, chosen: JobFilter, found: set[str]) -> bool:
    """Whether it can be done to any of the jobs that match, which are in these states."""
    wanted = narrowed(deed, chosen)
    return bool(wanted and found.intersection(wanted.status))


def survey(deed: Deed, chosen: JobFilter, user: "User") -> Survey:
    """What it would be done to now. One look at the newest COUNT_UP_TO jobs, and one more."""
    wanted = narrowed(deed, chosen)
    if wanted is None:
        return Survey(0, [])
    found = search.values(wanted, user, "sub_type", "info", limit=COUNT_UP_TO + 1)
    causes = [info or definitions.title_of(sub_type) for sub_type, info in found[:COUNT_UP_TO]]
    return Survey(len(found), _grouped(causes))


def submit(deed: Deed, chosen: JobFilter, *, by: "User") -> Job:
    """Queue the job that does it to all jobs that match now, and to none that comes later.

    Raises NotPossible if the filter leaves none out of the states that it can be done in.
    """
    wanted = narrowed(deed, chosen)
    if wanted is None:
        raise lifecycle.NotPossible(f"No job that matches is {deed.which}.")
    fixed = wanted.fixed(timezone.now())
    parts = [f"{part.label} {part.words}" if part.label else part.words for part in chosen.parts()]
    return lifecycle.submit(
        sub_type=MATCHING[deed.name],
        payload={"filter": fixed.to_payload(), "words": ", ".join(parts) or "all jobs"},
        owner=by,
        ahead=True,
    )


def deed_of(job: Job) -> Deed | None:
    """What a job does to all that match, if it is such a one."""
    return next((deed for deed in DEEDS if MATCHING[deed.name] == job.sub_type), None)


def told(job: Job) -> str:
    """What such a job has done, and of a retry what has become of it since, as far as a look at
    MOST_LOOKED_AT jobs tells; empty for other jobs, and until it has succeeded."""
    deed = deed_of(job)
    if deed is None or job.result is None:
        return ""
    number = Changed.model_validate(job.result).changed
    if not number:
        return f"No job that matches was {deed.which} any more."
    return f"{deed.told(number)}{_since(job, number) if deed is deeds.RETRY else ''}."


def _since(job: Job, number: int) -> str:
    """How many of the jobs that it has put back into the queue have ended since."""
    wanted = _filter_of(job)
    if wanted is None:
        return ""
    unfinished = wanted.model_copy(update={"status": UNFINISHED})
    keys, are_all = search.some(unfinished, job.owner, limit=MOST_LOOKED_AT)
    retried = JobEvent.objects.filter(
        kind=JobEvent.Kind.RETRIED, by=job.owner, at__gte=job.created_at, job__in=keys
    )
    left = retried.order_by().values("job").distinct().count()
    if not are_all:
        return f"; not ended yet: at least {left:,}" if left else ""
    return f"; ended since: {number - left:,}" if left else "; all have ended since"


def _filter_of(job: Job) -> JobFilter | None:
    """The filter with which such a job ran; None if it no longer makes sense."""
    try:
        return JobFilter.from_payload(Matching.model_validate(job.payload).filter)
    except ValidationError:
        return None


def _links(reader: "User", job: Job) -> list[Link]:
    """To the jobs that match: what was cancelled is still found by its state, what was retried has
    another one by now. Its owner's jobs are meant, whoever reads it."""
    wanted = _filter_of(job)
    if wanted is None:
        return []
    states = (CANCELLED,) if deed_of(job) is deeds.CANCEL else ()
    update: dict[str, Any] = {"status": states}
    if reader != job.owner and not wanted.user and (wanted.mine or not sees_all_jobs(job.owner)):
        update |= {"mine": False, "user": job.owner.get_username()}
    return [Link("Jobs that match", places.address(wanted.model_copy(update=update)))]


for _sub_type in MATCHING.values():
    definitions.offer_job_links(_sub_type, _links)


@job(
    type=TYPE,
    sub_type="RETRY_MATCHING",
    title="Retry Matching Jobs",
    started_by="“Retry failed” above the list of jobs",
    payload=Matching,
    result=Changed,
    named_by="words",
    timeout=3600,
    in_pieces=True,
)
def retry_matching(run: Run, payload: Matching) -> Changed:
    """Put all failed jobs that match a filter back into the queue, but for those that were
    mended."""
    # Those that fail again after it are not the ones that were meant.
    since = run.job.created_at
    return _do(run, deeds.RETRY, payload, lambda jobs: jobs.filter(finished_at__lte=since))


@job(
    type=TYPE,
    sub_type="CANCEL_MATCHING",
    title="Cancel Matching Jobs",
    started_by="“Cancel waiting” above the list of jobs",
    payload=Matching,
    result=Changed,
    named_by="words",
    timeout=3600,
    in_pieces=True,
)
def cancel_matching(run: Run, payload: Matching) -> Changed:
    """End all waiting jobs that match a filter."""
    return _do(run, deeds.CANCEL, payload, lambda jobs: jobs)


def _do(
    run: Run, deed: Deed, payload: Matching, meant: Callable[[JobQuerySet], JobQuerySet]
) -> Changed:
    """Change them from the newest to the oldest. Begun anew, it finds only those that are left."""
    try:
        chosen = JobFilter.from_payload(payload.filter)
    except ValidationError as error:
        raise PermanentError(f"Its filter no longer makes sense: {error}") from None
    changed = run.job.done or 0  # by an attempt before this one
    total = changed + search.count(chosen, run.owner, only=meant)
    for keys in search.keys(chosen, run.owner, at_once=CHUNK, only=meant):
        with run.piece(changed + len(keys), of=max(total, changed + len(keys))):
            changed += deed.to_all(meant(Job.objects.filter(pk__in=keys)), by=run.owner)
    return Changed(changed=changed)
