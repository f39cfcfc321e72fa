"""Telling a caller the moment something ends, by an answer that waits for it.

Whoever waits holds a thread of the web server. So only half of those of a process may wait at once,
and the others go on answering; who finds no place is told at once when to ask again.
"""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest

from provena import rest
from provena.rest import ApiError

LONGEST = 25  # seconds; clients and proxies commonly give up after 30
AT_ONCE = 2  # half of `threads` in gunicorn.conf.py
LOOK_EVERY = 0.1  # seconds
RETRY_AFTER = 2  # seconds
FULL: dict[int, Any] = {503: rest.Problem}

_places = threading.BoundedSemaphore(AT_ONCE)


def until(request: HttpRequest, is_over: Callable[[], bool], seconds: float) -> None:
    """Wait until `is_over()`, for so long at most, or until the caller has gone. Raises ApiError
    where no place to wait is free."""
    if is_over() or not seconds:
        return
    with _place():
        deadline = time.monotonic() + seconds
        while not _has_gone(request):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(LOOK_EVERY, left))
            if is_over():
                return


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        text = f"Too many wait already. Ask again in {RETRY_AFTER} seconds, or ask without waiting."
        raise ApiError(503, text, "too_many_wait", **{"Retry-After": str(RETRY_AFTER)})
    try:
        yield
    finally:
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
