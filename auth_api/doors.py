"""Every log-in, whatever its door: after wrong passwords one waits, by account and by address.

The first wrong passwords cost nothing. Each further one doubles the wait, and while one waits no password is looked at, be it
right or wrong. It is counted in the database, so that all processes and all doors count together.

Packages such as django-axes shut a door for a fixed time and keep a row for each browser with what it posted; this keeps a number.
"""

from __future__ import annotations

import math
import time
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils.timezone import now
from django_otp import match_token, user_has_device
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.exceptions import Throttled
from rest_framework.throttling import BaseThrottle
from unfold.forms import AuthenticationForm

from auth_api.models import User, WrongPasswords

FREE = {"account": 5, "address": 30}  # wrong passwords before one waits
FIRST_WAIT_S, LONGEST_WAIT_S = 5, 900
FORGOTTEN_AFTER = {"account": timedelta(days=1), "address": timedelta(hours=1)}  # without a further one


class TooManyWrongPasswords(Throttled):
    default_detail = "There were too many wrong passwords."
    extra_detail_singular = "Try again in {wait} second"
    extra_detail_plural = "Try again in {wait} seconds"


class Doors(ModelBackend):
    """Django's own check of a password, behind the wait."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **more: Any
    ) -> Any:
        """Return the user of a name and password, or None.

        Raises:
            TooManyWrongPasswords: (429) it says how long to wait.
        """
        if username is None or password is None:
            return None
        keys = _keys(request, username)
        with transaction.atomic():
            seconds = _wait_s(keys)
            if not seconds:
                _count(keys)  # before the password is looked at: many at once are many
        if seconds:
            raise TooManyWrongPasswords(seconds)
        user = super().authenticate(request, username, password, **more)
        if user is not None:
            WrongPasswords.objects.filter(key=keys[0]).delete()
            WrongPasswords.objects.filter(key__in=keys[1:], count__gt=0).update(count=F("count") - 1)
        return user


class LoginForm(AuthenticationForm):  # type: ignore[misc] # unfold has no types
    """The admin's log-in: it says how long one has to wait, and asks for the second factor where ADMIN_TWO_FACTOR is set."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if settings.ADMIN_TWO_FACTOR:
            name = self.fields["username"].widget.attrs["class"]
            form = {"class": name, "form": "login-form", "autocomplete": "one-time-code"}
            self.fields["code"] = forms.CharField(
                label="Code of the authenticator, or a spare code", max_length=20, widget=forms.TextInput(attrs=form)
            )

    def clean(self) -> Any:
        try:
            cleaned = super().clean()
        except TooManyWrongPasswords as error:
            raise ValidationError(str(error.detail)) from None
        user = self.get_user()
        if settings.ADMIN_TWO_FACTOR and user is not None:
            if not user_has_device(user):
                raise ValidationError(
                    "You have no second factor: ask who runs the server for `manage.py two_factor NAME`"
                )
            code = self.cleaned_data.get("code")
            _forget_codes_to_come(user)
            user.otp_device = match_token(user, code) if code else None
            if code and user.otp_device is None:
                raise ValidationError(
                    "The code is wrong or was used before, or too many were wrong: wait for the next one"
                )
        return cleaned


def _forget_codes_to_come(user: User) -> None:
    """Take codes again where one of a time to come was taken: the clock was ahead then, and no code before that one would be good."""
    for device in TOTPDevice.objects.filter(user=user):
        latest = int((time.time() - device.t0) // device.step) + device.drift + device.tolerance
        if device.last_t > latest:
            TOTPDevice.objects.filter(pk=device.pk).update(last_t=latest - 2 * device.tolerance - 1)


def _keys(request: HttpRequest | None, username: str) -> list[str]:
    """Return whose wrong passwords count: the account's and, where there is one, the address's."""
    account = f"account:{username.casefold()[: User._meta.get_field('username').max_length]}"
    address = BaseThrottle().get_ident(request) if request is not None else None  # type: ignore[arg-type]
    return [account, f"address:{_network(address)}"] if address else [account]


def _network(address: str) -> str:
    """Return an address; of IPv6 the half that a provider gives to one customer."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    return f"{IPv6Address(int(found) >> 64 << 64)}/64" if isinstance(found, IPv6Address) else str(found)


def _wait_s(keys: list[str]) -> int:
    """Return the whole seconds until a password of these keys is looked at again."""
    at = now()
    rows = WrongPasswords.objects.select_for_update().filter(key__in=keys).order_by("key")
    left = max((math.ceil(_left_s(row, at)) for row in rows), default=0)
    # The clock was ahead then: the wait begins now, where it would last until the clock has caught up.
    WrongPasswords.objects.filter(key__in=keys, last_at__gt=at).update(last_at=at)
    return left


def _left_s(row: WrongPasswords, at: datetime) -> float:
    over = row.count - FREE[row.kind]
    if over < 0 or at - row.last_at > FORGOTTEN_AFTER[row.kind]:
        return 0
    wait = min(FIRST_WAIT_S * 2.0 ** min(over, 30), LONGEST_WAIT_S)
    return min(max((row.last_at - at).total_seconds() + wait, 0), wait)


def _count(keys: list[str]) -> None:
    at = now()
    for kind, span in FORGOTTEN_AFTER.items():
        WrongPasswords.objects.filter(key__startswith=f"{kind}:", last_at__lt=at - span).delete()
    for key in sorted(keys):
        WrongPasswords.objects.get_or_create(key=key, defaults={"last_at": at})
        WrongPasswords.objects.filter(key=key).update(count=F("count") + 1, last_at=at)
