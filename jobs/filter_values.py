"""The values of a filter of jobs: what may be chosen, what makes sense, and moments of time."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from django.utils import timezone
from pydantic import AfterValidator, ValidationInfo

from jobs import definitions
from jobs.models import CANCELLED, MENDED, Status

LONGEST = 200  # characters of a value
STATES = {**dict(Status.choices), CANCELLED: "Cancelled", MENDED: "Mended"}
BATCHES = {"only": "In batches", "none": "Standalone"}
WINDOWS = {
    "hour": "The last hour",
    "today": "Today",
    "yesterday": "Yesterday",
    "week": "The last 7 days",
}
DAY = len("2026-01-31")
OLDEST, LATEST = 1970, 9000  # years: a change of zone must not lead out of what a datetime can say


def one_of(what: str, known: Callable[[], Mapping[str, str]]) -> AfterValidator:
    """The check that a value, if given, is one of those known, which the fault lists."""

    def check(value: str) -> str:
        if value and value not in known():
            raise ValueError(f"“{value}” is no {what}. Choose one of {', '.join(known())}.")
        return value

    return AfterValidator(check)


def some_text(value: str) -> str:
    """The value, if both databases can look for it. Raises ValueError."""
    if len(value) > LONGEST or "\0" in value:
        raise ValueError(
            f"“{value[:30]}…” cannot be looked for. Give at most {LONGEST} characters of text."
        )
    return value


def some_time(value: str) -> str:
    """The value, if it is a day or a moment as ISO 8601 writes them. Raises ValueError."""
    try:
        if value and not OLDEST <= datetime.fromisoformat(value).year <= LATEST:
            raise ValueError
    except ValueError:
        raise ValueError(
            f"“{value}” is no time. Write a day as 2026-01-31 or a moment as 2026-01-31T14:30."
        ) from None
    return value


def some_zone(value: str) -> str:
    """The value, if it names a time zone. Raises ValueError."""
    try:
        if value:
            ZoneInfo(value)
    except (ValueError, OSError, LookupError):
        raise ValueError(
            f"“{value}” is no time zone. Write one such as Australia/Brisbane."
        ) from None
    return value


def of_that_type(value: str, given: ValidationInfo) -> str:
    """The sub type, if it is of the type that is asked for, too. Raises ValueError."""
    wanted = given.data.get("type")
    if value and wanted and (own := definitions.job_kind(value).type) != wanted:
        raise ValueError(f"“{value}” is of the type {own}, not of {wanted}. Choose one of both.")
    return value


def after_since(value: str, given: ValidationInfo) -> str:
    """The end of a window, if its beginning is before it. Raises ValueError."""
    since = given.data.get("since")
    zone = zone_of(given.data.get("zone", ""))
    if value and since and instant(since, zone) >= end_of(value, zone):
        raise ValueError(f"“{value}” is not after “{since}”. Nothing is between them.")
    return value


def types() -> dict[str, str]:
    """The types of the declared job kinds, with their words."""
    found = sorted({kind.type for kind in definitions.job_kinds()})
    return {one: one.replace("_", " ").capitalize() for one in found}


def sub_types() -> dict[str, str]:
    """The sub types of the declared job kinds, with their titles."""
    return {kind.sub_type: kind.title for kind in definitions.job_kinds()}


def zone_of(name: str) -> tzinfo:
    """The zone of that name; the site's for none."""
    return ZoneInfo(name) if name else timezone.get_default_timezone()


def instant(value: str, zone: tzinfo) -> datetime:
    """The moment that a value means; of a day, its beginning."""
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def end_of(value: str, zone: tzinfo) -> datetime:
    """The moment that ends a window: of a day, its end."""
    return instant(value, zone) + timedelta(days=len(value) <= DAY)
