"""Workflows, batches, jobs, and the clusters that run them. The Job table is the queue."""

import uuid
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.fields.json import KT
from django.urls import reverse
from django.utils import timezone

from jobs import definitions
from provena.words import counted

if TYPE_CHECKING:
    from django.contrib.auth.models import User

HEARTBEAT_TOLERANCE = timedelta(seconds=10)


class Status(models.TextChoices):
    """The five states of a job (domain rule; they stay five)."""

    PENDING = "PENDING", "Pending"
    DEQUEUED = "DEQUEUED", "Dequeued"
    IN_PROGRESS = "IN_PROGRESS", "In progress"
    SUCCEEDED = "SUCCEEDED", "Succeeded"
    FAILED = "FAILED", "Failed"


FINISHED = (Status.SUCCEEDED, Status.FAILED)
UNFINISHED = (Status.PENDING, Status.DEQUEUED, Status.IN_PROGRESS)
LEASED = (Status.DEQUEUED, Status.IN_PROGRESS)
# What people call a FAILED job that somebody cancelled, or that another one has taken the place of:
# no further states, but other words.
CANCELLED = "CANCELLED"
MENDED = "MENDED"
MEANINGS: dict[str, str] = {
    Status.PENDING: "Waiting in the queue for a worker.",
    Status.DEQUEUED: "A worker has taken it off the queue and is about to start.",
    Status.IN_PROGRESS: "A worker is doing it now.",
    Status.SUCCEEDED: "Done. Everything it had to record is recorded.",
    Status.FAILED: "Ended without effect: nothing of it was recorded.",
    MENDED: "It failed, and what was wrong was mended: another job took its place.",
}
# The words for FAILED jobs as the partial indexes tell them apart, by NULL tests only (see `Job`).
FAILED_AS = {
    Status.FAILED.value: Q(
        finished_at__isnull=False, result__isnull=True, cancelled_at=None, mended_by=None
    ),
    CANCELLED: Q(cancelled_at__isnull=False, mended_by=None),
    MENDED: Q(mended_by__isnull=False),
}
ENDED_EARLY = "Ended early: what it had done by then stays."  # of one that failed, in pieces


def shown_state(
    status: str, cancelled_at: datetime | None, mended_by: uuid.UUID | str | None = None
) -> str:
    """The word that people see for the state of a job: one that another has taken the place of, or
    that somebody cancelled, is FAILED, and nothing is wrong with it."""
    if mended_by:
        return MENDED
    return CANCELLED if cancelled_at else str(status)


# Said literally in a query, so that SQLite sees that a partial index already tells it and does not
# read each row to ask again. A parameter would hide it.
ZERO = Func(template="0", output_field=models.IntegerField())


def plain(column: str) -> Func:
    """A whole number of a row as an expression, which only an index of that expression serves."""
    return Func(F(column), template="(%(expressions)s + 0)", output_field=models.BigIntegerField())


def among_all(column: str) -> Func:
    """The same as another expression, so that an index of everybody's jobs never serves a list of
    one owner's: a planner cannot know that theirs are all old."""
    return Func(F(column), template="(0 + %(expressions)s)", output_field=models.BigIntegerField())


class Workflow(models.Model):
    """One walk through the steps of a workflow kind, about one subject."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=60)
    subject = models.CharField(max_length=100)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.kind} of {self.subject}"


def sees_all_jobs(user: "User") -> bool:
    """Staff with the right to view jobs see everybody's; others see their own."""
    return user.is_staff and user.has_perm("jobs.view_job")


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, user: "User") -> "BatchQuerySet":
        """The batches that `user` may open."""
        return self if sees_all_jobs(user) else self.filter(owner=user)


