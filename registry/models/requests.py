"""What people ask administrators for."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class AccessRequest(models.Model):
    """That a user asks for system roles (`registry.system_roles`), and what became of it."""

    class Status(models.TextChoices):
        """By the names that Provena's clients know; here, what is approved is done at once."""

        PENDING = "PENDING_APPROVAL", "waits for a decision"
        DENIED = "DENIED_PENDING_DELETION", "denied"
        DONE = "ACTIONED_PENDING_DELETION", "approved"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_requests"
    )
    roles = models.JSONField(help_text="The roles that are asked for.")
    held = models.JSONField(help_text="The roles that the user had then.")
    status = models.CharField(max_length=30, choices=Status.choices, default=Status.PENDING)
    notes = models.JSONField(default=list, blank=True, help_text="Texts, oldest first.")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-pk",)
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(status="PENDING_APPROVAL"),
                name="access_request_pending_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user.get_username()} asks for {', '.join(self.roles)}"
