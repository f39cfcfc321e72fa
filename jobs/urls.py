"""Addresses of the Jobs tab."""

from django.urls import path

from jobs import batch_views, bulk_views, deeds, list_news, list_views, ops_views, views

urlpatterns = [
    path("", list_views.job_list, name="job-list"),
    path("news/", list_news.job_news, name="job-news"),
    path("jobs.csv", list_views.job_export, {"form": "csv"}, name="job-csv"),
    path("jobs.jsonl", list_views.job_export, {"form": "jsonl"}, name="job-jsonl"),
    path("batch/<uuid:batch_id>/", batch_views.batch_detail, name="batch-detail"),
    *(
        path(
            f"batch/<uuid:batch_id>/{deed.name}/",
            batch_views.batch_deed,
            {"deed": deed},
            name=f"batch-{deed.name}",
        )
        for deed in (deeds.RETRY, deeds.RETRY_CANCELLED, deeds.CANCEL)
    ),
    path("retry/", bulk_views.matching, {"deed": deeds.RETRY}, name="jobs-retry"),
    path("cancel/", bulk_views.matching, {"deed": deeds.CANCEL}, name="jobs-cancel"),
    path("workers/", ops_views.workers, name="workers"),
    path("workers/wake-up/", ops_views.wake_up, name="wake-up"),
    path("workers/queue/<str:name>/", ops_views.queue, name="queue"),
    path("<uuid:session_id>/", views.job_detail, name="job-detail"),
    path("<uuid:session_id>/input.json", views.job_input, name="job-input"),
    path("<uuid:session_id>/output.json", views.job_output, name="job-output"),
    path("<uuid:session_id>/retry/", views.job_deed, {"deed": deeds.RETRY}, name="job-retry"),
    path("<uuid:session_id>/cancel/", views.job_deed, {"deed": deeds.CANCEL}, name="job-cancel"),
]
