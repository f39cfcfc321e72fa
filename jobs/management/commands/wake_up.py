"""`manage.py wake_up [KIND ...] --user NAME`: see that jobs get done, and how long it takes."""

import time
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import stuck, wakeups
from jobs.lifecycle import NotPossible
from jobs.models import Job, Status
from jobs.templatetags.jobs import duration

LOOK_EVERY = 0.02  # seconds


class Command(BaseCommand):
    help = (
        "Launches wake-ups, jobs that do nothing, waits for them, and prints how long each took "
        "from its submission. The exit code is 1 if one is not done in time; it says why."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "kind", nargs="*", help="Such as REGISTRY_WAKE_UP; one of each if none."
        )
        parser.add_argument("--user", required=True, help="Whose jobs they are: staff who may.")
        parser.add_argument("--reason", default="", help="Kept with the jobs.")
        parser.add_argument("--wait", type=float, default=60, help="At most so many seconds (60).")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        wanted = options["kind"] or [kind.sub_type for kind in wakeups.kinds()]
        try:
            made = wakeups.launch(wanted, by=user, reason=options["reason"])
        except NotPossible as refused:
            raise CommandError(str(refused)) from None
        jobs = _ended([job.pk for job in made], options["wait"])
        for job in jobs:
            took = duration(job.took) if job.took else "not done"
            self.stdout.write(f"{job.session_id}  {job.sub_type:<20}  {job.status:<11}  {took}")
        late = [job for job in jobs if job.status != Status.SUCCEEDED]
        if late:
            raise CommandError("\n".join(_faults(late)))


def _ended(keys: list[int], patience: float) -> list[Job]:
    """The jobs once all have ended, or as they are after so many seconds."""
    deadline = time.monotonic() + patience
    while True:
        jobs = list(Job.objects.filter(pk__in=keys).order_by("pk"))
        if all(job.is_finished for job in jobs) or time.monotonic() > deadline:
            return jobs
        time.sleep(LOOK_EVERY)


def _faults(late: list[Job]) -> list[str]:
    reasons = stuck.explain(late)
    return [
        f"{job.sub_type}: {job.info or reasons.get(job.pk) or 'It is on its way.'}" for job in late
    ]
