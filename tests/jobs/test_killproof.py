"""What processes share stays usable when one is killed at the worst moment, which stock
multiprocessing does not: each of these hangs with its Queue, Event or Value."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings

from jobs import killproof
from tests.stack import PATIENCE, processes, wait_until

MakeQueue = Callable[..., killproof.Queue]

fork = multiprocessing.get_context("fork")


@pytest.fixture
def make_queue() -> Iterator[Callable[..., killproof.Queue]]:
    """Make queues that are closed after the test."""
    made: list[killproof.Queue] = []

    def make(maxsize: int = 0) -> killproof.Queue:
        made.append(killproof.Queue(maxsize))
        return made[-1]

    yield make
    for queue in made:
        queue.close()
        assert queue.empty()


def kill_one_that(waits: Callable[[], object]) -> None:
    """Kill a forked process while it sleeps inside `waits`."""
    process = fork.Process(target=waits, daemon=True)
    process.start()
    assert process.pid
    wait_until(lambda: (process.pid, os.getpid(), "S") in processes(), "it sleeps")
    os.kill(process.pid, signal.SIGKILL)
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL


def returns(work: Callable[[], Any]) -> Any:
    """What `work` returns; fails if it does not."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert found, "it hangs"
    return found[0]


def test_a_queue_outlives_a_reader_that_is_killed_while_it_waits(
    make_queue: MakeQueue,
) -> None:
    queue = make_queue(16)
    for _ in range(3):
        kill_one_that(queue.get)
    queue.put({"id": 1})
    assert not queue.empty()
    assert returns(queue.get) == {"id": 1}
    assert queue.empty()


def test_a_small_queue_makes_its_writer_wait(make_queue: MakeQueue) -> None:
    queue = make_queue(16)

    def write() -> None:
        for number in range(1000):
            queue.put(number)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    assert [returns(queue.get) for _ in range(1000)] == list(range(1000))
    writer.join(PATIENCE)
    assert not writer.is_alive()


def test_each_message_goes_to_one_reader(make_queue: MakeQueue) -> None:
    queue = make_queue()
    results = make_queue()

    def read() -> None:
        for number in iter(queue.get, "STOP"):
            results.put(number)

    readers = [fork.Process(target=read, daemon=True) for _ in range(4)]
    for reader in readers:
        reader.start()
    found = []
    for start in range(0, 200, 20):
        for number in range(start, start + 20):
            queue.put(number)
        found += [returns(results.get) for _ in range(20)]
    for _ in readers:
        queue.put("STOP")
    for reader in readers:
        reader.join(PATIENCE)
    assert sorted(found) == list(range(200))


def test_an_event_can_be_set_after_one_that_waits_for_it_was_killed() -> None:
    event = killproof.Event()
    assert not event.is_set()
    kill_one_that(event.wait)

    def set_it() -> bool:
        event.set()
        return True

    assert returns(set_it)
    assert event.is_set()
    assert event.wait(0)


def test_a_value_can_be_read_after_its_lock_was_held_to_death() -> None:
    value = killproof.Value("f", -1)

    def hold() -> None:
        with value.get_lock():
            value.value = 60
            signal.pause()

    kill_one_that(hold)

    def read() -> float:
        with value.get_lock():
            return value.value

    assert returns(read) in {-1, 60}


def test_a_cluster_uses_them() -> None:
    check = (
        "import django; django.setup(); import django_q.cluster as stock\n"
        "from jobs import cluster, killproof; cluster._patch()\n"
        "assert (stock.Queue, stock.Event, stock.Value, stock.Sentinel) == "
        "(killproof.Queue, killproof.Event, killproof.Value, cluster.Sentinel)"
    )
    subprocess.run(
        [sys.executable, "-c", check],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "provena.settings"},
        check=True,
    )


@pytest.mark.parametrize("size", [100, 100_000])
def test_a_large_result_goes_through(make_queue: MakeQueue, size: int) -> None:
    queue = make_queue()
    queue.put("x" * size)
    assert returns(queue.get) == "x" * size
