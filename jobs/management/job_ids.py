"""Jobs as commands take them: by session id."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import lifecycle
from jobs.models import Job


def job_of(text: str) -> Job:
    """The job with that session id. Raises CommandError naming what is wrong with the text."""
    try:
        return Job.objects.select_related("owner").get(session_id=UUID(text))
    except ValueError:
        raise CommandError(f"{text!r} is no session id: it looks like 0b2f6a0e-4a53-....") from None
    except Job.DoesNotExist:
        raise CommandError(f"There is no job {text}. `manage.py list_jobs` lists them.") from None


class OperatorCommand(BaseCommand):
    """Does something to each of the jobs that are named, as an operator.

    It prints the ids of those it was done to; what was not possible is an error at the end.
    """

    act: Callable[..., None]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", nargs="+", help="Session ids of jobs.")

    def handle(self, *args: Any, **options: Any) -> None:
        faults = []
        for job in [job_of(text) for text in options["id"]]:
            try:
                self.act(job, by=None)
            except lifecycle.NotPossible as refused:
                faults.append(f"{job.session_id}: {refused}")
            else:
                self.stdout.write(str(job.session_id))
        if faults:
            raise CommandError("\n".join(faults))
