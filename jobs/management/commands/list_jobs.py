"""`manage.py list_jobs`: jobs, newest first."""

import json
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs.management.output import while_read
from jobs.models import Job, Status

MOST = 100_000


class Command(BaseCommand):
    help = "Lists jobs, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", help="Only this user's jobs.")
        parser.add_argument(
            "--status", choices=Status.values, type=str.upper, help="Only jobs in this state."
        )
        parser.add_argument("--subject", help="Only jobs about the item with this id.")
        parser.add_argument("--limit", type=int, default=25, help="At most so many (25).")
        parser.add_argument("--json", action="store_true", help="One JSON object a line.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["limit"] <= MOST:
            raise CommandError(f"--limit must be at least 1 and at most {MOST}.")
        jobs = Job.objects.select_related("owner")
        if name := options["user"]:
            if not User.objects.filter(username=name).exists():
                raise CommandError(f"There is no user {name!r}.")
            jobs = jobs.filter(owner__username=name)
        if status := options["status"]:
            jobs = jobs.filter(status=status)
        if subject := options["subject"]:
            jobs = jobs.filter(subject=subject)
        found = list(jobs[: options["limit"] + 1])
        shown = found[: options["limit"]]
        with while_read():
            for job in shown:
                self.stdout.write(_json(job) if options["json"] else _line(job))
            self.stdout.flush()
        if not shown:
            self.stderr.write("No such jobs.")
        elif len(found) > len(shown):
            self.stderr.write(f"There are more than these {len(shown)}: --limit shows more.")


def _line(job: Job) -> str:
    return (
        f"{job.session_id}  {job.status:<11}  {job.sub_type:<26}  {job.owner.username:<12}  "
        f"{job.created_at:%Y-%m-%d %H:%M:%S}  {job.subject}"
    )


def _json(job: Job) -> str:
    return json.dumps(
        {
            "session_id": str(job.session_id),
            "status": job.status,
            "type": job.type,
            "sub_type": job.sub_type,
            "username": job.owner.username,
            "subject": job.subject,
            "created_at": job.created_at.isoformat(),
            "info": job.info,
        }
    )
