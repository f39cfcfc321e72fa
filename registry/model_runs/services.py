"""Registering model runs: each is checked in the request, and recorded by a job."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from jobs import lifecycle
from jobs.models import Job
from registry.access import Level
from registry.model_runs import records
from registry.model_runs.records import Finding, Lookup
from registry.services import rules
from registry.services.rules import Refused


class RunRefused(Refused):
    """A record cannot be registered; `findings` says why, each with its field."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__(" ".join(finding.text for finding in findings))

    @property
    def is_unreadable(self) -> bool:
        """True where nothing is wrong but that the user may not read what the record names."""
        return all(finding.is_unreadable for finding in self.findings)


def register(*, record: Mapping[str, Any], owner: User) -> Job:
    """Check a record and queue the job that registers the run. Returns the job.

    Raises NotAllowed, Findings for a record of the wrong shape, or RunRefused with every finding.
    """
    rules.need_level(owner, Level.WRITE)
    parsed = records.parse(record)
    if findings := records.check(parsed, Lookup(owner)):
        raise RunRefused(findings)
    with transaction.atomic():
        return lifecycle.submit(
            sub_type="MODEL_RUN_PROV_LODGE",
            payload={"record": parsed.model_dump(mode="json", exclude_none=True)},
            owner=owner,
            subject=parsed.workflow_template_id,
        )


def register_batch(*, batch: Sequence[Mapping[str, Any]], owner: User) -> Job:
    """Queue the job that launches one job for each record, in order. Returns it.

    Records are checked by their jobs: each succeeds or fails alone. Raises NotAllowed, or Refused
    for an empty batch.
    """
    rules.need_level(owner, Level.WRITE)
    if not batch:
        raise Refused("A batch needs at least one record.")
    with transaction.atomic():
        return lifecycle.submit(
            sub_type="MODEL_RUN_BATCH_SUBMIT", payload={"records": list(batch)}, owner=owner
        )
