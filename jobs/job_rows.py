"""Jobs as the rows of a list: in words, as far as the reader may know, and with what changes."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from jobs import definitions, progress
from jobs.definitions import Subject
from jobs.filters import JobFilter
from jobs.models import CANCELLED, FINISHED, MENDED, UNFINISHED, Batch, Job, Status
from jobs.stuck import PATIENCE

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MARK = re.compile(r"([0-9]{1,18})\.([A-Z][0-9-]{1,60})")
ENDED = (*FINISHED, CANCELLED, MENDED)
MICROSECOND = timedelta(microseconds=1)
LONGEST_REASON = 200  # characters of why a job failed
HIDDEN = "an item that you may not read"


@dataclass(frozen=True)
class Row:
    """One row of a list: a job, or the batch for which it stands, whose `counts` are known then."""

    job: Any  # a Job of `for_lists`, which adds to it
    subject: Subject | None
    is_open: bool  # whether the reader may see what the job is about, and was given
    counts: Counter[str] | None
    length: timedelta | None = None  # how long the batch took, if that is told
    source: Subject | None = None  # what the batch came from, as the reader may see it

    @cached_property
    def batch(self) -> Batch | None:
        """The batch for which the row stands."""
        batch: Batch | None = self.job.batch if self.counts else None
        return batch

    @cached_property
    def url(self) -> str:
        return str((self.batch or self.job).get_absolute_url())

    @cached_property
    def status(self) -> str:
        """Of a batch all states in one; of a failed job that somebody cancelled or mended, that."""
        return progress.combined(self.counts) if self.counts else str(self.job.shown)

    @property
    def statuses(self) -> set[str]:
        """The states of its job, or of those of its batch."""
        return set(self.counts) if self.counts else {self.status}

    @property
    def id(self) -> UUID:
        return self.batch.pk if self.batch else self.job.session_id

    @cached_property
    def name(self) -> str:
        """The name by which people know the job, if it has one that the reader may know."""
        return str(self.job.named or "") if self.is_open and not self.batch else ""

    @property
    def heading(self) -> str:
        """Its kind; where all jobs of a batch are of one kind, what tells them apart."""
        return self.name if self.job.batch and self.name else str(self.job.title)

    @cached_property
    def what(self) -> str:
        """What distinguishes the job from others of its kind, as far as the reader may know; where
        the heading does, its kind."""
        if self.batch:
            return f"{self.batch.title} · {progress.told(self.counts or Counter())}"
        if self.name:
            return str(self.job.title) if self.job.batch else self.name
        if self.job.subject:
            return self.subject.label if self.subject else HIDDEN
        return ""

    @cached_property
    def why(self) -> str:
        """The first line of why it failed, or of why its latest attempt did."""
        told = "" if self.counts or self.job.status == Status.SUCCEEDED else self.job.info
        line = next(iter(told.splitlines()), "")
        return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"

    @property
    def is_late(self) -> bool:
        """True for a job that has been due for longer than one would expect."""
        job = self.job
        is_due = not self.counts and job.status == Status.PENDING
        return is_due and timezone.now() - job.run_after > PATIENCE

    @property
    def took(self) -> timedelta | None:
        return self.length if self.counts else self.job.ran

    @cached_property
    def launched(self) -> str:
        """The address of the batch that the job launched, if it did."""
        return reverse("batch-detail", args=[self.job.launched]) if self.job.launched else ""

    @property
    def is_final(self) -> bool:
        return self.status in ENDED

    @property
    def mark(self) -> str:
        """Changes when the row does; begins with the first letter of its state."""
        if self.batch and self.is_final:
            return mark_of_ended(self.status, self.batch.resumed_at)
        if self.counts:
            numbers = "-".join(str(self.counts[status]) for status in progress.COUNTED)
            return f"{self.status[0]}{numbers}"
        return mark_of(self.status, self.job.attempt)


def rows(user: "User", jobs: Sequence[Job], wanted: JobFilter) -> list[Row]:
    """The rows for these jobs of `for_lists`, in a list of those that are wanted, with links and
    labels found for all at once."""
    sources = [job.batch.subject for job in jobs if job.batch]
    subjects = definitions.subjects(user, [*(job.subject for job in jobs), *sources])
    whole = {job.pk for job in jobs if job.batch and wanted.stands_for_batch(job)}
    counts = progress.of_batches(job.batch for job in jobs if job.batch and job.pk in whole)
    ended = [job.batch for job in jobs if job.batch and _has_ended(job.batch, counts)]
    lengths = progress.lengths(ended)
    return [_row(user, job, subjects, counts if job.pk in whole else {}, lengths) for job in jobs]


def is_open(job: Job, subject: Subject | None, user: "User") -> bool:
    """True for who may see what a job took and gave, of those who may open it."""
    return not job.subject or subject is not None or job.owner_id == user.pk


def mark_of(status: str, attempt: int) -> str:
    """The mark of a row that is one job, shown in that state."""
    return f"{status[0]}{attempt}"


def mark_of_ended(status: str, resumed_at: datetime | None) -> str:
    """The mark of a row that is a batch of which nothing is left to do. It stays so until some of
    it is retried, and that is noted."""
    since = resumed_at - datetime(1970, 1, 1, tzinfo=UTC) if resumed_at else timedelta(0)
    return f"{status[0]}-{since // MICROSECOND}"


def is_same(mark: str, shown: str, attempt: int, resumed_at: datetime | None) -> bool:
    """True if the row that is shown with that mark has certainly not changed, as the job of the row
    is now, and the batch that it is in. A batch with jobs that have not ended must be counted."""
    if "-" not in mark:
        return mark == mark_of(shown, attempt)
    is_final = mark[0] in {status[0] for status in ENDED}
    return is_final and mark == mark_of_ended(mark, resumed_at)


def read_marks(given: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The marks of rows as a page sends them back, each behind the id of its job."""
    for text in given:
        if found := MARK.fullmatch(text):
            yield int(found[1]), found[2]


def _row(
    user: "User",
    job: Job,
    subjects: Mapping[str, Subject],
    counts: Mapping[UUID, Counter[str]],
    lengths: Mapping[UUID, timedelta],
) -> Row:
    subject = subjects.get(job.subject)
    of_batch = counts.get(job.batch.pk) if job.batch else None
    length = lengths.get(job.batch.pk) if job.batch else None
    source = subjects.get(job.batch.subject) if job.batch and of_batch else None
    return Row(job, subject, is_open(job, subject, user), of_batch, length, source)


def _has_ended(batch: Batch, counts: Mapping[UUID, Counter[str]]) -> bool:
    """True for a batch that was counted and of which nothing is left to do."""
    states = counts.get(batch.pk)
    return states is not None and not any(states[status] for status in UNFINISHED)
