"""Many runs by a table: uploading it, seeing what is wrong in it, mending, submitting, and getting
it back with what became of each row."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs.models import Batch, Job
from provena.http import HtmxRequest, csv_file, wants_fragment
from provena.paging import keyset
from registry import references, services
from registry.kinds.entities import WorkflowTemplate
from registry.model_runs import columns as headers
from registry.model_runs import explained, sheets, spreadsheet
from registry.models import Item, RunSheet, SheetRow
from registry.models.sheets import FORCED, WARNED, RunSheetQuerySet
from registry.references import Named
from registry.views import sheet_rows
from registry.views.common import UNPROCESSABLE, item_for

State = SheetRow.State
RECENT = 20  # sheets
OFFERED = 5  # workflow templates
PAGE = 25  # rows
ROW_NUMBER = re.compile("[0-9]{1,9}")


class Recent(NamedTuple):
    """A table as lists of them show it, with its workflow template as the reader may see it, and
    what is to be done with it in few words."""

    sheet: RunSheet
    template: Named
    state: str


def recent(user: User, limit: int = RECENT) -> list[Recent]:
    """The tables that a user uploaded last, newest first."""
    own = RunSheet.objects.shown().filter(owner=user).select_related("template")
    found = list(own[:limit])
    named = references.named({sheet.template.handle for sheet in found}, user)
    return [Recent(sheet, named[sheet.template.handle], _state(sheet)) for sheet in found]


def _state(sheet: RunSheet) -> str:
    if not sheet.is_ready:
        return "Being checked"
    if sheet.in_state(State.FAULTY):
        return "To mend"
    if sheet.in_state(State.NEW) or sheet.in_state(State.RETRY):
        return "Ready to register"
    return "Submitted" if sheet.in_state(State.SUBMITTED) else "Nothing new in it"


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HtmxRequest) -> HttpResponse:
    """Upload a table of runs; below, those that were uploaded before."""
    context: dict[str, Any] = {
        "megabytes": settings.RUN_SHEET_MEGABYTES,
        "most_rows": settings.RUN_SHEET_ROWS,
    }
    status = 200
    if request.method == "POST":
        file = request.FILES.get("file")
        try:
            if file is None:
                raise services.Refused("Choose a file.")
            name = file.name or ""
            sheet = sheets.load(stream=file, file_name=name, owner=request.user, aside=True)
        except services.Refused as refused:
            context["refusal"], status = str(refused), UNPROCESSABLE
        else:
            return redirect(sheet)
    context["sheets"] = recent(request.user)
    context["templates"] = _templates(request.user, [entry.sheet for entry in context["sheets"]])
    return render(request, "registry/runs/upload.html", context, status=status)


@require_safe
def sheet(request: HtmxRequest, sheet_id: UUID) -> HttpResponse:
    """What was found in each row of a table, the faulty ones first."""
    found = _sheet(request, sheet_id)
    if not found.is_ready:
        return redirect("run-sheet-check", found.pk)
    counts = {name: found.in_state(name) for name in (*State, FORCED, WARNED)}
    default = State.FAULTY if counts[State.FAULTY] else ""
    state = request.GET.get("state", default)
    rows = _in_state(found, state)
    after = request.GET.get("after")
    page = keyset(rows, after, PAGE, key="number", descending=False)
    shown = sheet_rows.shown(found, request.user)
    if marked := {State.FAULTY: "faults", WARNED: "warnings"}.get(state):
        shown = sheet_rows.marked_first(shown, rows, marked)
    handle = found.template.handle
    context: dict[str, Any] = {
        "sheet": found,
        "template": references.named({handle}, request.user)[handle],
        "counts": [(name, counts[name]) for name in State if counts[name]],
        "total": found.total,
        "good": counts[State.NEW] + counts[State.RETRY],
        "faulty": counts[State.FAULTY],
        "existing": counts[State.EXISTING],
        "forced": counts[FORCED],
        "warned": counts[WARNED],
        "state": state if state in (*State.values, WARNED) else "",
        "page": page,
        "after": after,
        "titles": [title for _, title in shown],
        "rows": [sheet_rows.printed(row, shown) for row in page.rows],
        "launches": _launches(found),
        "is_launching": found.launching is not None,
        "may_discard": found.launching is None and counts[State.SUBMITTED] < found.total,
        "moved": counts[State.MOVED],
        "tables": _tables(found, page.rows),
    }
    tables = context["tables"]
    context["came_from"] = [tables[one] for one in found.moved_from if one in tables]
    for entry in context["rows"]:
        entry["went_to"] = tables.get(str(entry["row"].moved_to))
    fragment = after and wants_fragment(request)
    name = "_sheet_rows" if fragment else "sheet"
    return render(request, f"registry/runs/{name}.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def row(request: HtmxRequest, sheet_id: UUID, number: int) -> HttpResponse:
    """The form of one row: a field for each of its columns, with what is wrong there."""
    found = _sheet(request, sheet_id)
    if not found.is_ready:
        return redirect(found)
    current = get_object_or_404(found.rows, number=number)
    context: dict[str, Any] = {"sheet": found, "status": 200}
    if request.method == "POST":
        cells = sheet_rows.posted(found, current, request.POST)
        try:
            current = sheets.mend(sheet=found, number=number, cells=cells, by=request.user)
        except services.Refused as refused:
            context |= {"refusal": str(refused), "status": UNPROCESSABLE}
            current.cells = cells
        else:
            if current.state != State.FAULTY:
                _tell(request, current)
                return redirect(_next_faulty(found, number))
            context["status"] = UNPROCESSABLE
    if current.moved_to:
        context["went_to"] = _own(request).filter(pk=current.moved_to).first()
    context |= {
        "row": current,
        "form": sheet_rows.form_of(found, current, request.user),
        "name": sheet_rows.name_of(found, current),
    }
    return render(request, "registry/runs/row.html", context, status=context["status"])


@require_POST
def submit(request: HtmxRequest, sheet_id: UUID) -> HttpResponse:
    """Register what is right; the page then follows the batch."""
    found = _sheet(request, sheet_id)
    try:
        done = sheets.submit(sheet=found, by=request.user)
    except services.Refused as refused:
        messages.error(request, str(refused))
        return redirect(found)
    if done.retried:
        messages.success(request, f"{done.retried} failed jobs were put back into the queue.")
    return redirect("run-job", done.job.session_id) if done.job else redirect(found)


@require_POST
def force(request: HtmxRequest, sheet_id: UUID) -> HttpResponse:
    """Take rows that exist already for new ones: the one that is named, or all."""
    found = _sheet(request, sheet_id)
    number = request.POST.get("row", "")
    only = int(number) if ROW_NUMBER.fullmatch(number) else None
    try:
        if "undo" in request.POST:
            sheets.leave_out(sheet=found, by=request.user)
            return redirect(found)
        count = sheets.force(sheet=found, by=request.user, number=only)
    except services.Refused as refused:
        messages.error(request, str(refused))
    else:
        what = "1 row" if count == 1 else f"{count} rows"
        messages.success(request, f"{what} will be registered although it is there already.")
    return redirect(found)


@require_POST
def take_back(request: HtmxRequest, sheet_id: UUID) -> HttpResponse:
    """Take the rows back whose launch failed."""
    found = _sheet(request, sheet_id)
    try:
        count = sheets.take_back(sheet=found, by=request.user)
    except services.Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{count} row{'' if count == 1 else 's'} can be submitted again.")
    return redirect(found)


@require_POST
def discard(request: HtmxRequest, sheet_id: UUID) -> HttpResponse:
    """Forget a table, of which what was submitted stays."""
    found = _sheet(request, sheet_id)
    try:
        is_gone = sheets.discard(sheet=found, by=request.user)
    except services.Refused as refused:
        messages.error(request, str(refused))
        return redirect(found)
    if is_gone:
        messages.success(request, f"{found.file_name} is gone. Nothing of it was registered.")
        return redirect("run-sheets")
    messages.success(request, "The rows that were not submitted are gone.")
    return redirect(found)


@require_safe
def template_csv(request: HtmxRequest, handle: str) -> HttpResponseBase:
    """The empty table of a workflow template."""
    return csv_file(f"model-runs-{handle}.csv", [_columns(request, handle).headers])


@require_safe
def example_csv(request: HtmxRequest, handle: str) -> HttpResponseBase:
    """The table of a workflow template with a row that shows how it is filled in."""
    columns = _columns(request, handle)
    row = explained.example(explained.with_examples(columns, request.user))
    return csv_file(f"model-runs-{handle}-example.csv", [columns.headers, row])


@require_safe
def faulty_csv(request: HtmxRequest, sheet_id: UUID) -> HttpResponseBase:
    """The faulty rows of a table, with what is wrong in each, and separated as it was."""
    found = _sheet(request, sheet_id)
    stem = found.file_name.rpartition(".")[0] or found.file_name
    usual = found.separator in spreadsheet.SEPARATORS  # else no reader would know it
    separator = found.separator if usual else ","
    return csv_file(f"{stem}-faulty.csv", sheets.faulty(found), separator)


@require_safe
def batch_csv(request: HtmxRequest, batch_id: UUID) -> HttpResponseBase:
    """A batch of runs as a table, with what became of each."""
    batch = get_object_or_404(Batch, owner=request.user, pk=batch_id)
    try:
        table = sheets.of_batch(batch, request.user)
    except services.Refused as refused:
        messages.error(request, str(refused))
        return redirect(batch)
    return csv_file(f"model-runs-{batch.pk}.csv", table)


def _columns(request: HtmxRequest, handle: str) -> headers.Columns:
    item_for(request.user, handle)
    try:
        return headers.layout_for(handle, request.user).columns()
    except services.Refused as refused:
        raise Http404(str(refused)) from None


def _templates(user: User, uploaded: list[RunSheet]) -> list[Item]:
    """The workflow templates whose tables are offered: those of what was uploaded last, or else the
    newest."""
    readable = Item.objects.readable_by(user).complete().of_kind(WorkflowTemplate.subtype)
    readable = readable.defer("info", "search_text")
    had = [sheet.template_id for sheet in uploaded]
    kept = {item.pk: item for item in readable.filter(pk__in=had)}
    own = [kept[pk] for pk in dict.fromkeys(had) if pk in kept]
    return (own or list(readable[:OFFERED]))[:OFFERED]


def _sheet(request: HtmxRequest, sheet_id: UUID) -> RunSheet:
    """A sheet of the user's own."""
    return get_object_or_404(_own(request), pk=sheet_id)


