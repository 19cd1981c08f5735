"""Accounts and tokens."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.tokens import RefreshToken, UntypedToken

from auth_api.models import User
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
    return user


def tokens_for(*, user: User) -> dict[str, str]:
    """Return a new access and refresh token."""
    refresh = RefreshToken.for_user(user)
    return {"access": str(refresh.access_token), "refresh": str(refresh)}


def token_verify(*, token: str) -> None:
    """InvalidToken (401) when a token is wrong, expired or blacklisted."""
    try:
        UntypedToken(token)  # type: ignore[arg-type]
    except TokenError as error:
        raise InvalidToken(error.args[0]) from error


def token_refresh(*, refresh: str) -> dict[str, str]:
    """Return a new pair; the old refresh token is blacklisted. InvalidToken (401) when it is none."""
    serializer = TokenRefreshSerializer(data={"refresh": refresh})
    try:
        serializer.is_valid(raise_exception=True)
    except TokenError as error:
        raise InvalidToken(error.args[0]) from error
    except User.DoesNotExist as error:
        raise InvalidToken("The user of this token is gone") from error
    return {"access": serializer.validated_data["access"], "refresh": serializer.validated_data["refresh"]}


def user_logout(*, refresh: str, user: User) -> None:
    """Blacklist a refresh token of this user. InvalidToken (401) when it is none of theirs."""
    try:
        token = RefreshToken(refresh)  # type: ignore[arg-type]
        if str(token.get("user_id")) != str(user.pk):
            raise InvalidToken("The token belongs to somebody else")
        token.blacklist()
    except TokenError as error:
        raise InvalidToken(error.args[0]) from error
