"""The files an interpreter in isolation needs, and no others."""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import cache
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from Backtest.sandbox.interpreters import WORKER
from Backtest.sandbox.process import VARIABLES

# What a strategy may import; what these need comes along.
NEEDED = ("backtesting", "TA-Lib")
INTERPRETER, PACKAGES, PROGRAM, WORK = "/python", "/packages", "/worker.py", "/job"
WORK_MB = 512
NOBODY = 65534
COMMAND = [f"{INTERPRETER}/bin/python", "-I", "-S", PROGRAM, WORK, PACKAGES]
ENVIRONMENT = {**VARIABLES, "HOME": WORK, "TMPDIR": WORK, "LANG": "C.UTF-8", "TZ": "UTC"}


@cache
def files() -> tuple[tuple[Path, str], ...]:
    """Return pairs of a file or folder of this machine and where an interpreter in isolation sees it."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [
        (Path(sys._base_executable).resolve(), f"{INTERPRETER}/bin/python"),  # type: ignore[attr-defined]
        (Path(sysconfig.get_path("stdlib")), f"{INTERPRETER}/lib/{version}"),
        (WORKER, PROGRAM),
    ]
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        library = Path(sysconfig.get_config_var("LIBDIR")) / sysconfig.get_config_var("INSTSONAME")
        found.append((library, str(library)))
    triplet = sysconfig.get_config_var("MULTIARCH")
    folders = [f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib64", "/usr/lib64", "/usr/share/zoneinfo"]
    found += [(Path(f), f) for f in folders if os.path.isdir(f)]
    return (*found, *((path, f"{PACKAGES}/{path.name}") for path in packages()))


@cache
def hidden() -> str:
    """Return the folder inside the standard library that holds packages of others, if there is one."""
    here, there = files()[1]
    return f"{there}/site-packages" if (here / "site-packages").is_dir() else ""


@cache
def packages() -> tuple[Path, ...]:
    """Return the top-level files and folders of the packages a job needs, those they require included."""
    found: dict[str, Distribution] = {}
    waiting = list(NEEDED)
    while waiting:
        name = waiting.pop()
        key = name.lower().replace("_", "-")
        if key in found:
            continue
        found[key] = distribution(name)
        for text in found[key].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    tops = set()
    for package in found.values():
        # The first part of each path in RECORD; `package.files` would parse 25,000 whole ones.
        names = {
            line.partition(",")[0].strip('"').partition("/")[0]
            for line in (package.read_text("RECORD") or "").splitlines()
        }
        tops |= {Path(str(package.locate_file(name))) for name in names - {"..", "__pycache__", ""}}
    return tuple(sorted(tops))
