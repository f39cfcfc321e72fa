"""What the database must show at the end."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, Q

from jobs.models import FINISHED, Batch, Job, Status, Workflow
from tests.soak import model_runs
from tests.soak.app import kinds
from tests.soak.app.models import Effect


@dataclass
class Verdict:
    """Faults as text. `lost`: what was promised and is not there. `doubled`: what is there beside
    what was promised. `other`: all else that must not be."""

    jobs: int = 0
    finished: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    suspects: list[int] = field(default_factory=list)  # ids of jobs

    @property
    def is_good(self) -> bool:
        return self.jobs == self.finished and not (self.lost or self.doubled or self.other)

    def about(self, faults: list[str], job: Job, text: str) -> None:
        faults.append(f"Job {job.pk} ({job.sub_type}, {job.status}, attempt {job.attempt}): {text}")
        self.suspects.append(job.pk)


def judge(promised: Iterable[int]) -> Verdict:
    """Compare the database with what was promised."""
    verdict = Verdict()
    effects: dict[int, list[int]] = {}
    for job_id, attempt in Effect.objects.values_list("job_id", "attempt"):
        effects.setdefault(job_id, []).append(attempt)
    runs = model_runs.effects()
    seen = set()
    for job in Job.objects.order_by("pk").defer("payload", "result", "traceback").iterator():
        seen.add(job.pk)
        verdict.jobs += 1
        verdict.finished += job.is_finished
        found = effects.pop(job.pk, [])
        if job.sub_type == model_runs.KIND:
            found = [job.attempt] * runs[job.pk]
        elif job.type != kinds.SOAK:
            found = _due(job)  # of the registry; what it leaves is judged with the runs
        _judge_job(verdict, job, found)
    verdict.lost += [f"Job {pk} was committed and is gone." for pk in sorted({*promised} - seen)]
    verdict.doubled += [f"An effect of job {pk}, which does not exist." for pk in effects]
    _judge_workflows(verdict)
    _judge_batches(verdict)
    verdict.other += model_runs.strays()
    return verdict


def _judge_job(verdict: Verdict, job: Job, effects: list[int]) -> None:
    if job.status not in FINISHED:
        verdict.about(verdict.lost, job, "it did not finish.")
    elif job.lease_until:
        verdict.about(verdict.other, job, "it is finished and has a lease.")
    due = _due(job)
    if job.sub_type == "PIECES" and job.status == Status.FAILED:
        due = effects if sorted(effects) == [*range(1, len(effects) + 1)] else []  # the first ones
    if due and not effects:
        verdict.about(verdict.lost, job, "it succeeded without its effect.")
    elif sorted(effects) != sorted(due):
        verdict.about(verdict.doubled, job, f"it has effects of the attempts {effects}.")
    _judge_outcome(verdict, job)


def _due(job: Job) -> list[int]:
    """The attempts of which there must be an effect; of a job in pieces, their numbers."""
    if job.sub_type == "PIECES" and job.status == Status.SUCCEEDED:
        return [*range(1, kinds.PIECES + 1)]
    return [job.attempt] if job.status == Status.SUCCEEDED else []


def _judge_outcome(verdict: Verdict, job: Job) -> None:
    """Did it end as its kind does? A cancelled one has ended as its user wished."""
    if job.sub_type in kinds.NEVER_SUCCEED and job.status == Status.SUCCEEDED:
        verdict.about(verdict.other, job, "its kind never succeeds.")
    if job.status == Status.SUCCEEDED and job.cancelled_by_id:
        verdict.about(verdict.doubled, job, "it was cancelled, and went on.")
    if job.status != Status.FAILED or job.cancelled_by_id:
        return
    if job.sub_type not in kinds.NEVER_SUCCEED:
        verdict.about(verdict.lost, job, f"it should have succeeded: {job.info}")
    elif job.sub_type == "POISON" and job.attempt < job.max_attempts:
        verdict.about(verdict.other, job, f"it was to have {job.max_attempts} attempts.")


def _judge_workflows(verdict: Verdict) -> None:
    """Step 1 is there exactly once if step 0 has succeeded, and else it is not."""
    steps = Workflow.objects.annotate(
        done=Count("jobs", filter=Q(jobs__step=0, jobs__status=Status.SUCCEEDED)),
        first=Count("jobs", filter=Q(jobs__step=0)),
        last=Count("jobs", filter=Q(jobs__step=1)),
    )
    for workflow in steps:
        if workflow.first < 1 or workflow.last < workflow.done:
            verdict.lost.append(f"A step of workflow {workflow.pk}.")
        if workflow.first > 1 or workflow.last > workflow.done:
            verdict.doubled.append(f"A step of workflow {workflow.pk}.")


def _judge_batches(verdict: Verdict) -> None:
    for batch in Batch.objects.all():
        there = batch.jobs.count()
        if there != batch.total:
            faults = verdict.lost if there < batch.total else verdict.doubled
            faults.append(f"Batch {batch.pk} has {there} of {batch.total} jobs.")
