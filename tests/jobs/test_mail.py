"""Mail: who gets one when a job fails, what it says, and how it is sent."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from jobs import checks, lifecycle, mail, worker
from jobs.definitions import PermanentError
from jobs.models import Batch, Job, Status
from jobs.worker import Run
from provena import environment
from registry.models import Item
from tests.conftest import drain
from tests.jobs.test_lifecycle import Count, claimed, kind, nothing, submit
from tests.smtp import MailServer, mail_server
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.django_db

ADDRESS = "https://provena.example.org"
FROM = "Provena <jobs@provena.example.org>"


def fails(run: Run, payload: Count) -> None:
    raise PermanentError("The tide was out.", remedy="Wait for six hours, then retry.")


def letters() -> list[dict[str, Any]]:
    mails = Job.objects.filter(sub_type="SEND_EMAIL").order_by("id")
    return list(mails.values_list("payload", flat=True))


@pytest.fixture
def post(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server that this process and others use."""
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address[:2]
        settings.DEFAULT_FROM_EMAIL, settings.SITE_URL = FROM, ADDRESS
        monkeypatch.setenv("EMAIL_URL", server.url)
        monkeypatch.setenv("DEFAULT_FROM_EMAIL", FROM)
        monkeypatch.setenv("SITE_URL", ADDRESS)
        yield server


def fail_once(owner: User, **fields: Any) -> Job:
    """A job of the owner that has failed."""
    with kind(fails):
        job = submit(owner, **fields)
        worker.execute(*claimed(job), 60)
    return job


def test_no_mail_is_made_unless_it_is_set_up_and_asked_for(user: User, settings: Settings) -> None:
    mail.want(user, True)
    fail_once(user)
    assert letters() == []
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL, settings.SITE_URL = "h", FROM, ADDRESS
    mail.want(user, False)
    fail_once(user)
    assert letters() == []
    mail.want(user, True)
    User.objects.update(email="")
    fail_once(user)
    assert letters() == []


def test_a_failure_costs_nothing_more_where_mail_is_off(user: User, settings: Settings) -> None:
    asked: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        fail_once(user)
    assert not any("mailwanted" in sql for sql in asked)


def test_the_owner_of_a_failed_job_is_told_what_happened_and_where_to_look(
    post: MailServer, user: User, make_item: Callable[..., Item]
) -> None:
    mail.want(user, True)
    item = make_item(user, display_name="Reef model")
    Item.objects.filter(pk=item.pk).update(deleted_at=timezone.now())
    drain()
    failed = item.creation_workflow.jobs.get()
    (message,) = post.mails
    assert message["Subject"] == "Failed: Register Create Activity of Reef model, deleted"
    assert (message["To"], message["From"]) == (user.email, FROM)
    job = Job.objects.get(sub_type="SEND_EMAIL")
    assert message["Message-ID"] == f"<{job.session_id}@provena.example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()
    for part in (
        f"Item {item.handle} is not in the registry any more",
        "there is nothing to retry",
        f"{ADDRESS}{failed.get_absolute_url()}",
        f"{ADDRESS}/account/",
        str(failed.session_id),
    ):
        assert part in text
    assert (job.status, job.result, job.owner) == (Status.SUCCEEDED, {}, user)


def test_only_a_final_failure_is_told_and_each_is(post: MailServer, user: User) -> None:
    def bursts(run: Run, payload: Count) -> None:
        raise OSError("secret")

    mail.want(user, True)
    with kind(bursts, max_attempts=2):
        job = submit(user)
        for told in (0, 1, 1, 2):
            worker.execute(*claimed(job), 60)
            assert len(letters()) == told
            Job.objects.filter(pk=job.pk).update(run_after=timezone.now())
            if told == 1 and job.events.count() == 2:
                lifecycle.retry(job, by=user)
    assert [letter["subject"] for letter in letters()] == ["Failed: Test"] * 2
    assert "secret" not in str(letters())


def test_who_cancels_a_job_is_not_told_that_it_is_cancelled(post: MailServer, user: User) -> None:
    mail.want(user, True)
    with kind(nothing):
        lifecycle.cancel(submit(user), by=user)
    assert letters() == []


def test_of_a_batch_there_is_one_mail_at_its_first_failure(post: MailServer, user: User) -> None:
    mail.want(user, True)
    batch = Batch.objects.create(owner=user, title="Heat\nstress", total=3)
    with kind(fails):
        jobs = [submit(user, batch=batch, batch_index=index) for index in range(3)]
        lifecycle.claim("provena", 9)
        for job in jobs:
            worker.execute(job.pk, 0, 60)
        lifecycle.retry(jobs[1], by=user)
        worker.execute(*claimed(jobs[1]), 60)
    (letter,) = letters()
    assert letter["subject"] == "Failed: Test, job 1 of Heat stress"
    assert f"{ADDRESS}{batch.get_absolute_url()}" in letter["body"]
    assert "The tide was out." in letter["body"]
    assert "Wait for six hours" in letter["body"]


