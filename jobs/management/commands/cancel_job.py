"""`manage.py cancel_job ID [ID ...]`."""

from jobs import lifecycle
from jobs.management.job_ids import OperatorCommand


class Command(OperatorCommand):
    help = "Ends jobs that have not finished: at once, or by rolling back if running."
    act = staticmethod(lifecycle.cancel)
