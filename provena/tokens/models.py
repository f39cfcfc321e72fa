"""The tokens by which programs act for a user."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class TokenQuerySet(models.QuerySet["Token"]):
    def valid(self) -> "TokenQuerySet":
        """Those that are neither revoked nor expired, of users who may sign in."""
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=timezone.now()),
            revoked_at=None,
            user__is_active=True,
        )

    def of(self, user: "User") -> "TokenQuerySet":
        return self.filter(user=user)


class Token(models.Model):
    """A token that a user has issued. Its text is told once and not kept: `digest` is its SHA-256,
    which is enough for a random text of 256 bits.

    `minute` and `used` count the requests of the minute at hand (provena.tokens.usage).
    """

    class Purpose(models.TextChoices):
        PERSONAL = "PERSONAL", "Personal"  # sent with each request
        OFFLINE = "OFFLINE", "Offline"  # exchanged for access tokens that live for minutes

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=100, help_text="Where it is used, for its owner.")
    purpose = models.CharField(max_length=8, choices=Purpose.choices, default=Purpose.PERSONAL)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    minute = models.PositiveIntegerField(default=0, editable=False)
    used = models.PositiveIntegerField(default=0, editable=False)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


class SigningKey(models.Model):
    """A key that access tokens are signed with; the newest is in use. The private key is encrypted
    under SECRET_KEY. In the database, because all machines of an installation sign alike.
    """

    pem = models.TextField(editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"Signing key of {self.created_at:%d %B %Y}"
