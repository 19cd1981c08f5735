"""Say what the notation can say."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Write the reference of the notation, the exact English of strategies, as Markdown. docs/notation.md has it."
    requires_system_checks = ()

    def handle(self, *_: Any, **options: Any) -> None:
        from Strategy.notation import reference

        self.stdout.write(reference())
