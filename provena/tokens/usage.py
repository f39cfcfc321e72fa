"""How often a token is used, and when it was last.

A write for each request would make readers wait for writers. So each process counts by itself and
tells the database at most once a second, which answers with what all of them counted: the limit
holds over all processes and machines, give or take what they take in within a second.
"""

import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Case, F, Value, When
from django.utils import timezone

from provena.tokens.models import Token

TOLD_EVERY = 1.0  # seconds
MINUTE = 60  # seconds


@dataclass
class _Count:
    """Of one token, in this process."""

    minute: int = 0
    known: int = 0  # of all processes, when the database was last asked
    untold: int = 0
    told_at: float = float("-inf")  # never


_counts: dict[int, _Count] = {}
_lock = threading.Lock()


def count(token: Token) -> int:
    """Count a request by the token. Returns the seconds to wait if it is one too many in this
    minute, else 0."""
    now = time.time()
    minute = int(now) // MINUTE
    with _lock:
        mine = _counts.setdefault(token.pk, _Count())
        if mine.minute != minute:
            mine.minute, mine.known, mine.untold = minute, 0, 0
        if mine.known + mine.untold >= settings.API_REQUESTS_PER_MINUTE:
            return MINUTE - int(now) % MINUTE
        mine.untold += 1
        is_due = time.monotonic() - mine.told_at >= TOLD_EVERY
        if is_due:
            mine.told_at, untold, mine.untold = time.monotonic(), mine.untold, 0
    if is_due:
        known = _tell(token, minute, untold)
        with _lock:
            if mine.minute == minute:
                mine.known = max(mine.known, known)
    return 0


def _tell(token: Token, minute: int, number: int) -> int:
    """Add to what the database knows of a minute. Returns what that makes."""
    used = Case(When(minute=minute, then=F("used") + number), default=Value(number))
    Token.objects.filter(pk=token.pk).update(used=used, minute=minute, last_used_at=timezone.now())
    return Token.objects.values_list("used", flat=True).get(pk=token.pk)
