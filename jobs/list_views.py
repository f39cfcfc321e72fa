"""The Jobs tab: the jobs that concern a user."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs import definitions, progress
from jobs.models import Job, no_worker
from provena.http import HtmxRequest, wants_fragment
from provena.paging import keyset


@require_safe
def job_list(request: HtmxRequest) -> HttpResponse:
    """The jobs that concern the user, newest first; a batch is one row."""
    after = request.GET.get("after")
    jobs = Job.objects.visible_to(request.user).listed().select_related("owner", "batch")
    page = keyset(jobs.defer("payload", "result", "traceback"), after)
    context = {
        "page": page,
        "rows": _rows(request, page.rows),
        "after": after,
        "waiting_in_vain": no_worker()
        and Job.objects.visible_to(request.user).unfinished().exists(),
    }
    if not wants_fragment(request):
        return render(request, "jobs/job_list.html", context)
    return render(request, "jobs/_job_rows.html" if after else "jobs/_job_list.html", context)


def _rows(request: HtmxRequest, jobs: list[Job]) -> list[dict[str, Any]]:
    """What the list prints for each job: links and labels are found for all rows at once."""
    subjects = definitions.subjects(request.user, [job.subject for job in jobs])
    counts = progress.of_batches(job.batch for job in jobs if job.batch)
    return [
        {
            "job": job,
            "batch": job.batch,
            "status": progress.combined(counts[job.batch.pk]) if job.batch else job.status,
            "told": progress.told(counts[job.batch.pk]) if job.batch else "",
            "subject": subjects.get(job.subject),
        }
        for job in jobs
    ]
