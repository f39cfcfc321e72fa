"""Job kinds and workflow kinds: what can be done in the background, declared once.

A handler is found by the sub type of its job. The apps that own the work declare their kinds with
`@job(...)` in a module that their `AppConfig.ready()` imports; this app never imports them.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from django.db.models import OuterRef, Value
from django.db.models.expressions import Combinable
from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from jobs.models import Batch, Job

DEFAULT_QUEUE = "provena"


class Payload(BaseModel):
    """Base of payload and result models: unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Payload):
    """The result of a job that has nothing to tell: `{}`."""


class JobError(Exception):
    """Why an attempt failed: the text is for the job's owner, and `remedy` says what they can do.
    The job is tried again, as after any other error, whose text only administrators see."""

    remedy = ""

    def __init__(self, text: str = "", *, remedy: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy or self.remedy


class PermanentError(JobError):
    """A job cannot succeed however often it is tried, so it is not."""

    remedy = "It would fail again as things are. Retry it when that has been put right."


class UnknownKind(PermanentError):
    """No such job kind is declared (any more)."""

    remedy = "An administrator can install the app that this kind of job belongs to. Then retry it."


class BrokenHandler(PermanentError):
    """The program of a job kind breaks a rule of this engine."""

    remedy = (
        "A retry would fail again until a programmer has mended it: give the id of this job to an "
        "administrator. Retry it when they say so."
    )


class InvalidPayload(ValueError):
    """A payload does not fit its job kind; `faults` has a line for each reason."""

    def __init__(self, sub_type: str, faults: list[str]) -> None:
        self.faults = faults
        super().__init__(f"The payload does not fit {sub_type}: {'; '.join(faults)}")


P = TypeVar("P", bound=Payload)
PayloadModel = type[Payload]
ModelOf = type[P]  # named, because a kind has a field `type`
# A handler takes a jobs.worker.Run, which this module, being below the worker, cannot name.
Handler = Callable[[Any, P], Payload | None]


@dataclass(frozen=True, kw_only=True)
class _Declared(Generic[P]):
    """What `@job` is told of a kind. `timeout` is in seconds, `max_attempts` counts starts.

    `makes`, `named_by` and `numbered_by` are keys of JSON joined by `__`: where in its result the
    id stands of what it made, and where in its payload the name by which people know it and the
    number of its row in the file that a batch came from; `launches` is where in its result the id
    stands of the batch that it launched; empty if nowhere. `started_by` completes the sentence "It
    is started by ..."; a later step of a workflow needs none. Handlers are one transaction each,
    but for those of kinds `in_pieces`.
    """

    type: str
    sub_type: str
    title: str
    payload: ModelOf[P]
    result: PayloadModel = Nothing
    max_attempts: int = 3
    timeout: int = 60
    queue: str = DEFAULT_QUEUE
    makes: str = ""
    named_by: str = ""
    numbered_by: str = ""
    launches: str = ""
    in_pieces: bool = False
    started_by: str = ""


@dataclass(frozen=True, kw_only=True)
class JobKind(_Declared[Payload]):
    """A kind of job: what it was declared with, and its handler."""

    handler: Handler[Any]

    @property
    def purpose(self) -> str:
        """What such a job does, for people: the first paragraph of its handler's docstring."""
        return " ".join((inspect.getdoc(self.handler) or "").partition("\n\n")[0].split())

    def check_payload(self, payload: Payload | Mapping[str, Any]) -> Payload:
        """The payload as this kind's model. Raises InvalidPayload with every fault named."""
        if isinstance(payload, self.payload):
            return payload
        raw = payload.model_dump() if isinstance(payload, Payload) else payload
        try:
            return self.payload.model_validate(raw)
        except ValidationError as error:
            faults = [
                f"{'.'.join(map(str, fault['loc'])) or 'payload'}: {fault['msg']}"
                for fault in error.errors()
            ]
            raise InvalidPayload(self.sub_type, faults) from None


@dataclass(frozen=True)
class WorkflowKind:
    """A line of steps, each a job's sub type. Steps are drawn from here before they exist."""

    name: str
    title: str
    purpose: str
    steps: tuple[str, ...]
    started_by: str


class Subject(NamedTuple):
    """What a job is about, as a reader may see it."""

    label: str
    url: str


class Link(NamedTuple):
    """Something that can be done elsewhere with a job or the jobs of a batch."""

    label: str
    url: str


SubjectLookup = Callable[["User", Iterable[str]], Mapping[str, Subject]]
# Whether a user may see what a job is about, as a condition in SQL on the column of its id.
IsReadable = Callable[["User", OuterRef], Combinable]
BatchLinks = Callable[["User", "Batch"], Iterable[Link]]
JobLinks = Callable[["User", "Job"], Iterable[Link]]


@dataclass
class _Registry:
    jobs: dict[str, JobKind] = field(default_factory=dict)
    workflows: dict[str, WorkflowKind] = field(default_factory=dict)
    subjects: SubjectLookup = lambda user, ids: {}
    is_readable: IsReadable = lambda user, subject: Value(False)
    batch_links: dict[str, BatchLinks] = field(default_factory=dict)
    job_links: dict[str, JobLinks] = field(default_factory=dict)


_registry = _Registry()


@dataclass(frozen=True, kw_only=True)
class job(_Declared[P]):  # noqa: N801 - it is used as a decorator
    """Declare the decorated function as the handler of a job kind; its docstring tells people, in
    the help, what such a job does.

    A long one that would hold locks for more than a moment is `in_pieces`: it commits as it goes,
    each time by `with run.piece(done, of=total)`, which tells how far it is. It may be begun anew
    after any of them, so it must find by itself what is left; and what it has done stays. So is one
    that works outside the database, such as on a mail, for which nobody should have to wait.
    """

    def __call__(self, handler: Handler[P]) -> Handler[P]:
        if self.sub_type in _registry.jobs:
            raise ValueError(f"Job kind {self.sub_type} is declared twice.")
        _registry.jobs[self.sub_type] = JobKind(**vars(self), handler=handler)
        return handler


def workflow(
    *, name: str, title: str, purpose: str, steps: Iterable[str], started_by: str = ""
) -> WorkflowKind:
    """Declare a workflow kind; its job kinds may be declared before or after."""
    if name in _registry.workflows:
        raise ValueError(f"Workflow kind {name} is declared twice.")
    kind = WorkflowKind(
        name=name, title=title, purpose=purpose, steps=tuple(steps), started_by=started_by
    )
    _registry.workflows[name] = kind
    return kind


def job_kind(sub_type: str) -> JobKind:
    """The kind of that sub type. Raises UnknownKind."""
    try:
        return _registry.jobs[sub_type]
    except KeyError:
        raise _unknown(
            f"This site cannot do “{title_of(sub_type)}”: the app that such jobs belong to was "
            "removed, or is not installed here.",
            f"No job kind {sub_type} is declared. There are: {', '.join(sorted(_registry.jobs))}.",
        ) from None


def workflow_kind(name: str) -> WorkflowKind:
    """The workflow kind of that name. Raises UnknownKind."""
    try:
        return _registry.workflows[name]
    except KeyError:
        raise _unknown(
            "This site does not know the workflow that this belongs to: its app was removed, or is "
            "not installed here.",
            f"No workflow kind {name} is declared. There are: "
            f"{', '.join(sorted(_registry.workflows))}.",
        ) from None


def _unknown(text: str, note: str) -> UnknownKind:
    """The error with its text for people, and a note for programmers, which tracebacks show."""
    error = UnknownKind(text)
    error.add_note(note)
    return error


def job_kinds() -> list[JobKind]:
    """All declared job kinds, by sub type."""
    return [_registry.jobs[sub_type] for sub_type in sorted(_registry.jobs)]


def workflow_kinds() -> list[WorkflowKind]:
    """All declared workflow kinds."""
    return list(_registry.workflows.values())


def title_of(sub_type: str) -> str:
    """The title of a job kind in words, also for one that no longer exists."""
    kind = _registry.jobs.get(sub_type)
    return kind.title if kind else sub_type.replace("_", " ").capitalize()


def named_at(sub_type: str) -> str:
    """Where in the payload of a job of that sub type its name stands; empty if it has none."""
    kind = _registry.jobs.get(sub_type)
    return kind.named_by if kind else ""


def is_in_pieces(sub_type: str) -> bool:
    """True if what a job of that sub type has done stays when it ends early."""
    kind = _registry.jobs.get(sub_type)
    return kind is not None and kind.in_pieces


def numbered_at(sub_type: str) -> str:
    """Where in the payload of such a job the number of its row stands; empty if nowhere."""
    kind = _registry.jobs.get(sub_type)
    return kind.numbered_by if kind else ""


def made_at(sub_type: str) -> str:
    """Where in the result of such a job the id of what it made stands; empty if nowhere."""
    kind = _registry.jobs.get(sub_type)
    return kind.makes if kind else ""


def describe_subjects(lookup: SubjectLookup, is_readable: IsReadable) -> None:
    """Set the function that turns subject ids into what a user may see of them, and the one that
    asks in SQL whether they may."""
    _registry.subjects = lookup
    _registry.is_readable = is_readable


def subjects(user: "User", ids: Iterable[str]) -> Mapping[str, Subject]:
    """Label and address of each subject that `user` may see, in one look-up."""
    wanted = {subject for subject in ids if subject}
    return _registry.subjects(user, wanted) if wanted else {}


def is_readable(user: "User", subject: OuterRef) -> Combinable:
    """The condition that `user` may see the subject whose id stands in that column."""
    return _registry.is_readable(user, subject)


def offer_batch_links(sub_type: str, links: BatchLinks) -> None:
    """Set the function that gives the links which the page of a batch of such jobs shows to a user,
    by the batch."""
    _registry.batch_links[sub_type] = links


def batch_links(user: "User", sub_type: str, batch: "Batch") -> list[Link]:
    """What else is offered for a batch of jobs of that sub type."""
    links = _registry.batch_links.get(sub_type)
    return list(links(user, batch)) if links else []


def offer_job_links(sub_type: str, links: JobLinks) -> None:
    """Set the function that gives the links which the page of such a job shows to a user who may
    see what it took and gave, by the job: to mend its input when it failed, or to what it made."""
    _registry.job_links[sub_type] = links


def job_links(user: "User", job: "Job") -> list[Link]:
    """What else is offered for a job."""
    links = _registry.job_links.get(job.sub_type)
    return list(links(user, job)) if links else []
