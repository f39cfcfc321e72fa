"""Jobs and batches as commands take them: by id."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import lifecycle
from jobs.models import Batch, Job


def job_of(text: str) -> Job:
    """The job with that session id. Raises CommandError naming what is wrong with the text."""
    try:
        return Job.objects.select_related("owner").get(session_id=UUID(text))
    except ValueError:
        raise CommandError(f"{text!r} is no session id: it looks like 0b2f6a0e-4a53-....") from None
    except Job.DoesNotExist:
        raise CommandError(f"There is no job {text}. `manage.py list_jobs` lists them.") from None


def batch_of(text: str) -> Batch:
    """The batch with that id. Raises CommandError naming what is wrong with the text."""
    try:
        return Batch.objects.select_related("owner").get(pk=UUID(text))
    except ValueError:
        raise CommandError(f"{text!r} is no id of a batch: it looks like 0b2f6a0e-....") from None
    except Batch.DoesNotExist:
        raise CommandError(
            f"There is no batch {text}. Its page and its jobs show its id."
        ) from None


class OperatorCommand(BaseCommand):
    """Does something to each of the jobs that are named, or to many of a batch, as an operator.

    It prints the ids of those it was done to, or how many of a batch; what was not possible is an
    error at the end.
    """

    act: Callable[..., None]
    act_on_batch: Callable[..., int]
    which: str  # jobs of a batch it is done to

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", nargs="*", help="Session ids of jobs.")
        parser.add_argument("--batch", metavar="ID", help=f"All {self.which} jobs of this batch.")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["id"]) == bool(options["batch"]):
            raise CommandError("Name jobs by their session ids, or one batch with --batch.")
        if options["batch"]:
            number = self.act_on_batch(batch_of(options["batch"]), by=None)
            self.stdout.write(str(number))
            return
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
