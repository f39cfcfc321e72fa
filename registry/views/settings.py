"""Who may do what with an item, its release, its lock, its end; and the groups."""

import re
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from provena.http import HtmxRequest
from registry import access, services
from registry.access import Role
from registry.models import Group, Item
from registry.views.common import UNPROCESSABLE, Reader, item_page
from registry.views.releases import act, release_of

SHOWN = 50  # of the latest changes
SEEN = re.compile("[0-9]{1,9}")
SLUG = re.compile(r"[-\w]{1,60}", re.ASCII)


@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HtmxRequest, handle: str) -> HttpResponse:
    """The Settings tab: access for everyone and for groups, the lock with its history, and of a
    dataset its release. Readers see the last two; who administers the item sees and changes all."""
    item, context = item_page(request, handle, "settings")
    reader: Reader = context["reader"]
    status = 200
    if reader.may_administer:
        if request.method == "POST":
            wanted = _posted_access(request.POST, item)
            if not _adds_a_group(request.POST):
                seen = request.POST.get("seen", "")
                try:
                    services.change_access(
                        handle=handle,
                        by=request.user,
                        seen=int(seen) if SEEN.fullmatch(seen) else None,
                        **wanted,
                    )
                except services.Refused as refused:
                    context["refusal"], status = str(refused), UNPROCESSABLE
                else:
                    messages.success(request, "Access saved.")
                    return redirect("item-settings", handle)
        else:
            wanted = services.settings_of(item)
        context |= _access(item, wanted)
    elif request.method == "POST":
        raise PermissionDenied(f"Only who administers {handle} can change its access.")
    return _page(request, item, context | {"release": release_of(reader)}, status)


@require_http_methods(["GET", "HEAD", "POST"])
def release(request: HtmxRequest, handle: str) -> HttpResponse:
    """Ask for the release of a dataset or decide on it; what was typed stays if it is refused."""
    item, context = item_page(request, handle, "settings")
    reader: Reader = context["reader"]
    if request.method == "POST":
        try:
            done = act(item, request.POST, reader)
        except services.Refused as refused:
            if reader.may_administer:
                context |= _access(item, services.settings_of(item))
            typed = request.POST.dict()
            context["release"] = release_of(reader, typed=typed, refusal=str(refused))
            context["refusal"] = "" if context["release"] else str(refused)
            return _page(request, item, context, UNPROCESSABLE)
        messages.success(request, done)
    return redirect("item-settings", handle)


@require_http_methods(["GET", "HEAD", "POST"])
def set_lock(request: HtmxRequest, handle: str) -> HttpResponse:
    """Lock or unlock an item, with a reason."""
    item, _ = item_page(request, handle, "settings")
    do = services.unlock if request.POST.get("to") == "unlock" else services.lock
    done = "The item can be changed again." if do is services.unlock else "The item is locked."
    return _settled(request, item, do, done)


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HtmxRequest, handle: str) -> HttpResponse:
    """For administrators of the registry: what depends on an item, and the last resort."""
    item, context = item_page(request, handle, "settings")
    if not context["reader"].may_delete:
        raise PermissionDenied("Only administrators of the registry can delete items.")
    context["reason"] = request.POST.get("reason", "")
    if request.method != "POST":
        context["dependents"] = services.dependents(item)
        return render(request, "registry/item_delete.html", context)
    try:
        services.delete(handle=handle, reason=context["reason"], by=request.user)
    except services.Refused as refused:
        context["refusal"] = str(refused)
        return render(request, "registry/item_delete.html", context, status=UNPROCESSABLE)
    messages.success(request, f"{item.kind.label} {handle} was deleted. Its id is not used again.")
    return redirect("explore")


@require_safe
def groups(request: HtmxRequest) -> HttpResponse:
    """All groups; members see who else is in theirs."""
    own = set(request.user.registry_groups.values_list("pk", flat=True))
    shown = (
        Group.objects.prefetch_related("members")
        if own or _sees_members(request)
        else Group.objects.all()
    )
    entries = [
        {
            "group": group,
            "is_mine": group.pk in own,
            "members": list(group.members.all())
            if group.pk in own or _sees_members(request)
            else None,
        }
        for group in shown
    ]
    context = {
        "entries": entries,
        "may_manage": access.is_permitted(request.user, "registry.change_group"),
    }
    return render(request, "registry/groups.html", context)


def _page(request: HtmxRequest, item: Item, context: dict[str, Any], status: int) -> HttpResponse:
    context["lock_events"] = item.lock_events.select_related("by")[:SHOWN]
    return render(request, "registry/item_settings.html", context, status=status)


def _settled(request: HtmxRequest, item: Item, do: Callable[..., None], done: str) -> HttpResponse:
    """Do it and go back to the Settings tab, with what came of it."""
    if request.method == "POST":
        try:
            do(handle=item.handle, reason=request.POST.get("reason", ""), by=request.user)
        except services.Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, done)
    return redirect(reverse("item-settings", args=[item.handle]))


def _posted_access(data: QueryDict, item: Item) -> dict[str, Any]:
    """The settings as they were ticked: `general` and `group-ID` hold roles, `groups` the ids."""
    named = [*data.getlist("groups"), data.get("new_group", "")]
    slugs = [slug for slug in named if SLUG.fullmatch(slug)]
    return {
        "general": data.getlist("general"),
        "groups": {slug: data.getlist(f"group-{slug}") for slug in slugs},
    }


def _adds_a_group(data: QueryDict) -> bool:
    """True for the button that adds a group, and when one was chosen and Save was pressed: it has
    no role yet that could be saved."""
    return "add" in data or bool(data.get("new_group"))


def _access(item: Item, wanted: dict[str, Any]) -> dict[str, Any]:
    """The table of roles, and the groups that have none yet."""
    roles = access.roles_of(item.kind)
    every = {group.slug: group for group in Group.objects.all()}
    rows = [_row("general", "Everyone", wanted["general"], item, roles)]
    for slug, given in wanted["groups"].items():
        if slug in every:
            rows.append(
                _row(f"group-{slug}", every[slug].display_name, given, item, roles) | {"slug": slug}
            )
    return {
        "roles": [(role, access.MEANINGS[role]) for role in roles],
        "access_rows": rows,
        "other_groups": [group for slug, group in every.items() if slug not in wanted["groups"]],
        "seen": item.access_events.count(),
        "access_events": item.access_events.select_related("by")[:SHOWN],
    }


def _row(
    name: str, label: str, given: list[str], item: Item, roles: tuple[Role, ...]
) -> dict[str, Any]:
    """A line of the table: each role, whether it is given, and whether another one implies it."""
    known = {Role(role) for role in given if role in set(roles)}
    effective = access.with_implied(known, item.kind)
    boxes = [
        {
            "role": role,
            "meaning": access.MEANINGS[role],
            "given": role in known,
            "implied": role in effective - known,
        }
        for role in roles
    ]
    return {"name": name, "label": label, "boxes": boxes}


def _sees_members(request: HtmxRequest) -> bool:
    return access.is_permitted(request.user, "registry.view_group")
