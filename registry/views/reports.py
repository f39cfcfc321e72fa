"""The report on a model run or a study: to look at, and to download."""

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from provena.http import HtmxRequest
from registry.reports import contents, files, jobs
from registry.reports.jobs import LINK_HOLDS, LinkExpired
from registry.services import Refused
from registry.views.common import item_for, item_page

GONE = 410


@require_safe
def report(request: HtmxRequest, handle: str) -> HttpResponse:
    """The report with as many steps upstream as `?depth=` says, 1 unless it does."""
    item, context = item_page(request, handle, "report")
    depth = _depth(request)
    context |= {"depth": depth, "depths": contents.DEPTHS, "formats": files.FORMATS.values()}
    context["nothing"] = contents.NOTHING
    try:
        context["report"] = contents.of_item(item, request.user, depth)
    except contents.TooLarge as refused:
        context["refusal"] = refused
    except Refused as refused:
        raise Http404(str(refused)) from None
    return render(request, "registry/item_report.html", context)


@require_safe
def download(request: HtmxRequest, handle: str, name: str) -> HttpResponse:
    """The report as a file."""
    item, chosen = item_for(request.user, handle), _format(name)
    try:
        found = contents.of_item(item, request.user, _depth(request))
    except Refused as refused:
        raise Http404(str(refused)) from None
    return files.answer(found, chosen)


@login_not_required  # who has the link may have the report, while it holds
@never_cache
@require_safe
def linked(request: HtmxRequest, token: str, name: str) -> HttpResponse:
    """The report of a job as a file."""
    chosen = _format(name)
    try:
        return files.answer(jobs.linked(token), chosen)
    except LinkExpired:
        context = {"minutes": LINK_HOLDS // 60}
        return render(request, "registry/report_expired.html", context, status=GONE)


def _depth(request: HtmxRequest) -> int:
    text = request.GET.get("depth", "")
    return next((depth for depth in contents.DEPTHS if str(depth) == text), contents.DEPTHS[0])


def _format(name: str) -> files.Format:
    if name not in files.FORMATS:
        known = ", ".join(files.FORMATS)
        raise Http404(f"There is no format {name!r} of reports. There are: {known}.")
    return files.FORMATS[name]
