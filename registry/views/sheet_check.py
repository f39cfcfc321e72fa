"""Following the check of a large table, until its page can be shown."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from jobs import stuck
from jobs.models import Job, Status
from provena.http import HtmxRequest, wants_fragment
from registry import references, services
from registry.model_runs import waiting
from registry.models import RunSheet, SheetRow
from registry.views import sheet_rows
from registry.views.sheets import PAGE

NOTHING_NEW = 204  # htmx leaves the page as it is and asks again later
BAR = 1_000  # its length


@require_safe
def follow(request: HtmxRequest, sheet_id: UUID) -> HttpResponse:
    """How far the check of a table is, what is faulty so far, and why it stopped if it did. At the
    end it leads to the page of the table."""
    sheet = _sheet(request, sheet_id)
    is_update = wants_fragment(request)
    if sheet.is_ready:
        leads = HttpResponseClientRedirect if is_update else redirect
        return leads(sheet.get_absolute_url())
    context = _progress(sheet, waiting.job_of(sheet))
    if is_update and request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=NOTHING_NEW)
    context["is_news"] = is_update and request.GET.get("told") != context["milestone"]
    context["has_more_rows"] = is_update and request.GET.get("rows") != str(context["shown"])
    if not is_update or context["has_more_rows"]:
        faulty = sheet.rows.filter(state=SheetRow.State.FAULTY)
        shown = sheet_rows.marked_first(sheet_rows.shown(sheet, request.user), faulty, "faults")
        context["titles"] = [title for _, title in shown]
        context["rows"] = [sheet_rows.printed(row, shown) for row in faulty[:PAGE]]
    if is_update:
        return render(request, "registry/runs/_check.html", context)
    handle = sheet.template.handle
    context["template"] = references.named({handle}, request.user)[handle]
    return render(request, "registry/runs/check.html", context)


@require_POST
def again(request: HtmxRequest, sheet_id: UUID) -> HttpResponse:
    """Go on with a check that has failed."""
    sheet = _sheet(request, sheet_id)
    try:
        waiting.start_again(sheet=sheet, by=request.user)
    except services.Refused as refused:
        messages.error(request, str(refused))
    return redirect("run-sheet-check", sheet.pk)


def _sheet(request: HtmxRequest, sheet_id: UUID) -> RunSheet:
    own = RunSheet.objects.shown().filter(owner=request.user)
    return get_object_or_404(own.select_related("template"), pk=sheet_id)


def _progress(sheet: RunSheet, job: Job | None) -> dict[str, Any]:
    """What the fragment shows; `seen` changes with it, `milestone` when that is worth telling."""
    checked, total = sheet.checked, sheet.total
    faulty = sheet.in_state(SheetRow.State.FAULTY)
    has_stopped = job is None or job.status == Status.FAILED
    reason = stuck.explain([job]).get(job.pk) if job else None
    state = f"{job.status}{job.attempt}" if job else "GONE"
    right = round(BAR * (checked - faulty) / total, 2)
    return {
        "sheet": sheet,
        "job": job,
        "has_stopped": has_stopped,
        "reason": reason,
        "checked": checked,
        "total": total,
        "faulty": faulty,
        "shown": min(faulty, PAGE),
        "right": right,
        "wrong": round(BAR * checked / total - right, 2),
        "left": None if has_stopped else _left(sheet, job),
        "seen": f"{state}.{checked}{reason.code if reason else ''}",
        "milestone": f"{has_stopped:d}{bool(faulty):d}{4 * checked // total}",
    }


def _left(sheet: RunSheet, job: Job | None) -> timedelta | None:
    """About how long the check will still take; None if that cannot be told."""
    if job is None or job.started_at is None or job.attempt != 1 or not sheet.checked:
        return None
    took = timezone.now() - job.started_at
    return took / sheet.checked * (sheet.total - sheet.checked)
