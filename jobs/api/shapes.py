"""What our own API tells of jobs, batches and workflows, as far as the caller may see it.

All times are texts of ISO 8601 with their offset; lengths of time are in seconds.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from ninja import Field, Schema

from jobs import definitions, exports, outcomes, progress, stuck, timeline
from jobs.details import Details
from jobs.models import Batch, Job, Status, Workflow, sees_all_jobs
from jobs.stuck import Reason

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class JobOut(Schema):
    """A job as lists and exports have it. What it is about, and what it made, is null where there
    is nothing, or nothing that you may read."""

    session_id: UUID
    type: str
    sub_type: str
    title: str
    status: str
    created_at: Moment
    dequeued_at: Moment | None
    started_at: Moment | None
    finished_at: Moment | None
    cancelled_at: Moment | None
    attempt: int
    max_attempts: int
    username: str
    subject: str | None
    name: str | None
    batch_id: UUID | None
    batch_row: int | None
    file_row: int | None
    info: str | None
    made: str | None
    mended_by: UUID | None


class Stuck(Schema):
    """Why it does not move. `needs_help` is false where it is a matter of time."""

    code: str
    short: str
    text: str
    needs_help: bool


class JobDetail(JobOut):
    """All of a job. `payload` and `result` are null where you may not see them (`is_open` is then
    false); `done` of `total` tells how far a job in pieces is; `remedy` says what can be done about
    a failure; `why_not_moving` is null for a job that goes as one would expect."""

    queue: str
    run_after: Moment
    is_finished: bool
    is_open: bool
    payload: dict[str, Any] | None
    result: dict[str, Any] | None
    done: int | None
    total: int | None
    remedy: str | None
    why_not_moving: Stuck | None
    workflow_id: UUID | None
    step: int | None
    cancelled_by: str | None


class EventOut(Schema):
    """Something that happened. `state` is the one from then on, in which it was for `seconds`."""

    at: Moment
    state: str | None
    what: str
    note: str | None
    seconds: float | None
    kind: str | None
    attempt: int | None
    traceback: str | None = None
    log: str | None = None


class Events(Schema):
    """The timeline, oldest first. `is_cut` says that earlier moments are left out."""

    session_id: UUID
    events: list[EventOut]
    is_cut: bool


class BatchOut(Schema):
    """How far a batch is. `counts` has each state that any of its jobs is in; those that somebody
    cancelled count as CANCELLED, those that failed and were mended as MENDED, and none of these as
    failed. `status` is CANCELLED where all has ended, some was cancelled and nothing failed.
    `seconds_left` is an estimate, null while nothing can be said."""

    batch_id: UUID
    title: str
    username: str
    source: str | None
    created_at: Moment
    status: str
    is_finished: bool
    total: int
    done: int
    failed: int
    cancelled: int
    waiting: int
    counts: dict[str, int]
    seconds: float
    jobs_per_second: float | None
    seconds_left: float | None
    why_not_moving: Stuck | None


class StepOut(Schema):
    """A step of a workflow. One whose job does not exist yet has the status LATER."""

    number: int
    title: str
    status: str
    session_id: UUID | None
    info: str | None
    created_at: Moment | None
    finished_at: Moment | None


class WorkflowOut(Schema):
    workflow_id: UUID
    kind: str
    title: str
    username: str
    subject: str | None
    created_at: Moment
    finished_at: Moment | None
    status: str
    is_finished: bool
    steps: list[StepOut]
    why_not_moving: Stuck | None


def rows(jobs: list[Any], reader: "User") -> list[dict[str, Any]]:
    """`JobOut` of each of these jobs of `for_lists`."""
    return list(exports.told(jobs, reader))


def job(key: UUID, reader: "User") -> dict[str, Any] | None:
    """`JobDetail` of the job with that session id; None where there is none, or none of theirs."""
    listed = Job.objects.visible_to(reader).for_lists()
    found = listed.select_related("owner", "batch", "cancelled_by").filter(session_id=key).first()
    if found is None:
        return None
    one: Any = found
    is_open = Details(one, reader).is_open
    return rows([one], reader)[0] | {
        "queue": one.queue,
        "run_after": moment(one.run_after),
        "is_finished": one.is_finished,
        "is_open": is_open,
        "payload": one.payload if is_open else None,
        "result": one.result if is_open else None,
        "done": one.done,
        "total": one.total,
        "remedy": _remedy(one, reader),
        "why_not_moving": _why(stuck.explain([one]).get(one.pk)),
        "workflow_id": one.workflow_id,
        "step": None if one.step is None else one.step + 1,
        "cancelled_by": one.cancelled_by.get_username() if one.cancelled_by else None,
    }


def events(one: Job, reader: "User") -> dict[str, Any]:
    """`Events` of a job. Tracebacks and logs are told to administrators only."""
    with_details = sees_all_jobs(reader)
    line = timeline.of(one, reader, with_details=with_details)
    told = [_event(moment, with_details) for moment in line.moments]
    return {"session_id": one.session_id, "events": told, "is_cut": line.is_cut}


def batch(one: Batch, reader: "User") -> dict[str, Any]:
    """`BatchOut` of a batch."""
    now = progress.of_batch(one)
    queues = one.jobs.filter(batch_index=0).order_by().values_list("queue", flat=True)
    standing = {} if now.is_finished else stuck.standstills(queues)
    return {
        "batch_id": one.pk,
        "title": one.title,
        "username": one.owner.get_username(),
        "source": _readable(one.subject, reader),
        "created_at": moment(one.created_at),
        "status": now.status,
        "is_finished": now.is_finished,
        "total": one.total,
        "done": now.done,
        "failed": now.failed,
        "cancelled": now.cancelled,
        "waiting": now.waiting,
        "counts": dict(now.counts),
        "seconds": now.took.total_seconds(),
        "jobs_per_second": now.rate,
        "seconds_left": now.left.total_seconds() if now.left else None,
        "why_not_moving": _why(next(iter(standing.values()), None)),
    }


def workflow(one: Workflow, reader: "User") -> dict[str, Any]:
    """`WorkflowOut` of a workflow of theirs."""
    flow = progress.of_workflow(one, open_jobs=True)
    reasons = stuck.explain(step.job for step in flow.steps if step.job)
    return {
        "workflow_id": one.pk,
        "kind": one.kind,
        "title": flow.title,
        "username": one.owner.get_username(),
        "subject": _readable(one.subject, reader),
        "created_at": moment(one.created_at),
        "finished_at": moment(flow.finished_at),
        "status": flow.status,
        "is_finished": flow.is_finished,
        "steps": [_step(step) for step in flow.steps],
        "why_not_moving": _why(next(iter(reasons.values()), None)),
    }


def moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _step(step: progress.Step) -> dict[str, Any]:
    return {
        "number": step.number,
        "title": step.title,
        "status": step.status,
        "session_id": step.job.session_id if step.job else None,
        "info": (step.job.info or None) if step.job else None,
        "created_at": moment(step.job.created_at) if step.job else None,
        "finished_at": moment(step.job.finished_at) if step.job else None,
    }


def _event(one: timeline.Moment, with_details: bool) -> dict[str, Any]:
    event = one.event
    return {
        "at": moment(one.at),
        "state": one.state,
        "what": one.what,
        "note": one.note or None,
        "seconds": one.lasted.total_seconds() if one.lasted is not None else None,
        "kind": event.kind if event else None,
        "attempt": event.attempt if event else None,
        "traceback": (event.traceback or None) if event and with_details else None,
        "log": (event.log or None) if event and with_details else None,
    }


def _remedy(one: Job, reader: "User") -> str | None:
    if one.status != Status.FAILED or one.mended_by:
        return None
    return timeline.of(one, reader, with_details=False).remedy or outcomes.ASK


def _why(reason: Reason | None) -> dict[str, Any] | None:
    if reason is None:
        return None
    names = ("code", "short", "text", "needs_help")
    return {name: getattr(reason, name) for name in names}


def _readable(subject: str, reader: "User") -> str | None:
    return subject if subject in definitions.subjects(reader, [subject]) else None
