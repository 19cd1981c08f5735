"""The folder in which this user's processes keep what each of them would else compute again."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def cache_folder(name: str, asked_for: str | None = None) -> Path | None:
    """Make the folder `name` in the first place where nobody else can write to it, and return it; None where there is no such place.

    The places are: `asked_for`, beside these sources, the user's cache, the folder for temporary files.
    """
    places = [
        Path(__file__).parent / "__pycache__",
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "algoagent",
        Path(tempfile.gettempdir()),
    ]
    for place in [Path(asked_for), *places] if asked_for else places:
        folder = place / name
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            if _is_private(folder):
                return folder
        except OSError:
            continue
    return None


def _is_private(folder: Path) -> bool:
    """Tell whether a folder is this user's, and nobody else may look into it."""
    found = folder.lstat()
    own = os.name != "posix" or (found.st_uid == os.geteuid() and not found.st_mode & 0o077)
    return own and stat.S_ISDIR(found.st_mode)
