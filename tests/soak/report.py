"""The report of a soak."""

import sys
from collections import Counter
from collections.abc import Iterable

from django.db.models import Sum

from jobs.models import Job, JobEvent
from tests.soak.clusters import Supervised
from tests.soak.kills import Kill
from tests.soak.verdict import Verdict

SHOWN = 20  # faults


def say(line: str) -> None:
    """Print it now, also into a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def report(verdict: Verdict, kills: list[Kill], clusters: list[Supervised]) -> Iterable[str]:
    """The lines to print; the last one is for machines."""
    yield from _table_of_kills(kills)
    yield from _table_of_jobs()
    for cluster in clusters:
        yield (
            f"{cluster.name}: started {cluster.starts} times, {cluster.ended_by_itself} of them "
            "after an end that nobody caused"
        )
    for name in ("lost", "doubled", "other"):
        faults = getattr(verdict, name)
        yield from (f"FAULT ({name}) {fault}" for fault in faults[:SHOWN])
        if len(faults) > SHOWN:
            yield f"... and {len(faults) - SHOWN} more ({name})."
    for event in JobEvent.objects.filter(job__in=verdict.suspects[:SHOWN]):
        yield f"  job {event.job_id} {event.at:%H:%M:%S.%f} attempt {event.attempt}: {event}"
    recovered = [kill.recovered for kill in kills if kill.recovered is not None]
    yield (
        f"jobs={verdict.jobs} finished={verdict.finished} lost={len(verdict.lost)} "
        f"doubled={len(verdict.doubled)} kills={len(kills)} "
        f"recover_p95_s={quantile(recovered, 0.95):.2f}"
    )


def _table_of_kills(kills: list[Kill]) -> Iterable[str]:
    spread = f"{'p50':>6} {'p95':>6} {'max':>6}"
    yield f"{'seconds from a kill':<22} | {'to a later job':<20} | {'in its cluster':<20} | jobs it"
    yield f"{'':<22} | {'done':<20} | {'':<20} | held, going on"
    yield f"{'killed':<16} {'times':>5} | {spread} | {spread} | {'jobs':>5} {spread}"
    for kind in [*sorted({kill.kind for kill in kills}), ""]:
        some = [kill for kill in kills if kind in {kill.kind, ""}]
        clusters = [kill.cluster_recovered for kill in some if kill.cluster]
        held = [seconds for kill in some for seconds in kill.resumed]
        yield (
            f"{kind or 'all':<16} {len(some):>5} | {_spread([kill.recovered for kill in some])} | "
            f"{_spread(clusters)} | {len(held):>5} {_spread(held)}"
        )


def _table_of_jobs() -> Iterable[str]:
    counts: dict[str, Counter[str]] = {}
    rows = Job.objects.order_by().values_list("sub_type", "status", "cancelled_by")
    for sub_type, status, cancelled_by in rows.iterator():
        outcome = "cancelled" if cancelled_by else status.lower()
        counts.setdefault(sub_type, Counter())[outcome] += 1
    for sub_type, outcomes in sorted(counts.items()):
        yield f"{sub_type:<11} " + ", ".join(f"{n} {name}" for name, n in outcomes.most_common())
    attempts = Job.objects.aggregate(total=Sum("attempt"))["total"] or 0
    events = Counter(JobEvent.objects.order_by().values_list("kind", flat=True))
    yield (
        f"{attempts} attempts: {events['LOST']} lost with their worker, "
        f"{events['ATTEMPT_FAILED']} failed; users cancelled {events['CANCELLED']} times and "
        f"retried {events['RETRIED']} times"
    )


def quantile(values: Iterable[float | None], part: float) -> float:
    """0 when there are none."""
    known = sorted(value for value in values if value is not None)
    return known[min(len(known) - 1, int(part * len(known)))] if known else 0


def _spread(values: Iterable[float | None]) -> str:
    known = list(values)
    return " ".join(f"{quantile(known, part):6.2f}" for part in (0.5, 0.95, 1))
