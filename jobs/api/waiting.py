"""Telling a caller the moment something ends, by an answer that waits for it.

Whoever waits holds a thread of the web server. So only half of those of a process may wait at once,
and the others go on answering; who finds no place is answered at once, and asks again.
"""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.http import HttpRequest

LONGEST = 25  # seconds; clients and proxies commonly give up after 30
AT_ONCE = 2  # half of `threads` in gunicorn.conf.py
LOOK_EVERY = 0.1  # seconds
RETRY_AFTER = 2  # seconds

_places = threading.BoundedSemaphore(AT_ONCE)


def until(request: HttpRequest, is_over: Callable[[], bool], seconds: float) -> bool:
    """Wait until `is_over()`, for so long at most, or until the caller has gone. False where no
    place to wait was free."""
    if is_over() or not seconds:
        return True
    with _place() as is_free:
        deadline = time.monotonic() + seconds
        while is_free and not _has_gone(request):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(LOOK_EVERY, left))
            if is_over():
                break
        return is_free


@contextmanager
def _place() -> Iterator[bool]:
    is_free = _places.acquire(blocking=False)
    try:
        yield is_free
    finally:
        if is_free:
            _places.release()


def _has_gone(request: HttpRequest) -> bool:
    """True if the caller has hung up, as far as the web server lets us see their connection."""
    connection = request.META.get("gunicorn.socket")
    if not isinstance(connection, socket.socket):
        return False
    try:
        can_read, _, _ = select.select([connection], [], [], 0)
        return bool(can_read) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # closed, or encrypted, so that nobody can look ahead
        return connection.fileno() < 0
