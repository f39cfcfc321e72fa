"""`manage.py register_item KIND --file item.json --user NAME`: register one item."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import progress
from jobs.models import Status, Workflow, no_worker
from registry import kinds, services
from registry.kinds import Findings
from registry.models import Item

LOOK_EVERY = 0.05  # seconds


class Command(BaseCommand):
    help = "Registers an item and prints its id and the session id of its first job."

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(kind.subtype for kind in kinds.user_made_kinds())
        parser.add_argument("kind", help=f"One of {names}.")
        parser.add_argument(
            "--file", required=True, help="JSON with the fields of the kind; - is standard input."
        )
        parser.add_argument("--user", required=True, help="The user who will own it.")
        parser.add_argument("--wait", action="store_true", help="Follow its workflow to the end.")
        parser.add_argument(
            "--timeout", type=float, default=60, help="Wait at most so many seconds (60)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        item = _register(options["kind"], _content(options["file"]), _user(options["user"]))
        workflow = item.creation_workflow
        self.stdout.write(item.handle)
        if workflow is None:
            return
        self.stdout.write(str(workflow.jobs.get(step=0).session_id))
        if options["wait"]:
            self._follow(workflow, options["timeout"])

    def _follow(self, workflow: Workflow, seconds: float) -> None:
        """Print each change of the workflow until it has ended. Raises CommandError unless it
        succeeded in time."""
        deadline = time.monotonic() + seconds
        seen = ""
        while True:
            flow = progress.of_workflow(workflow, open_jobs=True)
            if flow.fingerprint != seen:
                seen = flow.fingerprint
                steps = ", ".join(f"{step.title}: {step.word}" for step in flow.steps)
                self.stdout.write(steps, self.style.SUCCESS)
            if flow.status == Status.SUCCEEDED:
                return
            if flow.status == Status.FAILED:
                failed = workflow.jobs.filter(status=Status.FAILED)[0]
                raise CommandError(f"Job {failed.session_id} failed: {failed.info}")
            if time.monotonic() > deadline:
                raise CommandError(
                    f"It is registered, but its workflow has not ended after {seconds:g} s."
                    + (" No worker is running: start one with manage.py qcluster." * no_worker())
                )
            time.sleep(LOOK_EVERY)


def _register(subtype: str, content: dict[str, Any], owner: User) -> Item:
    try:
        return services.register(subtype=subtype, content=content, owner=owner)
    except services.Refused as refused:
        raise CommandError(str(refused)) from None
    except Findings as findings:
        raise CommandError("\n".join(["The item was refused:", *findings.lines()])) from None


def _content(file: str) -> dict[str, Any]:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        content = json.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file} is not JSON in UTF-8: {error}.") from None
    if not isinstance(content, dict):
        raise CommandError(f'{file} must hold one JSON object, such as {{"name": "..."}}.')
    return content


def _user(name: str) -> User:
    try:
        return User.objects.get(username=name)
    except User.DoesNotExist:
        raise CommandError(f"There is no user {name!r}.") from None
