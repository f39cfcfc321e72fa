"""Taking what is right in a table into a batch, and trying again what failed. The rows of a large
table are marked in pieces, each a short transaction; then all of its jobs are made at once, or
none."""

import itertools
from uuid import uuid5

from django.contrib.auth.models import User
from django.db.models import (
    Case,
    Exists,
    JSONField,
    OuterRef,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat

from jobs import batches, lifecycle
from jobs.definitions import PermanentError
from jobs.models import Batch, Job
from jobs.worker import Run
from registry.model_runs import fingerprints, keeping
from registry.model_runs.checking import mark
from registry.models import RunSheet, SheetRow
from registry.services.rules import Refused

State = SheetRow.State
PIECE = 5_000  # rows that are marked together
CHUNK = 500  # rows that are written together
LONGEST = 600  # seconds that making the jobs may take
# What LodgePayload is for a submitted row. Its record was checked as a whole, and its job does so
# again.
PAYLOAD_OF_ROW = Cast(
    Concat(
        Value('{"record": '),
        Cast("record", TextField()),
        Value(', "revalidate": true, "user_info": "", "once": '),
        Case(When(is_forced=True, then=Value("false")), default=Value("true")),
        Value(', "row": '),
        Cast("number", TextField()),
        Value("}"),
        output_field=TextField(),
    ),
    JSONField(),
)


def launch(run: Run, sheet: RunSheet) -> Batch | None:
    """Launch what was submitted of a sheet, as a batch whose id follows from that of the job, and
    put the failed jobs of its rows back into the queue. Begun anew, it goes on where it was, and
    what is launched already is not launched again.

    Returns the batch; None where nothing was new and something is tried again. Raises
    PermanentError if there is neither.
    """
    key = uuid5(run.job.session_id, "batch")
    if there := Batch.objects.filter(pk=key).first():
        return there
    done = _mark(run, sheet, _try_again(run, sheet))
    lifecycle.advance(run.job, LONGEST)
    with run.piece(done, of=done):
        held = _hold(sheet)
        submitted = held.rows.filter(submission=run.job.session_id).order_by("number")
        _take_places(run, submitted)
        count = submitted.count()
        if count:
            batches.launch(
                sub_type="MODEL_RUN_PROV_LODGE",
                rows=submitted,
                payload=PAYLOAD_OF_ROW,
                owner=run.owner,
                title=title(count, held.file_name),
                subject=str(held.pk),
                key=key,
            )
        if held.launching == run.job.session_id:
            held.launching = None
        again = held.rows.filter(state=State.SUBMITTED, submission=None, failed_job__isnull=False)
        is_idle = not count and not again.exists()
        if is_idle:
            held.launches = [one for one in held.launches if one != str(run.job.session_id)]
        keeping.recount(held)
    if is_idle:
        raise PermanentError(
            "None of its rows is left to launch: they were taken back, or submitted with another "
            "table meanwhile.",
            remedy="The page of the table says of each row what became of it.",
        )
    return Batch.objects.filter(pk=key).first()


def try_again(rows: "QuerySet[SheetRow]", *, by: User) -> int:
    """Put the failed jobs of these rows, which are to be tried again, back into the queue, in the
    caller's transaction. One that no longer is failed was tried again by somebody else, and needs
    nothing; the row of one that is no longer kept is new. Returns how many."""
    kept = Job.objects.filter(session_id=OuterRef("failed_job"))
    rows.exclude(Exists(kept)).update(state=State.NEW, failed_job=None)
    mended = Job.objects.mended().filter(session_id=OuterRef("failed_job"))
    rows.filter(Exists(mended)).update(
        state=State.EXISTING, failed_job=None, note="Its job failed, and was mended since."
    )
    jobs = Job.objects.filter(owner=by, session_id__in=rows.order_by().values("failed_job"))
    retried = batches.retry_all(jobs, by=by)
    rows.update(state=State.SUBMITTED, note="Its job was put back into the queue.")
    return retried


def title(count: int, name: str) -> str:
    """What a batch of so many runs of that file is called."""
    runs = f"{count:,} model run{'s' if count != 1 else ''}"
    return f"{runs} of {name}" if name else runs


def leave_out_submitted(new: "QuerySet[SheetRow]", sheet: RunSheet) -> int:
    """Find those of these new rows of a sheet that were submitted with another sheet since this one
    was uploaded. Returns how many. What is missed, because it is being submitted at this moment,
    its job finds."""
    launches = RunSheet.objects.filter(owner=sheet.owner_id).values_list("launches", flat=True)
    others = set(itertools.chain(*launches)) - {str(sheet.launching)}
    jobs = Job.objects.filter(session_id__in=others)
    since = list(jobs.filter(created_at__gt=sheet.created_at).values_list("session_id", flat=True))
    if not since:
        return 0
    same = SheetRow.objects.filter(submission__isnull=False, submission__in=since)
    found = list(new.filter(is_forced=False, fingerprint__in=same.values("fingerprint")))
    earlier = fingerprints.earlier({row.fingerprint or "" for row in found}, sheet.owner)
    left_out = [row for row in found if row.fingerprint in earlier]
    for row in left_out:
        mark(row, earlier[row.fingerprint or ""])
    SheetRow.objects.bulk_update(left_out, ["state", "note", "failed_job"], batch_size=CHUNK)
    return len(left_out)


def _try_again(run: Run, sheet: RunSheet) -> int:
    """Try again what failed of a sheet, if the job is to, piece by piece. Returns how many rows are
    looked at."""
    to_do = sheet.rows.filter(state__in=(State.RETRY, State.NEW)).count()
    failed = sheet.rows.filter(state=State.RETRY).order_by("number")
    done = 0
    while numbers := list(failed.values_list("number", flat=True)[:PIECE]):
        with run.piece(done + len(numbers), of=to_do):
            held = _hold(sheet)
            if held.launching != run.job.session_id:
                break  # its rows were taken back
            try_again(failed.filter(number__lte=numbers[-1]), by=run.owner)
            keeping.recount(held)
        done += len(numbers)
    return done


def _mark(run: Run, sheet: RunSheet, before: int) -> int:
    """Mark the new rows of a sheet as submitted, if the job is to, piece by piece. Returns how many
    rows are looked at, with those that were `before`."""
    session_id = run.job.session_id
    new = sheet.rows.filter(state=State.NEW).order_by("number")
    done = before + sheet.rows.filter(submission=session_id).count()
    total = done + (new.count() if sheet.launching == session_id else 0)
    while done < total:
        numbers = list(new.values_list("number", flat=True)[:PIECE])
        if not numbers:
            break
        done += len(numbers)
        with run.piece(done, of=total):
            held = _hold(sheet)
            if held.launching != session_id:
                break  # its rows were taken back
            piece = held.rows.filter(state=State.NEW, number__lte=numbers[-1])
            left_out = leave_out_submitted(piece, held)
            marked = piece.update(state=State.SUBMITTED, submission=session_id)
            moved = {State.NEW: -marked - left_out, State.SUBMITTED: marked}
            held.tally |= {state: held.in_state(state) + n for state, n in moved.items()}
            held.save(update_fields=["tally"])
    return total


def _take_places(run: Run, submitted: "QuerySet[SheetRow]") -> None:
    """Let the rows that mend a failed job take its place. Those whose job was retried or mended
    meanwhile are left out."""
    places: dict[object, SheetRow] = {}
    for row in submitted.filter(failed_job__isnull=False).defer("cells", "record"):
        places.setdefault(row.failed_job, row)
    if not places:
        return
    rows = list(places.values())
    taken = batches.mend(
        {row.failed_job: row.session_id for row in rows if row.failed_job}, by=run.owner
    )
    late = [row for row in rows if row.failed_job not in taken]
    for row in late:
        row.note = f"Job {row.failed_job}, which it was to mend, was retried or mended meanwhile."
        row.state, row.submission, row.failed_job = State.EXISTING, None, None
    columns = ["state", "note", "submission", "failed_job"]
    SheetRow.objects.bulk_update(late, columns, batch_size=CHUNK)


def _hold(sheet: RunSheet) -> RunSheet:
    try:
        return keeping.hold(sheet)
    except Refused as refused:
        raise PermanentError(str(refused)) from None
