"""Uploads while they arrive: files below VAR_DIR, which are a user's, and go with the request or an hour after a process that was killed."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from django.conf import settings

LEFT_AFTER_S = 3600.0  # what nobody has written to for so long was left by a process that ended


def forget_left() -> None:
    """Delete what killed processes have left of uploads."""
    for file in Path(settings.FILE_UPLOAD_TEMP_DIR).glob("*"):
        with contextlib.suppress(OSError):  # its request has ended by now
            if time.time() - file.stat().st_mtime > LEFT_AFTER_S:
                file.unlink()


def keep_forgetting() -> None:
    """Do so now and every hour, for as long as this process lives."""
    while True:
        forget_left()
        time.sleep(LEFT_AFTER_S)
