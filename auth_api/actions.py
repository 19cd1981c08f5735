"""What somebody can do with accounts and tokens."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from actions import Cost, Permission, action
from auth_api import serializers, services
from auth_api.models import User

OPEN, READ, WRITE, LOOK = Permission.OPEN, Permission.READ, Permission.WRITE, Cost.LOOK


def _session(user: User) -> dict[str, Any]:
    return {"user": user, **services.tokens_for(user=user)}


@action(
    "account.register",
    takes=serializers.RegisterSerializer,
    gives=serializers.SessionSerializer,
    permission=OPEN,
    cost=LOOK,
    status=201,
)
def register(*, username: str, email: str, password: str) -> dict[str, Any]:
    """Create an account."""
    return _session(services.user_register(username=username, email=email, password=password))


@action(
    "account.log_in", takes=serializers.LoginSerializer, gives=serializers.SessionSerializer, permission=OPEN, cost=LOOK
)
def log_in(*, request: Request, username: str, password: str) -> dict[str, Any]:
    """Exchange a user name and password for tokens."""
    return _session(services.user_login(request=request, username=username, password=password))


@action(
    "account.verify",
    takes=serializers.TokenSerializer,
    gives=serializers.VerifiedSerializer,
    permission=OPEN,
    cost=LOOK,
)
def verify(*, token: str) -> dict[str, bool]:
    """Tell whether a token is valid."""
    services.token_verify(token=token)
    return {"valid": True}


@action(
    "account.refresh",
    takes=serializers.RefreshSerializer,
    gives=serializers.TokenPairSerializer,
    permission=OPEN,
    cost=LOOK,
)
def refresh(*, refresh: str) -> dict[str, str]:
    """Exchange a refresh token for a new pair."""
    return services.token_refresh(refresh=refresh)


@action("account.log_out", takes=serializers.RefreshSerializer, permission=WRITE, cost=LOOK, status=205)
def log_out(*, user: User, refresh: str) -> None:
    """End a session: the refresh token can no longer be used."""
    services.user_logout(refresh=refresh, user=user)


@action("account.me", gives=serializers.UserSerializer, permission=READ, cost=LOOK)
def me(*, user: User) -> User:
    """Return the user of the token."""
    return user
