"""The compiled engine: backtesting.py's trades and statistics, a thousand times faster.

numba keeps compiled functions on disk, one file a function, and compiles a function anew only where its own source changed. A function whose
callee changed would thus go on with the old callee inside, for example `simulate` with yesterday's `level`. Therefore each state of these
sources has a cache folder of its own. The machine code in that folder is executed, so nobody but its owner may write to the folder.

`figures.py`, `definitions.py` and `order_book.py`, which both engines share, are imported by their own names.
"""

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import numba

_config: Any = numba.config


def _cache_folder() -> str:
    """Return the first folder that is private: in NUMBA_CACHE_DIR, beside the sources, in the user's cache, a temporary one."""
    here = Path(__file__).parent
    sources = b"".join(path.read_bytes() for path in sorted(here.glob("*.py")))
    name = f"numba-{hashlib.sha256(sources).hexdigest()[:16]}"
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "algoagent"
    for base in filter(None, (_config.CACHE_DIR, here / "__pycache__", user, tempfile.gettempdir())):
        folder = Path(base) / name
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            if _is_private(folder):
                return str(folder)
        except OSError:
            continue
    try:
        return tempfile.mkdtemp(prefix="numba-")
    except OSError:
        return str(_config.CACHE_DIR)


def _is_private(folder: Path) -> bool:
    """Tell whether a folder is this user's, and nobody else may look into it."""
    found = folder.lstat()
    own = os.name != "posix" or (found.st_uid == os.geteuid() and not found.st_mode & 0o077)
    return own and stat.S_ISDIR(found.st_mode)


# The setting is not put back afterwards: another thread may import a module of this package later and compile with it.
_config.CACHE_DIR = _cache_folder()

from Backtest.kernel.engine import Kernel, Run, Sweep, warm_up  # noqa: E402
from Backtest.kernel.figures import NAMES  # noqa: E402

__all__ = ["NAMES", "Kernel", "Run", "Sweep", "warm_up"]
