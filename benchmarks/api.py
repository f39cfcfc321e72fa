"""What the HTTP API costs: reads among many jobs, and registering models one by one."""

import http.client
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from django.test import Client
from django.urls import reverse

from benchmarks import contenders, job_filters
from benchmarks.contenders.ours import owner
from benchmarks.processes import wait_until, workers
from benchmarks.rows import Figures, timed
from jobs.models import Job
from provena.tokens import keeping
from registry import services

LOG = Path(os.environ["BENCH_MARKS"]).with_suffix(".log")
REPEATS = 50
PAGE = 100  # jobs
PERSON = {
    "display_name": "Bench",
    "first_name": "Bench",
    "last_name": "Bench",
    "email": "bench@example.org",
    "ethics_approved": True,
}


def api_reads(rows: int) -> Figures:
    """Milliseconds of whole requests of somebody who owns a fifth of so many jobs."""
    job_filters.fill(rows)
    client = Client(SERVER_NAME="localhost", headers=_headers())
    jobs = Job.objects.filter(owner=owner()).order_by("-pk")
    keys = list(jobs.values_list("pk", "session_id")[: job_filters.DEEP : 1_000])
    some = [f"/job-api/jobs/user/fetch?session_id={session_id}" for _, session_id in keys]
    deep = {"id": keys[-1][0]}
    return {
        "a job": [_time(client, address) for address in [some[0], *some]][1:],
        "a list of 100 jobs, newest": _list(client, {}),
        "a list of 100 jobs, far down": _list(client, {"pagination_key": deep}),
    }


def api_writes(models: int) -> Figures:
    """Models registered a second, one by one on new connections, by a web server of two processes
    beside a cluster of two workers; and seconds from the last answer until all jobs are done."""
    user = owner()
    user.email = "bench@example.org"
    user.save()
    services.register_self(content=PERSON, user=user)
    headers = _headers() | {"Content-Type": "application/json", "Host": "localhost"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.environ["BIND"] = f"127.0.0.1:{port}"
    os.environ["API_REQUESTS_PER_MINUTE"] = "1000000"
    with workers([["-m", "gunicorn", "provena.wsgi"]], LOG):
        wait_until(lambda: _is_up(port), 0.1)
        with workers(contenders.load(contenders.OURS).commands, LOG):
            _create(port, headers, 0)
            wait_until(lambda: not Job.objects.unfinished().exists(), 0.05)
            began = time.monotonic()
            for number in range(models):
                _create(port, headers, number)
            took = time.monotonic() - began
            began = time.monotonic()
            wait_until(lambda: not Job.objects.unfinished().exists(), 0.02)
            drained = time.monotonic() - began
    contenders.load(contenders.OURS).check()
    return {"models per second": [models / took], "seconds until all jobs are done": [drained]}


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {keeping.issue(user=owner(), name='bench')[1]}"}


def _create(port: int, headers: dict[str, str], number: int) -> None:
    content = {
        "display_name": f"Model {number}",
        "name": f"Model {number}",
        "description": "Larval dispersal on the reef",
        "documentation_url": "https://example.org/doc",
        "source_url": "https://example.org/src",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    path = "/registry-api/registry/entity/model/create"
    connection.request("POST", path, json.dumps(content), headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    if answer.status != 200 or not told["status"]["success"]:
        raise RuntimeError(f"A model was answered {answer.status}: {told}")


def _list(client: Client, body: dict[str, Any]) -> list[float]:
    address, asked = "/job-api/jobs/user/list", body | {"limit": PAGE}
    return [_time(client, address, asked) for _ in range(REPEATS + 1)][1:]


def _time(client: Client, address: str, body: dict[str, Any] | None = None) -> float:
    samples: list[float] = []
    with timed(samples, 1e3):
        if body is None:
            answer = client.get(address)
        else:
            answer = client.post(address, body, content_type="application/json")
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}: {answer.content!r}")
    if body is not None and len(answer.json()["jobs"]) != PAGE:
        raise RuntimeError(f"{address} told {len(answer.json()['jobs'])} jobs.")
    return samples[0]


def _is_up(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", reverse("healthz"), headers={"Host": "localhost"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
