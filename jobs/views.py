"""One job, and the panel of a workflow."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from jobs import definitions, diagram, lifecycle, progress, stuck
from jobs.definitions import Subject
from jobs.models import Job, Status, Workflow, no_worker, sees_all_jobs
from provena.http import HtmxRequest, wants_fragment

MOST_SHOWN = 50_000  # characters of a job's input
NOTHING_NEW = 204  # htmx leaves the page as it is and asks again later


@require_safe
def job_detail(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Everything about one job. Its fragment asks again while the job is unfinished."""
    visible = Job.objects.visible_to(request.user).select_related("owner", "batch", "workflow")
    jobs = visible.with_input_size().with_names().defer("payload", "traceback")
    job = get_object_or_404(jobs, session_id=session_id)
    flow = progress.of_workflow(job.workflow, open_jobs=True) if job.workflow else None
    nobody = job.status == Status.PENDING and no_worker(job.queue)
    state = f"{job.status}{job.attempt}"
    seen = f"{state}-{flow.fingerprint if flow else ''}{'!' if nobody else ''}"
    if job.is_waiting_to_retry:
        seen += f"-{int(job.next_try_in.total_seconds())}"
    if wants_fragment(request) and request.GET.get("seen") == seen:
        return HttpResponse(status=NOTHING_NEW)
    subject = definitions.subjects(request.user, [job.subject]).get(job.subject)
    context = {
        "job": job,
        "subject": subject,
        "is_open": _is_open(job, subject, request),
        "is_long": job.input_size > MOST_SHOWN,
        "flow": flow,
        "drawing": diagram.draw(flow) if flow else None,
        "events": job.events.select_related("by"),
        "seen": seen,
        "is_new_state": not request.GET.get("seen", "").startswith(f"{state}-"),
        "may_operate": lifecycle.may_operate(job, request.user),
        "no_worker": nobody,
    }
    return render(
        request, "jobs/_job.html" if wants_fragment(request) else "jobs/job_detail.html", context
    )


@require_safe
def job_input(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """The input of a job as a file: that of a batch is too long for a page."""
    job = get_object_or_404(Job.objects.visible_to(request.user), session_id=session_id)
    subject = definitions.subjects(request.user, [job.subject]).get(job.subject)
    if not _is_open(job, subject, request):
        raise PermissionDenied("This job is about an item that you may not read.")
    response = JsonResponse(job.payload)
    response["Content-Disposition"] = f'attachment; filename="job-{job.session_id}.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def job_retry(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """Put a failed job back into the queue."""
    return _operate(request, session_id, lifecycle.retry, "The job is in the queue again.")


@require_http_methods(["GET", "HEAD", "POST"])
def job_cancel(request: HtmxRequest, session_id: UUID) -> HttpResponse:
    """End a job that has not finished."""
    return _operate(request, session_id, lifecycle.cancel, "The job is cancelled.")


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


def _is_open(job: Job, subject: Subject | None, request: HtmxRequest) -> bool:
    """True for who may see what a job took and gave."""
    return not job.subject or subject is not None or job.owner_id == request.user.pk


def _operate(
    request: HtmxRequest, session_id: UUID, act: Callable[..., None], done: str
) -> HttpResponse:
    """Do something to a job of the user's, and show the job again with what came of it.

    A GET does nothing: it comes from who had to sign in between the button and the deed.
    """
    job = get_object_or_404(Job.objects.visible_to(request.user), session_id=session_id)
    if request.method != "POST":
        return redirect(job)
    try:
        act(job, by=request.user)
    except lifecycle.NotPossible as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, done)
    return redirect(job)
