"""A failure that a retry cannot help with, on the last attempt that a job is allowed."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.definitions import PermanentError
from jobs.models import Job
from tests.conftest import drain
from tests.jobs.test_lifecycle import kind, submit

pytestmark = pytest.mark.django_db


def wrong(run: Any, payload: Any) -> None:
    raise PermanentError("The end is before the start.")


def unlucky(run: Any, payload: Any) -> None:
    raise ValueError


@pytest.mark.parametrize(
    ("handler", "button"),
    [(wrong, 'class="btn" id="retry"'), (unlucky, 'class="btn main" id="retry"')],
)
def test_a_retry_is_offered_first_only_where_it_can_help(
    handler: Any, button: str, user: User, client: Client
) -> None:
    client.force_login(user)
    with kind(handler):
        job = submit(user)
        Job.objects.update(max_attempts=1)
        drain()
        page = client.get(job.get_absolute_url()).content.decode()
    assert button in page
