"""The pages of model runs: registering one, following its job, editing, linking to a study."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect

from jobs import definitions, progress
from jobs import views as job_views
from jobs.models import Job, Status, sees_all_jobs
from provena.http import HtmxRequest, wants_fragment
from provena.ids import uuid_of
from registry import access, references, services
from registry.access import Level
from registry.forms import Field
from registry.kinds.runs import ModelRun
from registry.kinds.shape import Shape
from registry.kinds.values import without_address
from registry.model_runs import columns, explained, records
from registry.model_runs import services as runs
from registry.model_runs.columns import Layout
from registry.model_runs.forms import RunForm
from registry.models import HANDLE, Item, RunSheet
from registry.views import sheets
from registry.views.common import UNPROCESSABLE, Reader, item_for
from registry.views.forms import form_page

NOTHING_NEW = 204  # htmx leaves the page as it is and asks again later
REGISTERS, LAUNCHES = "MODEL_RUN_PROV_LODGE", "MODEL_RUN_BATCH_SUBMIT"
UPDATES = "MODEL_RUN_UPDATE"
TEMPLATE = "MODEL_RUN_WORKFLOW_TEMPLATE"
STUDY = Shape("study", "Study", "", "item", required=True, of="STUDY")
OFFERED = 12  # workflow templates
TABLES = 5


@require_safe
def choose_template(request: HtmxRequest) -> HttpResponse:
    """The first step of registering runs: which workflow they followed, and one or many."""
    readable = Item.objects.readable_by(request.user).complete().of_kind(TEMPLATE)
    chosen = without_address(request.GET.get("template", "").strip())
    context: dict[str, Any] = {
        "templates": readable.with_successors().defer("info", "search_text")[:OFFERED],
        "chosen": chosen,
        "may_write": access.level(request.user) >= Level.WRITE,
        "sheets": sheets.recent(request.user, TABLES),
    }
    if chosen:
        found = readable.filter(handle=chosen).first() if HANDLE.fullmatch(chosen) else None
        if found:
            return redirect("run-ways", found.handle)
        context["fault"] = f"There is no workflow template {chosen} that you may read."
    return render(request, "registry/runs/choose.html", context)


@require_safe
def ways(request: HtmxRequest, handle: str) -> HttpResponse:
    """The two ways to register runs of a workflow: one by a form, many by a table."""
    context = _of_template(request, handle)
    if "layout" in context:
        context["columns"] = explained.with_examples(context["layout"].columns(), request.user)
        context["person"] = services.person_of(request.user)
    return render(request, "registry/runs/ways.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HtmxRequest, handle: str) -> HttpResponse:
    """The form of one run of a workflow: empty, as a copy of `?from=RUN`, or with what the failed
    job `?job=ID` could not register."""
    context = _of_template(request, handle)
    if "layout" not in context:
        return render(request, "registry/runs/form.html", context, status=UNPROCESSABLE)
    copied = _run(request, request.GET["from"]) if request.GET.get("from") else None
    mended = _own_job(request, REGISTERS)
    if mended and not mended.is_unmended:
        return _not_to_mend(request, mended)
    initial = copied.info["record"] if copied else _initial(request, mended)
    form = RunForm(context["layout"], request.user, request.POST or None, initial)
    context |= {"dropped": form.dropped, "copied": copied, "mended": mended}
    if access.level(request.user) < Level.WRITE:
        context["refusal"] = "Your account may not change the registry."

    def save(form: RunForm) -> HttpResponse | None:
        if _is_odd(request, form, context):
            return None
        anyway = "anyway" in request.POST
        try:
            job = runs.register(record=form.record, owner=request.user, anyway=anyway, mends=mended)
        except runs.AlreadyThere as there:
            context["already_there"] = there
            return None
        return redirect("run-job", job.session_id)

    return form_page(request, form, save, context, "registry/runs/form.html")


@require_safe
def follow(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """The job that registers a run or launches a batch, until it leads to what it made."""
    own = Job.objects.filter(owner=request.user, sub_type__in=[REGISTERS, LAUNCHES])
    job = get_object_or_404(own.select_related("owner"), session_id=session_id)
    if job.result is not None:
        leads = HttpResponseClientRedirect if request.htmx else redirect
        return leads(_made(job))
    context = _panel(request, job, request.path)
    if wants_fragment(request):
        return _renewed(request, context, reload=job.status == Status.FAILED)
    context |= {"job": job, "record": job.payload.get("record"), "template_id": job.subject}
    return render(request, "registry/runs/follow.html", context)


@require_safe
def job(request: HtmxRequest, handle: str) -> HttpResponse:
    """The fragment by which the job panel of a run updates itself; at the end it renews the page,
    because the run may be another then."""
    item = item_for(request.user, handle)
    found = job_of(item)
    if found is None:
        raise Http404("No job of this run is kept.")
    if not request.htmx:
        return redirect(item)
    return _renewed(request, _panel(request, found, request.path), reload=found.is_finished)


def job_panel(request: HtmxRequest, item: Item) -> dict[str, Any]:
    """The context of the panel with the latest job of a run, if that is kept."""
    found = job_of(item)
    if found is None:
        return {}
    is_own = found.owner_id == request.user.pk
    failed = found if found.is_unmended and is_own else None
    return _panel(request, found, reverse("run-panel", args=[item.handle])) | {
        "failed_edit": failed if failed and failed.sub_type == UPDATES else None
    }


def job_of(item: Item) -> Job | None:
    """The job that registered a run, or the last that changed it."""
    session_id = item.system.get("session_id")
    return Job.objects.filter(session_id=session_id).first() if session_id else None


def origin(request: HtmxRequest, item: Item) -> dict[str, Any]:
    """The job that registered a run, where that came from a batch, and for the owner of the table
    the row that it stands in there."""
    session_id = item.system.get("registered_by") or item.system.get("session_id")
    jobs = Job.objects.visible_to(request.user).filter(session_id=session_id, batch__isnull=False)
    kept = jobs.numbered().select_related("batch").defer("payload", "result")
    found: Any = kept.first()
    if found is None:
        return {}
    table = definitions.subjects(request.user, [found.batch.subject]).get(found.batch.subject)
    row = ""
    if table and found.row and RunSheet.objects.filter(pk=found.batch.subject).exists():
        row = reverse("run-sheet-row", args=[found.batch.subject, int(found.row)])
    return {"registering_job": found, "table": table, "table_row": row}


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HtmxRequest, handle: str) -> HttpResponse:
    """The form of a run that is there. Saving it queues the job that replaces it; an edit that
    takes the origin from data which others use is saved only when that was seen."""
    item = _run(request, handle)
    last = item.revisions.values_list("number", flat=True).first() or 0
    seen = request.POST.get("seen", "")
    context: dict[str, Any] = {
        "item": item,
        "seen": int(seen) if seen.isdecimal() and len(seen) < 10 else last,
        "reason": request.POST.get("reason", ""),
        "template": None,
    } | _refusal(Reader(request.user, item))
    if request.method == "POST" and not context["reason"].strip():
        context["reason_fault"] = "Give a reason: those who read the history later need it."
    try:
        layout = columns.layout_for(item.info["record"]["workflow_template_id"], request.user)
    except services.Refused as refused:
        context["refusal"] = str(refused)
        return render(request, "registry/runs/form.html", context, status=UNPROCESSABLE)
    failed = _failed_edit(request, item)
    if failed and not failed.is_unmended:
        return _not_to_mend(request, failed)
    if failed:
        context["reason"] = context["reason"] or failed.payload["reason"]
    record = failed.payload["updated_record"] if failed else item.info["record"]
    form = RunForm(layout, request.user, request.POST or None, record)
    context |= {"template": layout.template, "layout": layout, "dropped": form.dropped}

    def save(form: RunForm) -> HttpResponse | None:
        return _updated(request, item, form, context, failed)

    return form_page(request, form, save, context, "registry/runs/form.html")


@require_http_methods(["GET", "HEAD", "POST"])
def link_study(request: HtmxRequest, handle: str) -> HttpResponse:
    """Say which study a run is part of."""
    item = _run(request, handle)
    study = without_address(request.POST.get("study", "").strip())
    field = Field(STUDY, "study", study)
    field.named = references.named({study}, request.user).get(study) if study else None
    context: dict[str, Any] = {"item": item, "field": field}
    context |= _refusal(Reader(request.user, item))
    if request.method == "POST" and "refusal" not in context:
        try:
            if not study:
                raise services.Refused("Choose a study.")
            runs.link_study(handle=handle, study=study, by=request.user)
        except services.Refused as refused:
            context["refusal"] = str(refused)
        else:
            messages.success(request, "Linked. Its provenance is being written anew.")
            return redirect(item)
    status = UNPROCESSABLE if request.method == "POST" else 200
    return render(request, "registry/runs/link_study.html", context, status=status)


def _made(job: Job) -> str:
    """Where the run or the batch is that a job has made."""
    result: dict[str, Any] = job.result or {}
    if job.sub_type == LAUNCHES:
        if batch := result.get("batch_id"):
            return reverse("batch-detail", args=[batch])
        return reverse("run-sheet", args=[job.payload["sheet"]])
    return reverse("item-detail", args=[result["record"]["id"]])


def _of_template(request: HtmxRequest, handle: str) -> dict[str, Any]:
    """The workflow template and what it asks of a run; or why runs of it cannot be registered."""
    template = item_for(request.user, handle)
    if template.subtype != TEMPLATE:
        raise Http404(f"{handle} is {template.kind.a_label()}, not a workflow template.")
    context: dict[str, Any] = {"template": template}
    try:
        layout: Layout = columns.layout_for(handle, request.user)
    except services.Refused as refused:
        return context | {"refusal": str(refused)}
    return context | {"layout": layout}


def _initial(request: HtmxRequest, mended: Job | None) -> Mapping[str, Any]:
    """What a form begins with that is no copy."""
    if mended:
        return records.normal(mended.payload["record"]) or {}
    person = services.person_of(request.user)
    return {"associations": {"modeller_id": person.handle}} if person else {}


def _failed_edit(request: HtmxRequest, item: Item) -> Job | None:
    """The edit of that run that `?job=ID` could not save, so that nothing typed is lost."""
    job = _own_job(request, UPDATES)
    is_of = job is not None and job.payload["model_run_record_id"] == item.handle
    return job if is_of else None


def _own_job(request: HtmxRequest, sub_type: str) -> Job | None:
    """The user's job that `?job=ID` names, if it is of that kind."""
    key = uuid_of(request.GET.get("job", ""))
    own = Job.objects.filter(owner=request.user, sub_type=sub_type)
    return own.filter(session_id=key).first() if key else None


