"""`manage.py worker_status`: how the engine is; exit code 1 when it needs a person."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jobs import health
from jobs.templatetags.jobs import duration
from provena.words import counted


class Command(BaseCommand):
    help = (
        "Shows clusters and queues, and what is stuck and why. The exit code is 1 when no worker "
        "is alive, when nobody serves a queue in which jobs wait, or when the oldest has waited "
        "too long in a queue that is not paused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="As one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        now = health.look()
        if options["json"]:
            self.stdout.write(json.dumps(_facts(now)))
        else:
            self._print(now)
        if now.faults:
            raise CommandError("\n".join(now.faults))

    def _print(self, now: health.Health) -> None:
        for cluster in now.clusters:
            state = "alive" if cluster.is_alive else "silent"
            self.stdout.write(
                f"cluster {cluster.host}:{cluster.pid}  queue {cluster.queue}  "
                f"{counted(cluster.workers, 'worker')}  {state}, "
                f"last heartbeat {cluster.beat_at:%H:%M:%S}"
            )
        for queue in now.queues:
            number = f"more than {health.COUNT_UP_TO:,}" if queue.is_more else queue.waiting
            oldest = f", the oldest for {duration(queue.oldest)}" if queue.oldest else ""
            self.stdout.write(
                f"queue {queue.name}  {number} waiting{oldest}  "
                f"{counted(queue.workers, 'worker')}  {queue.per_minute:.1f} jobs a minute"
            )
            if queue.pause:
                why = f": {queue.pause.reason}" if queue.pause.reason else ""
                since = f"{queue.pause.at:%Y-%m-%d %H:%M:%S} UTC"
                self.stdout.write(f"  paused by {queue.pause.who} since {since}{why}")
        for stuck in now.stuck:
            self.stdout.write(f"stuck {stuck.job.session_id} {stuck.job.status}: {stuck.reason}")
        self.stdout.write(f"{now.per_minute:.1f} jobs a minute")


def _facts(now: health.Health) -> dict[str, Any]:
    return {
        "clusters": [
            {
                "host": cluster.host,
                "pid": cluster.pid,
                "queue": cluster.queue,
                "workers": cluster.workers,
                "alive": cluster.is_alive,
                "beat_at": cluster.beat_at.isoformat(),
            }
            for cluster in now.clusters
        ],
        "queues": [
            {
                "name": queue.name,
                "waiting": queue.waiting,
                "oldest_seconds": queue.oldest.total_seconds() if queue.oldest else None,
                "workers": queue.workers,
                "per_minute": queue.per_minute,
                "paused_by": queue.pause.who if queue.pause else None,
                "pause_reason": queue.pause.reason if queue.pause else None,
            }
            for queue in now.queues
        ],
        "stuck": [str(stuck.job.session_id) for stuck in now.stuck],
        "reasons": {str(stuck.job.session_id): stuck.reason.text for stuck in now.stuck},
        "per_minute": now.per_minute,
        "faults": now.faults,
    }
