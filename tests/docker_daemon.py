"""A real Docker Engine for the tests, in folders of its own, stopped by its pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WHY_NOT = (
    "Docker is not installed: apt-get install docker.io, and run the tests as root"
    if not shutil.which("dockerd")
    else "starting a Docker Engine needs root: run the tests as root"
    if os.geteuid()
    else ""
)


@contextmanager
def docker_daemon(folder: Path) -> Iterator[str]:
    """Start an engine below a folder; give the address it listens at."""
    for driver in ("overlay2", "vfs"):  # the first is quick, the second works on any file system
        here = folder / driver
        here.mkdir()
        address = f"unix://{here}/docker.sock"
        command = ["dockerd", "--storage-driver", driver, "--iptables=false", "--bridge=none", "--host", address]
        command += ["--data-root", f"{here}/data", "--exec-root", f"{here}/exec", "--pidfile", f"{here}/docker.pid"]
        with (here / "log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            if _answers(address, process):
                yield address
                return
        finally:
            process.terminate()
            process.wait(timeout=30)
    raise RuntimeError((folder / "vfs" / "log").read_text()[-2000:])


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    for _ in range(300):
        if process.poll() is not None:
            return False
        with socket.socket(socket.AF_UNIX) as line:
            try:
                line.connect(address.removeprefix("unix://"))
                return True
            except OSError:
                time.sleep(0.1)
    return False
