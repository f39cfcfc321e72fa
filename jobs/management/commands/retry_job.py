"""`manage.py retry_job ID [ID ...]`."""

from jobs import lifecycle
from jobs.management.job_ids import OperatorCommand


class Command(OperatorCommand):
    help = "Puts failed jobs back into the queue."
    act = staticmethod(lifecycle.retry)
