"""Mail: a job of its own, because what it does is outside the database and cannot be rolled back.

A mail that tells of a failure is submitted in the transaction that records the failure. It may be
sent twice, if a worker ends between sending it and saying so: both have the job's id in their
Message-ID, by which mail programs know them for one. It is off until a mail server is set up, and
then for each user until they ask for it on their account page.
"""

from smtplib import SMTPRecipientsRefused, SMTPResponseException
from typing import TYPE_CHECKING, Any
from uuid import uuid5

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from jobs import contact, definitions
from jobs.definitions import JobError, Payload, PermanentError
from jobs.models import Job, MailWanted

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from jobs.worker import Run

TYPE, SENDS = "EMAIL", "SEND_EMAIL"
LONGEST_SUBJECT = 150  # characters
FOR_GOOD = 500  # reply codes from here on mean that trying again would not help


class Letter(Payload):
    email_to: str
    subject: str
    body: str
    reason: str


def is_set_up() -> bool:
    """True where mail can be sent."""
    return bool(settings.EMAIL_HOST and settings.DEFAULT_FROM_EMAIL and settings.SITE_URL)


def is_wanted(user: "User") -> bool:
    """True for who wants a mail when a job of theirs fails."""
    return MailWanted.objects.filter(user=user.pk).exists()


def want(user: "User", wanted: bool) -> None:
    """Remember whether `user` wants such mails."""
    if wanted:
        MailWanted.objects.get_or_create(user=user)
    else:
        MailWanted.objects.filter(user=user).delete()


def about_failure(job: Job, message: str, remedy: str) -> dict[str, Any] | None:
    """The mail that tells the owner that a job has failed for good, as arguments of
    `lifecycle.submit`; None if none is to be sent: mails that fail cause no mails.

    Of a batch there is one mail, at its first failure: that is early enough to stop the rest, its
    link leads to the page that tells of all, and no job that succeeds has to look whether it was
    the last. The id of the mail's job comes from that of the batch, so there cannot be two.
    """
    if not is_set_up() or job.type == TYPE or not is_wanted(job.owner) or not job.owner.email:
        return None
    about = definitions.subjects(job.owner, [job.subject]).get(job.subject)
    what = f"{job.title} of {about.label}" if about else job.title
    if job.batch:
        place = Job.objects.numbered().get(pk=job.pk).place.lower()
        what = f"{job.title}, {place} of {job.batch.title}"
    context = {"job": job, "what": what, "message": message, "remedy": remedy, "settings": settings}
    context["contact"] = contact.administrators()
    letter = Letter(
        email_to=job.owner.email,
        subject=_in_a_line(f"Failed: {what}"),
        body=render_to_string("jobs/failure_mail.txt", context),
        reason=f"Job {job.session_id} failed.",
    )
    wanted: dict[str, Any] = {"sub_type": SENDS, "payload": letter, "owner": job.owner}
    return wanted | ({"session_id": uuid5(job.batch.pk, SENDS)} if job.batch else {})


def to(user: "User", *, subject: str, body: str, reason: str) -> dict[str, Any] | None:
    """A mail to a user, as arguments of `lifecycle.submit`; None where none can be sent."""
    if not is_set_up() or not user.email:
        return None
    letter = Letter(email_to=user.email, subject=_in_a_line(subject), body=body, reason=reason)
    return {"sub_type": SENDS, "payload": letter, "owner": user}


@definitions.job(
    type=TYPE,
    sub_type=SENDS,
    title="Send Email",
    payload=Letter,
    max_attempts=10,  # for about ten minutes
    in_pieces=True,
    named_by="subject",
    started_by="a job that fails for good, if its owner wants mail about that",
)
def send_email(run: "Run", letter: Letter) -> None:
    """Send a mail."""
    if not is_set_up():
        raise PermanentError(
            "Mail is not set up on this system.",
            remedy="An administrator can set it up, as the README says. Then retry it.",
        )
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ")
    headers = {
        "Message-ID": f"<{run.job.session_id}@{domain}>",
        "Auto-Submitted": "auto-generated",  # so that nobody's absence is answered
    }
    message = EmailMessage(letter.subject, letter.body, to=[letter.email_to], headers=headers)
    try:
        message.send()
    except OSError as error:
        raise _explained(error, letter) from error


def _explained(error: OSError, letter: Letter) -> JobError:
    """What an error of the mail server or of the way to it means."""
    code, text = 0, type(error).__name__
    if isinstance(error, SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        text = _words(code, said)
    elif isinstance(error, SMTPResponseException):
        code, text = error.smtp_code, _words(error.smtp_code, error.smtp_error)
    if code >= FOR_GOOD:
        return PermanentError(
            f"The mail server refused the mail to {letter.email_to}: {text}",
            remedy="See whether the address is right on your account page: a retry takes the old "
            "one. If it is, an administrator can see what the mail server wants.",
        )
    return JobError(
        f"The mail server did not take the mail to {letter.email_to} ({text}).",
        remedy="Retry it when the mail server works again; an administrator can tell.",
    )


def _words(code: int, said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return _in_a_line(f"{code} {text}")


def _in_a_line(text: str) -> str:
    """The text as a header holds it."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SUBJECT else f"{line[: LONGEST_SUBJECT - 1]}…"
