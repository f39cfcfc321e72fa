"""Times of model runs as people and spreadsheets write them; kept as whole Unix seconds."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

_TIME = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
    r"(?:(?:\s+|T)(\d{1,2}):(\d{2})(?::(\d{2})(?:\.0+)?)?\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)?)?",
    re.IGNORECASE | re.ASCII,
)
_OFFSET = re.compile(r":\d{2}(?:\.0+)?\s*([+-]\d{2}(?::?\d{2})?)\s*\Z", re.ASCII)
_DAY_FIRST = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b.*", re.ASCII)


class Look(NamedTuple):
    """A time as it was written, beside its field: `wall` is what a clock there shows, as a calendar
    of the browser takes it, and `utc` what it means; both are empty for what is no time. `zone` is
    its offset, or UTC."""

    wall: str
    zone: str
    utc: str


def read(text: str) -> int:
    """A time as Unix seconds; without a zone it is UTC, without a time it is midnight.

    Raises ValueError with a sentence.
    """
    found = _TIME.fullmatch(text.strip())
    if not found:
        hint = "Write the year first. " if _DAY_FIRST.fullmatch(text) else ""
        raise ValueError(
            f'"{text}" is no time. {hint}Times look like 2024-03-31 14:00:00+10:00; without an '
            "offset they are UTC."
        )
    year, month, day, hour, minute, second, zone = found.groups()
    try:
        at = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=_zone(zone),
        )
        seconds = int(at.timestamp())
    except (ValueError, OverflowError) as error:
        raise ValueError(f'"{text}" is no time that exists: {error}.') from None
    if seconds < 0:
        raise ValueError(f'"{text}" is before 1970, which cannot be kept here.')
    return seconds


def written(seconds: int) -> str:
    """Unix seconds as a time in UTC, as `read` reads it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")


def look(text: str) -> Look:
    """A time as it was written, with what it means."""
    offset = _OFFSET.search(text)
    zone = offset[1] if offset else ""
    try:
        at = datetime.fromtimestamp(read(text), _zone(zone))
        return Look(at.strftime("%Y-%m-%dT%H:%M:%S"), zone or "UTC", written(int(at.timestamp())))
    except (ValueError, OverflowError):
        return Look("", zone or "UTC", "")


def _zone(text: str | None) -> timezone:
    """The zone of an offset such as +10:00; none is UTC (domain reference, 7.2)."""
    if not text or text.upper() in {"Z", "UTC"}:
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    if int(digits[2:]) > 59:
        raise ValueError(f"an offset has at most 59 minutes, not {digits[2:]}")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
