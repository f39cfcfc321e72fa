import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from jobs.models import Job
from tests.conftest import drain

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def user() -> User:
    return User.objects.create_user("ana")


def test_possible_levels_are_summed_up() -> None:
    call_command("sum_up_tides", "Broome", "4.2", "-3.9", "999", user="ana")
    assert drain() == 2  # runs what waits, as a worker would
    check, sum_up = Job.objects.order_by("id")
    assert (check.status, check.result) == ("SUCCEEDED", {"left_out": 1})
    assert (sum_up.status, sum_up.result) == ("SUCCEEDED", {"lowest": -3.9, "highest": 4.2})


def test_levels_that_no_tide_can_have_fail_with_a_reason() -> None:
    call_command("sum_up_tides", "Broome", "4200", user="ana")
    assert drain() == 1
    job = Job.objects.get()
    assert (job.status, job.info) == (
        "FAILED",
        "Broome has no possible level. Are they in metres?",
    )
