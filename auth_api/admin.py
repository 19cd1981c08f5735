"""Users in the admin, and what all read-only pages of the admin share."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from auth_api.models import User

admin.site.unregister(
    [Group, TOTPDevice, StaticDevice]
)  # second factors are made by `manage.py two_factor`, and shown to nobody


class ReadOnlyAdmin(ModelAdmin):
    """Objects that the API and jobs write: here they are looked at, searched and deleted.

    Numbers with decimals are rounded, and JSON is coloured, on the page of an object.
    """

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fieldsets(request, obj)
        return [(title, {**made, "fields": [self._shown(name) for name in made["fields"]]}) for title, made in found]

    def _shown(self, name: Any) -> Any:
        """Return the name under which a field is shown: of numbers and JSON that of a method that writes them for people."""
        field = next((f for f in self.opts.concrete_fields if f.name == name), None)
        if not isinstance(field, models.FloatField | models.JSONField | models.DecimalField):
            return name

        @admin.display(description=field.verbose_name, empty_value="-")
        def shown(of: Any) -> Any:
            value = getattr(of, name)
            return written_json(value) if isinstance(field, models.JSONField) else written_number(value)

        setattr(self, f"{name}_shown", shown)
        return f"{name}_shown"

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
    """Return JSON as coloured HTML, its numbers rounded."""
    return highlighted(json.dumps(_rounded(value), indent=2, ensure_ascii=False), "json")


def written_json(value: Any) -> SafeString:
    """Return a list of sentences or findings as lines, and any other JSON as coloured HTML."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return bullet_list(value)
    if isinstance(value, list) and all(isinstance(one, dict) and "message" in one for one in value):
        return bullet_list([f"{one.get('severity', 'note')}: {one['message']}" for one in value])
    return highlighted_json(value)


def written_number(value: float | None) -> str | None:
    """Return a number such as `1,234.57`, `0.0012` or `0.00001235`."""
    if value is None:
        return None
    whole, _, decimals = f"{value:,.{_decimals(float(value))}f}".partition(".")
    return f"{whole}.{decimals}".rstrip("0").rstrip(".")


def _decimals(value: float) -> int:
    size = abs(value)
    return 2 if size >= 100 else 4 if size >= 0.001 or not size else 8


def _rounded(value: Any) -> Any:
    """Return JSON with its numbers as `written_number` rounds them."""
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, _decimals(value)) if isinstance(value, float) else value


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
