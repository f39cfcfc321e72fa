"""The pages of one item, to read: overview, versions, log."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from jobs import views as job_views
from provena.http import HtmxRequest, wants_fragment
from provena.paging import Page, keyset
from registry import kinds, presentation, references, services, timeline
from registry.models import Item, Reference
from registry.provenance import lineage as walks
from registry.views import runs
from registry.views.common import item_for, item_page
from registry.views.releases import asked_of


@require_safe
def detail(request: HtmxRequest, handle: str) -> HttpResponse:
    """An item's overview, with the workflow that recorded how it came to be; of a study, its runs,
    and as a fragment more of them."""
    item, context = item_page(request, handle, "overview")
    if item.subtype == kinds.activities.Study.subtype:
        after = request.GET.get("runs")
        context |= {"runs": _runs_of(item, request, after), "after": after}
        if after and wants_fragment(request):
            return render(request, "registry/_study_runs.html", context)
    context |= {
        "rows": presentation.overview(item, item.info, request.user),
        "is_asked": asked_of(context["reader"]),
        "may_link": item.subtype == kinds.agents.Person.subtype
        and item.owner_id == request.user.pk
        and services.person_of(request.user) is None,
    }
    if item.workflow:
        context |= job_views.panel(
            request, item.workflow, refresh_url=reverse("item-workflow", args=[handle])
        )
    elif context["reader"].is_run:
        context |= runs.job_panel(request, item) | runs.origin(request, item)
    return render(request, "registry/item_overview.html", context)


def _runs_of(study: Item, request: HtmxRequest, after: str | None) -> Page[Reference]:
    """The model runs of a study that the reader may read, newest first."""
    runs = Item.objects.readable_by(request.user).of_kind(kinds.runs.ModelRun.subtype)
    return keyset(references.naming(study, runs), after, key="source_id")


@require_safe
def versions(request: HtmxRequest, handle: str) -> HttpResponse:
    """The line of versions that an item is in, newest first."""
    item, context = item_page(request, handle, "versions")
    if not item.kind.versioned:
        raise Http404(f"{item.kind.plural} have no versions.")
    context["versions"] = nodes = walks.versions(item, request.user)
    context["failed"] = presentation.failed(node.item for node in nodes if node.item)
    return render(request, "registry/item_versions.html", context)


@require_safe
def log(request: HtmxRequest, handle: str) -> HttpResponse:
    """All that happened to an item, newest first."""
    item, context = item_page(request, handle, "log")
    context["moments"] = timeline.of(item, request.user)
    return render(request, "registry/item_log.html", context)


@require_safe
def workflow(request: HtmxRequest, handle: str) -> HttpResponse:
    """The fragment by which the workflow panel of an item updates itself."""
    item: Item = item_for(request.user, handle)
    if item.workflow is None:
        raise Http404("This item has no workflow.")
    if not request.htmx:
        return redirect(item)
    return job_views.workflow_panel(request, item.workflow, refresh_url=request.path)
