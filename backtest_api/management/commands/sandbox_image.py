"""Make the image of the Docker sandbox."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Make the image in which the Docker sandbox runs strategy code."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dockerfile",
            action="store_true",
            help="build it from Dockerfile.sandbox, which needs a registry; otherwise it is made of this "
            "machine's interpreter, packages and libraries",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        import docker.errors

        from Backtest.errors import SandboxUnavailable
        from Backtest.sandbox.docker_engine import DockerSandbox, build_image

        name, dockerfile = settings.SANDBOX_IMAGE, settings.BASE_DIR / "Dockerfile.sandbox"
        try:
            client = DockerSandbox(image=name).client
            image = build_image(client, name=name, dockerfile=dockerfile if options["dockerfile"] else None)
        except (SandboxUnavailable, docker.errors.DockerException) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{name}: {image}")
