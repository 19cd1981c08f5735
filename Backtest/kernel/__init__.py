"""The compiled engine: backtesting.py's trades and statistics, a thousand times faster.

numba keeps what it compiled on disk, one file a function, and looks at the source of that function alone: a function
compiled together with an older one it calls would stay. So the cache has a folder for each state of these sources.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numba

_config: Any = numba.config


def _cache_folder() -> str:
    """Return the first folder that can be written to: NUMBA_CACHE_DIR, beside the sources, the user's cache."""
    here = Path(__file__).parent
    sources = b"".join(path.read_bytes() for path in sorted(here.glob("*.py")))
    name = f"numba-{hashlib.sha256(sources).hexdigest()[:16]}"
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "algoagent"
    for base in filter(None, (_config.CACHE_DIR, here / "__pycache__", user, tempfile.gettempdir())):
        folder = Path(base) / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError:
            continue
        return str(folder)
    return str(_config.CACHE_DIR)


# It stays: where threads import parts of this package at the same time, one of them may come to its part after this line.
_config.CACHE_DIR = _cache_folder()

from Backtest.kernel.engine import Kernel, Run, Sweep, warm_up  # noqa: E402
from Backtest.kernel.figures import NAMES  # noqa: E402

__all__ = ["NAMES", "Kernel", "Run", "Sweep", "warm_up"]
