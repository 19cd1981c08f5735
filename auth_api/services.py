"""Accounts and tokens."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.db import IntegrityError, transaction
from django.utils.timezone import now
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import RefreshToken

from auth_api.models import Session, User
from auth_api.tokens import SESSION, any_token, new_refresh, read, session_of
from Backtest.errors import Conflict


def user_register(*, username: str, email: str, password: str) -> User:
    """Create a user. Conflict when name or address were taken in the meantime."""
    try:
        with transaction.atomic():
            return User.objects.create_user(username=username, email=email, password=password)
    except IntegrityError as error:
        raise Conflict(f"The user name {username!r} or the e-mail address is taken") from error


def user_login(*, request: Request, username: str, password: str) -> User:
    """Return the user of these credentials. AuthenticationFailed (401) when there is none."""
    user = authenticate(request=request, username=username, password=password)
    if user is None:
        raise AuthenticationFailed("User name or password is wrong")
    update_last_login(None, user)  # type: ignore[arg-type] # a signal's receiver; the sender is not looked at
    return user


def tokens_for(*, user: User) -> dict[str, str]:
    """Begin a session; return its access and refresh token."""
    token = new_refresh(user, uuid.uuid4())
    Session.objects.filter(user=user, expires_at__lt=now()).delete()
    Session.objects.create(id=token[SESSION], user=user, refresh_jti=token["jti"], expires_at=_expiry(token))
    return _pair(token)


def token_verify(*, token: str) -> None:
    """InvalidToken (401) when a token is wrong or expired, or its session has ended."""
    session_of(any_token(token))


def token_refresh(*, refresh: str) -> dict[str, str]:
    """Return a new pair; the old refresh token is used up.

    Raises:
        InvalidToken: (401) it is none, its session has ended, or it was used before, which ends its session.
    """
    old = read(RefreshToken, refresh)
    session = session_of(old)
    token = new_refresh(session.user, session.pk)
    good = Session.objects.filter(pk=session.pk, ended_at=None, refresh_jti=old["jti"])
    # Of several requests with the same token, one finds it good.
    if not good.update(refresh_jti=token["jti"], expires_at=_expiry(token)):
        Session.objects.filter(pk=session.pk).update(ended_at=now())
        raise InvalidToken("This refresh token was used before, so its session was ended: log in again")
    return _pair(token)


def user_logout(*, refresh: str, user: User) -> None:
    """End the session of a refresh token of this user, with all its tokens. InvalidToken (401) when it is none of theirs."""
    session = session_of(read(RefreshToken, refresh))
    if session.user_id != user.pk:
        raise InvalidToken("The token belongs to somebody else")
    Session.objects.filter(pk=session.pk).update(ended_at=now())


def _pair(token: RefreshToken) -> dict[str, str]:
    return {"access": str(token.access_token), "refresh": str(token)}


def _expiry(token: RefreshToken) -> datetime:
    return datetime.fromtimestamp(token["exp"], tz=UTC)
