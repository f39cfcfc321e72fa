"""Clusters as a supervisor runs them: started again when they end, told apart by process."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

STOPS_WITHIN = 90  # seconds from SIGTERM: longer than any job here may run
ORPHANS_END_WITHIN = 5  # seconds
LOGGED_ROLE = re.compile(r"(ready for work|monitoring|pushing tasks) at (\d+)$", re.MULTILINE)
ROLES = {"ready for work": "worker", "monitoring": "monitor", "pushing tasks": "pusher"}


@dataclass
class Ended:
    """A main process that ended, whose children are to be gone soon."""

    session: int
    at: float


class Supervised:
    """One cluster that is to run always. Its processes are those of its main process's session."""

    def __init__(self, name: str, directory: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        self.faults: list[str] = []
        self.starts = self.ended_by_itself = 0
        self.is_to_run = True
        self._environment = environment
        self._roles: dict[int, str] = {}
        self._log_read = 0
        self._told_to_stop = 0.0
        self._was_hit = False
        self._ended: list[Ended] = []
        self._start()

    def is_one_of_ours(self, pid: int) -> bool:
        """True for a process that has ever been a part of this cluster."""
        return pid in self._roles

    def members(self) -> dict[int, str]:
        """The living processes of the current cluster, each with its role. A process that has only
        just begun has the role `unknown`."""
        self._read_log()
        main = self.main.pid
        roles = {main: "main"} if self.main.poll() is None else {}
        for pid, parent in processes_of({main}):
            if pid != main:
                default = "sentinel" if parent == main else "unknown"
                roles[pid] = self._roles.get(pid, default)
        return roles

    def send(self, number: signal.Signals, pids: Iterable[int]) -> None:
        """Send a signal to some of them, main last: it must not see the others end before."""
        for pid in sorted(pids, reverse=True):
            self._was_hit = True
            if pid == self.main.pid and number == signal.SIGTERM:
                self._told_to_stop = self._told_to_stop or time.monotonic()
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def supervise(self) -> None:
        """Start main again if it ended; see to it that it stops when told, and leaves nobody."""
        now = time.monotonic()
        self._read_log()
        self._end_orphans(now)
        if self.main.poll() is None:
            self._demand_stop(now)
        elif not self._is_end_noted:
            self._note_end(now)
            if self.is_to_run:
                self._start()

    def stop(self) -> None:
        """Tell it to stop; go on calling `supervise` until `is_gone`."""
        self.is_to_run = False
        self._was_hit = False
        if self.main.poll() is None:
            self.send(signal.SIGTERM, [self.main.pid])

    @property
    def is_gone(self) -> bool:
        return self.main.poll() is not None and self._is_end_noted and not self._ended

    def kill(self) -> None:
        """End everything at once, however the soak ends."""
        sessions = {self.main.pid, *(gone.session for gone in self._ended)}
        self.send(signal.SIGKILL, [pid for pid, _ in processes_of(sessions)])
        self.main.wait()

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self.main = subprocess.Popen(
                [sys.executable, "manage.py", "qcluster"],
                cwd=settings.BASE_DIR,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.starts += 1
        self._is_end_noted = False
        self._told_to_stop = 0.0
        self._was_hit = False

    def _end_orphans(self, now: float) -> None:
        for gone in [gone for gone in self._ended if now - gone.at > ORPHANS_END_WITHIN]:
            self._ended.remove(gone)
            if orphans := processes_of({gone.session}):
                self.faults.append(f"{self.name}: {len(orphans)} processes outlived their main.")
                self.send(signal.SIGKILL, [pid for pid, _ in orphans])

    def _demand_stop(self, now: float) -> None:
        if self._told_to_stop and now - self._told_to_stop > STOPS_WITHIN:
            left = self.members()
            self.faults.append(f"{self.name}: {STOPS_WITHIN} s after SIGTERM, still {left}.")
            self.send(signal.SIGKILL, left)
            self._told_to_stop = 0.0

    def _note_end(self, now: float) -> None:
        self._is_end_noted = True
        self._ended.append(Ended(self.main.pid, now))
        if self.main.returncode and not self._was_hit:
            self.ended_by_itself += 1

    def _read_log(self) -> None:
        with self.log.open("rb") as log:
            log.seek(self._log_read)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._log_read += len(whole)
        for what, pid in LOGGED_ROLE.findall(whole.decode(errors="replace")):
            self._roles[int(pid)] = ROLES[what]


def processes_of(sessions: set[int]) -> list[tuple[int, int]]:
    """(id, id of the parent) of each living process of those sessions."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,state="], capture_output=True, text=True, check=True
    )
    found = []
    for line in listed.stdout.splitlines():
        pid, parent, state = line.split()
        if not state.startswith("Z") and _session(int(pid)) in sessions:
            found.append((int(pid), int(parent)))
    return found


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return 0
