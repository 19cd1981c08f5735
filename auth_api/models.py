"""Users and their sessions."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.timezone import now


class User(AbstractUser):
    """A user; user names and e-mail addresses are unique whatever their case."""

    email = models.EmailField("e-mail address", unique=True)

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_ignoring_case"),
            models.UniqueConstraint(Lower("username"), name="user_name_unique_ignoring_case"),
        ]

    def save(self, *args: Any, **more: Any) -> None:
        """Store it; the sessions of a locked account end, so that no old token is good when it is unlocked."""
        super().save(*args, **more)
        if not self.is_active:
            self.sessions.filter(ended_at=None).update(ended_at=now())


class Session(models.Model):
    """A log-in and all tokens that came of it. One refresh token of them is good at a time: the one that was made last.

    A refresh token that was used before is somebody else's copy, or the session's own that was taken: then the session ends.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions")
    refresh_jti = models.CharField(max_length=64)  # of the refresh token that is good
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"session of {self.user_id}"


class WrongPasswords(models.Model):
    """How many wrong passwords there were for an account, or from an address, and when the last one was: see doors.py."""

    key = models.CharField(max_length=200, unique=True)  # "account:ada", "address:203.0.113.7"
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural: ClassVar = "wrong passwords"

    def __str__(self) -> str:
        return f"{self.count} of {self.key}"

    @property
    def kind(self) -> str:
        """`account` or `address`."""
        return self.key.partition(":")[0]
