"""List what a user can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "List what a user can do, as a Markdown table: name, address, permission, cost. docs/actions.md has it."
    requires_system_checks = ()

    def handle(self, *_: Any, **options: Any) -> None:
        from actions import catalogue

        doors: dict[str, str] = {}
        for path, method, one in done_at():
            doors.setdefault(one.name, f"`{method} {path}`")
        self.stdout.write("| Action | Address | Needs | Costs | What it does |\n|---|---|---|---|---|")
        for name, one in catalogue().items():
            said = one.help.partition("\n")[0]
            self.stdout.write(f"| `{name}` | {doors[name]} | {one.permission} | {one.cost} | {said} |")


def done_at() -> Iterator[tuple[str, str, Any]]:
    """Yield address, method and action of every door of the API."""
    from django.urls import get_resolver

    from auth_api.permissions import METHODS, action_of

    patterns = [("", entry) for entry in reversed(get_resolver().url_patterns)]
    while patterns:
        before, entry = patterns.pop()
        path = before + str(entry.pattern)
        if hasattr(entry, "url_patterns"):
            patterns += [(path, one) for one in reversed(entry.url_patterns)]
            continue
        view = getattr(entry.callback, "view_class", None)
        for method in METHODS:
            if done := action_of(view, method):
                yield f"/{path}", method, done
