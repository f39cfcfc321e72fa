"""How long it takes until things go on after a kill, seen from the database."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from jobs import lifecycle
from jobs.models import FINISHED, Job, Status
from tests.soak.kills import Kill
from tests.soak.users import Loop

LONG_AGO = timedelta(days=1)


class Watch(Loop):
    """Sends probes while anything has still to recover. A probe is due before all others, so that
    it measures the recovery and not the length of the queue."""

    def __init__(self) -> None:
        super().__init__()
        self.kills: list[Kill] = []
        self._owner = User.objects.create_user("watch")
        self._probes: dict[int, datetime] = {}  # those not yet done

    @property
    def waiting(self) -> list[Kill]:
        return [kill for kill in list(self.kills) if not kill.is_over]

    def turn(self) -> None:
        waiting = self.waiting
        if not waiting:
            return
        if any(None in {kill.recovered, kill.cluster_recovered} for kill in waiting):
            self._send_probe()
        self._look_at_probes(waiting)
        for kill in waiting:
            if kill.held:
                self._look_at_held(kill)

    def _send_probe(self) -> None:
        sent = timezone.now()
        with transaction.atomic():
            probe = lifecycle.submit(sub_type="PROBE", payload={}, owner=self._owner)
            Job.objects.filter(pk=probe.pk).update(run_after=sent - LONG_AGO)
        self._probes[probe.pk] = sent

    def _look_at_probes(self, waiting: list[Kill]) -> None:
        done = Job.objects.filter(pk__in=list(self._probes), status=Status.SUCCEEDED)
        for pk, finished_at, worker in done.values_list("pk", "finished_at", "worker"):
            sent = self._probes.pop(pk)
            pid = int(worker.rpartition(":")[2])
            for kill in waiting:
                if sent <= kill.at:
                    continue
                seconds = (finished_at - kill.at).total_seconds()
                kill.recovered = least(kill.recovered, seconds)
                if kill.cluster and pid not in kill.dead and kill.cluster.is_one_of_ours(pid):
                    kill.cluster_recovered = least(kill.cluster_recovered, seconds)

    def _look_at_held(self, kill: Kill) -> None:
        moved = Job.objects.filter(pk__in=list(kill.held)).filter(
            Q(status__in=FINISHED) | Q(started_at__gt=kill.at)
        )
        for pk, attempt, started_at, finished_at in moved.values_list(
            "pk", "attempt", "started_at", "finished_at"
        ):
            when = started_at if attempt > kill.held[pk] else finished_at
            if when is None:  # begun between the kill and the look at what the dead held
                continue
            del kill.held[pk]
            kill.resumed.append(max(0, (when - kill.at).total_seconds()))


def least(known: float | None, seconds: float) -> float:
    return seconds if known is None else min(known, seconds)
