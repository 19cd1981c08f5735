"""The compiled engine: backtesting.py's trades and statistics, a thousand times faster.

numba keeps what it compiled on disk, one file a function, and looks at the source of that function alone: a function
compiled together with an older one it calls would stay. So the cache has a folder for each state of these sources. What lies in it
is run, so it is one that nobody else can write to.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numba

from Backtest.cache_folder import cache_folder

_config: Any = numba.config


def _cache_folder() -> str:
    """Return the private folder of these sources: in NUMBA_CACHE_DIR where that is set."""
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    folder = cache_folder(f"numba-{hashlib.sha256(sources).hexdigest()[:16]}", _config.CACHE_DIR)
    try:
        return str(folder or tempfile.mkdtemp(prefix="numba-"))
    except OSError:
        return str(_config.CACHE_DIR)


# It stays: where threads import parts of this package at the same time, one of them may come to its part after this line.
_config.CACHE_DIR = _cache_folder()

from Backtest.kernel.engine import Kernel, Run, Sweep, warm_up  # noqa: E402
from Backtest.kernel.figures import NAMES  # noqa: E402

__all__ = ["NAMES", "Kernel", "Run", "Sweep", "warm_up"]
