"""Who decides on the release of datasets."""

from django.db import models
from django.utils import timezone


class Reviewer(models.Model):
    """A Person who may be asked to approve the release of a dataset."""

    person = models.OneToOneField(
        "registry.Item",
        on_delete=models.PROTECT,
        related_name="+",
        limit_choices_to={"subtype": "PERSON"},
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.person_id} reviews releases"