class Batch(models.Model):
    """Jobs submitted together. `total` is known from the start, so progress is always true."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    title = models.CharField(max_length=300)
    subject = models.CharField(max_length=100, blank=True, help_text="Id of what it came from.")
    total = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    resumed_at = models.DateTimeField(
        null=True, blank=True, help_text="When jobs were retried after all had ended."
    )
    idle = models.DurationField(
        default=timedelta, help_text="How long nothing of it was left to do, before retries."
    )

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return f"{self.title} ({counted(self.total, 'job')})"

    def get_absolute_url(self) -> str:
        return reverse("batch-detail", args=[self.pk])


@lru_cache(maxsize=16)
def _by_kind(column: str, places: tuple[tuple[str, str], ...]) -> Case:
    """The text that stands in JSON at a place that depends on the sub type; empty if none does."""
    cases = [
        When(sub_type=sub_type, then=KT(f"{column}__{place}"))
        for sub_type, place in places
        if place
    ]
    return Case(*cases, default=Value(""), output_field=models.TextField())


class JobQuerySet(models.QuerySet["Job"]):
    """Filters on jobs, named as adjectives."""

    def visible_to(self, user: "User") -> "JobQuerySet":
        """The jobs that `user` may open."""
        return self if sees_all_jobs(user) else self.filter(owner=user)

    def unfinished(self) -> "JobQuerySet":
        return self.filter(finished_at=None)

    def waiting(self) -> "JobQuerySet":
        """PENDING, as the index `job_waiting` says it."""
        return self.filter(dequeued_at=None, finished_at=None)

    def leased(self) -> "JobQuerySet":
        """DEQUEUED or IN_PROGRESS, as the index `job_leased` says it."""
        return self.filter(dequeued_at__isnull=False, finished_at=None)

    def failed(self) -> "JobQuerySet":
        """FAILED, whatever people call it."""
        return self.filter(finished_at__isnull=False, result__isnull=True)

    def failed_by_itself(self) -> "JobQuerySet":
        """FAILED, neither cancelled nor mended, as the index `job_failed` says it."""
        return self.filter(FAILED_AS[Status.FAILED])

    def cancelled(self) -> "JobQuerySet":
        """FAILED, because somebody cancelled it, and not mended, as the index `job_cancelled` says
        it."""
        return self.filter(FAILED_AS[CANCELLED])

    def unmended(self) -> "JobQuerySet":
        """FAILED, and no other job has taken their place: these can be retried."""
        return self.failed().filter(mended_by=None)

    def mended(self) -> "JobQuerySet":
        """FAILED jobs that another one has taken the place of, as the index `job_mended_own` says
        it."""
        return self.filter(FAILED_AS[MENDED])

    def listed(self) -> "JobQuerySet":
        """One row for each standalone job and one, the first, for each batch."""
        return self.filter(Q(batch_index=None) | Q(batch_index=ZERO))

    def first_of_batches(self) -> "JobQuerySet":
        """The first job of each batch, as the index `job_first` says it."""
        return self.filter(batch_index=ZERO)

    def unlisted(self) -> "JobQuerySet":
        """All but what `listed` gives, as the index `job_unlisted` says it."""
        return self.filter(batch_index__gt=ZERO)

    def ended_in_batch(self) -> "JobQuerySet":
        """Jobs of batches that have ended, as the index `job_batch_ended` says it: in words that
        no count has, or SQLite would count a batch by it, and read all that succeeded."""
        return self.filter(batch_index__isnull=False, finished_at__isnull=False)

    def about(self, subject: str) -> "JobQuerySet":
        """The jobs about that subject, as the index `job_about` says it."""
        return self.filter(subject=subject).exclude(subject="")

    def numbered(self) -> "JobQuerySet":
        """With `row`, the number of each in the file that its batch came from; empty if none."""
        kinds = definitions.job_kinds()
        return self.annotate(
            row=_by_kind("payload", tuple((kind.sub_type, kind.numbered_by) for kind in kinds))
        )

    def with_names(self) -> "JobQuerySet":
        """With `named`, the name in the payload of each, by which its owner knows it; or empty."""
        kinds = definitions.job_kinds()
        return self.annotate(
            named=_by_kind("payload", tuple((kind.sub_type, kind.named_by) for kind in kinds))
        )

    def for_lists(self) -> "JobQuerySet":
        """With what a row of a list shows: `named`, `made`, the id of what it made, `launched`,
        that of the batch that it launched, `row`, the number of its row in the file that it came
        from."""
        kinds = definitions.job_kinds()
        return (
            self.numbered()
            .with_names()
            .select_related("owner", "batch")
            .defer("payload", "result", "traceback")
            .annotate(
                made=_by_kind("result", tuple((kind.sub_type, kind.makes) for kind in kinds)),
                launched=_by_kind(
                    "result", tuple((kind.sub_type, kind.launches) for kind in kinds)
                ),
            )
        )


class Job(models.Model):
    """A piece of background work. Its row is its message: PENDING rows are the queue.

    `attempt` counts starts and fences: only the holder of the current attempt may finish the job.
    Only `jobs.lifecycle` and the broker's claim write `status`.
    """

    session_id = models.UUIDField(unique=True, default=uuid.uuid4)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="jobs", db_index=False
    )
    type = models.CharField(max_length=40)
    sub_type = models.CharField(max_length=60)
    queue = models.CharField(max_length=40, default=definitions.DEFAULT_QUEUE)
    subject = models.CharField(max_length=100, blank=True, help_text="Id of what it is about.")
    payload = models.JSONField(default=dict)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    info = models.TextField(blank=True, help_text="For people: why it failed, or a message.")
    traceback = models.TextField(blank=True, help_text="For administrators.")
    result = models.JSONField(null=True, blank=True)

    attempt = models.PositiveSmallIntegerField(default=0, help_text="How often it was started.")
    max_attempts = models.PositiveSmallIntegerField(default=3)
    run_after = models.DateTimeField(default=timezone.now, help_text="Not to be started before.")
    done = models.PositiveIntegerField(
        null=True, blank=True, help_text="How far it is, for a kind that commits in pieces."
    )
    total = models.PositiveIntegerField(null=True, blank=True, help_text="Of how many.")
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(
        max_length=60, blank=True, help_text="Which process holds it: cluster id:process id."
    )

    created_at = models.DateTimeField(default=timezone.now)
    dequeued_at = models.DateTimeField(
        null=True, blank=True, help_text="When a worker took it; empty while it waits again."
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody cancelled it, if that ended it."
    )
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        db_index=False,
    )

    # No foreign key: that it was mended stays true when the other job is pruned.
    mended_by = models.UUIDField(
        null=True,
        blank=True,
        help_text="Session id of the job that took the place of this one, which failed.",
    )

    workflow = models.ForeignKey(
        Workflow,
        on_delete=models.PROTECT,
        related_name="jobs",
        null=True,
        blank=True,
        db_index=False,
    )
    step = models.PositiveSmallIntegerField(null=True, blank=True, help_text="From 0.")
    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, related_name="jobs", null=True, blank=True, db_index=False
    )
    batch_index = models.PositiveIntegerField(null=True, blank=True, help_text="From 0.")

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = [
            # Only where there is a workflow or batch: each index costs every change of a row.
            models.UniqueConstraint(
                fields=["workflow", "step"],
                condition=Q(workflow__isnull=False),
                name="job_once_per_step",
            ),
            models.UniqueConstraint(
                fields=["batch", "batch_index"],
                condition=Q(batch__isnull=False),
                name="job_once_per_row",
            ),
            models.CheckConstraint(
                condition=Q(
                    status=Status.PENDING, dequeued_at=None, finished_at=None, result__isnull=True
                )
                | Q(
                    status__in=LEASED,
                    dequeued_at__isnull=False,
                    finished_at=None,
                    result__isnull=True,
                )
                | Q(status=Status.SUCCEEDED, finished_at__isnull=False, result__isnull=False)
                | Q(status=Status.FAILED, finished_at__isnull=False, result__isnull=True),
                name="job_state_has_its_times",
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.FAILED) | ~Q(info=""), name="job_failure_has_info"
            ),
            models.CheckConstraint(
                condition=Q(status=Status.FAILED) | Q(cancelled_at=None),
                name="job_cancelled_is_failed",
            ),
        ]
        # SQLite sees that a partial index serves a query only if its condition is made of NULL
        # tests; the constraint above ties those to the states. No index may hold or test what a
        # start changes (status, attempt, lease): then PostgreSQL updates the row in place (HOT).
        # tests/jobs/test_plans.py holds each query to its index, and the start to that.
        indexes = [
            models.Index(
                fields=["queue", "run_after", "id"],
                condition=Q(dequeued_at=None, finished_at=None),
                name="job_waiting",
            ),
            models.Index(
                fields=["finished_at"],
                condition=Q(finished_at__isnull=False),
                name="job_finished",
            ),
            models.Index(
                fields=["dequeued_at"],
                condition=Q(dequeued_at__isnull=False, finished_at=None),
                name="job_leased",
            ),
            # The lists: of an owner, and of staff, who see everybody's. Their key is no plain id:
            # a planner would rather walk all rows by their primary key, those of batches too.
            models.Index(
                F("owner"),
                plain("id").desc(),
                condition=Q(batch_index=None) | Q(batch_index=0),
                name="job_listed",
            ),
            models.Index(
                among_all("id").desc(),
                condition=Q(batch_index=None) | Q(batch_index=0),
                name="job_listed_all",
            ),
            models.Index(
                F("owner"),
                F("id").desc(),
                condition=Q(finished_at=None),
                name="job_unfinished",
            ),
            models.Index(
                F("owner"),
                F("id").desc(),
                condition=FAILED_AS[Status.FAILED],
                name="job_failed",
            ),
            models.Index(
                F("owner"),
                F("id").desc(),
                condition=FAILED_AS[CANCELLED],
                name="job_cancelled",
            ),
            models.Index(
                F("owner"),
                F("id").desc(),
                condition=FAILED_AS[MENDED],
                name="job_mended_own",
            ),
            models.Index(
                F("owner"),
                F("id").desc(),
                condition=FAILED_AS[Status.FAILED] & Q(batch=None),
                name="job_failed_alone",
            ),
            models.Index(
                among_all("id").desc(), condition=Q(finished_at=None), name="job_unfinished_all"
            ),
            models.Index(
                among_all("id").desc(),
                condition=FAILED_AS[Status.FAILED],
                name="job_failed_all",
            ),
            models.Index(
                among_all("id").desc(),
                condition=FAILED_AS[CANCELLED],
                name="job_cancelled_all",
            ),
            models.Index(
                among_all("id").desc(), condition=FAILED_AS[MENDED], name="job_mended_all"
            ),
            # A job that is in no batch, or about nothing, is in none of these.
            models.Index(among_all("id").desc(), condition=Q(batch_index=0), name="job_first"),
            models.Index(
                F("owner"), plain("id").desc(), condition=Q(batch_index__gt=0), name="job_unlisted"
            ),
            models.Index(
                F("subject"), plain("id").desc(), condition=~Q(subject=""), name="job_about"
            ),
            # Of a batch, what succeeded is what remains of its total: only the others are counted.
            models.Index(
                fields=["batch", "batch_index"],
                condition=Q(batch__isnull=False, finished_at=None),
                name="job_batch_unfinished",
            ),
            models.Index(
                fields=["batch", "batch_index"],
                condition=Q(batch__isnull=False) & FAILED_AS[Status.FAILED],
                name="job_batch_failed",
            ),
            models.Index(
                fields=["batch", "batch_index"],
                condition=Q(batch__isnull=False) & FAILED_AS[CANCELLED],
                name="job_batch_cancelled",
            ),
            models.Index(
                fields=["batch", "batch_index"],
                condition=Q(batch__isnull=False) & FAILED_AS[MENDED],
                name="job_batch_mended",
            ),
            # When a batch ended is when the last of its jobs did.
            models.Index(
                fields=["batch", "finished_at"],
                condition=Q(batch_index__isnull=False, finished_at__isnull=False),
                name="job_batch_ended",
            ),
            models.Index(
                fields=["mended_by"],
                condition=Q(mended_by__isnull=False),
                name="job_mended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sub_type} {self.session_id}"

    def get_absolute_url(self) -> str:
        return reverse("job-detail", args=[self.session_id])

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED

    @property
    def title(self) -> str:
        return definitions.title_of(self.sub_type)

    @property
    def place(self) -> str:
        """Where it stands in its batch, as people count; of jobs that are `numbered`."""
        row: int | str | None = getattr(self, "row", None)
        return f"Row {int(row):,}" if row else f"Job {(self.batch_index or 0) + 1:,}"

    @property
    def next_try_in(self) -> timedelta:
        """How long it still has to wait before it may start; zero when it is due."""
        return max(self.run_after - timezone.now(), timedelta(0))

    @property
    def is_waiting_to_retry(self) -> bool:
        """True while it waits for its next attempt after one that failed."""
        return self.status == Status.PENDING and self.attempt > 0 and bool(self.next_try_in)

    @property
    def shown(self) -> str:
        """Its state in the word that people see."""
        return shown_state(self.status, self.cancelled_at, self.mended_by)

    @property
    def is_unmended(self) -> bool:
        """True where it failed or was cancelled, and no other job took its place."""
        return self.status == Status.FAILED and self.mended_by is None

    @property
    def meaning(self) -> str:
        if self.shown == Status.FAILED and definitions.is_in_pieces(self.sub_type):
            return ENDED_EARLY
        return MEANINGS[MENDED if self.mended_by else self.status]

    @property
    def attempt_started_at(self) -> datetime | None:
        """When the attempt at hand began: `started_at`, unless that is of one before it."""
        is_begun = self.dequeued_at and self.started_at and self.started_at >= self.dequeued_at
        return self.started_at if is_begun else None

    @property
    def waited(self) -> timedelta | None:
        """From creation to its latest start."""
        return self.started_at - self.created_at if self.started_at else None

    @property
    def took(self) -> timedelta | None:
        """From creation to its end."""
        return self.finished_at - self.created_at if self.finished_at else None

    @property
    def ran(self) -> timedelta | None:
        """How long its last attempt ran; None of a job that ended while it waited."""
        begun = self.started_at if self.status == Status.SUCCEEDED else self.attempt_started_at
        return self.finished_at - begun if begun and self.finished_at else None


class JobEvent(models.Model):
    """What the timestamps of a job cannot tell: failed attempts and what people did to it.

    Append-only. The normal way of a job writes none.
    """

    class Kind(models.TextChoices):
        ATTEMPT_FAILED = "ATTEMPT_FAILED", "Attempt failed"
        LOST = "LOST", "Worker lost"
        RETRIED = "RETRIED", "Retried"
        CANCELLED = "CANCELLED", "Cancelled"
        MENDED = "MENDED", "Mended"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    attempt = models.PositiveSmallIntegerField()
    dequeued_at = models.DateTimeField(
        null=True, blank=True, help_text="When a worker took it for the attempt that ended so."
    )
    started_at = models.DateTimeField(
        null=True, blank=True, help_text="When that attempt began; empty if none had."
    )
    is_permanent = models.BooleanField(
        default=False, db_default=False, help_text="The same again would fail again."
    )
    message = models.TextField()
    remedy = models.TextField(blank=True, help_text="For people: what can be done about it.")
    traceback = models.TextField(blank=True)
    log = models.TextField(blank=True, help_text="What was logged while the attempt ran.")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="Who did it; nobody for what the system or an operator's command did.",
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.message}"


class MailWanted(models.Model):
    """There is a row for each user who wants a mail when a job of theirs fails."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )

    class Meta:
        verbose_name_plural = "mail wanted"

    def __str__(self) -> str:
        return f"Mail to {self.user}"


