"""What the README shows is what happens."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

from tests.live import Server, serve
from tests.warm import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, flags=re.DOTALL)


def test_the_walk_with_curl(tmp_path: Path) -> None:
    with serve(tmp_path / "served", workers=1) as server:
        _walk(server, tmp_path)


def _walk(server: Server, tmp_path: Path) -> None:
    (walk,) = [b for b in blocks("sh") if "curl" in b]
    assert "API=http://127.0.0.1:8000/api" in walk
    script = walk.replace("http://127.0.0.1:8000", server.url)
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 23), done.stdout + done.stderr  # curl's 23: head took what it wanted
    assert "Buy when RSI(14) is below 30." in done.stdout
    assert re.search(r"returned -?[\d.]+% in \d+ trades and (beat|trailed) buy-and-hold", done.stdout)
    assert "side,size,entry_bar" in done.stdout
    assert re.search(r"No trade|position is held", done.stdout)
    assert re.search(r"'word': '(robust|fragile|likely overfit)'", done.stdout)
    compile((tmp_path / "strategy.py").read_text(encoding="utf-8"), "strategy.py", "exec")
    assert (tmp_path / "report.html").stat().st_size > 100_000


def test_the_command_line_example(server: Server) -> None:
    for shown in blocks("console"):
        command, *expected = shown.replace("\\\n", "").strip().splitlines()
        name, *arguments = shlex.split(command.partition("manage.py ")[2])
        output = server.manage(name, *arguments).stdout
        for part in "\n".join(expected).split("\n...\n"):
            for line in part.splitlines():
                assert line.strip(" .") in output


def test_commands_it_names_exist() -> None:
    commands = {p.stem for p in ROOT.glob("*/management/commands/*.py")}
    for name in (
        "backtest",
        "explain",
        "rerun",
        "generate_code",
        "fetch_data",
        "export_schema",
        "create_demo_user",
        "prune_artifacts",
        "sandbox_image",
    ):
        assert name in README
        assert name in commands
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", README, flags=re.MULTILINE)) <= targets
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
    assert len(README.splitlines()) <= 150
