"""Waiting for jobs over our own API, on a web server as it is deployed."""

import http.client
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs import lifecycle
from jobs.api import waiting
from provena.tokens import keeping
from tests.conftest import drain
from tests.stack import Stack, wait_until

Connect = Callable[[str], http.client.HTTPConnection]
OTHERS = 20  # requests while places to wait are taken
SOON = 10  # seconds; no wait of these tests ends by itself in that time


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is known who shares the places to wait."""
    monkeypatch.setenv("WEB_CONCURRENCY", "1")


class Waiters:
    """Callers who wait for something unfinished at these addresses, as far as they are let."""

    def __init__(self, connect: Connect, *paths: str) -> None:
        self.asked: list[http.client.HTTPConnection] = []
        self._connect = connect
        self._paths = paths

    def is_full(self) -> bool:
        return told(self._connect(f"{self._paths[0]}?seconds=0.01"))[0] == 503

    def take_all_places(self) -> None:
        """Some are refused: those to whom the look whether all places are taken was in the way."""
        wait_until(self._ask_once_more, "all places to wait are taken")

    def _ask_once_more(self) -> bool:
        path = self._paths[len(self.asked) % len(self._paths)]
        self.asked.append(self._connect(path))
        return self.is_full()


@pytest.fixture
def connect(one_process: None, stack: Stack, user: User) -> Connect:
    """Begin a request as the user; its connection."""
    host = stack.start_web().removeprefix("http://")
    headers = {"Authorization": f"Bearer {keeping.issue(user=user, name='tests')[1]}"}

    def begin(path: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(host, timeout=SOON)
        connection.request("GET", f"/api/v1{path}", headers=headers)
        return connection

    return begin


def told(connection: http.client.HTTPConnection) -> tuple[int, Any, dict[str, str]]:
    """Status, JSON and headers of the answer."""
    answer = connection.getresponse()
    read = answer.status, json.loads(answer.read()), dict(answer.getheaders())
    connection.close()
    return read


def begin_batch(owner: User) -> tuple[str, str]:
    """Where one waits for the job of a batch of one, and for the batch."""
    batch = lifecycle.submit_batch(
        sub_type="REGISTRY_WAKE_UP", payloads=[{}], owner=owner, title="Some"
    )
    return f"/jobs/{batch.jobs.get().session_id}/wait", f"/batches/{batch.pk}/wait"


@pytest.mark.cluster
def test_waiting_tells_the_end_at_once_and_hinders_nobody(connect: Connect, user: User) -> None:
    of_job, of_batch = begin_batch(user)
    status, timed_out, _ = told(connect(f"{of_job}?seconds=0.01"))
    assert (status, timed_out["is_finished"], timed_out["job"]["status"]) == (200, False, "PENDING")

    waiters = Waiters(connect, of_job, of_batch)
    waiters.take_all_places()
    for path in (of_job, of_batch):
        status, refused, headers = told(connect(path))
        assert (status, refused["code"]) == (503, "too_many_wait")
        assert headers["Retry-After"] == str(waiting.RETRY_AFTER)
    with ThreadPoolExecutor(waiting.AT_ONCE * 2) as pool:
        others = list(pool.map(lambda _: told(connect("/jobs"))[0], range(OTHERS)))
    assert others == [200] * OTHERS
    assert waiters.is_full()  # all of that while they waited

    drain()
    answers = [answer for status, answer, _ in map(told, waiters.asked) if status == 200]
    assert len(answers) == waiting.AT_ONCE
    assert all(answer["is_finished"] for answer in answers)
    assert {(one.get("job") or one["batch"])["status"] for one in answers} == {"SUCCEEDED"}

    waiters = Waiters(connect, *begin_batch(user))
    waiters.take_all_places()
    for connection in waiters.asked:
        connection.close()
    wait_until(lambda: not waiters.is_full(), "who hangs up gives their place back")