def test_the_mail_and_the_failure_are_in_one_transaction(
    post: MailServer, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.want(user, True)
    with kind(fails):
        job = submit(user)
        started = lifecycle.start(*claimed(job), 60)
        monkeypatch.setattr(lifecycle, "submit", lambda **fields: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lifecycle.fail(started, PermanentError("x"))
    job.refresh_from_db()
    assert (job.status, job.events.count()) == (Status.IN_PROGRESS, 0)


def test_a_mail_that_fails_causes_no_mail(post: MailServer, user: User) -> None:
    mail.want(user, True)
    post.answer = "550 no such mailbox"
    fail_once(user)
    drain()
    job = Job.objects.get(sub_type="SEND_EMAIL")
    assert (job.status, job.attempt) == (Status.FAILED, 1)
    assert job.info == f"The mail server refused the mail to {user.email}: 550 no such mailbox"
    assert "on your account page" in job.events.get().remedy
    assert len(letters()) == 1


@pytest.mark.parametrize("trouble", ["busy", "deaf", "away"])
def test_a_mail_is_tried_again_while_the_server_is_in_trouble(
    post: MailServer, user: User, settings: Settings, trouble: str
) -> None:
    mail.want(user, True)
    fail_once(user)
    if trouble == "busy":
        post.answer = "451 later"
    elif trouble == "deaf":
        post.is_deaf = True
    else:
        settings.EMAIL_PORT = 1
    drain()
    job = Job.objects.get(sub_type="SEND_EMAIL")
    assert (job.status, job.attempt, job.max_attempts) == (Status.PENDING, 1, 10)
    assert f"did not take the mail to {user.email}" in job.info
    post.answer, post.is_deaf, settings.EMAIL_PORT = "250 fine", False, post.server_address[1]
    Job.objects.update(run_after=timezone.now())
    drain()
    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED
    assert len(post.mails) == 1


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_a_mail_is_sent(
    post: MailServer, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look(*args: Any) -> None:
        seen.append(connection.in_atomic_block)

    monkeypatch.setattr("jobs.mail.EmailMessage.send", look)
    letter = {"email_to": "a@b.org", "subject": "s", "body": "b", "reason": "r"}
    lifecycle.submit(sub_type="SEND_EMAIL", payload=letter, owner=user)
    drain()
    assert seen == [False]


def test_a_mail_that_was_to_be_sent_before_mail_was_switched_off_says_so(user: User) -> None:
    letter = {"email_to": "a@b.org", "subject": "s", "body": "b", "reason": "r"}
    job = lifecycle.submit(sub_type="SEND_EMAIL", payload=letter, owner=user)
    drain()
    job.refresh_from_db()
    assert (job.status, job.info) == (Status.FAILED, "Mail is not set up on this system.")


def test_a_wake_up_does_nothing(user: User) -> None:
    job = lifecycle.submit(sub_type="EMAIL_WAKE_UP", payload={}, owner=user)
    drain()
    job.refresh_from_db()
    assert (job.type, job.status, job.result) == ("EMAIL", Status.SUCCEEDED, {})


def test_a_job_of_a_chosen_id_is_added_once(user: User) -> None:
    chosen = UUID(int=7)
    with kind(nothing):
        first, again = submit(user, session_id=chosen), submit(user, session_id=chosen)
    assert first == again
    assert first.session_id == chosen


def test_the_account_page_asks_only_where_mail_is_set_up(
    signed_in: Client, user: User, settings: Settings
) -> None:
    label = "Mail me when a job of mine fails"
    assert label not in signed_in.get("/account/").content.decode()
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL, settings.SITE_URL = "h", FROM, ADDRESS
    assert label in signed_in.get("/account/").content.decode()
    for wanted in (True, False):
        form = {"email": "ana@example.org"} | ({"mail_on_failure": "on"} if wanted else {})
        signed_in.post("/account/", form)
        assert mail.is_wanted(user) is wanted
        assert ("checked" in signed_in.get("/account/").content.decode()) is wanted


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("", ("", 0, "", "", "smtp")),
        ("smtp://mail.org", ("mail.org", 25, "", "", "smtp")),
        ("smtp+tls://me%40x:p%3Aw@mail.org", ("mail.org", 587, "me@x", "p:w", "smtp+tls")),
        ("smtps://me:pw@mail.org:4650", ("mail.org", 4650, "me", "pw", "smtps")),
    ],
)
def test_the_mail_server_is_read_from_one_variable(
    monkeypatch: pytest.MonkeyPatch, text: str, server: tuple[Any, ...]
) -> None:
    monkeypatch.setenv("EMAIL_URL", text)
    assert tuple(environment.mail_server("EMAIL_URL")) == server


@pytest.mark.parametrize("text", ["mail.org", "http://mail.org", "smtp://", "smtp://h:port"])
def test_a_mail_server_that_cannot_be_read_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("EMAIL_URL", text)
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL is not like"):
        environment.mail_server("EMAIL_URL")


@pytest.mark.parametrize(
    ("host", "sender", "url", "ids"),
    [
        ("", "", "", []),
        ("h", FROM, ADDRESS, []),
        ("h", "", "", ["jobs.W006"]),
        ("", FROM, "example.org", ["jobs.W006", "jobs.E007"]),
    ],
)
def test_mail_that_is_half_set_up_is_a_fault(
    settings: Settings, host: str, sender: str, url: str, ids: list[str]
) -> None:
    settings.EMAIL_HOST, settings.DEFAULT_FROM_EMAIL, settings.SITE_URL = host, sender, url
    assert [fault.id for fault in checks.mail_is_whole(None)] == ids


@pytest.mark.cluster
@pytest.mark.django_db(transaction=True)
def test_a_real_worker_sends_one_mail_for_a_batch(
    post: MailServer, stack: Stack, user: User
) -> None:
    from tests.cluster.app import kinds  # noqa: F401 - declares them here too

    mail.want(user, True)
    batch = lifecycle.submit_batch(
        sub_type="TEST_ROW_FIVE_FAILS_ONCE", payloads=[{}] * 8, owner=user, title="Heat stress"
    )
    stack.start_worker()
    wait_until(lambda: post.mails, "the mail arrives")
    wait_until(lambda: not Job.objects.unfinished().exists(), "all is done")
    (message,) = post.mails
    failed = batch.jobs.get(batch_index=4)
    assert "The end is before the start." in message.get_content()
    assert f"{ADDRESS}{failed.get_absolute_url()}" in message.get_content()
    assert message["To"] == user.email
