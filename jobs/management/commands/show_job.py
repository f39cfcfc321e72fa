"""`manage.py show_job ID`: everything about one job."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jobs import stuck
from jobs.management.job_ids import job_of
from jobs.models import Job
from jobs.templatetags.jobs import duration, pretty_json


class Command(BaseCommand):
    help = "Shows one job: its states, times, error, input and output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="The job's session id.")
        parser.add_argument("--json", action="store_true", help="As one JSON object.")
        parser.add_argument("--traceback-of-job", action="store_true", help="With its traceback.")

    def handle(self, *args: Any, **options: Any) -> None:
        job = job_of(options["id"])
        if options["json"]:
            self.stdout.write(
                json.dumps(_facts(job) | {"payload": job.payload, "result": job.result})
            )
            return
        for name, value in _facts(job).items():
            if value not in (None, ""):
                self.stdout.write(f"{name:<12} {value}")
        for event in job.events.select_related("by"):
            by = f" by {event.by.get_username()}" if event.by else ""
            self.stdout.write(
                f"{'event':<12} {event.at.isoformat()} {event.get_kind_display()}{by}: "
                f"{event.message} {event.remedy}".rstrip()
            )
        self.stdout.write(f"input\n{pretty_json(job.payload)}")
        self.stdout.write(
            f"output\n{pretty_json(job.result)}" if job.result is not None else "output none yet"
        )
        if options["traceback_of_job"] and job.traceback:
            self.stdout.write(job.traceback)


def _facts(job: Job) -> dict[str, Any]:
    times = {
        name: at.isoformat() if at else None
        for name, at in (
            ("created", job.created_at),
            ("dequeued", job.dequeued_at),
            ("started", job.started_at),
            ("finished", job.finished_at),
        )
    }
    return {
        "session_id": str(job.session_id),
        "status": job.status,
        "type": job.type,
        "sub_type": job.sub_type,
        "username": job.owner.username,
        "subject": job.subject,
        "attempt": f"{job.attempt} of {job.max_attempts}",
        **times,
        "waited": duration(job.waited) if job.waited else None,
        "ran": duration(job.ran) if job.ran else None,
        "batch_id": str(job.batch_id) if job.batch_id else None,
        "workflow_id": str(job.workflow_id) if job.workflow_id else None,
        "mended_by": str(job.mended_by) if job.mended_by else None,
        "info": job.info,
        "waits": str(stuck.explain([job]).get(job.pk, "")),
    }
