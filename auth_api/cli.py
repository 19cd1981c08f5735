"""What every management command shares: whose data it works on, and how errors are told."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from Backtest.errors import AlgoAgentError, InvalidInput
from Backtest.market import day_of

if TYPE_CHECKING:
    from auth_api.models import User


class UserCommand(BaseCommand):
    """A command that works for one user; domain errors are told in words, without a traceback; manage.py tells those of the database."""

    requires_system_checks = ()  # they would import every view

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", default="local", help="whose data (default: local)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.work(local_user(options.pop("user")), **options)
        except AlgoAgentError as error:
            raise CommandError(error_text(error)) from None

    def work(self, user: User, **options: Any) -> None:
        raise NotImplementedError


def day(text: str) -> date:
    """Return the day an option names; the command's error says what is wrong with it."""
    try:
        return day_of(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def local_user(name: str) -> User:
    """Return the user the command line works for, created without a password when there is none."""
    from auth_api.models import User

    user_name_checked(name)
    user, created = User.objects.get_or_create(username=name, defaults={"email": f"{name}@localhost.invalid"})
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def user_name_checked(name: str) -> None:
    """Raise InvalidInput where a user name is empty, too long, or has characters that user names do not have."""
    from django.core.exceptions import ValidationError

    from auth_api.models import User

    try:
        if not name.strip() or len(name) > 150:
            raise ValidationError("it is empty" if not name.strip() else "it is longer than 150 characters")
        User.username_validator(name)
    except ValidationError as error:
        raise InvalidInput(f"{name[:40]!r} is no user name: {' '.join(error.messages)}") from None


def error_text(error: AlgoAgentError) -> str:
    """Return an error with its findings, remedies and questions as lines of text."""
    lines = [error.message]
    for found in error.details:
        if found.message == error.message:  # said already
            lines += [f"  {found.suggestion}"] if found.suggestion else []
            continue
        lines.append(f"  {found.severity}: {found.message}" + (f" ({found.suggestion})" if found.suggestion else ""))
    if not error.details:
        lines += [f"  {suggestion}" for suggestion in error.suggestions]
    lines += [f"  ? {question}" for question in error.questions]
    if trace := getattr(error, "traceback", ""):
        lines.append(trace)
    return "\n".join(lines)
