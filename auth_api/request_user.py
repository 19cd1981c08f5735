"""The user of an authenticated request, with its type."""

from __future__ import annotations

from typing import cast

from rest_framework.request import Request

from auth_api.models import User


def user_of(request: Request) -> User:
    return cast("User", request.user)
