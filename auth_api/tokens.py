"""Tokens that belong to a session: they die with it, with the user, and with the password they were made under."""

from __future__ import annotations

from typing import Any

from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token
from rest_framework_simplejwt.utils import get_md5_hash_password

from auth_api.models import Session, User

SESSION, PASSWORD = "session", "password"


class SessionAuthentication(JWTAuthentication):
    """Takes an access token whose session has not ended."""

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override] # ours is the project's own user
        return session_of(validated_token).user


class SessionScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call]
    """Describes it as the bearer token it is."""

    target_class = SessionAuthentication  # type: ignore[assignment]


def new_refresh(user: User, session_id: Any) -> RefreshToken:
    """Return a refresh token of a session; its access tokens carry the same claims."""
    token: RefreshToken = RefreshToken.for_user(user)
    token[SESSION], token[PASSWORD] = str(session_id), get_md5_hash_password(user.password)
    return token


def read(kind: type[Token], text: str) -> Any:
    """Return a token of a kind. InvalidToken (401) when it is none, or has expired."""
    try:
        return kind(text)  # type: ignore[arg-type]
    except TokenError as error:
        raise InvalidToken(error.args[0]) from error


def any_token(text: str) -> Any:
    """Return an access or a refresh token. InvalidToken (401) when it is neither."""
    try:
        return read(AccessToken, text)
    except InvalidToken:
        return read(RefreshToken, text)


def session_of(token: Token) -> Session:
    """Return the session of a token. InvalidToken (401) when it has ended, or the token has died with user or password."""
    claim = token.get(SESSION)
    found = Session.objects.select_related("user").filter(pk=claim).first() if claim else None
    if found is None or found.ended_at is not None:
        raise InvalidToken("The session of this token has ended: log in again")
    if not found.user.is_active or token.get(PASSWORD) != get_md5_hash_password(found.user.password):
        raise InvalidToken("The account is locked or its password was changed since: log in again")
    return found
