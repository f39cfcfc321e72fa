"""Which records say the same, so that no run is registered twice by mistake (domain reference,
7.3)."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection

from jobs.models import MENDED, UNFINISHED, Job, Status
from registry.model_runs.records import CHUNK
from registry.models import Item, RunSheet, SheetRow


@dataclass(frozen=True)
class Same:
    """What says the same as a record already: in words, the job that failed to register it, if one
    did, and else the one that registers it or did so last, where it is known."""

    what: str
    failed: UUID | None = None
    job: UUID | None = None


def earlier(fingerprints: Collection[str], user: User) -> dict[str, Same]:
    """Of these fingerprints, those of a submitted row of the user's, or of a run that they may
    read."""
    return _submitted(fingerprints, user) | _registered(fingerprints, user)


def registered(fingerprint: str, owner: User) -> Item | None:
    """The run of the owner's that says the same. Until the transaction ends nobody else gets an
    answer about that fingerprint, so two that are to register the same never both find none."""
    if connection.vendor == "postgresql":  # SQLite lets one write at a time
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int(fingerprint[:15], 16)])
    runs = Item.objects.live().filter(owner=owner, fingerprint=fingerprint)
    return runs.order_by("pk").first()


def _registered(fingerprints: Collection[str], user: User) -> dict[str, Same]:
    readable = Item.objects.readable_by(user)
    found: dict[str, Same] = {}
    for chunk in _chunks(fingerprints):
        runs = readable.filter(fingerprint__in=chunk)
        for run in runs.only("fingerprint", "handle", "owner", "system"):
            # Others' runs may be known, and their jobs are not.
            job = run.system.get("session_id") if run.owner_id == user.pk else None
            found[str(run.fingerprint)] = Same(
                f"the run {run.handle}", job=UUID(job) if job else None
            )
    return found


def _submitted(fingerprints: Collection[str], user: User) -> dict[str, Same]:
    """Rows that wait for their run, or whose job failed."""
    found: dict[str, Same] = {}
    for chunk in _chunks(fingerprints):
        # Of everybody, for SQLite would read all rows of the user's instead of those few.
        rows = SheetRow.objects.filter(fingerprint__in=chunk).defer("cells", "record", "faults")
        own_sheets = RunSheet.objects.filter(owner=user).defer("columns", "warnings")
        sheets = own_sheets.in_bulk({row.sheet_id for row in rows})
        matching = [row for row in rows if row.sheet_id in sheets]
        for row in matching:
            if row.state == SheetRow.State.NEW:  # to be taken by the job that takes all of them
                row.submission = sheets[row.sheet_id].launching
        matching = [row for row in matching if row.submission]
        own = _states({row.session_id for row in matching})
        launches = _states({row.submission for row in matching if row.submission})
        for row in matching:
            file_name = sheets[row.sheet_id].file_name
            what = f"row {row.number} of {file_name}, submitted before"
            if row.session_id in own:
                is_failed = own[row.session_id] == Status.FAILED
                is_mended = own[row.session_id] == MENDED
                what += " and mended since" if is_mended else ""
                failed = row.session_id if is_failed else None
                same = Same(what, failed, None if is_failed or is_mended else row.session_id)
            elif launches.get(row.submission) in UNFINISHED:
                same = Same(what)
            else:  # it was never launched, or its job is no longer kept
                continue
            found[str(row.fingerprint)] = same
    return found


def _states(session_ids: Collection[UUID]) -> dict[UUID | None, str]:
    """The states of those of these jobs that are there; of failed ones that were mended MENDED."""
    jobs = Job.objects.filter(session_id__in=session_ids)
    found = jobs.values_list("session_id", "status", "mended_by")
    return {session_id: MENDED if by else status for session_id, status, by in found}


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    return (ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK))
