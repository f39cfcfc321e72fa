"""Starting and stopping real processes, and what they cost."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

PATIENCE = 90.0  # seconds
STOPPING = 15  # seconds
TICKS = os.sysconf("SC_CLK_TCK")  # per second


@contextlib.contextmanager
def workers(commands: Sequence[Sequence[str]], log: Path) -> Iterator[list[int]]:
    """Run the commands of Python side by side, with our environment; yields their process ids.

    Afterwards each gets SIGTERM, and what does not heed it is killed with its group.
    """
    with log.open("ab") as output:
        processes = [
            subprocess.Popen(
                [sys.executable, *command],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            for command in commands
        ]
    try:
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            _end(process)


def wait_until(true: Callable[[], bool], look_every: float, seconds: float = PATIENCE) -> None:
    """Wait until `true()`, looking every that many seconds. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:g} s in vain.")
        time.sleep(look_every)


def cpu_seconds(roots: Sequence[int]) -> float:
    """Processor time used so far by these processes and all that they started.

    Read from /proc, so on Linux only. A process that ended counts as its parent's.
    """
    parents, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended while we looked
            fields = path.read_text().rpartition(")")[2].split()
            pid = int(path.parent.name)
            parents[pid] = int(fields[1])
            used[pid] = sum(map(int, fields[11:15]))
    family = set(roots)
    while children := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= children
    return sum(used.get(pid, 0) for pid in family) / TICKS


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOPPING)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