def _not_to_mend(request: HtmxRequest, job: Job) -> HttpResponse:
    """A job that was retried or mended meanwhile is not mended (again): its page tells more."""
    what = "mended already" if job.mended_by else f"{job.status} now, so there is nothing to mend"
    messages.warning(request, f"This job is {what}.")
    return redirect(job)


def _run(request: HtmxRequest, handle: str) -> Item:
    item = item_for(request.user, handle)
    if item.subtype != ModelRun.subtype or not item.is_complete:
        raise Http404(f"{handle} is no model run.")
    return item


def _refusal(reader: Reader) -> dict[str, str]:
    """Why the reader cannot change the run, if so."""
    item = reader.item
    if not reader.may_edit:
        return {
            "refusal": f"You may not edit {item.handle}. Its owner, {item.owner.get_username()}, "
            "or an administrator of it can give you the role metadata-write."
        }
    if item.is_locked:
        return {"refusal": "This run is locked. Unlock it on its Settings tab to edit it."}
    return {}


def _updated(
    request: HtmxRequest, item: Item, form: RunForm, context: dict[str, Any], mends: Job | None
) -> HttpResponse | None:
    if form.stored == item.info["record"]:
        context["unchanged"] = True
        return None
    if _is_odd(request, form, context):
        return None
    try:
        runs.update(
            handle=item.handle,
            record=form.record,
            reason=context["reason"],
            by=request.user,
            seen=context["seen"],
            anyway="anyway" in request.POST,
            mends=mends,
        )
    except runs.OrphansLeft as left:
        context["orphans"] = left.orphans
        return None
    messages.success(request, "The change is on its way; the panel follows its job.")
    return redirect(item)


