"""The history of an item, reverting to a part of it, and making a new version."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from provena.http import HtmxRequest
from provena.paging import keyset
from registry import diff, presentation, services
from registry.kinds import Findings
from registry.model_runs import services as runs
from registry.models import Item, Revision
from registry.views.common import UNPROCESSABLE, item_page

PAGE = 10  # revisions: each is shown with what it changed


@require_safe
def history(request: HtmxRequest, handle: str) -> HttpResponse:
    """Every revision, newest first: who, when, why, and what changed."""
    item, context = item_page(request, handle, "history")
    after = request.GET.get("after")
    page = keyset(item.revisions.select_related("by"), after, PAGE, key="number")
    context |= {"page": page, "after": after, "entries": _with_changes(item, page.rows)}
    return render(request, "registry/item_history.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def revision(request: HtmxRequest, handle: str, number: int) -> HttpResponse:
    """One revision as it was, what has changed since, and the form that brings it back."""
    item, context = item_page(request, handle, "history")
    shown = item.revisions.select_related("by").filter(number=number).first()
    if shown is None:
        raise Http404(f"{handle} has no revision {number}.")
    status = 200
    if request.method == "POST":
        try:
            _revert(request, context["reader"].is_run, handle, number)
        except runs.OrphansLeft as left:
            context["orphans"] = left.orphans
        except services.Refused as refused:
            context["refusal"] = str(refused)
        except Findings as findings:
            context["faults"] = [
                f"{presentation.labels(item.kind.shape(), path) or 'Item'}: {text}"
                for path, text in findings.faults
            ]
        else:
            is_later = context["reader"].is_run
            messages.success(
                request,
                "The change is on its way; the panel follows its job."
                if is_later
                else f"Reverted to revision {number}.",
            )
            return redirect(item)
        status = UNPROCESSABLE
    context |= {
        "revision": shown,
        "rows": presentation.overview(item, shown.info, request.user),
        "changes": diff.changes(item.kind, shown.info, item.info),
        "is_current": not item.revisions.filter(number__gt=number).exists(),
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "registry/item_revision.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def new_version(request: HtmxRequest, handle: str) -> HttpResponse:
    """The form that makes the next version: a reason is all it asks."""
    item, context = item_page(request, handle, "versions")
    if not item.kind.versioned:
        raise Http404(f"{item.kind.plural} have no versions.")
    reason = request.POST.get("reason", "")
    context |= {"reason": reason, "number": (item.version or 1) + 1}
    try:
        services.may_version(request.user, item)
        if request.method == "POST":
            new = services.create_version(handle=handle, reason=reason, by=request.user)
            messages.success(request, f"Version {new.version} has the id {new.handle}.")
            return redirect(new)
    except services.Refused as refused:
        context |= {
            "refusal": str(refused),
            "needs_person": isinstance(refused, services.PersonNeeded),
        }
    status = UNPROCESSABLE if request.method == "POST" else 200
    return render(request, "registry/item_new_version.html", context, status=status)


def _revert(request: HtmxRequest, is_run: bool, handle: str, number: int) -> None:
    reason, by = request.POST.get("reason", ""), request.user
    if is_run:
        anyway = "anyway" in request.POST
        runs.revert(handle=handle, number=number, reason=reason, by=by, anyway=anyway)
    else:
        services.revert(handle=handle, number=number, reason=reason, by=by)


def _with_changes(item: Item, revisions: list[Revision]) -> list[dict[str, Any]]:
    """Each revision with what it changed in the one before."""
    if not revisions:
        return []
    before = item.revisions.filter(number=revisions[-1].number - 1).first()
    older = [*revisions[1:], before]
    return [
        {
            "revision": one,
            "changes": diff.changes(item.kind, previous.info, one.info) if previous else None,
        }
        for one, previous in zip(revisions, older, strict=True)
    ]
