"""The forms of items: registering, cloning and editing, and the picker of other items."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from provena.http import HtmxRequest, wants_fragment
from registry import diff, kinds, references, search, services
from registry.forms import KindForm, ShapeForm
from registry.kinds import Findings, Kind
from registry.kinds.values import without_address
from registry.models import HANDLE, Group, Item
from registry.references import Named
from registry.views.common import CONFLICT, UNPROCESSABLE, Reader, item_for

F = TypeVar("F", bound=ShapeForm)
PICKED = 8  # items that the picker offers


@require_safe
def choose_kind(request: HtmxRequest) -> HttpResponse:
    """The first step of registering: which kind of item."""
    context = {
        "kinds": kinds.user_made_kinds(),
        "run": kinds.runs.ModelRun,
        "person": services.person_of(request.user),
    }
    return render(request, "registry/choose_kind.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HtmxRequest, subtype: str) -> HttpResponse:
    """The form of a kind, empty or as a clone of `?from=ID`. Refused, it keeps what was typed."""
    kind = _user_made(subtype)
    original = _original(request, kind)
    initial = cloned(kind, original) if original else _prefilled(kind, request.user)
    context: dict[str, Any] = {
        "kind": kind,
        "original": original,
        "linking": _would_link(kind, request),
        "groups": _groups(request) if kind.has_files else [],
    }
    try:
        services.may_register(kind, request.user)
    except services.Refused as refused:
        context |= _refusal(refused)

    def save(form: KindForm) -> HttpResponse:
        return _registered(request, kind, form)

    return form_page(request, KindForm(kind, request.POST or None, initial), save, context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HtmxRequest, handle: str) -> HttpResponse:
    """The form of an item. If somebody saved it since it was opened, the page says what they
    changed, keeps what was typed, and can then be saved over theirs."""
    item = item_for(request.user, handle)
    kind = _user_made(item.subtype)
    reader = Reader(request.user, item)
    last = item.revisions.values_list("number", flat=True).first() or 0
    seen = request.POST.get("seen", "")
    context: dict[str, Any] = {
        "kind": kind,
        "item": item,
        "seen": int(seen) if seen.isdecimal() and len(seen) < 10 else last,
        "reason": request.POST.get("reason", ""),
    }
    if request.method == "POST" and item.is_complete and not context["reason"].strip():
        context["reason_fault"] = "Give a reason: those who read the history later need it."
    if not reader.may_edit:
        context["refusal"] = (
            f"You may not edit {item.handle}. Its owner, {item.owner.get_username()}, or an "
            "administrator of it can give you the role metadata-write."
        )
    elif item.is_locked:
        context["refusal"] = "This item is locked. Unlock it on its Settings tab to edit it."

    def save(form: KindForm) -> HttpResponse | None:
        return _updated(request, item, form, context)

    return form_page(request, KindForm(kind, request.POST or None, item.info), save, context)


@require_safe
def pick(request: HtmxRequest) -> HttpResponse:
    """The items that a picker offers for what was typed so far, which comes under the picker's own
    name: a fragment. A picker of several separates them with bars."""
    typed = request.GET.get(request.GET.get("field", ""), "")
    if "several" in request.GET:
        typed = typed.rpartition("|")[2]
    text = without_address(typed.replace("\0", "").strip()[:500])
    items = Item.objects.readable_by(request.user).complete()
    of = request.GET.get("of", "").upper()
    if of in {kind.subtype for kind in kinds.all_kinds()}:
        items = items.of_kind(of)
    if text:
        found = [hit.item for hit in search.search(items, text, limit=PICKED).hits]
    else:
        found = list(items.defer("info", "search_text")[:PICKED])
    named = references.named([item.handle for item in found], request.user)
    context = {"options": [named[item.handle] for item in found], "text": text}
    return render(request, "registry/_options.html", context)


def cloned(kind: type[Kind], original: Item) -> dict[str, Any]:
    """The content of an item as a new one begins with it."""
    return {name: value for name, value in original.info.items() if name not in kind.afresh}


def form_page(
    request: HtmxRequest,
    form: F,
    save: Callable[[F], HttpResponse | None],
    context: dict[str, Any],
    template: str = "registry/form/page.html",
) -> HttpResponse:
    """The page of a form: changes its rows, or checks and saves it. `save` returns None after it
    has put a refusal into the context."""
    status = 200
    if "do" in request.POST:
        changed = form.change_rows(request.POST["do"])
        if wants_fragment(request):
            if changed is None:
                return HttpResponse(status=204)
            _name_items(form, request.user)
            return render(request, "registry/form/_field.html", {"field": changed})
    elif request.method == "POST":
        status = UNPROCESSABLE
        try:
            is_valid = form.is_valid() and "reason_fault" not in context
            if "refusal" not in context and is_valid and (answer := save(form)):
                return answer
        except Findings as findings:
            form.add(findings)
        except services.ChangedMeanwhile as meanwhile:
            status = CONFLICT
            context |= _their_changes(context["item"], meanwhile)
        except services.Refused as refused:
            context |= _refusal(refused)
    _name_items(form, request.user)
    return render(request, template, context | {"form": form}, status=status)


def _registered(request: HtmxRequest, kind: type[Kind], form: KindForm) -> HttpResponse:
    is_self = _would_link(kind, request)
    if is_self:
        item = services.register_self(content=form.content, user=request.user)
    else:
        item = services.register(
            subtype=kind.subtype,
            content=form.content,
            owner=request.user,
            groups=[group["slug"] for group in _groups(request) if group["is_ticked"]],
        )
    messages.success(request, f"{kind.label} registered as {item.handle}.")
    if is_self:
        messages.success(request, "Your account is linked to this Person.")
    return redirect(item)


def _groups(request: HtmxRequest) -> list[dict[str, Any]]:
    """The groups that a dataset's form offers: ticked as posted, and at first where they have a
    default access."""
    posted = request.POST.getlist("group") if request.method == "POST" else None
    return [
        {
            "slug": group.slug,
            "label": group.display_name,
            "roles": group.default_data_roles,
            "is_ticked": bool(group.default_data_roles)
            and (posted is None or group.slug in posted),
        }
        for group in Group.objects.all()
    ]


def _says_the_same(form: KindForm, info: Mapping[str, Any]) -> bool:
    """A tick that is not set says the same as one that was left out."""
    try:
        return form.kind.parse(form.content) == form.kind.parse(info)
    except Findings:  # of what was right once
        return False


def _updated(
    request: HtmxRequest, item: Item, form: KindForm, context: dict[str, Any]
) -> HttpResponse | None:
    if item.is_complete and _says_the_same(form, item.info):
        context["unchanged"] = True
        return None
    services.update(
        handle=item.handle,
        subtype=item.subtype,
        content=form.content,
        reason=context["reason"],
        by=request.user,
        seen=context["seen"],
    )
    messages.success(request, "Saved. The history keeps what it was before.")
    return redirect(item)


def _their_changes(item: Item, meanwhile: services.ChangedMeanwhile) -> dict[str, Any]:
    """What others saved since the form was opened, and the revision that it is now based on."""
    revisions = list(
        item.revisions.filter(number__gte=meanwhile.since.number - 1).order_by("number")
    )
    return {
        "meanwhile": meanwhile,
        "their_changes": diff.changes(item.kind, revisions[0].info, revisions[-1].info),
        "seen": revisions[-1].number,
    }


def _refusal(refused: services.Refused) -> dict[str, Any]:
    return {
        "refusal": str(refused),
        "needs_person": isinstance(refused, services.PersonNeeded),
    }


def _name_items(form: ShapeForm, user: User) -> None:
    ids = {handle for handle in form.item_ids() if HANDLE.fullmatch(handle)}
    named: dict[str, Named] = references.named(ids, user)
    form.name_items(named)


def _original(request: HtmxRequest, kind: type[Kind]) -> Item | None:
    """The item that is to be cloned."""
    handle = request.GET.get("from", "")
    if not handle:
        return None
    original = item_for(request.user, handle)
    if original.subtype != kind.subtype:
        raise Http404(f"{handle} is {original.kind.a_label()}, not {kind.a_label()}.")
    return original


def _user_made(subtype: str) -> type[Kind]:
    found = {kind.subtype: kind for kind in kinds.user_made_kinds()}.get(subtype.upper())
    if found is None:
        raise Http404(f"No kind {subtype} can be registered or edited by hand.")
    return found


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
