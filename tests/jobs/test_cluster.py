"""What the sentinel does when its children end, with real processes and no cluster around them."""

import multiprocessing
import time
from types import SimpleNamespace
from typing import Any

import pytest

from jobs import killproof
from jobs.cluster import ChildWatch

PATIENCE = 30.0  # seconds; nothing here waits for that long


def child(seconds: float) -> Any:
    process = multiprocessing.get_context("fork").Process(
        target=time.sleep, args=(seconds,), daemon=True
    )
    process.start()
    return process


class FakeSentinel(SimpleNamespace):
    """Starts a child that lives for `life` seconds in the place of each that has ended, and says
    stop after so many."""

    def __init__(self, stop: killproof.Event, *, life: float, enough: int) -> None:
        workers = [child(0), child(0)]
        super().__init__(
            stop=stop, life=life, enough=enough, pool=workers, monitor=child(99), pusher=child(99)
        )
        self.replaced: list[Any] = []

    def reincarnate(self, process: Any) -> None:
        self.replaced.append(process)
        self.pool.remove(process)
        self.pool.append(child(self.life))
        if len(self.replaced) == self.enough:
            self.stop.set()


@pytest.fixture
def stop() -> killproof.Event:
    return killproof.Event()


def test_workers_that_end_together_are_all_replaced_at_once(stop: killproof.Event) -> None:
    """Stock Django-Q2 sees one of them, and only when its guard cycle is over."""
    sentinel = FakeSentinel(stop, life=99, enough=2)
    ended = list(sentinel.pool)
    assert ChildWatch(stop, sentinel).wait(PATIENCE)
    assert sorted(map(id, sentinel.replaced)) == sorted(map(id, ended))


def test_children_that_cannot_live_are_not_replaced_without_a_pause(stop: killproof.Event) -> None:
    sentinel = FakeSentinel(stop, life=0, enough=999)
    assert not ChildWatch(stop, sentinel).wait(0.5)
    assert 2 <= len(sentinel.replaced) <= 8  # at most as often as there are children, all at once


def test_a_stop_ends_the_wait(stop: killproof.Event) -> None:
    sentinel = FakeSentinel(stop, life=99, enough=999)
    stop.set()
    watch = ChildWatch(stop, sentinel)
    assert watch.wait(PATIENCE)
    assert watch.is_set()
