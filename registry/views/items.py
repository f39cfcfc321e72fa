"""Registering an item, and the pages of one."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from jobs import views as job_views
from provena.http import HtmxRequest, wants_fragment
from registry import kinds, presentation, services
from registry.forms import KindForm
from registry.kinds import Kind
from registry.models import HANDLE, Item
from registry.provenance import diagram
from registry.provenance import lineage as walks

UNPROCESSABLE = 422


def item_for(user: User, handle: str) -> Item:
    """The item, if the user may read it. For others it does not exist: Http404."""
    if not HANDLE.fullmatch(handle):
        raise Http404(f"{handle!r} is no persistent id.")
    readable = Item.objects.readable_by(user).select_related("owner", "creation_workflow")
    return get_object_or_404(readable, handle=handle)


@require_safe
def choose_kind(request: HtmxRequest) -> HttpResponse:
    """The first step of registering: which kind of item."""
    context = {"kinds": kinds.user_made_kinds(), "person": services.person_of(request.user)}
    return render(request, "registry/choose_kind.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HtmxRequest, subtype: str) -> HttpResponse:
    """The form of a kind. A refused form keeps all that was typed."""
    kind = _user_made(subtype)
    form = KindForm(kind, request.POST or None, initial=_prefilled(kind, request.user))
    refusal = None
    try:
        services.may_register(kind, request.user)
    except services.Refused as refused:
        refusal = refused
    status = 200
    if "add" in request.POST:
        form.add_row()
        if wants_fragment(request):
            return render(request, "registry/_pairs.html", {"input": form.input("user_metadata")})
    elif request.method == "POST" and not refusal:
        if form.is_valid():
            try:
                return _registered(request, kind, form)
            except services.Refused as refused:
                refusal = refused
        status = UNPROCESSABLE
    context = {
        "kind": kind,
        "form": form,
        "refusal": refusal,
        "needs_person": isinstance(refusal, services.PersonNeeded),
        "linking": _would_link(kind, request),
    }
    return render(request, "registry/register.html", context, status=status)


@require_safe
def detail(request: HtmxRequest, handle: str) -> HttpResponse:
    """An item's overview, with the workflow that recorded its creation."""
    item = item_for(request.user, handle)
    context: dict[str, Any] = {
        "item": item,
        "tab": "overview",
        "rows": presentation.overview(item),
        "may_link": item.subtype == kinds.agents.Person.subtype
        and item.owner_id == request.user.pk
        and services.person_of(request.user) is None,
    }
    if item.creation_workflow:
        context |= job_views.panel(
            request, item.creation_workflow, refresh_url=reverse("item-workflow", args=[handle])
        )
    return render(request, "registry/item_overview.html", context)


@require_safe
def lineage(request: HtmxRequest, handle: str) -> HttpResponse:
    """What an item came from and what came from it, one step each way."""
    item = item_for(request.user, handle)
    graph = walks.neighbourhood(item, request.user)
    context = {"item": item, "tab": "lineage", "graph": graph, "drawing": diagram.draw(graph)}
    return render(request, "registry/item_lineage.html", context)


@require_safe
def workflow(request: HtmxRequest, handle: str) -> HttpResponse:
    """The fragment by which the workflow panel of an item updates itself."""
    item = item_for(request.user, handle)
    if item.creation_workflow is None:
        raise Http404
    if not request.htmx:
        return redirect(item)
    return job_views.workflow_panel(request, item.creation_workflow, refresh_url=request.path)


def _user_made(subtype: str) -> type[Kind]:
    found = {kind.subtype: kind for kind in kinds.user_made_kinds()}.get(subtype.upper())
    if found is None:
        raise Http404(f"No kind {subtype} can be registered.")
    return found


def _registered(request: HtmxRequest, kind: type[Kind], form: KindForm) -> HttpResponse:
    is_self = _would_link(kind, request)
    if is_self:
        item = services.register_self(content=form.content, user=request.user)
    else:
        item = services.register(subtype=kind.subtype, content=form.content, owner=request.user)
    messages.success(request, f"{kind.label} registered as {item.handle}.")
    if is_self:
        messages.success(request, "Your account is linked to this Person.")
    return redirect(item)


def _would_link(kind: type[Kind], request: HtmxRequest) -> bool:
    """True when the form was opened to register oneself, which links the account to the Person."""
    wanted = "me" in request.GET and kind is kinds.agents.Person
    return wanted and services.person_of(request.user) is None


def _prefilled(kind: type[Kind], user: User) -> dict[str, Any]:
    """A Person's form begins with what the account says of its user; consent is never ticked."""
    if kind is not kinds.agents.Person or services.person_of(user):
        return {}
    return {
        "display_name": user.get_full_name(),
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
    }
