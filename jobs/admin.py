"""Jobs in Django admin: to look at. A hand edit would break what the rows say, so none is offered;
actions that change a job go through `jobs.lifecycle`."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_q import admin as django_q_admin
from django_q.models import Failure, OrmQ, Schedule, Success

from jobs import lifecycle, progress
from jobs.models import (
    FAILED_AS,
    UNFINISHED,
    Batch,
    Cluster,
    Job,
    JobEvent,
    Status,
    Workflow,
    sees_all_jobs,
)
from provena.words import counted

# Django-Q2 keeps nothing in its own tables here, and its forms hold unsigned pickles. Importing its
# admin first is what registers it, so that it can be taken out again.
for model in (Failure, OrmQ, Schedule, Success):
    if django_q_admin.admin.site.is_registered(model):
        admin.site.unregister(model)


MOST_TOLD = 5  # jobs that were mended, of those that an action was to be done to


class ReadOnly:
    """Mixed into an admin or an inline: it shows, and changes nothing."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class StateFilter(admin.SimpleListFilter):
    """Jobs by the word that people see for their state."""

    title = "status"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state) for state in progress.COUNTED]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        state = self.value()
        if state in FAILED_AS:
            return queryset.filter(FAILED_AS[state])
        return queryset.filter(status=state) if state else queryset


class ShowsState:
    """Mixed into an admin or an inline of jobs: the word that people see for their state."""

    @admin.display(description="status", ordering="status")
    def shown(self, job: Job) -> str:
        return job.shown


class EventInline(ReadOnly, admin.TabularInline):
    model = JobEvent
    fields = ("at", "kind", "by", "attempt", "message", "remedy", "traceback", "log")
    extra = 0


class JobInline(ReadOnly, ShowsState, admin.TabularInline):
    model = Job
    fields = ("session_id", "sub_type", "shown", "attempt", "created_at", "info", "mended_by")
    readonly_fields = ("shown",)
    show_change_link = True
    extra = 0


@admin.register(Job)
class JobAdmin(ReadOnly, ShowsState, admin.ModelAdmin):
    list_display = ("session_id", "sub_type", "subject", "owner", "shown", "attempt", "created_at")
    list_filter = (StateFilter, "type", "sub_type", "queue")
    list_select_related = ("owner",)
    search_fields = ("=session_id", "subject", "=owner__username", "info")
    search_help_text = "A whole session id, a subject id, a user name, or words of the message."
    show_full_result_count = False
    inlines = (EventInline,)
    actions = ("retry", "cancel")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and sees_all_jobs(request.user)

    @admin.action(description="Retry the failed ones", permissions=["operate"])
    def retry(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._operate(request, jobs.filter(status=Status.FAILED), lifecycle.retry, "retried")

    @admin.action(description="Cancel those that have not finished", permissions=["operate"])
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._operate(request, jobs.filter(status__in=UNFINISHED), lifecycle.cancel, "cancelled")

    def _operate(
        self, request: HttpRequest, jobs: QuerySet[Job], act: Callable[..., None], done: str
    ) -> None:
        """Do it to each job; one that changed its state meanwhile is left as it is, and the first
        ones of those that were mended are told with what took their place."""
        number = 0
        for job in jobs:
            with suppress(lifecycle.NotPossible):
                act(job, by=request.user)
                number += 1
        self.message_user(request, f"{counted(number, 'job')} {done}.")
        for job in jobs.filter(mended_by__isnull=False)[:MOST_TOLD]:
            self.message_user(request, _mended(job), messages.WARNING)


def _mended(job: Job) -> SafeString:
    """That a job was not retried, and what took its place."""
    return format_html(
        'Job {} was mended: <a href="{}">job {}</a> took its place.',
        job.session_id,
        reverse("job-detail", args=[job.mended_by]),
        job.mended_by,
    )


@admin.register(Workflow)
class WorkflowAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("id", "kind", "subject", "owner", "created_at")
    list_filter = ("kind",)
    list_select_related = ("owner",)
    search_fields = ("=id", "subject", "=owner__username")
    inlines = (JobInline,)


@admin.register(Batch)
class BatchAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("id", "title", "total", "owner", "created_at")
    list_select_related = ("owner",)
    search_fields = ("=id", "title", "=owner__username")
    readonly_fields = ("progress",)

    @admin.display(description="Progress")
    def progress(self, batch: Batch) -> str:
        return progress.told(progress.of_batches([batch])[batch.pk])


@admin.register(Cluster)
class ClusterAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("host", "pid", "queue", "workers", "started_at", "beat_at")
