"""Celery with Redis: acknowledged after the body, as a job that must not be lost has to be; no
results are stored."""

import os

import celery
import redis

from benchmarks import contenders
from benchmarks.marks import mark

PREFIX = os.environ["BENCH_KEYS"]

app = celery.Celery("bench", broker=os.environ["REDIS_URL"])
app.conf.broker_transport_options = {"global_keyprefix": PREFIX}
app.conf.broker_connection_retry_on_startup = True
app.conf.task_acks_late = True
app.conf.task_ignore_result = True


@app.task(name="nothing")
def nothing() -> None:
    """The body of a job."""
    mark()


class System(contenders.Contender):
    commands = [["-m", "celery", "-A", __name__, "worker", "-c", "2", "--loglevel", "WARNING"]]

    def __init__(self) -> None:
        self._redis = redis.Redis.from_url(os.environ["REDIS_URL"])

    def prepare(self) -> None:
        """There are no tables."""

    def fill(self, jobs: int) -> None:
        for _ in range(jobs):
            nothing.delay()

    def is_idle(self) -> bool:
        return not (self._redis.llen(f"{PREFIX}celery") or self._redis.hlen(f"{PREFIX}unacked"))

    def clean_up(self) -> None:
        for key in self._redis.scan_iter(f"{PREFIX}*"):
            self._redis.delete(key)
