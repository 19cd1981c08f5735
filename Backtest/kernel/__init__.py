"""The compiled engine: backtesting.py's trades and statistics, a thousand times faster.

numba keeps compiled functions on disk, one file a function, and compiles a function anew only where its own source changed. A function whose
callee changed would thus go on with the old callee inside, for example `simulate` with yesterday's `level`. Therefore each state of these
sources has a cache folder of its own. The machine code in that folder is executed, so nobody but its owner may write to the folder.

`figures.py`, `definitions.py` and `order_book.py`, which both engines share, are imported by their own names.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numba

from Backtest.machine import cache_folder

_config: Any = numba.config


def _cache_folder() -> str:
    """Return the private folder of these sources: in NUMBA_CACHE_DIR where that is set."""
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    folder = cache_folder(f"numba-{hashlib.sha256(sources).hexdigest()[:16]}", _config.CACHE_DIR)
    try:
        return str(folder or tempfile.mkdtemp(prefix="numba-"))
    except OSError:
        return str(_config.CACHE_DIR)


# The setting is not put back afterwards: another thread may import a module of this package later and compile with it.
_config.CACHE_DIR = _cache_folder()

from Backtest.kernel.engine import Kernel, Run, Sweep, warm_up, warm_up_orders  # noqa: E402
from Backtest.kernel.figures import NAMES  # noqa: E402

__all__ = ["NAMES", "Kernel", "Run", "Sweep", "warm_up", "warm_up_orders"]
