"""`manage.py reindex_items`: make the search index anew."""

from typing import Any

from django.core.management.base import BaseCommand

from registry import search


class Command(BaseCommand):
    help = "Indexes all items anew for search. The site can go on meanwhile."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{search.rebuild():,} items indexed.")
