"""System checks: a wrong set-up says so at start, with what to do about it."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connection

from jobs import definitions


@register
def job_kinds_fit_together(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Every step of every workflow is a declared job kind."""
    known = {kind.sub_type for kind in definitions.job_kinds()}
    return [
        Error(
            f"Workflow {kind.name} has the step {step}, which is no declared job kind.",
            hint="Declare it with @jobs.definitions.job, or mend the spelling.",
            id="jobs.E001",
        )
        for kind in definitions.workflow_kinds()
        for step in kind.steps
        if step not in known
    ]


@register
def database_can_claim(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """The database has what the queue needs."""
    if connection.vendor not in {"sqlite", "postgresql"}:
        return [
            Error(
                f"The queue does not work on {connection.vendor}.",
                hint="Set DATABASE_URL to sqlite:///... or postgres://...",
                id="jobs.E002",
            )
        ]
    if connection.vendor == "sqlite" and sqlite3.sqlite_version_info < (3, 35):
        return [
            Error(
                f"SQLite {sqlite3.sqlite_version} cannot UPDATE ... RETURNING.",
                hint="Use a Python with SQLite 3.35 or later, or PostgreSQL.",
                id="jobs.E003",
            )
        ]
    return []


@register
def broker_is_ours(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Django-Q2 reads the Job table and keeps no results of its own."""
    cluster = settings.Q_CLUSTER
    faults: list[CheckMessage] = []
    if cluster.get("broker_class") != "jobs.broker.JobBroker":
        faults.append(
            Error(
                "Q_CLUSTER['broker_class'] is not 'jobs.broker.JobBroker', so no job would run.",
                hint="Take Q_CLUSTER from provena/settings.py.",
                id="jobs.E004",
            )
        )
    if cluster.get("save_limit") != -1:
        faults.append(
            Warning(
                "Q_CLUSTER['save_limit'] is not -1: Django-Q2 would store each result twice.",
                hint="Set it to -1; results are in the Job table.",
                id="jobs.W005",
            )
        )
    return faults


@register
def mail_is_whole(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Mail is set up or it is not."""
    given = {
        "EMAIL_URL": settings.EMAIL_HOST,
        "DEFAULT_FROM_EMAIL": settings.DEFAULT_FROM_EMAIL,
        "SITE_URL": settings.SITE_URL,
    }
    faults: list[CheckMessage] = []
    missing = [name for name, value in given.items() if not value]
    if 0 < len(missing) < len(given):
        faults.append(
            Warning(
                f"No mail is sent, because {' and '.join(missing)} is not set.",
                hint="Set EMAIL_URL, DEFAULT_FROM_EMAIL and SITE_URL, or none of them.",
                id="jobs.W006",
            )
        )
    if settings.SITE_URL and not settings.SITE_URL.startswith(("http://", "https://")):
        faults.append(
            Error(
                f"SITE_URL is {settings.SITE_URL!r}: links in mails would lead nowhere.",
                hint="Write it with its scheme, as https://provena.example.org.",
                id="jobs.E007",
            )
        )
    return faults
