"""Wake-ups: jobs by which an administrator sees that everything works."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from jobs import wakeups
from jobs.lifecycle import NotPossible
from jobs.models import Job, Status
from tests.conftest import drain, statuses
from tests.jobs.test_lifecycle import kind, nothing
from tests.jobs.test_pages import make_job

pytestmark = pytest.mark.django_db

ADDRESS = "/jobs/workers/wake-up/"
HTMX = {"HX-Request": "true"}


def test_there_is_one_for_each_type_that_declares_one() -> None:
    found = {kind.sub_type: kind.type for kind in wakeups.kinds()}
    assert found["REGISTRY_WAKE_UP"] == "REGISTRY"
    assert found["PROV_LODGE_WAKE_UP"] == "PROV_LODGE"
    with kind(nothing, "OTHER_WAKE_UP"):
        assert "OTHER_WAKE_UP" in {kind.sub_type for kind in wakeups.kinds()}


def test_it_does_nothing_and_keeps_its_reason(admin_user: User) -> None:
    wakeups.launch(["REGISTRY_WAKE_UP"], by=admin_user, reason=" After the move ")
    wakeups.launch(["PROV_LODGE_WAKE_UP"], by=admin_user)
    assert drain() == 2
    first, second = Job.objects.order_by("pk")
    assert (first.payload, first.result) == ({"reason": "After the move"}, {})
    assert (second.payload, second.result) == ({}, {})


def test_the_page_launches_one_of_each_and_follows_them(
    admin_client: Client, admin_user: User
) -> None:
    assert "REGISTRY_WAKE_UP" in admin_client.get(ADDRESS).content.decode()
    answer = admin_client.post(ADDRESS, {"kind": ["REGISTRY_WAKE_UP", "PROV_LODGE_WAKE_UP"]})
    assert statuses() == [Status.PENDING] * 2
    page = admin_client.get(answer["Location"]).content.decode()
    assert page.count("No worker is running") == 2
    assert 'hx-trigger="load' in page
    drain()
    part = admin_client.get(answer["Location"], headers=HTMX).content.decode()
    assert part.count("after the click") == 2
    assert "hx-trigger" not in part
    assert "All wake-ups have ended" in part


def test_what_the_address_names_must_be_wake_ups(admin_client: Client, user: User) -> None:
    job = make_job(user)
    page = admin_client.get(ADDRESS, {"job": [str(job.session_id), "x", "\0"]}).content.decode()
    assert str(job.session_id) not in page
    answer = admin_client.post(ADDRESS, {"kind": "LODGE_CREATE_ACTIVITY"}, follow=True)
    assert "is no kind of wake-up" in answer.content.decode()
    assert Job.objects.count() == 1
    admin_client.post(ADDRESS, {"kind": ""})
    assert Job.objects.count() == 1 + len(wakeups.kinds())


def test_it_is_for_staff_who_may_add_jobs(
    client: Client, make_user: Callable[..., User], user: User
) -> None:
    staff = make_user("staff", linked=False, is_staff=True)
    for who in (user, staff):
        client.force_login(who)
        assert client.get(ADDRESS).status_code == 403
        assert client.post(ADDRESS).status_code == 403
        with pytest.raises(NotPossible):
            wakeups.launch(["REGISTRY_WAKE_UP"], by=who)
    assert not Job.objects.exists()


def test_the_command_says_why_it_was_in_vain(
    admin_user: User, user: User, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match=r"REGISTRY_WAKE_UP: No worker is running"):
        call_command("wake_up", "REGISTRY_WAKE_UP", user="admin", wait=0)
    assert "not done" in capsys.readouterr().out
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        call_command("wake_up", user="nobody")
    with pytest.raises(CommandError, match="is no kind of wake-up"):
        call_command("wake_up", "LODGE_CREATE_ACTIVITY", user="admin")
    with pytest.raises(CommandError, match="staff who may add jobs"):
        call_command("wake_up", user="ana")
    assert Job.objects.count() == 1
