"""System checks of the registry's settings."""

import re
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection

PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
TEST_PREFIX = "10378.1"


@register
def prefix_is_usable(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Persistent ids can be made of the prefix."""
    if PREFIX.fullmatch(settings.HANDLE_PREFIX):
        return []
    return [
        Error(
            f"HANDLE_PREFIX={settings.HANDLE_PREFIX!r} cannot begin a persistent id.",
            hint="Use letters, digits, dots, hyphens and underscores, such as 102.100.100.",
            id="registry.E001",
        )
    ]


@register(Tags.security, deploy=True)
def prefix_is_your_own(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """An installation that people rely on has a prefix of its own."""
    if settings.HANDLE_PREFIX != TEST_PREFIX:
        return []
    return [
        Warning(
            f"HANDLE_PREFIX is {TEST_PREFIX}, the test prefix: ids will not be unique elsewhere.",
            hint="Set HANDLE_PREFIX to the prefix of your organisation before you register items.",
            id="registry.W002",
        )
    ]


@register(Tags.database)
def sqlite_can_search(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """SQLite was built with the full-text search that Explore uses."""
    if not databases or connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')")
        if cursor.fetchone()[0]:
            return []
    return [
        Error(
            "This SQLite was built without FTS5, which the search over items needs.",
            hint="Use a Python whose sqlite3 has it, such as Debian's, or PostgreSQL.",
            id="registry.E003",
        )
    ]
