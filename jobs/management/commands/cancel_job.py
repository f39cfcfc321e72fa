"""`manage.py cancel_job ID [ID ...]`, or `--batch ID`."""

from jobs import batches, lifecycle
from jobs.management.job_ids import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Ends jobs that have not finished: at once, or by rolling back if running; of a batch, "
        "those that no worker has begun. Prints their ids, or how many of a batch."
    )
    act = staticmethod(lifecycle.cancel)
    act_on_batch = staticmethod(batches.cancel_waiting)
    which = "waiting"