class ClusterQuerySet(models.QuerySet["Cluster"]):
    def alive(self) -> "ClusterQuerySet":
        """Clusters whose last heartbeat is recent."""
        return self.filter(beat_at__gt=timezone.now() - HEARTBEAT_TOLERANCE)


class Cluster(models.Model):
    """A running Django-Q2 cluster, by its own heartbeat (about one a second)."""

    id = models.UUIDField(primary_key=True)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    queue = models.CharField(max_length=40)
    workers = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()

    objects = ClusterQuerySet.as_manager()

    class Meta:
        ordering = ("host", "pid")

    def __str__(self) -> str:
        return f"{self.host}:{self.pid} ({self.queue})"

    @property
    def is_alive(self) -> bool:
        return self.beat_at > timezone.now() - HEARTBEAT_TOLERANCE


def no_worker(queue: str = definitions.DEFAULT_QUEUE) -> bool:
    """True when nothing takes jobs off that queue, so that PENDING can be explained."""
    return not Cluster.objects.alive().filter(queue=queue).exists()


class QueuePause(models.Model):
    """A time in which a queue hands out no jobs, and who wanted that. The claim looks for one that
    has not ended, so the table holds the history, too."""

    queue = models.CharField(max_length=40)
    reason = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="Nobody for an operator's command.",
    )
    at = models.DateTimeField(default=timezone.now)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["queue"], condition=Q(ended_at=None), name="queue_paused_once"
            )
        ]

    def __str__(self) -> str:
        return f"Pause of {self.queue}"

    @property
    def who(self) -> str:
        return self.by.get_username() if self.by else "an operator"


class Tally(models.Model):
    """How many jobs of a kind ended in a stretch of time, by how long they took from when
    they were due: `bucket` counts the bounds of `jobs.tallies` that they reached. Cancelled jobs do
    not count.
    """

    width = models.PositiveSmallIntegerField(help_text="Of the stretch, in minutes.")
    slot = models.PositiveIntegerField(help_text="Which stretch of that width since 1970, UTC.")
    queue = models.CharField(max_length=40)
    sub_type = models.CharField(max_length=60)
    bucket = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    ran = models.FloatField(help_text="Seconds that their last attempts ran, together.")

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            models.UniqueConstraint(
                fields=["width", "slot", "queue", "sub_type", "bucket"], name="tally_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.sub_type}"


class TallyMark(models.Model):
    """One row: until when jobs have been tallied. Who moves it may add what it passes over."""

    upto = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.upto}"
