"""What the processes of a Django-Q2 cluster share, made so that killing one cannot freeze the rest.

Upstream fault (Django-Q2 issue 23; measured with 1.11.1): its Queue, Event and Value come from
multiprocessing and are guarded by semaphores. A process that is killed while it holds one, as an
idle worker always does while it waits for work, never gives it back, and the whole cluster stands
still for good. Here nothing is guarded: the kernel does each operation whole or not at all.
"""

import contextlib
import multiprocessing
import os
import pickle
import socket
from contextlib import AbstractContextManager
from multiprocessing import connection
from typing import Any

LARGEST_MESSAGE = 256 * 1024  # bytes
SMALL_BUFFER = 8 * 1024  # bytes: about a dozen messages


class Queue:
    """A queue between processes: a pair of datagram sockets.

    The kernel delivers each message whole, to one reader. `put` waits while the buffer is full; a
    queue with a `maxsize` gets a small one, so that jobs wait in the Job table and not here.
    """

    def __init__(self, maxsize: int = 0) -> None:
        self._reader, self._writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        if maxsize:
            self._writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)

    def put(self, task: Any) -> None:
        """Raises OSError for a message that is larger than the buffer."""
        self._writer.sendall(pickle.dumps(task))

    def get(self) -> Any:
        return pickle.loads(self._reader.recv(LARGEST_MESSAGE))  # noqa: S301 - our own processes

    def empty(self) -> bool:
        return self._reader.fileno() < 0 or not connection.wait([self._reader], 0)

    def qsize(self) -> int:
        """0 or 1: whether anything waits. How much is in the Job table."""
        return int(not self.empty())

    def close(self) -> None:
        """Let go of it in this process; what was put is delivered to the others all the same."""
        self._reader.close()
        self._writer.close()

    def join_thread(self) -> None:
        """Nothing to do: there is no thread."""


class Event:
    """A flag between processes: a pipe that has something in it once the flag is set."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def __del__(self) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def fileno(self) -> int:
        """For waiting for it and for something else at once."""
        return self._reader

    def set(self) -> None:
        if not self.is_set():
            os.write(self._writer, b"x")

    def is_set(self) -> bool:
        return self.wait(0)

    def wait(self, seconds: float | None = None) -> bool:
        return bool(connection.wait([self._reader], seconds))


class Value:
    """A number between processes. Reading and writing it is one instruction, so the worst that an
    unlucky moment can do is that a timer runs on for one guard cycle."""

    def __init__(self, code: str, value: float) -> None:
        self._raw = multiprocessing.RawValue(code, value)

    @property
    def value(self) -> float:
        return float(self._raw.value)

    @value.setter
    def value(self, value: float) -> None:
        self._raw.value = value

    def get_lock(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext()
