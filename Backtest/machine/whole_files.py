"""Files that are there whole or not at all, whatever ends the process that writes them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

LEFT = ".tmp"  # how the names end of what a killed process has left


def write_whole(path: Path, write: Callable[[Path], object], *, mode: int = 0o600) -> None:
    """Let `write` write a hidden file beside `path`, with the permissions of `mode`, which then takes its place.

    Raises:
        OSError: there is no room, or the folder cannot be written to; then `path` is as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=LEFT)
    os.close(handle)
    made = Path(name)
    try:
        write(made)
        made.chmod(mode)
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
