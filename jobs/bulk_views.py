"""Retrying or cancelling all jobs that a filter finds: asking, and starting the job for it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from jobs import bulk
from jobs.deeds import Deed
from jobs.filters import JobFilter
from jobs.lifecycle import NotPossible
from provena.http import HtmxRequest


@require_http_methods(["GET", "HEAD", "POST"])
def matching(request: HtmxRequest, deed: Deed) -> HttpResponse:
    """Ask, and then start the job that does it to all that match; its page tells how far it is.

    An address that makes no sense does nothing: its filter would find more than was meant.
    """
    chosen, faults = JobFilter.from_query(request.GET)
    query = chosen.to_query()
    back = f"{reverse('job-list')}?{query}" if query else reverse("job-list")
    if faults:
        for fault in faults:
            messages.error(request, fault)
        return redirect(back)
    if request.method == "POST":
        try:
            return redirect(bulk.submit(deed, chosen, by=request.user))
        except NotPossible as refused:
            messages.error(request, str(refused))
            return redirect(back)
    survey = bulk.survey(deed, chosen, request.user)
    deed = bulk.worded(deed, chosen)
    if not survey.counted:
        messages.error(request, f"No {deed.which} job matches.")
        return redirect(back)
    context = {
        "deed": deed,
        "question": deed.question(survey.number, is_more=survey.is_more),
        "survey": survey,
        "number": survey.number,
        "is_more": survey.is_more,
        "parts": list(chosen.parts()),
        "back": back,
    }
    return render(request, "jobs/bulk_confirm.html", context)
