"""What can be done to model runs. Each change is checked in the request, and recorded by a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from jobs import lifecycle
from jobs.lifecycle import NotPossible
from jobs.models import Job
from registry import references, services
from registry.access import Level, Role
from registry.kinds.runs import ModelRun, RecordStatus, RunRecord, fingerprint_of
from registry.model_runs import fingerprints, records
from registry.model_runs.records import Finding, Lookup
from registry.models import Item, Relation
from registry.references import Named
from registry.services import rules
from registry.services.rules import Refused

LONGEST_NAME = 200  # characters, of a file
MOST_CONSUMERS = 50  # of an orphaned dataset, that are named


class RunRefused(Refused):
    """A record cannot be registered; `findings` says why, each with its field."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__(" ".join(finding.text for finding in findings))

    @property
    def is_unreadable(self) -> bool:
        """True where nothing is wrong but that the user may not read what the record names."""
        return all(finding.is_unreadable for finding in self.findings)


@dataclass(frozen=True)
class Orphan:
    """A dataset that no run would have produced any more, and who uses it."""

    dataset: Named
    consumers: list[Named]
    has_more: bool = False


class OrphansLeft(Refused):
    """The change would take its origin from data that others use; `orphans` says which."""

    def __init__(self, orphans: list[Orphan]) -> None:
        self.orphans = orphans
        names = ", ".join(orphan.dataset.handle for orphan in orphans)
        super().__init__(
            f"This run would no longer have made {names}, which other runs use. Where that data "
            "came from would then be unknown."
        )


