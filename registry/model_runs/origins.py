"""Rows that were mended in a file of their own: a file of faulty rows says of which table they are,
and where they stood in it. Uploaded again, they go on there, and the first table says so."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.contrib.auth.models import User

from jobs.models import Job, Status
from registry.model_runs import keeping
from registry.models import RunSheet, SheetRow
from registry.services.rules import Refused

State = SheetRow.State
Place = tuple[UUID, int]
"""A table, and the number of a row in it."""
MOVABLE = (State.FAULTY, State.NEW, State.RETRY, State.EXISTING)
GOES_ON = (State.FAULTY, State.SUBMITTED)  # where a row stands now that went on elsewhere
LONGEST_NUMBER = 9  # digits


def place(table: str, number: str) -> Place | None:
    """Where a row says that it stood before; None if it does not, or not in a way that is known."""
    try:
        known = UUID(table)
    except ValueError:
        return None
    return (known, int(number)) if number.isdecimal() and len(number) <= LONGEST_NUMBER else None


def find(places: Iterable[Place], user: User) -> dict[Place, SheetRow]:
    """Those rows of the user's tables, with these. Of one that went on in other tables and is still
    to mend there, or was submitted there, that where it stands now."""
    found = _at(places, user)
    now = _where_now(found, user)
    return {place: now[place] if now[place].state in GOES_ON else found[place] for place in found}


def _where_now(found: Mapping[Place, SheetRow], user: User) -> dict[Place, SheetRow]:
    """Instead of each row that went on elsewhere the last that it became, as far as that is known.
    A row goes on only in a table that was uploaded later, so this ends."""
    onward: dict[Place, Place] = {
        place: (row.moved_to, row.moved_as or 0) for place, row in found.items() if row.moved_to
    }
    there = _where_now(_at(onward.values(), user), user) if onward else {}
    return {
        place: there.get(onward[place], row) if place in onward else row
        for place, row in found.items()
    }


def _at(places: Iterable[Place], user: User) -> dict[Place, SheetRow]:
    wanted: dict[UUID, set[int]] = defaultdict(set)
    for table, number in places:
        wanted[table].add(number)
    own = RunSheet.objects.filter(owner=user, is_ready=True).in_bulk(wanted) if wanted else {}
    found: dict[Place, SheetRow] = {}
    for table, sheet in own.items():
        rows = sheet.rows.filter(number__in=wanted[table]).defer("cells", "record", "faults")
        for row in rows:
            row.sheet = sheet
            found[table, row.number] = row
    return found


def settled(former: SheetRow, sheet: RunSheet | None) -> str:
    """Why a row that stood elsewhere does not go on in that sheet, in words; empty if it does."""
    where = f"row {former.number} of {former.sheet.file_name}"
    is_launching = former.state == State.NEW and former.sheet.launching
    if former.state == State.SUBMITTED or is_launching:
        return f"{where}, submitted before"
    if former.state == State.MOVED and (sheet is None or former.moved_to != sheet.pk):
        return f"{where}, which goes on in another table already"
    return ""


def failed_job(former: SheetRow) -> UUID | None:
    """The job of a submitted row, if it failed and was not mended."""
    if former.state != State.SUBMITTED:
        return None
    jobs = Job.objects.filter(session_id=former.session_id, status=Status.FAILED, mended_by=None)
    return jobs.values_list("session_id", flat=True).first()


def move(sheet: RunSheet, rows: Sequence[SheetRow]) -> None:
    """Let the rows that stood in other tables go on in this one, which the caller holds: those say
    where. What was submitted there meanwhile is left out here."""
    moving: dict[UUID, dict[int, SheetRow]] = defaultdict(dict)
    for row in rows:
        if row.former:
            moving[row.former[0]].setdefault(row.former[1], row)
    for table, by_number in sorted(moving.items()):
        _move(sheet, table, by_number)


def _move(sheet: RunSheet, table: UUID, by_number: Mapping[int, SheetRow]) -> None:
    try:
        held = keeping.hold(RunSheet(pk=table))
    except Refused:
        return  # it was discarded meanwhile
    former = held.rows.filter(number__in=by_number).defer("cells", "record", "faults")
    moved = []
    for old in former:
        old.sheet, new = held, by_number[old.number]
        if why := settled(old, sheet):
            if new.state == State.NEW and new.failed_job is None:
                new.state, new.note = State.EXISTING, f"The same as {why}."
        elif old.state in (*MOVABLE, State.MOVED):
            old.state, old.moved_to, old.moved_as = State.MOVED, sheet.pk, new.number
            old.is_forced = False
            moved.append(old)
    if moved:
        SheetRow.objects.bulk_update(
            moved, ["state", "moved_to", "moved_as", "is_forced"], batch_size=500
        )
        keeping.recount(held)
        if str(table) not in sheet.moved_from:
            sheet.moved_from = [*sheet.moved_from, str(table)]
            sheet.save(update_fields=["moved_from"])


def move_back(sheet: RunSheet) -> None:
    """Let the rows that went on in a sheet, and of which nothing was submitted there, be to mend
    again where they stood; the caller holds the sheet and discards it."""
    submitted = sheet.rows.filter(state=State.SUBMITTED).values("number")
    for table in sorted(sheet.moved_from):
        held = RunSheet.objects.select_for_update().filter(pk=table).first()
        if held is None:
            continue
        here = held.rows.filter(state=State.MOVED, moved_to=sheet.pk)
        back = list(here.exclude(moved_as__in=submitted).values_list("pk", flat=True))
        for start in range(0, len(back), 500):
            rows = SheetRow.objects.filter(pk__in=back[start : start + 500])
            rows.filter(record__isnull=False).update(state=State.NEW, moved_to=None, moved_as=None)
            rows.filter(state=State.MOVED).update(state=State.FAULTY, moved_to=None, moved_as=None)
        keeping.recount(held)
