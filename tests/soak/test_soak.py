"""A short soak: nothing is lost and nothing is done twice while processes are killed."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from tests.stack import database_url

pytestmark = [pytest.mark.cluster, pytest.mark.django_db(transaction=True)]


@pytest.mark.timeout(600)  # what a killed cluster held waits up to 75 s for its lease
def test_random_kills_lose_nothing_and_double_nothing() -> None:
    soak = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--minutes", "0.4"],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": database_url()},
        check=False,
        capture_output=True,
        text=True,
    )
    assert soak.returncode == 0, soak.stdout + soak.stderr
    assert " lost=0 doubled=0 kills=" in soak.stdout.splitlines()[-1]
