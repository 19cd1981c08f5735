"""The image of the Dockerfile, built and run by a real Docker Engine: no registry, no secrets, no root."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.base_image import ROOT, write_base
from tests.docker_daemon import WHY_NOT, docker_daemon
from tests.live import free_port, http

PLANTED = (".env", "var/db.sqlite3", ".git/config", ".venv/secret", "Backtest/codes/mine.py")
PATH = "ENV PATH=/usr/local/bin:/usr/bin:/bin"


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """An engine with the server's image; give the command that speaks to it."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    folder = tmp_path_factory.mktemp("image")
    project = folder / "project"
    project.mkdir()
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_bytes((ROOT / name).read_bytes())
    for name in PLANTED:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("SECRET_KEY=planted-on-the-machine-that-builds-the-image\n")
    write_base(folder / "base.tar")
    with cleared(folder), docker_daemon(folder) as address:
        command = ["docker", "--host", address]
        subprocess.run(
            [*command, "import", "--change", PATH, folder / "base.tar", "base"], check=True, capture_output=True
        )
        (folder / "base.tar").unlink()
        built = subprocess.run(
            [*command, "build", "--network", "none", "--build-arg", "BASE=base", "--tag", "algoagent", project],
            env={**os.environ, "DOCKER_BUILDKIT": "0"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-2000:]
        yield command


@contextmanager
def cleared(folder: Path) -> Iterator[None]:
    """Leave nothing of an engine behind: neither its gigabytes nor the network of the host, which it leaves mounted."""
    try:
        yield
    finally:
        for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
            if (mounted := line.split()[1]).startswith(f"{folder}/"):
                subprocess.run(["umount", mounted], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def inside(docker: list[str], *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    return subprocess.run(
        [*docker, "run", "--rm", "--network", "none", *given, "algoagent", *words], capture_output=True, text=True, check=False
    )  # fmt: skip


def test_nothing_of_the_machine_that_built_it_is_inside(docker: list[str]) -> None:
    found = inside(docker, "sh", "-c", f"ls -d {' '.join(f'/app/{name}' for name in PLANTED)}; ls /app/manage.py")
    assert found.stdout.split() == ["/app/manage.py"]


def test_it_is_nobody_who_may_do_much(docker: list[str]) -> None:
    assert inside(docker, "id", "-u").stdout.strip() == "10001"
    assert inside(docker, "sh", "-c", "touch /usr/x || echo refused").stdout.strip().endswith("refused")


def test_it_refuses_to_start_without_a_secret_of_its_own(docker: list[str]) -> None:
    started = inside(docker)
    assert started.returncode != 0
    assert "set SECRET_KEY" in started.stderr


def test_it_serves_with_debug_off_and_no_backtest_waits_for_a_compiler(docker: list[str]) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "SECRET_KEY": "q8Jd73kfLs92mDkeWpq01zXcVbnM8aQwErTy",
        "UVICORN_HOST": "127.0.0.1",
        "UVICORN_PORT": str(port),
        "DATA_PROVIDERS": "bundled",
    }
    given = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    started = [*docker, "run", "--detach", "--network", "host", "--name", "server", *given, "algoagent"]
    subprocess.run(started, check=True, capture_output=True)
    try:
        _until_it_answers(url, docker)
        body = {"username": "ada", "email": "ada@example.com", "password": "correct horse battery"}
        token = http.post(f"{url}/api/auth/register/", json=body).raise_for_status().json()["access"]
        header = {"Authorization": f"Bearer {token}"}
        sentence = {"user_description": "Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%"}
        run = http.post(f"{url}/api/backtests/quick-run/", json=sentence, headers=header, timeout=120)
        assert run.status_code == 200, run.text
        written = subprocess.run([*docker, "diff", "server"], capture_output=True, text=True, check=True).stdout
        assert not [line for line in written.split() if line.endswith((".nbi", ".nbc"))], (
            "the engine was compiled before"
        )
        unknown = http.get(f"{url}/nothing/")
        assert unknown.json()["error"] == "There is nothing at /nothing/", "DEBUG is off"
    finally:
        subprocess.run([*docker, "rm", "--force", "server"], check=False, capture_output=True)


def _until_it_answers(url: str, docker: list[str]) -> None:
    until = time.monotonic() + 90
    while True:
        try:
            if http.get(f"{url}/api/health/", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        log = subprocess.run([*docker, "logs", "server"], capture_output=True, text=True, check=False)
        assert time.monotonic() < until, log.stdout[-3000:] + log.stderr[-3000:]
        time.sleep(0.3)


def test_the_ignored_files_are_listed() -> None:
    listed = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {".git", ".env", ".venv", "var"} <= set(listed)
    assert "USER 10001" in Path(ROOT / "Dockerfile").read_text(encoding="utf-8")
