"""What a soak job leaves behind."""

from typing import ClassVar

from django.db import models


class Effect(models.Model):
    """One effect of one job. Not unique, and no foreign key: a doubled or stray one must show."""

    job_id = models.BigIntegerField(db_index=True)
    attempt = models.PositiveSmallIntegerField()

    objects: ClassVar[models.Manager["Effect"]] = models.Manager()

    def __str__(self) -> str:
        return f"Effect of job {self.job_id}, attempt {self.attempt}"
