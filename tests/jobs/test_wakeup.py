"""An idle broker is woken by a commit. Its wait here would last an hour, so only waking ends it."""

import threading
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from jobs import lifecycle
from jobs.models import Job
from jobs.wakeup import Wakeup
from registry.models import Item
from tests.stack import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3600


class Listener(threading.Thread):
    """A broker's ear in a thread, and so on a connection, of its own."""

    def __init__(self, before_waiting: Callable[[], object] = lambda: None) -> None:
        super().__init__(daemon=True)
        self.before_waiting = before_waiting
        self.listens = threading.Event()
        self.found = 0

    def run(self) -> None:
        try:
            ear = Wakeup()
            ear.listen()
            self.listens.set()
            self.before_waiting()
            ear.wait(HOUR)
            self.found = len(lifecycle.claim("provena", 10))
        finally:
            connection.close()

    def was_woken(self) -> bool:
        self.join(PATIENCE)
        return not self.is_alive()


def test_a_committed_job_ends_the_wait(user: User, make_item: Callable[..., Item]) -> None:
    listener = Listener()
    listener.start()
    assert listener.listens.wait(PATIENCE)
    make_item(user)
    assert listener.was_woken()
    assert listener.found == 1


def test_a_job_committed_between_looking_and_waiting_is_not_slept_over(
    user: User, make_item: Callable[..., Item]
) -> None:
    submitted = threading.Event()
    listener = Listener(before_waiting=lambda: submitted.wait(PATIENCE))
    listener.start()
    assert listener.listens.wait(PATIENCE)
    make_item(user)
    submitted.set()
    assert listener.was_woken()
    assert listener.found == 1


def test_a_job_that_is_rolled_back_is_never_seen(
    user: User, make_item: Callable[..., Item]
) -> None:
    listener = Listener()
    listener.start()
    assert listener.listens.wait(PATIENCE)
    with transaction.atomic():
        make_item(user)
        transaction.set_rollback(True)
    assert not Job.objects.exists()
    make_item(user)  # only this one wakes it
    assert listener.was_woken()
    assert listener.found == 1