def _own(request: HtmxRequest) -> RunSheetQuerySet:
    return RunSheet.objects.shown().filter(owner=request.user).select_related("template")


def _in_state(sheet: RunSheet, state: str) -> "QuerySet[SheetRow]":
    """The rows in a state; all of them for what is none."""
    if state == WARNED:
        return sheet.rows.filter(warnings__isnull=False)
    return sheet.rows.filter(state=state) if state in State.values else sheet.rows.all()


def _tell(request: HtmxRequest, row: SheetRow) -> None:
    """Say that a row was mended, and what is odd in it."""
    if row.warnings:
        odd = " ".join(text for _, text in row.warnings)
        messages.warning(request, f"Row {row.number} can be registered. Check: {odd}")
    else:
        messages.success(request, f"Row {row.number} is right now.")


def _tables(sheet: RunSheet, rows: Sequence[SheetRow]) -> dict[str, RunSheet]:
    """The tables from which rows came to this one, and those to which these rows went, by id."""
    ids = {*sheet.moved_from, *(str(row.moved_to) for row in rows if row.moved_to)}
    found = RunSheet.objects.filter(owner=sheet.owner_id, pk__in=ids) if ids else []
    return {str(one.pk): one for one in found}


def _launches(sheet: RunSheet) -> list[Job]:
    """The jobs that launch what was submitted of a sheet, newest first."""
    jobs = Job.objects.filter(session_id__in=sheet.launches)
    return list(jobs.defer("payload").order_by("-id"))


def _next_faulty(sheet: RunSheet, number: int) -> Any:
    """Where to go on mending: the next faulty row, or the sheet when there is none."""
    rest = sheet.rows.filter(state=State.FAULTY)
    following = rest.filter(number__gt=number).first() or rest.first()
    return following or sheet
