"""Real processes for tests: the web server and clusters of workers, as a user would start them."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from jobs.models import Cluster

PATIENCE = 30  # seconds
ROLES = {"worker": "ready for work at", "monitor": "monitoring at", "pusher": "pushing tasks at"}
STOCK = """
import django; django.setup()
from django_q.conf import Conf; Conf.CLUSTER_NAME = "provena"
from django_q.management.commands import qcluster
qcluster.Command().handle()
"""
LOOK_EVERY = 0.02


def wait_until(true: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """The first truthy value of `true()`. Fails naming `what` when none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := true():
            return value
        time.sleep(LOOK_EVERY)
    raise AssertionError(f"Waited {seconds:g} s in vain: {what}.")


class Worker:
    """A running cluster and the processes of it."""

    def __init__(self, main: subprocess.Popen[bytes], log: Path) -> None:
        self.main = main
        self._log = log

    @property
    def family(self) -> list[int]:
        """All processes below main: sentinel, workers, monitor and pusher."""
        return descendants(self.main.pid)

    def processes(self, role: str) -> list[int]:
        """The living processes in one role: sentinel, worker, monitor, pusher, main or all."""
        if role in {"main", "all"}:
            return [self.main.pid] + (self.family if role == "all" else [])
        if role == "sentinel":
            return [pid for pid, parent, _ in processes() if parent == self.main.pid]
        said = re.findall(rf"{ROLES[role]} ([0-9]+)", self._log.read_text())
        return [pid for pid in map(int, said) if pid in self.family]


class Stack:
    """The web server and workers of one test."""

    def __init__(self, directory: Path, static_root: Path) -> None:
        self.directory = directory
        self.checkout = settings.BASE_DIR
        self.url = ""
        self._processes: list[subprocess.Popen[bytes]] = []
        self._environment = os.environ | {
            "DATABASE_URL": database_url(),
            "SECRET_KEY": settings.SECRET_KEY,  # sessions made here are valid there
            "DATA_DIR": str(directory),
            "DEBUG": "0",
            "LOG_LEVEL": "INFO",
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "provena.settings",
            "EXTRA_APPS": "tests.cluster.app",
        }
        (directory / "static").symlink_to(static_root)

    def use(self, checkout: Path, *apps: str) -> None:
        """Start what is started from now on in another checkout, with those apps."""
        self.checkout = checkout
        self._environment["EXTRA_APPS"] = ",".join(apps)

    def start_web(self) -> str:
        """Start the server on a free port and return its address when it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._environment["PORT"] = str(port)
        self._start("web", "-m", "gunicorn", "provena.wsgi", "--chdir", str(self.checkout))
        self.url = f"http://127.0.0.1:{port}"
        wait_until(self._answers, "the server answers")
        return self.url

    def start_worker(self, *arguments: str) -> "Worker":
        """Start a cluster and return it when it has reported.

        With STOCK_CLUSTER=1 in the environment it is Django-Q2's own, without our guards: a way to
        see what they are for, because the tests of killing then fail.
        """
        before = set(Cluster.objects.values_list("pk", flat=True))
        command = ("-c", STOCK) if os.environ.get("STOCK_CLUSTER") else ("manage.py", "qcluster")
        name = f"worker{len(self._processes)}"
        process = self._start(name, *command, *arguments)
        wait_until(
            lambda: set(Cluster.objects.values_list("pk", flat=True)) - before,
            "the cluster reports",
        )
        return Worker(process, self.directory / f"{name}.log")

    def manage(self, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        """Run `manage.py` as a person would, to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.checkout,
            env=self._environment,
            check=False,
            input=input,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
        )

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run lines of a shell as a person would, to their end or to the first that fails."""
        return subprocess.run(
            ["bash", "-e"],
            cwd=self.checkout,
            env=self._environment,
            check=False,
            input=script,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
        )

    def stop(self) -> None:
        """Stop all processes, each by SIGTERM to its whole group as a supervisor does."""
        for process in reversed(self._processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(f"{process.args!r} did not stop.") from None

    def log(self, name: str) -> str:
        """What a process wrote so far."""
        return (self.directory / f"{name}.log").read_text()

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.checkout,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/account/login/", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:  # no answer yet, or not in time
            return False


def database_url() -> str:
    """The test database as an address that a new process can be given."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    user = values["USER"] + (f":{values['PASSWORD']}" if values["PASSWORD"] else "")
    return f"postgres://{user}@{values['HOST']}:{values['PORT'] or 5432}/{values['NAME']}"


def descendants(pid: int) -> list[int]:
    """The ids of all living processes below one."""
    found, parents = [], {pid}
    while parents:
        parents = {
            child for child, parent, state in processes() if parent in parents and state != "Z"
        }
        found += sorted(parents)
    return found


def is_alive(pid: int) -> bool:
    """True while the process runs; a zombie does not."""
    return any(found == pid and state != "Z" for found, _, state in processes())


def processes() -> list[tuple[int, int, str]]:
    """(id, id of the parent, state) of each process of this machine."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,state="], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in listed.stdout.splitlines())
    return [(int(pid), int(parent), state) for pid, parent, state in rows]
