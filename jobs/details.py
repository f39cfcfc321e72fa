"""What the page of one job shows beside its row: input and output, what it made, its neighbours."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, F, OuterRef, Q, Subquery, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Length

from jobs import definitions, job_rows
from jobs.definitions import Link, Subject
from jobs.models import Job, JobEvent, JobQuerySet, Status, plain
from jobs.templatetags.jobs import pretty_json
from jobs.timeline import Line

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MOST_SHOWN = 50_000  # characters of a job's input or output
MOST_JUDGED = 100  # failed jobs of a batch that are looked at
FOLDED = 16  # lines from which on it is folded
ITEM_HIDDEN = "It is about an item that you may not read."


@dataclass(frozen=True)
class Raw:
    """The input or the output of a job. `text` is empty where there is none to be seen; then `why`
    says so."""

    text: str
    size: int
    why: str

    @property
    def is_long(self) -> bool:
        return self.size > MOST_SHOWN

    @property
    def is_folded(self) -> bool:
        return self.text.count("\n") >= FOLDED


@dataclass(frozen=True)
class Details:
    """A job as `reader` may see it. Someone who may not read the item that it is about sees neither
    what it took nor what it gave, unless the job is theirs."""

    job: Job
    reader: "User"

    @cached_property
    def is_open(self) -> bool:
        return job_rows.is_open(self.job, self.subject, self.reader)

    @cached_property
    def subject(self) -> Subject | None:
        """What it is about."""
        return self._seen.get(self.job.subject)

    @cached_property
    def made(self) -> Subject | None:
        """What it made, where that has a page that the reader may see."""
        return self._seen.get(self._columns["made"] or "")

    @property
    def made_id(self) -> str:
        return self._columns["made"] or ""

    @property
    def named(self) -> str:
        """The name by which people know it; empty if it has none."""
        return (self._columns["named"] or "") if self.is_open else ""

    @cached_property
    def links(self) -> list[Link]:
        """What else can be done with it."""
        links = definitions.job_links(self.reader, self.job) if self.is_open else []
        return [] if self.job.mended_by else links

    @property
    def input(self) -> Raw:
        return self._raw("payload", "")

    @property
    def output(self) -> Raw:
        waiting = "A failed job has no output." if self.job.is_finished else "There is none yet."
        return self._raw("result", waiting)

    def _raw(self, column: str, nothing: str) -> Raw:
        """The column is read only if it is to be shown."""
        size = self._columns[f"{column}_size"]
        if not size or not self.is_open:
            return Raw("", 0, ITEM_HIDDEN if size else nothing)
        return Raw("" if size > MOST_SHOWN else pretty_json(getattr(self.job, column)), size, "")

    @cached_property
    def _seen(self) -> Mapping[str, Subject]:
        return definitions.subjects(self.reader, [self.job.subject, self._columns["made"] or ""])

    @cached_property
    def _columns(self) -> dict[str, Any]:
        """What stands within its input and output, and how long these are, in characters."""
        made, named = (
            definitions.made_at(self.job.sub_type),
            definitions.named_at(self.job.sub_type),
        )
        row = Job.objects.filter(pk=self.job.pk).values(
            made=_text(KT(f"result__{made}")) if made else Value(""),
            named=_text(KT(f"payload__{named}")) if named else Value(""),
            payload_size=Length(_text("payload")),
            result_size=Coalesce(Length(_text("result")), 0),
        )
        return dict(row.get())


def _text(value: Combinable | str) -> Cast:
    return Cast(value, TextField())


def was_refused(job: Job, line: Line) -> bool:
    """True of a job that failed for good because the same again would fail. Events of old do not
    say so; then attempts that were left do."""
    if line.wrong is None or line.wrong.kind != JobEvent.Kind.ATTEMPT_FAILED:
        return False
    is_known = line.wrong.is_permanent or job.attempt < job.max_attempts
    return is_known and job.status == Status.FAILED


def are_refused(jobs: JobQuerySet) -> bool:
    """True where all of these jobs, which failed by themselves, were refused, judged by MOST_JUDGED
    of them."""
    some = jobs.order_by("batch_index").values("pk")[:MOST_JUDGED]
    for_good = JobEvent.objects.filter(
        job=OuterRef("pk"),
        attempt=OuterRef("attempt"),
        kind=JobEvent.Kind.ATTEMPT_FAILED,
        is_permanent=True,
    )
    tried_up = Job.objects.filter(pk__in=some, attempt__gte=F("max_attempts")).order_by()
    return not tried_up.filter(~Exists(for_good)).exists()


def attempts_told(job: Job, line: Line) -> str:
    """How often it was tried, and whether it may be tried again by itself."""
    number, most = job.attempt, job.max_attempts
    if not number:
        return "never started" if job.is_finished else "not started yet"
    if not job.is_finished:
        return f"{number} of at most {most}"
    if job.status == Status.SUCCEEDED:
        return f"{number}, which succeeded" if number == 1 else f"{number}, the last succeeded"
    if was_refused(job, line):
        return f"{number}; it was not tried again, because that could not help"
    if line.wrong is not None and line.wrong.kind == JobEvent.Kind.CANCELLED:
        return f"{number}; then it was cancelled"
    return f"{number} of {most}; it is not tried again by itself"


def neighbours(job: Job) -> tuple[Job | None, Job | None]:
    """The jobs before and after it: in its batch by row; else in the list of its owner's jobs,
    newest first."""
    if job.batch_id:
        index = job.batch_index or 0
        near = Job.objects.filter(batch=job.batch_id, batch_index__in=(index - 1, index + 1))
        near = near.numbered().order_by().only("session_id", "batch_index")
        found = {other.batch_index: other for other in near}
        return found.get(index - 1), found.get(index + 1)
    listed = Job.objects.alias(key=plain("id")).listed().filter(owner=job.owner_id)
    above, below = Q(key__gt=job.pk), Q(key__lt=job.pk)
    newer = listed.filter(above).order_by("key")  # type: ignore[misc]  # an alias
    older = listed.filter(below).order_by("-key")  # type: ignore[misc]  # likewise
    sides = Q(id=Subquery(newer.values("id")[:1])) | Q(id=Subquery(older.values("id")[:1]))
    near = Job.objects.filter(sides).select_related("batch").order_by()
    found = {other.pk > job.pk: other for other in near.only("session_id", "batch")}
    return found.get(True), found.get(False)
