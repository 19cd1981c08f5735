"""Who may do an action over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission

from actions import Action, Permission

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")


def action_of(view: Any, method: str) -> Action | None:
    """Return the action that a view does in answer to a method of HTTP; None where it does none."""
    found: Action | None = getattr(getattr(view, "get" if method == "HEAD" else method.lower(), None), "does", None)
    return found


class MayDo(BasePermission):
    """Lets everybody do what is open, and users the rest. Of a method that a view does not have, those are told who may do what it has."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        wanted = action_of(view, request.method or "")
        asked = [wanted] if wanted else [one for method in METHODS if (one := action_of(view, method))]
        if asked and all(one.permission is Permission.OPEN for one in asked):
            return True
        return bool(request.user and request.user.is_authenticated)
