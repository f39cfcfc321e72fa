"""What the commands on items share: their arguments, reading files, and telling what is refused."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import progress
from jobs.models import Status, Workflow, no_worker
from registry import services
from registry.kinds import Findings
from registry.models import Item
from registry.services import rules

LOOK_EVERY = 0.05  # seconds
BE_A_PERSON = (
    "From the command line: manage.py register_item person, then manage.py person_link USERNAME "
    "--person ID."
)


def add_id(parser: CommandParser) -> None:
    parser.add_argument("id", help="The item's persistent id, such as 10378.1/1000001.")


def add_user(parser: CommandParser, help: str) -> None:
    parser.add_argument("--user", required=True, metavar="NAME", help=help)


def add_reason(
    parser: CommandParser, help: str = "Why: the history keeps it.", *, required: bool = True
) -> None:
    parser.add_argument("--reason", required=required, default="", help=help)


def user_named(name: str) -> User:
    """The user of that name. Raises CommandError."""
    try:
        return User.objects.get(username=name)
    except User.DoesNotExist:
        raise CommandError(
            f"There is no user {name!r}. Check the name: Django admin lists all users."
        ) from None


def item_known(handle: str) -> Item:
    """The item of that id, a reserved one included. Raises CommandError."""
    with told():
        return rules.known(handle)


@contextmanager
def told() -> Iterator[None]:
    """Make what a service refuses the error of the command, every fault on a line of its own."""
    try:
        yield
    except services.PersonNeeded as refused:
        raise CommandError(f"{refused} {BE_A_PERSON}") from None
    except services.Refused as refused:
        raise CommandError(str(refused)) from None
    except Findings as findings:
        raise CommandError("\n".join(["The item was refused:", *findings.lines()])) from None


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """A file to read from; - is standard input. Raises CommandError if it cannot be read."""
    try:
        if file == "-":
            yield sys.stdin.buffer
        else:
            with Path(file).open("rb") as stream:
                yield stream
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None


def object_in(file: str) -> dict[str, Any]:
    """The JSON object that a file holds. Raises CommandError."""
    with opened(file) as stream:
        raw = stream.read()
    try:
        content = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file} is not JSON in UTF-8: {error}.") from None
    if not isinstance(content, dict):
        raise CommandError(f'{file} must hold one JSON object, such as {{"name": "..."}}.')
    return content


class WorkflowCommand(BaseCommand):
    """A command whose change a workflow records, which it can follow to the end."""

    def add_wait(self, parser: CommandParser) -> None:
        parser.add_argument("--wait", action="store_true", help="Follow its workflow to the end.")
        parser.add_argument(
            "--timeout", type=float, default=60, help="Wait at most so many seconds (60)."
        )

    def tell(self, workflow: Workflow | None, options: dict[str, Any]) -> None:
        """Print the session id of the workflow's first job, and follow it if asked to.

        Raises CommandError unless it then succeeds in time.
        """
        if workflow is None:
            return
        self.stdout.write(str(workflow.jobs.get(step=0).session_id))
        if options["wait"]:
            self._follow(workflow, options["timeout"])

    def _follow(self, workflow: Workflow, seconds: float) -> None:
        """Print each change of the workflow until it has ended."""
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
                    f"The item is saved, but its workflow has not ended after {seconds:g} s."
                    + (" No worker is running: start one with manage.py qcluster." * no_worker())
                )
            time.sleep(LOOK_EVERY)
