"""Who may do an action over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission

from actions import Action, Permission

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


def action_of(view: Any, method: str) -> Action | None:
    """Return the action that a view does in answer to a method of HTTP; None where it does none."""
    found: Action | None = getattr(getattr(view, "get" if method == "HEAD" else method.lower(), None), "does", None)
    return found


class MayDo(BasePermission):
    """Lets everybody do what is open, and users the rest."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        wanted = action_of(view, request.method or "")
        if wanted and wanted.permission is Permission.OPEN:
            return True
        return bool(request.user and request.user.is_authenticated)
