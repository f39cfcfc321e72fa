"""What open pages cost the workers: jobs a second of a cluster while browsers ask for news.

The pages are lists of jobs that wait, and have been open for a while: each asks as often as one
does for which there is no news, at the interval that its own script says. They ask the web server
that the Procfile starts. The clients run on the same machine, so what asking costs them makes the
figures rather worse than they are.
"""

import asyncio
import os
import random
import re
import socket
import time
from pathlib import Path
from urllib.parse import urlencode

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from benchmarks import contenders, marks
from benchmarks.contenders.ours import owner
from benchmarks.processes import cpu_seconds, wait_until, workers
from benchmarks.rows import Figures, copy
from jobs.models import Job

LOG = Path(os.environ["BENCH_MARKS"]).with_suffix(".log")
WARM = 2.0  # seconds from the first job on that do not count
IDLE = 0.05  # seconds of processor time in a second
MOST = 5_000  # jobs that a cluster does in a second, at most
SCRIPT = Path(settings.BASE_DIR, "static", "job_list.js").read_text()


def polling(pages: int, seconds: float) -> Figures:
    """Jobs a second of a cluster of two workers beside so many open pages, and what a poll costs
    the web server and the clients."""
    call_command("collectstatic", interactive=False, verbosity=0)  # pages name hashed files
    _fill(round(MOST * (seconds + WARM)))
    poll = _poll()
    marks.clear()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.environ["BIND"] = f"127.0.0.1:{port}"
    with workers([["-m", "gunicorn", "provena.wsgi"]], LOG) as web:
        wait_until(lambda: asyncio.run(_is_up(port)), 0.1)
        wait_until(lambda: _rests(web), 0.1)  # it compiles its drawing engine first
        with workers(contenders.load(contenders.OURS).commands, LOG):
            wait_until(lambda: marks.count() > 0, 0.005)
            asyncio.run(_ask(poll, port, pages, WARM))
            began, done = time.monotonic(), marks.count()
            used, own = cpu_seconds(web), time.process_time()
            took = asyncio.run(_ask(poll, port, pages, seconds))
            used, own = cpu_seconds(web) - used, time.process_time() - own
            done, elapsed = marks.count() - done, time.monotonic() - began
    if not Job.objects.waiting().exists():
        raise RuntimeError("There were too few jobs.")
    figures = {"jobs per second": [done / elapsed]}
    if took:
        figures["polls per second"] = [len(took) / elapsed]
        figures["ms of a poll"] = took
        figures["CPU ms of the web server per poll"] = [1000 * used / len(took)]
        figures["CPU ms of the clients per poll"] = [1000 * own / len(took)]
    return figures


def _fill(jobs: int) -> None:
    """So many jobs that wait, and no others."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {Job._meta.db_table}")
        copy([owner()], jobs)
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")


def _poll() -> bytes:
    """The request by which the list of the newest jobs asks for news."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(owner())
    html = client.get(reverse("job-list")).content.decode()
    [(news, top)] = re.findall(r'data-news="([^"]+)" data-top="(\d+)"', html)
    watched = [("watch", mark) for mark in re.findall(r'data-watch="([^"]+)"', html)]
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    lines = [
        f"GET {news}&{urlencode([*watched, ('top', top), ('new', '0')])} HTTP/1.1",
        "Host: localhost",
        f"Cookie: {settings.SESSION_COOKIE_NAME}={session}",
        "HX-Request: true",
        "Accept-Encoding: gzip",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _interval(name: str) -> float:
    """Seconds that the script of the list gives, in milliseconds there, to that constant."""
    found = re.search(rf"\b{name} = (\d+)", SCRIPT)
    if not found:
        raise RuntimeError(f"job_list.js says no {name}.")
    return int(found[1]) / 1000


async def _ask(poll: bytes, port: int, pages: int, seconds: float) -> list[float]:
    """Let so many pages that have been open for a while ask for so many seconds, each from a random
    moment on. Milliseconds of each poll."""
    end, pause = time.monotonic() + seconds, _interval("RARELY")
    took: list[float] = []

    async def keep_asking() -> None:
        await asyncio.sleep(random.uniform(0, pause))
        while time.monotonic() < end:
            began = time.monotonic()
            status = await _answer(poll, port)
            if status != b"204":
                raise RuntimeError(f"A poll was answered {status!r}.")
            took.append(1000 * (time.monotonic() - began))
            await asyncio.sleep(pause)

    tasks = [asyncio.create_task(keep_asking()) for _ in range(pages)]
    await asyncio.sleep(seconds)
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    return took


async def _answer(request: bytes, port: int) -> bytes:
    """The status of the answer to a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return (await reader.read()).split(b" ", 2)[1]
    finally:
        writer.close()


def _rests(roots: list[int]) -> bool:
    """True if these processes do next to nothing for a second."""
    used = cpu_seconds(roots)
    time.sleep(1)
    return cpu_seconds(roots) - used < IDLE


async def _is_up(port: int) -> bool:
    """True once the web server answers."""
    request = f"GET {reverse('healthz')} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        return await _answer(request.encode(), port) == b"200"
    except OSError:
        return False
