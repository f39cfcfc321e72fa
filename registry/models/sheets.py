"""Sheets of model runs: uploaded tables, kept while their rows are checked, mended and
submitted."""

import json
import uuid
import zlib
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone

from registry.models.items import Item

# In a tally, beside the states: rows that wait for their check; and of those that are checked, what
# are to be registered although they exist, and of which something looks odd.
WAITING, FORCED, WARNED = "WAITING", "FORCED", "WARNED"


class RunSheetQuerySet(models.QuerySet["RunSheet"]):
    """Filters on sheets, named as adjectives."""

    def shown(self) -> "RunSheetQuerySet":
        """Those that are ready, and those that a job makes ready."""
        return self.filter(Q(is_ready=True) | Q(check_job__isnull=False))


class RunSheet(models.Model):
    """An uploaded table of model runs of one workflow template. It is ready once all its rows are
    checked. Only the writers of `model_runs` change its rows, and they keep its `tally`: counting
    200,000 rows for each page would be slow."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="run_sheets"
    )
    # No index: nobody asks for the sheets of a template, and items are never removed.
    template = models.ForeignKey(
        Item, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name="workflow"
    )
    file_name = models.CharField(max_length=200)
    separator = models.CharField(max_length=1, default=",", help_text="Between its cells.")
    columns = models.JSONField(help_text="The header, in the order of the cells of each row.")
    warnings = models.JSONField(default=list)
    is_ready = models.BooleanField(default=False, help_text="All its rows are checked.")
    check_job = models.UUIDField(
        null=True, help_text="Session id of the job that checks its rows, where they are many."
    )
    launches = models.JSONField(
        default=list, help_text="Session ids of the jobs that launch what was submitted of it."
    )
    launching = models.UUIDField(
        null=True, help_text="Session id of the job that is taking its new rows into a batch."
    )
    tally = models.JSONField(
        default=dict,
        help_text="How many rows are in each state, wait, are forced, and look odd.",
    )
    moved_from = models.JSONField(
        default=list, help_text="Ids of the tables whose faulty rows go on in this one."
    )
    created_at = models.DateTimeField(default=timezone.now)

    objects = RunSheetQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        return reverse("run-sheet", args=[self.pk])

    def counts(self) -> dict[str, int]:
        """How many of its rows are in each state, counted now."""
        found = self.rows.order_by().values_list("state").annotate(Count("pk"))
        return dict.fromkeys(SheetRow.State.values, 0) | dict(found)

    def in_state(self, state: str) -> int:
        """How many of its rows are in that state, or WAITING, FORCED or WARNED, by its tally."""
        return int(self.tally.get(state, 0))

    @property
    def total(self) -> int:
        """How many rows it has, with those that wait for their check."""
        return self.checked + self.in_state(WAITING)

    @property
    def checked(self) -> int:
        """How many of its rows are checked."""
        return sum(self.in_state(state) for state in SheetRow.State)


class SheetPart(models.Model):
    """Rows of a sheet as they were read, which wait for their check; it goes when they are checked.
    They are packed, so that a large table is kept in a moment."""

    sheet = models.ForeignKey(
        RunSheet, on_delete=models.CASCADE, related_name="parts", db_index=False
    )
    first = models.PositiveIntegerField(help_text="The number of its first row.")
    packed = models.BinaryField(help_text="JSON: the number and the cells of each; by zlib.")

    class Meta:
        ordering = ("first",)
        constraints = [
            models.UniqueConstraint(fields=["sheet", "first"], name="sheet_part_once"),
        ]

    def __str__(self) -> str:
        return f"Rows from {self.first}"

    @classmethod
    def holding(cls, rows: Sequence[tuple[int, list[str]]]) -> "SheetPart":
        """A part of these rows, of which there is at least one; not yet of a sheet."""
        packed = zlib.compress(json.dumps(rows).encode(), level=1)
        return cls(first=rows[0][0], packed=packed)

    def rows(self) -> list[Any]:
        """Pairs of the number and the cells of each row."""
        unpacked: list[Any] = json.loads(zlib.decompress(self.packed))
        return unpacked


class SheetRow(models.Model):
    """A row of a sheet: its cells as they were written, and what was found about them."""

    class State(models.TextChoices):
        """What will become of it, or has."""

        FAULTY = "FAULTY", "Faulty"
        NEW = "NEW", "New"
        RETRY = "RETRY", "To be tried again"
        EXISTING = "EXISTING", "Existing"
        SUBMITTED = "SUBMITTED", "Submitted"
        MOVED = "MOVED", "Mended elsewhere"

    TO_DO = (State.FAULTY, State.NEW, State.RETRY)  # what its user has not done with yet

    sheet = models.ForeignKey(
        RunSheet, on_delete=models.CASCADE, related_name="rows", db_index=False
    )
    number = models.PositiveIntegerField(help_text="As the spreadsheet counts; the header is 1.")
    cells = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices)
    faults = models.JSONField(
        default=list, help_text="Pairs of a column (-1: none) and what is wrong."
    )
    # NULL where there is none, as nearly always: then no index holds the row.
    warnings = models.JSONField(
        null=True, help_text="As the faults, what looks odd and hinders nothing."
    )
    note = models.TextField(blank=True, help_text="What it is the same as.")
    record = models.JSONField(null=True, help_text="The run's record, where nothing is wrong.")
    fingerprint = models.CharField(max_length=64, null=True)  # noqa: DJ001 - most indexes skip it
    is_forced = models.BooleanField(
        default=False, help_text="To be registered although there is one that says the same."
    )
    session_id = models.UUIDField(default=uuid.uuid4, help_text="What its job is to have.")
    failed_job = models.UUIDField(
        null=True,
        help_text="Session id of the failed job that is to be tried again instead, or, of a new "
        "row, whose place its job takes.",
    )
    moved_to = models.UUIDField(null=True, help_text="Id of the table in which it goes on, mended.")
    moved_as = models.PositiveIntegerField(null=True, help_text="The number of its row there.")
    submission = models.UUIDField(
        null=True, help_text="Session id of the job that launches the batch it went into."
    )

    former: tuple[uuid.UUID, int] | None = None
    """Of a row that was just checked: the table and the row where it stood before."""

    class Meta:
        ordering = ("number",)
        constraints = [
            models.UniqueConstraint(fields=["sheet", "number"], name="sheet_row_once"),
        ]
        indexes = [
            models.Index(fields=["sheet", "state", "number"], name="sheet_row_state"),
            models.Index(
                fields=["fingerprint"],
                condition=models.Q(fingerprint__isnull=False),
                name="sheet_row_fingerprint",
            ),
            models.Index(
                fields=["submission", "number"],
                condition=models.Q(submission__isnull=False),
                name="sheet_row_submission",
            ),
            models.Index(
                fields=["sheet", "number"],
                condition=models.Q(warnings__isnull=False),
                name="sheet_row_warned",
            ),
            models.Index(
                fields=["sheet", "state"],
                condition=models.Q(is_forced=True),
                name="sheet_row_forced",
            ),
        ]

    def __str__(self) -> str:
        return f"Row {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("run-sheet-row", args=[self.sheet_id, self.number])
