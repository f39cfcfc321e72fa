"""How it went in the last hour and the last day: the charts of the workers page and their figures,
made of what `jobs.tallies` has counted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString

from jobs import charts, definitions, tallies
from jobs.charts import Series
from jobs.tallies import Kind, Slot, Window
from jobs.templatetags.jobs import count, duration
from provena.words import counted


@dataclass(frozen=True)
class Report:
    """A window of time, drawn: how many jobs ended, and within how long."""

    name: str  # for "over the last ..."
    begin: str
    step: str
    window: Window

    @property
    def titles(self) -> list[str]:
        return [_title(slot) for slot in self.window.slots]

    @property
    def most(self) -> float:
        """The upper edge of the chart of numbers."""
        return max(charts.ceiling([slot.number for slot in self.window.slots]), 1)

    @property
    def longest(self) -> float:
        """The upper edge of the chart of lengths, in seconds."""
        return charts.ceiling([slot.most for slot in self.window.slots])

    @property
    def longest_told(self) -> str:
        return seconds(self.longest)

    @property
    def throughput(self) -> SafeString:
        slots = self.window.slots
        series = [
            Series("FAILED", [slot.failed for slot in slots]),
            Series("SUCCEEDED", [slot.succeeded for slot in slots]),
        ]
        return charts.bars(series, self.titles, self.most)

    @property
    def latency(self) -> SafeString:
        slots = self.window.slots
        series = [
            Series("most", [slot.most for slot in slots]),
            Series("half", [slot.half for slot in slots]),
        ]
        return charts.lines(series, self.titles, self.longest)

    @property
    def told(self) -> str:
        """What the chart of numbers says, in words."""
        number, failed = self.window.number, self.window.failed
        if not number:
            return f"No job ended in the last {self.name}."
        peak = max(self.window.slots, key=lambda slot: slot.number)
        return (
            f"{counted(number, 'job')} ended in the last {self.name}, "
            f"{count(failed) if failed else 'none'} of them failed. Most in a {self.step}: "
            f"{count(peak.number)}."
        )

    @property
    def told_lengths(self) -> str:
        """What the chart of lengths says, in words."""
        buckets = self.window.buckets
        half, most = tallies.within(buckets, 0.5), tallies.within(buckets, 0.95)
        if half is None or most is None:
            return ""
        return (
            f"Half ended within {seconds(half)} of being submitted or retried, 95 % within "
            f"{seconds(most)}."
        )

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The figures of each stretch in which a job ended, the latest first."""
        return [
            {"slot": slot, "half": _told(slot.half), "most": _told(slot.most)}
            for slot in reversed(self.window.slots)
            if slot.number
        ]


@dataclass(frozen=True)
class KindReport:
    """How the jobs of one kind fared."""

    title: str
    hour: Kind | None
    day: Kind | None

    @property
    def usual(self) -> timedelta | None:
        found = self.day or self.hour
        return found.usual if found else None


@dataclass(frozen=True)
class Reports:
    windows: list[Report]
    kinds: list[KindReport]


def both() -> Reports:
    """The last hour by minutes, and the last day by quarters of an hour. Two queries."""
    hour, day = tallies.window(tallies.FINE, 60), tallies.window(tallies.COARSE, 96)
    windows = [
        Report("hour", "an hour ago", "minute", hour),
        Report("day", "a day ago", "quarter of an hour", day),
    ]
    return Reports(windows, list(_kinds(hour, day)))


def seconds(length: float) -> str:
    """A length of time in seconds, as people say it."""
    return duration(timedelta(seconds=length))


def _kinds(hour: Window, day: Window) -> Iterable[KindReport]:
    """Those that failed most in the day first."""
    lately = {kind.sub_type: kind for kind in hour.kinds}
    for kind in day.kinds:
        title = definitions.title_of(kind.sub_type)
        yield KindReport(title, lately.pop(kind.sub_type, None), kind)
    for kind in lately.values():
        yield KindReport(definitions.title_of(kind.sub_type), kind, None)


def _title(slot: Slot) -> str:
    at = timezone.localtime(slot.at)
    if not slot.number:
        return f"{at:%H:%M %Z}: none ended"
    failed = f", {count(slot.failed)} failed" if slot.failed else ""
    return (
        f"{at:%H:%M %Z}: {count(slot.number)} ended{failed}; half within {_told(slot.half)}, "
        f"95 % within {_told(slot.most)}"
    )


def _told(length: float | None) -> str:
    return "—" if length is None else seconds(length)
