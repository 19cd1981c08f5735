"""What keeps web server and worker running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from algoagent_api.serve import PROCFILE, Patience, Supervisor, commands_of, ends_with

QUICK = Patience(first_s=0.01, longest_s=0.04, well_after_s=60, most=4, stopping_s=10)
STAYS = "import time; time.sleep(600)"


@pytest.fixture(autouse=True)
def _signals() -> object:
    import signal

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_procfile_has_web_and_worker() -> None:
    commands = commands_of(PROCFILE)
    assert set(commands) == {"web", "worker"}
    assert {command[0] for command in commands.values()} == {sys.executable}


def test_one_that_is_broken_stops_all_after_some_tries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = tmp_path / "count"
    broken = f"open({str(count)!r}, 'a').write('x'); raise SystemExit(7)"
    pid = tmp_path / "pid"
    stays = f"import os; open({str(pid)!r}, 'w').write(str(os.getpid())); {STAYS}"
    commands = {"web": [sys.executable, "-c", broken], "worker": [sys.executable, "-c", stays]}
    assert Supervisor(commands, QUICK).run() == 1
    assert count.read_text() == "x" * 5
    assert not pid.exists() or not Path(f"/proc/{pid.read_text()}").exists()
    said = capsys.readouterr().err
    waits = [line.rpartition(" in ")[2] for line in said.splitlines() if "started again" in line]
    assert waits == ["0.01 s", "0.02 s", "0.04 s", "0.04 s"]
    assert "web ended 5 times in a row, the last time with status 7" in said


def test_one_that_was_well_between_is_not_broken(tmp_path: Path) -> None:
    """Each time it ends it had been well, so it is begun again more often than a broken one; then it asks to stop."""
    count = tmp_path / "count"
    program = (
        f"import os, signal; f = open({str(count)!r}, 'a'); f.write('x'); f.close()\n"
        f"if os.path.getsize({str(count)!r}) == 8: os.kill(os.getppid(), signal.SIGTERM)"
    )
    well = Patience(first_s=0.01, longest_s=0.04, well_after_s=0, most=2, stopping_s=10)
    assert Supervisor({"web": [sys.executable, "-c", program]}, well).run() == 0
    assert len(count.read_text()) >= 8


linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells children that their parent has ended")


@linux
def test_what_it_keeps_ends_when_it_is_killed() -> None:
    """All of them hold its output, which is at its end when they are."""
    keeps = f"[sys.executable, '-c', 'import os; print(os.getpid(), flush=True); {STAYS}']"
    program = f"import sys; from algoagent_api.serve import Supervisor; Supervisor({{'web': {keeps}, 'worker': {keeps}}}).run()"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout
        pids = [int(supervisor.stdout.readline()) for _ in range(2)]
        supervisor.kill()
        try:
            assert supervisor.communicate(timeout=60)[0] == b""
        except subprocess.TimeoutExpired:
            for pid in pids:
                os.kill(pid, 9)
            raise


@linux
def test_what_begins_as_it_is_killed_ends() -> None:
    """Its parent is another by then."""
    assert subprocess.run([sys.executable, "-c", STAYS], preexec_fn=ends_with(0), check=False).returncode == 1
