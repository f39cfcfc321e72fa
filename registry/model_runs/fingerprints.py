"""Which records say the same, so that no run is registered twice by mistake (domain reference,
7.3)."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from jobs.models import Job, Status
from registry.model_runs.records import CHUNK, SIDES, normal
from registry.models import Item, SheetRow


@dataclass(frozen=True)
class Same:
    """What says the same as a record already: in words, and the job that failed to register it, if
    one did."""

    what: str
    failed: UUID | None = None


def of(record: Mapping[str, Any]) -> str:
    """The fingerprint of a stored record: the same for two that differ in the order of keys or of
    datasets only."""
    ordered = dict(record)
    for side in SIDES:
        ordered[side] = sorted(record[side], key=_text)
    return hashlib.sha256(_text(ordered).encode()).hexdigest()


def earlier(records: Mapping[str, Mapping[str, Any]], user: User) -> dict[str, Same]:
    """Of these records, by fingerprint, those that a submitted row of the user's or a run that they
    may read says already."""
    return _submitted(records.keys(), user) | _registered(records, user)


def waiting(records: Mapping[str, Mapping[str, Any]], user: User) -> dict[str, Same]:
    """Of these records, by fingerprint, those that an unfinished job of the user's is to register:
    also those that are of no sheet. It reads all that wait."""
    kinds = ("MODEL_RUN_PROV_LODGE", "MODEL_RUN_BATCH_SUBMIT")
    jobs = Job.objects.filter(owner=user, sub_type__in=kinds).unfinished()
    found: dict[str, Same] = {}
    for session_id, payload in jobs.values_list("session_id", "payload").iterator(CHUNK):
        for data in [payload.get("record") or {}, *payload.get("records", [])]:
            record = normal(data)
            if record and of(record) in records:
                found[of(record)] = Same(f"what job {session_id} is to register")
    return found


def _registered(records: Mapping[str, Mapping[str, Any]], user: User) -> dict[str, Same]:
    """Runs are found by their name, which has an index, and then compared."""
    readable = Item.objects.readable_by(user).filter(subtype="MODEL_RUN")
    found: dict[str, Same] = {}
    for names in _chunks({record["display_name"] for record in records.values()}):
        candidates = readable.filter(display_name__in=names).values_list("handle", "info")
        for handle, info in candidates.iterator():
            fingerprint = of(info["record"])
            if fingerprint in records:
                found[fingerprint] = Same(f"the run {handle}")
    return found


def _submitted(fingerprints: Collection[str], user: User) -> dict[str, Same]:
    """Rows that wait for their run, or whose job failed."""
    rows = SheetRow.objects.filter(submission__isnull=False, sheet__owner=user)
    rows = rows.select_related("sheet").defer("cells", "record", "faults")
    found: dict[str, Same] = {}
    for chunk in _chunks(fingerprints):
        matching = list(rows.filter(fingerprint__in=chunk))
        jobs = _jobs_of(matching)
        for row in matching:
            if job := jobs.get(row.pk):
                failed = job.session_id if job.status == Status.FAILED else None
                what = f"row {row.number} of {row.sheet.file_name}, submitted before"
                found[row.fingerprint] = Same(what, failed)
    return found


def _jobs_of(rows: list[SheetRow]) -> dict[int, Job]:
    """The job by which each submitted row is registered; until its batch is launched, the job that
    launches it. None if that failed, or is no longer kept."""
    launches = Job.objects.filter(session_id__in={row.submission for row in rows})
    found: dict[int, Job] = {}
    for launch in launches.defer("payload"):
        mine = [row for row in rows if row.submission == launch.session_id]
        if launch.result is None:
            found |= {row.pk: launch for row in mine if launch.status != Status.FAILED}
            continue
        order = SheetRow.objects.filter(submission=launch.session_id).order_by("number")
        places = {pk: place for place, pk in enumerate(order.values_list("pk", flat=True))}
        wanted = [places[row.pk] for row in mine]
        children = Job.objects.filter(batch=launch.result["batch_id"], batch_index__in=wanted)
        by_place = {job.batch_index: job for job in children.defer("payload", "result")}
        found |= {row.pk: job for row in mine if (job := by_place.get(places[row.pk]))}
    return found


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    return (ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
