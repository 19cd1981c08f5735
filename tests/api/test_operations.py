"""The commands of docs/operations.md, as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.live import environment, http, serve
from tests.warm import ROOT, run

SENTENCE = "Buy IBM when RSI < 35, sell when RSI > 65, stop 6%"


def commands(heading: str) -> str:
    """Return the shell commands below a heading."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```sh\n(.*?)```", text.split(f"## {heading}\n")[1].split("\n## ")[0], flags=re.DOTALL)
    return str(found)


def shell(script: str, var: Path, backup: Path) -> None:
    given = environment(var)
    given |= {"BACKUP": str(backup), "PATH": f"{Path(sys.executable).parent}:{given['PATH']}"}
    done = subprocess.run(["sh", "-euc", script], cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_backup_of_a_running_server_is_restored(tmp_path: Path) -> None:
    backup, old, new = tmp_path / "backup", tmp_path / "old", tmp_path / "new"
    backup.mkdir()
    bars = "Date,Open,High,Low,Close,Volume\n" + "".join(
        f"2024-01-{d:02},{d},{d + 1},{d - 0.5},{d},9\n" for d in range(2, 32)
    )
    with serve(old) as server:
        header = {"Authorization": f"Bearer {server.token()}"}
        run = http.post(
            f"{server.url}/api/backtests/quick-run/", json={"user_description": SENTENCE}, headers=header, timeout=120
        )
        assert run.status_code == 201 or run.status_code == 200, run.text
        number = run.json()["id"]
        files = {"file": ("ZORB.csv", bars.encode())}
        sent = http.post(f"{server.url}/api/data/datasets/upload/", files=files, headers=header, timeout=60)
        assert sent.status_code == 201, sent.text
        before = [http.get(f"{server.url}/api/{path}", headers=header, timeout=60).json()
                  for path in (f"backtests/{number}/trades/", "data/datasets/", "strategies/")]  # fmt: skip
        shell(commands("Backup"), old, backup)
    with tarfile.open(backup / "files.tar.gz") as archive:
        assert not [name for name in archive.getnames() if "sqlite3" in name]
    shell(commands("Restore"), new, backup)
    with serve(new) as server:
        after = [http.get(f"{server.url}/api/{path}", headers=header, timeout=60).json()
                 for path in (f"backtests/{number}/trades/", "data/datasets/", "strategies/")]  # fmt: skip
        again = http.post(
            f"{server.url}/api/backtests/quick-run/", headers=header, timeout=120,
            json={"user_description": "Buy ZORB when close > 5, sell when close > 20, stop 50%"},
        )  # fmt: skip
        assert again.status_code in (200, 201), again.text
    assert after == before, "with the token of before, as the key was in the backup"
    assert len(before[0]["results"]) > 3


@pytest.mark.parametrize(("what", "least"), [("deploy", 50), ("upload", 9), ("chat", 20)])
def test_a_process_killed_at_any_step_leaves_all_or_nothing(tmp_path: Path, what: str, least: int) -> None:
    done = run(["-m", "tests.killed", what], environment(tmp_path))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) >= least, done.stdout
