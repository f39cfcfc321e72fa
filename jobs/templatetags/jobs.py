"""How states, moments, durations and ids are printed, the same on every page."""

import json
import math
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from provena import words

register = template.Library()


@register.filter
@lru_cache(maxsize=64)
def state(status: str) -> SafeString:
    """A state as shape, word and colour (the style sheet adds shape and colour by class)."""
    return format_html('<span class="state {}">{}</span>', status, status)


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """A point in time, to the second; the exact one with its zone on hover."""
    return _time(at, "")


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """A point in time, which a browser shows as how long ago it was, or how long until then."""
    return _time(at, " data-ago")


def _time(at: datetime | None, mark: str) -> SafeString | str:
    if at is None:
        return "—"
    local = timezone.localtime(at)
    text = f"{local:%d %b %Y, %H:%M:%S}"
    title = f"{text}.{local.microsecond // 1000:03d} {local.tzname()}"
    # Made of nothing that would have to be escaped, and on some pages hundreds of times.
    return SafeString(
        f'<time datetime="{at.isoformat()}" title="{title}"{mark}>{text.lstrip("0")}</time>'
    )


@register.filter
def instant(at: datetime) -> SafeString:
    """A point in time to the millisecond, in one of many lines of one year; all of it on hover."""
    local = timezone.localtime(at)
    clock = f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"
    return format_html(
        '<time class="instant" datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        f"{local:%d %b %Y}, {clock} {local:%Z}",
        f"{local:%d %b}, {clock}".lstrip("0"),
    )


@register.filter
def duration(length: timedelta | None) -> str:
    """A length of time with a unit a person would choose."""
    if length is None:
        return "—"
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


@register.filter
def roughly(length: timedelta) -> str:
    """A length of time that is only estimated."""
    seconds = math.ceil(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{math.ceil(minutes / 60)} h"


@register.filter
def count(number: int) -> str:
    """A number of things, with its thousands apart."""
    return f"{number:,}"


@register.filter
def counted(number: int, thing: str) -> str:
    """A number of things: `3|counted:"job"`, or `3|counted:"batch,batches"`."""
    one, _, more = thing.partition(",")
    return words.counted(number, one, more)


@register.filter
def short_id(session_id: UUID | str) -> str:
    """The first eight digits of a job's id: enough to tell jobs apart by eye."""
    return str(session_id)[:8]


@register.filter
def pretty_json(value: Any) -> str:
    """JSON as a person reads it."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
