"""Who may use a route. Asked before a body is read."""

from django.contrib.auth.models import User

from jobs.models import sees_all_jobs
from jobs.wakeups import may_launch
from provena.rest import Bearer


def _may_read(user: User) -> str:
    if sees_all_jobs(user):
        return ""
    return "Only staff who may view all jobs can do this. Your own jobs are at /jobs/user/list."


def _may_launch(user: User) -> str:
    return "" if may_launch(user) else "Only staff who may add jobs can launch them."


EVERYONE, READ_ALL, LAUNCH = Bearer(), Bearer(_may_read), Bearer(_may_launch)
