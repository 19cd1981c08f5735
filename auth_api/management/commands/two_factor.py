"""Give a user a second factor for the admin."""

from __future__ import annotations

import secrets
from base64 import b32encode
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from auth_api.models import User

SPARE_CODES = 8


class Command(BaseCommand):
    help = (
        "Give a user a second factor for the admin: a key for an authenticator app, and spare codes, each good once. What the user "
        "had before is good no longer. ADMIN_TWO_FACTOR=True asks for it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--off", action="store_true", help="take it away")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']!r}: see /admin/auth_api/user/")
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
        if options["off"]:
            self.stdout.write(f"{user.username} has no second factor any more")
            return
        app = TOTPDevice.objects.create(user=user, name="authenticator")
        spare = StaticDevice.objects.create(user=user, name="spare codes")
        codes = [secrets.token_hex(5) for _ in range(SPARE_CODES)]
        spare.token_set.bulk_create(spare.token_set.model(device=spare, token=code) for code in codes)
        self.stdout.write(f"Key for the authenticator app: {b32encode(app.bin_key).decode()}")
        self.stdout.write(f"or as an address: {app.config_url}")
        self.stdout.write("Spare codes, each good once; keep them elsewhere:")
        for code in codes:
            self.stdout.write(f"  {code}")
