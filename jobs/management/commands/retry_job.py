"""`manage.py retry_job ID [ID ...]`, or `--batch ID`."""

from jobs import batches, lifecycle
from jobs.management.job_ids import OperatorCommand


class Command(OperatorCommand):
    help = "Puts failed jobs back into the queue; prints their ids, or how many of a batch."
    act = staticmethod(lifecycle.retry)
    act_on_batch = staticmethod(batches.retry_failed)
    which = "failed"
