"""Jobs as commands take them: by session id."""

from uuid import UUID

from django.core.management.base import CommandError

from jobs.models import Job


def job_of(text: str) -> Job:
    """The job with that session id. Raises CommandError naming what is wrong with the text."""
    try:
        return Job.objects.select_related("owner").get(session_id=UUID(text))
    except ValueError:
        raise CommandError(f"{text!r} is no session id: it looks like 0b2f6a0e-4a53-....") from None
    except Job.DoesNotExist:
        raise CommandError(f"There is no job {text}. `manage.py list_jobs` lists them.") from None
