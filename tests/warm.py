"""The project's commands and servers, begun where the packages of others are imported already.

Two thirds of the time a command or a server takes to start go into packages that are the same each time. A process of
multiprocessing's fork server has imported them once, with no setting and no module of the project's, and what is started here is a fork
of it: it reads its environment, settings and all modules of the project as a new process does. The Procfile, the README's commands
and the scripts are tested as they stand, elsewhere.
"""

from __future__ import annotations

import atexit
import faulthandler
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
# None of these reads the environment or Django's settings when it is imported.
PACKAGES = [
    "numpy", "pandas", "pyarrow.compute", "numba", "talib", "backtesting._util", "bokeh.plotting", "pydantic", "yaml", "jinja2",
    "django.core.management", "django.core.serializers.json", "django.db.models", "django.http", "django.contrib.postgres.fields",
    "celery.app", "kombu", "psycopg", "requests", "httpx", "rich.traceback", "structlog", "dulwich.porcelain", "cryptography.fernet",
    "uvicorn", "jsonschema", "arch.bootstrap",
]  # fmt: skip


TELL = signal.SIGUSR2  # a process that gets it adds to its errors where each of its threads is

# One of its own: reading an uploaded file has another, in this process too.
_SERVER, _LOCK = forkserver.ForkServer(), threading.Lock()
_SERVER.set_forkserver_preload([*PACKAGES, "tests.compiled", __name__])


def start(
    arguments: list[str],
    environment: dict[str, str],
    out: Path,
    error: Path | None = None,
    given: Path = Path(os.devnull),
) -> ForkServerProcess:
    """Start `python ARGUMENTS` in the project's folder.

    Args:
        arguments: a script, "-m" and a module, or "-c" and a program, and what follows.
        environment: all of it.
        out: the file to which its output is added; its errors too, unless they have a file of their own.
        given: the file it reads as its standard input.
    """
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=_begin, args=(arguments, environment, out, error or out, given))
    with _LOCK, patch.object(forkserver, "connect_to_new_process", _SERVER.connect_to_new_process):
        process.start()
    return process


def run(
    arguments: list[str], environment: dict[str, str], *, text: str = "", check: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` to its end, with a text as its input, and return what it said, as subprocess.run does."""
    with tempfile.TemporaryDirectory(prefix="algoagent-run-") as folder:
        out, error, given = (Path(folder) / name for name in ("out", "error", "given"))
        given.write_text(text, encoding="utf-8")
        process = start(arguments, environment, out, error, given)
        process.join()
        said = [file.read_text(encoding="utf-8") for file in (out, error)]
    code = process.exitcode
    assert code is not None
    if check and code:
        raise subprocess.CalledProcessError(code, arguments, *said)
    return subprocess.CompletedProcess(arguments, code, *said)


def _begin(arguments: list[str], environment: dict[str, str], out: Path, error: Path, given: Path) -> None:
    """Be that process, from the environment to what it does when it ends."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    adding = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, (path, how) in enumerate(((given, os.O_RDONLY), (out, adding), (error, adding))):
        opened = os.open(path, how, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - multiprocessing has closed it
    faulthandler.register(TELL, file=2, all_threads=True)
    how, *rest = arguments
    try:
        if how == "-m":
            sys.argv = rest
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif how == "-c":
            sys.argv = ["-c", *rest[1:]]
            exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = arguments
            runpy.run_path(how, run_name="__main__")
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
