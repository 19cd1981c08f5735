"""A base image for the Dockerfile, made of this machine's own files: no registry is needed."""

from __future__ import annotations

import importlib.metadata
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("sh", "env", "mkdir", "chown", "chmod", "rm", "ls", "cat", "id", "ldconfig", "git", "bwrap")
HOME = "usr/local"
NEEDLESS = {"__pycache__", "test", "tests", "idlelib", "tkinter", "ensurepip", "turtledemo", "site-packages", "config"}


def write_base(path: Path) -> None:
    """Write the root folder of an image with Python 3.11, pip, what requirements.txt pins, a shell, git and bubblewrap."""
    taken: dict[str, Path] = {}
    for name in PROGRAMS:
        if found := shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            taken[f"usr/bin/{name}"] = Path(found).resolve()
    for folder in ("/etc/ssl/certs", "/usr/share/zoneinfo"):
        taken |= {str(f).lstrip("/"): f.resolve() for f in Path(folder).rglob("*") if f.is_file()}
    taken |= {os.path.normpath(f"{HOME}/{where}"): file for where, file in _python()}
    taken |= {f"{HOME}/lib/python3.11/site-packages/{where}": file for where, file in _packages()}
    taken |= {str(found).lstrip("/"): found for found in _libraries(taken.values())}
    taken = {
        (f"usr/{w}" if w.split("/")[0] in ("lib", "lib64", "bin", "sbin") else w).replace("usr/sbin/", "usr/bin/"): f
        for w, f in taken.items()
    }
    # Without the headers for fractions of seconds: 40,000 of them.
    with tarfile.open(path, "w", dereference=True, format=tarfile.GNU_FORMAT, copybufsize=2**20) as tar:
        for link, to in (("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64"), ("sbin", "usr/bin")):
            _link(tar, link, to)
        for where, file in sorted(taken.items()):
            tar.add(file, where, recursive=False, filter=_as_root)
        for name in ("python", "python3"):
            _link(tar, f"{HOME}/bin/{name}", "python3.11")
        _text(tar, f"{HOME}/bin/pip", f'#!/bin/sh\nexec /{HOME}/bin/python -m pip "$@"\n', 0o755)
        _text(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        _text(tar, "etc/group", "root:x:0:\n")
        for folder in ("tmp", "root", "proc", "sys", "dev"):
            made = tarfile.TarInfo(folder)
            made.type, made.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(made)


def _as_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode |= 0o444 | (0o111 if info.mode & 0o100 else 0)
    return info


def _link(tar: tarfile.TarFile, name: str, to: str) -> None:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = tarfile.SYMTYPE, to
    tar.addfile(made)


def _text(tar: tarfile.TarFile, name: str, text: str, mode: int = 0o644) -> None:
    made = tarfile.TarInfo(name)
    made.size, made.mode = len(text.encode()), mode
    tar.addfile(made, io.BytesIO(text.encode()))


def _python() -> Iterator[tuple[str, Path]]:
    prefix = Path(sys.base_prefix)
    yield "bin/python3.11", (prefix / "bin" / "python3.11").resolve()
    for file in (prefix / "lib").glob("libpython3*"):
        yield f"../lib/{file.name}", file.resolve()  # where the loader looks without being told
    library = prefix / "lib" / "python3.11"
    for file in library.rglob("*"):
        inside = file.relative_to(library)
        if file.is_file() and not NEEDLESS & set(inside.parts) and not inside.parts[0].startswith("config-"):
            yield f"lib/python3.11/{inside}", file.resolve()


def _packages() -> Iterator[tuple[str, Path]]:
    """Yield the files of what is pinned, and of pip, compiled as here, without tests, headers and stubs."""
    pinned = re.findall(r"(?m)^([A-Za-z][\w.-]*)(?:\[.*\])?==", (ROOT / "requirements.txt").read_text(encoding="utf-8"))
    for name in (*pinned, "pip"):
        found = importlib.metadata.distribution(name)
        for file in found.files or ():
            path = Path(str(found.locate_file(file)))
            if (
                not {"..", "__pycache__", "tests", "include"} & set(file.parts)
                and file.suffix != ".pyi"
                and path.is_file()
            ):
                yield str(file), path.resolve()
                compiled = Path(cache_from_source(str(path)))
                if path.suffix == ".py" and compiled.is_file():  # else every container compiles all packages again
                    yield str(Path(file).parent / "__pycache__" / compiled.name), compiled


def _libraries(files: object) -> set[Path]:
    """Return the system's libraries that programs and extensions are linked to, and the loader."""
    objects = [str(f) for f in files if ".so" in f.name or f.parent.name in ("bin", "sbin")]  # type: ignore[attr-defined]
    found = subprocess.run(["ldd", *objects], capture_output=True, text=True, check=False).stdout
    paths = re.findall(r"(?:=> |^\t)(/\S+) \(0x", found, flags=re.MULTILINE)
    system = {Path(p) for p in paths if p.startswith(("/lib", "/usr/lib"))}
    return system | {p for name in ("libnss_files.so.2", "libnss_dns.so.2", "libgcc_s.so.1", "libseccomp.so.2") for p in
                     Path("/usr/lib").glob(f"*/{name}")}  # fmt: skip