def _is_odd(request: HtmxRequest, form: RunForm, context: dict[str, Any]) -> bool:
    """True where something looks odd that whoever fills in the form has not been told yet. Sent
    once more as it is, it is taken."""
    context["is_odd"] = bool(form.odd) and request.POST.get("odd") != form.odd
    return bool(context["is_odd"])


def _panel(request: HtmxRequest, job: Job, refresh_url: str) -> dict[str, Any]:
    open_jobs = job.owner_id == request.user.pk or sees_all_jobs(request.user)
    flow = progress.of_job(job, purpose=PURPOSES.get(job.sub_type, ""), open_jobs=open_jobs)
    return job_views.panel_of(flow, refresh_url=refresh_url)


PURPOSES = {
    LAUNCHES: "Launches a job for each run.",
    REGISTERS: "Checks the run, registers it and writes its provenance.",
    "MODEL_RUN_UPDATE": "Checks the new record, and puts it and its provenance in place.",
    "MODEL_RUN_LODGE_ONLY": "Writes the provenance of the run anew.",
    "MODEL_RUN_UPDATE_LODGE_ONLY": "Writes the provenance of the run anew.",
}


def _renewed(request: HtmxRequest, context: dict[str, Any], *, reload: bool) -> HttpResponse:
    """The panel again, or nothing where nothing is new; at the end the whole page."""
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=NOTHING_NEW)
    response = render(request, "jobs/_workflow.html", context)
    if reload:
        response["HX-Refresh"] = "true"
    return response
