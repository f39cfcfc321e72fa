"""Addresses of the Jobs tab."""

from django.urls import path

from jobs import batch_views, bulk_views, list_news, list_views, ops_views, views

urlpatterns = [
    path("", list_views.job_list, name="job-list"),
    path("news/", list_news.job_news, name="job-news"),
    path("jobs.csv", list_views.job_export, {"form": "csv"}, name="job-csv"),
    path("jobs.jsonl", list_views.job_export, {"form": "jsonl"}, name="job-jsonl"),
    path("batch/<uuid:batch_id>/", batch_views.batch_detail, name="batch-detail"),
    path("batch/<uuid:batch_id>/retry/", batch_views.batch_retry, name="batch-retry"),
    path(
        "batch/<uuid:batch_id>/retry-cancelled/",
        batch_views.batch_retry_cancelled,
        name="batch-retry-cancelled",
    ),
    path("batch/<uuid:batch_id>/cancel/", batch_views.batch_cancel, name="batch-cancel"),
    path("retry/", bulk_views.matching, {"deed": "retry"}, name="jobs-retry"),
    path("cancel/", bulk_views.matching, {"deed": "cancel"}, name="jobs-cancel"),
    path("workers/", ops_views.workers, name="workers"),
    path("workers/wake-up/", ops_views.wake_up, name="wake-up"),
    path("workers/queue/<str:name>/", ops_views.queue, name="queue"),
    path("<uuid:session_id>/", views.job_detail, name="job-detail"),
    path("<uuid:session_id>/input.json", views.job_input, name="job-input"),
    path("<uuid:session_id>/output.json", views.job_output, name="job-output"),
    path("<uuid:session_id>/retry/", views.job_retry, name="job-retry"),
    path("<uuid:session_id>/cancel/", views.job_cancel, name="job-cancel"),
]
