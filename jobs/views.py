"""One job, and the panel of a workflow."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from jobs import (
    bulk,
    contact,
    deeds,
    diagram,
    lifecycle,
    outcomes,
    progress,
    search,
    stuck,
    timeline,
)
from jobs.deeds import Deed
from jobs.definitions import Link
from jobs.details import Details, attempts_told, neighbours, was_refused
from jobs.models import Job, Status, Workflow, sees_all_jobs
from jobs.places import Origin
from provena.http import HtmxRequest, wants_fragment

DONE = {
    deeds.RETRY.name: "You retried this job. Its timeline tells what has become of it since.",
    deeds.CANCEL.name: "You cancelled this job.",
}
NOTHING_NEW = 204  # htmx leaves the page as it is and asks again later


@require_safe
def job_detail(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Everything about one job. Its fragment asks again while the job is unfinished."""
    job = _job_for(request, session_id)
    flow = progress.of_workflow(job.workflow, open_jobs=True) if job.workflow else None
    reason = stuck.explain([job]).get(job.pk)
    state = f"{job.status}{job.attempt}"
    seen = f"{state}-{flow.fingerprint if flow else ''}{job.done or ''}"
    if reason:
        seen += f"{reason.code}{reason.short}"
    if wants_fragment(request) and request.GET.get("seen") == seen:
        return HttpResponse(status=NOTHING_NEW)
    sees_all = sees_all_jobs(request.user)
    line = timeline.of(job, request.user, with_details=sees_all)
    context = {
        "job": job,
        "details": Details(job, request.user),
        "flow": flow,
        "drawing": diagram.draw(flow, current=job) if flow else None,
        "line": line,
        "remedy": line.remedy or outcomes.ASK,
        "attempts": attempts_told(job, line),
        "was_refused": was_refused(job, line),
        "contact": contact.administrators() if job.status == Status.FAILED else None,
        "sees_all": sees_all,
        "seen": seen,
        "is_new_state": not request.GET.get("seen", "").startswith(f"{state}-"),
        "may_operate": lifecycle.may_operate(job, request.user),
        "reason": reason,
        "came": _came(request),
        "told": bulk.told(job),
        "did": deed.done if (deed := bulk.deed_of(job)) else "done",
    }
    if wants_fragment(request):
        return render(request, "jobs/_job.html", context)
    mends = Job.objects.filter(mended_by=job.session_id).select_related("batch").order_by()
    context |= {"mends": mends.defer("payload").first()}
    return render(request, "jobs/job_detail.html", context | _ways(request, job))


@require_safe
def job_input(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """The input of a job as a file: that of a batch is too long for a page."""
    return _json_file(request, session_id, "payload", "input")


@require_safe
def job_output(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """The output of a job as a file."""
    return _json_file(request, session_id, "result", "output")


@require_http_methods(["GET", "HEAD", "POST"])
def job_deed(request: HtmxRequest, session_id: UUID, deed: Deed) -> HttpResponse:
    """Ask, and then do it to a job of the user's, and show the job again."""
    job = _job_for(request, session_id)
    here = job.get_absolute_url() + _came(request)
    if request.method != "POST":
        if job.shown in deed.alone:
            context = _question(request, job, deed) | {"came": _came(request)}
            return render(request, "jobs/job_confirm.html", context)
        messages.warning(request, f"This job is {job.shown} now. {deed.unfit}")
        return redirect(here)
    try:
        deed.to_one(job, by=request.user)
    except lifecycle.NotPossible as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, DONE[deed.name])
    return redirect(here)


def workflow_panel(request: HtmxRequest, workflow: Workflow, *, refresh_url: str) -> HttpResponse:
    """The fragment by which the panel of a workflow updates itself; 204 when nothing is new.

    The caller has decided that the user may see what the workflow is about.
    """
    context = panel(request, workflow, refresh_url=refresh_url)
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=NOTHING_NEW)
    return render(request, "jobs/_workflow.html", context)


def panel(request: HtmxRequest, workflow: Workflow, *, refresh_url: str) -> dict[str, Any]:
    """The context of `jobs/_workflow_panel.html`. Only who may see its jobs gets links to them."""
    open_jobs = workflow.owner_id == request.user.pk or sees_all_jobs(request.user)
    return panel_of(progress.of_workflow(workflow, open_jobs=open_jobs), refresh_url=refresh_url)


def panel_of(flow: progress.Progress, *, refresh_url: str) -> dict[str, Any]:
    """The context of that panel for what is known of its progress."""
    reasons = stuck.explain(step.job for step in flow.steps if step.job)
    reason = next(iter(reasons.values()), None)  # steps are done one after the other
    return {
        "flow": flow,
        "drawing": diagram.draw(flow),
        "refresh_url": refresh_url,
        "reason": reason,
        "seen": f"{flow.fingerprint}{reason.code + reason.short if reason else ''}",
    }


def _came(request: HtmxRequest) -> str:
    """What tells from which list somebody came to a job, behind its address; empty for none."""
    origin = Origin.of(request.GET)
    return f"?{origin.query}" if origin else ""


def _ways(request: HtmxRequest, job: Job) -> dict[str, Any]:
    """Where the page of a job leads: back, and to what is before and after it. Who came from a list
    goes on in that list; else it is the batch of the job, or the list of its owner's jobs."""
    if origin := Origin.of(request.GET):
        words = "Jobs that match" if origin.wanted.to_query() else "Jobs"
        back, address_of = Link(words, origin.back(job)), origin.to
        near = search.beside(origin.wanted, request.user, job.pk)
    elif job.batch:
        back, address_of = Link(job.batch.title, job.batch.get_absolute_url()), _own_address
        near = neighbours(job)
    else:
        back, address_of = Link("Jobs", reverse("job-list")), _listed_address
        near = neighbours(job)
    before, after = ({"job": one, "url": address_of(one)} if one else None for one in near)
    in_batch = bool(job.batch and not origin)
    return {"back": back, "before": before, "after": after, "in_batch": in_batch}


def _own_address(job: Job) -> str:
    return job.get_absolute_url()


def _listed_address(job: Job) -> str:
    """Where the row leads that stands for the job, or for the batch of which it is the first."""
    return (job.batch or job).get_absolute_url()


def _job_for(request: HtmxRequest, session_id: UUID) -> Job:
    """The job without what may be long, if the user may see it."""
    visible = Job.objects.visible_to(request.user).select_related("owner", "batch", "workflow")
    jobs = visible.numbered().defer("payload", "result", "traceback")
    return get_object_or_404(jobs, session_id=session_id)


def _json_file(request: HtmxRequest, session_id: UUID, column: str, name: str) -> HttpResponse:
    job = _job_for(request, session_id)
    if not Details(job, request.user).is_open:
        raise PermissionDenied("This job is about an item that you may not read.")
    data = getattr(job, column)
    if data is None:
        raise Http404(f"This job has no {name}.")
    response = JsonResponse(data, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="job-{job.session_id}-{name}.json"'
    return response


def _question(request: HtmxRequest, job: Job, deed: Deed) -> dict[str, Any]:
    """What is asked before it is done; of a retry that may not help, also what would."""
    line = timeline.of(job, request.user, with_details=False)
    return {
        "job": job,
        "details": Details(job, request.user),
        "deed": deed,
        "meaning": deed.means(job),
        "doubt": line.remedy if deed is deeds.RETRY and was_refused(job, line) else "",
    }
