"""The help on registering model runs. The help on jobs, which it goes with, is in `jobs`."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from jobs import help_views
from provena.http import HtmxRequest
from registry import help_drawings
from registry.kinds.values import MOST_NOTES, MOST_ROWS
from registry.model_runs import waiting
from registry.model_runs.spreadsheet import LONGEST_CELL


@require_safe
def runs(request: HtmxRequest) -> HttpResponse:
    """From one run by the form to many by a table."""
    return help_views.show(request, RUNS)


def _runs() -> dict[str, Any]:
    return {
        "drawing": help_drawings.table(),
        "way": help_drawings.WAY,
        "states": help_drawings.ROW_STATES,
        "most_rows": settings.RUN_SHEET_ROWS,
        "megabytes": settings.RUN_SHEET_MEGABYTES,
        "at_once": waiting.AT_ONCE,
        "longest_cell": LONGEST_CELL,
        "datasets": MOST_ROWS,
        "annotations": MOST_NOTES,
        "command": help_views.command_of("registry", "register_model_runs"),
    }


RUNS = help_views.Page(
    "runs",
    "Registering model runs",
    "One by a form, many by a table: from the empty table to the batch; what to do with faults.",
    _runs,
)
