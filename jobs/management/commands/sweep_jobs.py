"""`manage.py sweep_jobs`: give back the jobs whose worker is gone."""

from typing import Any

from django.core.management.base import BaseCommand

from jobs import lifecycle
from provena.words import counted


class Command(BaseCommand):
    help = (
        "Gives back the jobs whose lease has passed. Running clusters do so by themselves every "
        "few seconds; this is for when none runs."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        while given := lifecycle.sweep():
            total += given
        self.stdout.write(f"{counted(total, 'job was', 'jobs were')} given back.")
