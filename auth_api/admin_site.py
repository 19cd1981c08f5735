"""The admin, for staff who have shown a second factor where ADMIN_TWO_FACTOR asks for one."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite


class AdminSite(UnfoldAdminSite):  # type: ignore[misc] # unfold has no types
    login_template = "auth_api/admin_login.html"

    def has_permission(self, request: HttpRequest) -> bool:
        verified = not settings.ADMIN_TWO_FACTOR or request.user.is_verified()  # type: ignore[union-attr] # of OTPMiddleware
        return bool(super().has_permission(request) and verified)
