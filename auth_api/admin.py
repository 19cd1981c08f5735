"""Users in the admin, and what all read-only pages of the admin share."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from auth_api.models import User

admin.site.unregister(Group)


class ReadOnlyAdmin(ModelAdmin):
    """Objects that the API and jobs write: here they are looked at, searched and deleted."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def highlighted(text: str, language: str) -> SafeString:
    """Return source text as coloured HTML; the text is escaped."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    formatter = HtmlFormatter(noclasses=True, nobackground=True, style="friendly")
    return mark_safe(highlight(text, get_lexer_by_name(language), formatter))  # noqa: S308 - pygments escapes


def highlighted_json(value: Any) -> SafeString:
    return highlighted(json.dumps(value, indent=2), "json")


def bullet_list(lines: list[str]) -> SafeString:
    """Return lines as escaped HTML, one below the other."""
    return format_html('<div style="white-space: pre-line">{}</div>', "\n".join(lines) or "-")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_staff", "is_active", "date_joined", "last_login")
    list_filter = ("is_staff", "is_active")
    readonly_fields = ("date_joined", "last_login")
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "email", "usable_password", "password1", "password2")}),
    )
