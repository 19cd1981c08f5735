"""The user of an authenticated request, with its type, and as the one for whom the sandbox works."""

from __future__ import annotations

from typing import cast

from django.db import DatabaseError
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from auth_api.models import User
from Backtest.errors import ExecutionError
from Backtest.machine import Asker


def user_of(request: Request) -> User:
    return cast("User", request.user)


def asker_of(request: Request) -> Asker:
    """Return who asks, a user or an address: its runs wait for one another, and end when the client has hung up."""
    gone = getattr(request._request, "scope", {}).get("gone")

    def check() -> None:
        if gone is not None and gone.is_set():
            raise ExecutionError("The client hung up, so the run was ended", exit_reason="cancelled")

    return Asker(f"user {request.user.pk}" if request.user.pk else address_of(request), check)


def tell_known(request: HttpRequest) -> None:
    """Tell the server that a request is a user's, whose mistakes are answered at once. See algoagent_api/asgi.py."""
    known = getattr(request, "scope", {}).get("known")
    if known is not None and id_of(request) is not None:
        known.set()


def id_of(request: HttpRequest) -> int | None:
    """Return the number of the user who asked; None where it is nobody, or a session's user whom the database does not tell now."""
    try:
        return getattr(getattr(request, "user", None), "pk", None)
    except DatabaseError:
        return None


def address_of(request: Request | HttpRequest) -> str:
    """Return the name of whoever asks from an address; which one counts behind proxies, NUM_PROXIES says."""
    return f"address {BaseThrottle().get_ident(cast('Request', request))}"
