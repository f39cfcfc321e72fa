"""Sheets of model runs: uploaded tables, kept while their rows are checked, mended and
submitted."""

import uuid
from collections.abc import Collection

from django.conf import settings
from django.db import models
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from registry.models.items import Item


class RunSheet(models.Model):
    """An uploaded table of model runs of one workflow template. Its rows are seen once all of them
    are there: `is_ready`."""

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
    is_ready = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        return reverse("run-sheet", args=[self.pk])

    def counts(self) -> dict[str, int]:
        """How many of its rows are in each state."""
        return SheetRow.counts_of([self])[self.pk]


class SheetRow(models.Model):
    """A row of a sheet: its cells as they were written, and what was found about them."""

    class State(models.TextChoices):
        """What will become of it, or has."""

        FAULTY = "FAULTY", "Faulty"
        NEW = "NEW", "New"
        RETRY = "RETRY", "To be tried again"
        EXISTING = "EXISTING", "Existing"
        SUBMITTED = "SUBMITTED", "Submitted"

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
        null=True, help_text="Session id of the job that is to be tried again instead."
    )
    submission = models.UUIDField(
        null=True, help_text="Session id of the job that launches the batch it went into."
    )

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

    @classmethod
    def counts_of(cls, sheets: Collection[RunSheet]) -> dict[uuid.UUID, dict[str, int]]:
        """How many rows of each of these sheets are in each state, in one query."""
        counts = {sheet.pk: dict.fromkeys(cls.State.values, 0) for sheet in sheets}
        found = cls.objects.filter(sheet__in=counts).order_by()
        for sheet, state, count in found.values_list("sheet", "state").annotate(Count("pk")):
            counts[sheet][state] = count
        return counts
