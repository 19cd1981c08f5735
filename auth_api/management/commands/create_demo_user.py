"""Create a user to try the API and the admin with."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from auth_api.cli import user_name_checked
from Backtest.errors import InvalidInput


class Command(BaseCommand):
    help = "Create the user demo, or give it a new password; prints the password once."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", default="demo")
        parser.add_argument("--staff", action="store_true", help="let the user into the admin as well")

    def handle(self, *args: Any, **options: Any) -> None:
        from auth_api.models import User

        name = options["username"]
        try:
            user_name_checked(name)
        except InvalidInput as error:
            raise CommandError(error.message) from None
        user, created = User.objects.get_or_create(username=name, defaults={"email": f"{name}@localhost.invalid"})
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        if options["staff"]:
            user.is_staff = user.is_superuser = True
        user.save()
        self.stdout.write(f"{'created' if created else 'new password for'} {name}: {password}")
