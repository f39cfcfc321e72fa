"""A sheet that is changed: held, so that others wait, and counted anew."""

from registry.models import RunSheet, SheetRow
from registry.models.sheets import FORCED, WARNED
from registry.services.rules import Refused


def hold(sheet: RunSheet) -> RunSheet:
    """The sheet as it is now, which until the transaction ends nobody else changes. Raises Refused
    if it is gone."""
    held = RunSheet.objects.select_for_update().filter(pk=sheet.pk).first()
    if held is None:
        raise Refused("This table was discarded meanwhile.")
    return held


def recount(held: RunSheet) -> None:
    """Count the rows of a sheet anew, after they were changed, and save it."""
    forced = held.rows.filter(state=SheetRow.State.NEW, is_forced=True)
    warned = held.rows.filter(warnings__isnull=False)
    held.tally = held.counts() | {FORCED: forced.count(), WARNED: warned.count()}
    held.save(update_fields=["tally", "launches", "launching"])