class AlreadyThere(Refused):
    """There is a run that says the same; `what` says which."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"This says the same as {what}.")


def register(
    *, record: Mapping[str, Any], owner: User, anyway: bool = True, mends: Job | None = None
) -> Job:
    """Check a record and queue the job that registers the run. Returns the job. It takes the place
    of the failed job that it `mends`.

    Raises NotAllowed, Findings for a record of the wrong shape, RunRefused with every finding,
    unless `anyway` AlreadyThere, or Refused if the job that it mends is not failed any more.
    """
    rules.need_level(owner, Level.WRITE)
    parsed = _checked(record, owner)
    if not anyway:
        fingerprint = fingerprint_of(records.stored(parsed))
        same = fingerprints.earlier([fingerprint], owner).get(fingerprint)
        if same and not same.failed:
            raise AlreadyThere(same.what)
    with transaction.atomic():
        job = lifecycle.submit(
            sub_type="MODEL_RUN_PROV_LODGE",
            payload={"record": records.stored(parsed)},
            owner=owner,
            subject=parsed.workflow_template_id,
        )
        _take_place(job, mends, owner)
        return job


def validate(*, content: Mapping[str, Any], user: User) -> None:
    """Check the content of a run as an item has it, without storing anything. Raises Refused,
    Findings for content of the wrong shape, or RunRefused with every finding."""
    rules.need_level(user, Level.READ)
    ModelRun.parse(content)
    _checked(content["record"], user)


def register_batch(
    *, batch: Sequence[Mapping[str, Any]], owner: User, once: bool = False, name: str = ""
) -> Job:
    """Queue the job that launches one job for each record, in order. Returns it. With `once`, a
    record that a run of the owner's says already leads to that run. `name` is that of the file
    which they came from.

    Records are checked by their jobs: each succeeds or fails alone. Raises NotAllowed, or Refused
    for an empty batch.
    """
    rules.need_level(owner, Level.WRITE)
    if not batch:
        raise Refused("A batch needs at least one record.")
    with transaction.atomic():
        return lifecycle.submit(
            sub_type="MODEL_RUN_BATCH_SUBMIT",
            payload={"records": list(batch), "once": once, "name": name[:LONGEST_NAME]},
            owner=owner,
        )


def update(
    *,
    handle: str,
    record: Mapping[str, Any],
    reason: str,
    by: User,
    seen: int | None = None,
    anyway: bool = False,
    mends: Job | None = None,
) -> Job:
    """Check a new record of a run, and queue the job that puts it in the place of the present one,
    with its edges. Returns the job. It takes the place of the failed job that it `mends`.

    `seen` is the revision that the user saw: if there is a newer one then, the job fails and says
    so. Raises Refused, Findings for a record of the wrong shape, RunRefused, or, unless `anyway`,
    OrphansLeft.
    """
    rules.need_level(by, Level.WRITE)
    parsed = _checked(record, by)
    with transaction.atomic():
        run = changeable(handle, by)
        text = rules.need_reason(reason)
        if not anyway:
            _need_no_orphans(run, parsed, by)
        job = _submit_update(run, parsed, text, by, seen)
        _take_place(job, mends, by)
        return job


def revert(*, handle: str, number: int, reason: str, by: User, anyway: bool = False) -> Job:
    """Queue the job that gives a run the record of one of its revisions again. Returns the job.

    If somebody saves the run before the job does, it fails and says so. Raises Refused, RunRefused
    if that record cannot be registered today, or, unless `anyway`, OrphansLeft.
    """
    rules.need_level(by, Level.WRITE)
    with transaction.atomic():
        run = changeable(handle, by)
        old = run.revisions.filter(number=number).first()
        if old is None:
            raise rules.NoRevision(
                f"{handle} has no revision {number}. Its history lists those there are."
            )
        parsed = _checked(old.info["record"], by)
        text = f"Reverted to revision {number}: {rules.need_reason(reason)}"
        if not anyway:
            _need_no_orphans(run, parsed, by)
        newest = run.revisions.values_list("number", flat=True).first()
        return _submit_update(run, parsed, rules.need_reason(text), by, newest)


def link_study(*, handle: str, study: str, by: User) -> Job:
    """Say of a run which study it is part of, as a new revision, and queue the job that renews its
    edges and its document. Returns the job.

    Raises Refused, or RunRefused if its record can no longer be registered. A link is taken back by
    editing the run.
    """
    rules.need_level(by, Level.WRITE)
    lookup = Lookup(by)
    lookup.fetch([study])
    with transaction.atomic():
        run = known_run(handle)
        if fault := lookup.fault(study, "STUDY", "Study")[0]:
            raise Refused(fault)
        present = run.info["record"].get("study_id")
        if present:
            raise Refused(
                f"{handle} is part of the study {present} already. Edit it to change that."
            )
        rules.need_role(by, run, Role.METADATA_WRITE)
        rules.need_unlocked(run, by)
        # Whole, for its job checks so: else the run would name a study and its edges would not.
        record = _checked(run.info["record"] | {"study_id": study}, by)
        services.rewrite(
            item=run,
            content=ModelRun(
                display_name=record.display_name,
                record=record,
                prov_serialisation=run.info["prov_serialisation"],
                record_status=RecordStatus.COMPLETE,
            ),
            reason=f"Linked to the study {study}",
            by=by,
        )
        job = lifecycle.submit(
            sub_type="MODEL_RUN_LODGE_ONLY",
            payload={"model_run_record_id": handle, "record": records.stored(record)},
            owner=by,
            subject=handle,
        )
        return _followed(run, job)


def orphans(*, run: Item, record: Mapping[str, Any], user: User) -> list[Orphan]:
    """What an edit would leave without its origin: datasets that the run no longer produces, that
    no other run does, and that some run uses."""
    kept = {used["dataset_id"] for used in record.get("outputs") or []}
    let_go = {used["dataset_id"] for used in run.info["record"]["outputs"]} - kept
    others = Relation.objects.exclude(record=run).filter(record__subtype=ModelRun.subtype)
    made = others.filter(type=Relation.Type.WAS_GENERATED_BY, source__handle__in=let_go)
    let_go -= set(made.values_list("source__handle", flat=True))
    uses = others.filter(type=Relation.Type.USED, target__handle__in=let_go).order_by("pk")
    consumers: dict[str, list[str]] = {}
    for dataset in sorted(let_go):
        users = uses.filter(target__handle=dataset).values_list("source__handle", flat=True)
        if some := list(users[: MOST_CONSUMERS + 1]):
            consumers[dataset] = some
    named = references.named(
        [*consumers, *(one for some in consumers.values() for one in some)], user
    )
    return [
        Orphan(
            named[dataset],
            [named[one] for one in dict.fromkeys(some[:MOST_CONSUMERS])],
            has_more=len(some) > MOST_CONSUMERS,
        )
        for dataset, some in consumers.items()
    ]


def _take_place(job: Job, mends: Job | None, by: User) -> None:
    """Let a job take the place of one that failed, if it does."""
    try:
        if mends:
            lifecycle.mend(mends, by_job=job, by=by)
    except NotPossible as reason:
        raise Refused(f"{reason} Look at its page before you go on.") from None


def _need_no_orphans(run: Item, record: RunRecord, user: User) -> None:
    if found := orphans(run=run, record=records.stored(record), user=user):
        raise OrphansLeft(found)


def changeable(handle: str, by: User) -> Item:
    """The run, held until the transaction ends, if `by` may change it. Raises Refused."""
    run = known_run(handle)
    rules.need_role(by, run, Role.METADATA_WRITE)
    rules.need_unlocked(run, by)
    return run


def known_run(handle: str) -> Item:
    """The run, held until the transaction ends. Raises Refused."""
    run = rules.known(handle, for_update=True)
    rules.need_kind(run, ModelRun)
    rules.need_complete(run)
    return run


def _checked(data: Mapping[str, Any], user: User) -> RunRecord:
    parsed = records.parse(data)
    if findings := records.check(parsed, Lookup(user)):
        raise RunRefused(findings)
    return parsed


def _submit_update(run: Item, record: RunRecord, reason: str, by: User, seen: int | None) -> Job:
    payload = {
        "model_run_record_id": run.handle,
        "updated_record": records.stored(record),
        "reason": reason,
        "seen": seen,
    }
    job = lifecycle.submit(
        sub_type="MODEL_RUN_UPDATE", payload=payload, owner=by, subject=run.handle
    )
    return _followed(run, job)


def _followed(run: Item, job: Job) -> Job:
    """Let the page of the run show the job."""
    run.system |= {"session_id": str(job.session_id)}
    run.save(update_fields=["system"])
    return job
