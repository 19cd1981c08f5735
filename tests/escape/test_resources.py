"""Memory, processors, files and time are limited, and what is started ends with its job."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from Backtest.errors import ExecutionError
from tests.escape.conftest import Outcome, the_same_in_both

Escape = Callable[..., Outcome]
MIB = 1024 * 1024


@pytest.fixture
def escape(escape: Escape) -> Escape:
    """Each in an interpreter of its own: what it uses is measured and limited there."""
    return partial(escape, alone=True)


def processes(column: str = "args") -> str:
    return subprocess.run(["ps", "-eo", column], capture_output=True, text=True, check=True).stdout


def until(true: Callable[[], bool]) -> bool:
    """Return whether it comes true within a minute: what is over ends soon, on a busy machine a little later."""
    end = time.monotonic() + 60
    while not true() and time.monotonic() < end:
        time.sleep(0.1)
    return true()


def gone(name: str) -> bool:
    """Return whether no process has the name any more that an attempt gave to itself."""
    return until(lambda: name not in processes("comm"))


def files_in_memory_mb() -> int:
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("Shmem:"))
    return int(line.split()[1]) // 1024


def test_fork_bomb(escape: Escape) -> None:
    done = escape("""
        made = 0
        print('NAMED', libc.prctl(15, b'escape-forks'))
        for _ in range(500):
            try:
                made += bool(os.fork()) or os._exit(0)
            except OSError as error:
                last = error
        print('MADE', made, last)
    """)
    assert "NAMED 0" in done.text
    assert "MADE 0" in done.text
    assert gone("escape-forks")


def test_thread_bomb(escape: Escape) -> None:
    done = escape("""
        import threading, time
        def more():
            while True:
                time.sleep(0.01)
        made = 0
        for _ in range(500):
            try:
                threading.Thread(target=more, daemon=True).start()
                made += 1
            except RuntimeError:
                pass
        print('MADE', made)
    """)
    assert "MADE 0" in done.text


def test_memory_bomb(escape: Escape) -> None:
    done = escape("libc.prctl(15, b'escape-memory')\nheld = []\nwhile True: held.append(bytearray(2**26))")
    assert done.reason == "memory"
    assert gone("escape-memory")


def test_mmap_bomb(escape: Escape) -> None:
    done = escape("""
        import mmap
        libc.prctl(15, b'escape-mmap')
        held = []
        while True:
            m = mmap.mmap(-1, 2**26)
            m.write(b'x' * 2**26)
            held.append(m)
    """)
    assert done.reason in ("memory", "error", "killed")
    assert gone("escape-mmap")


def test_memory_files(escape: Escape) -> None:
    """What memfd_create holds is in no address space: the limit of file sizes and the group's memory hold it."""
    before = files_in_memory_mb()
    done = escape("""
        held = []
        for _ in range(200):
            fd = os.memfd_create('x')
            held.append(fd)
            try:
                for _ in range(64):
                    os.write(fd, b'x' * 2**20)
            except OSError as error:
                pass
    """)
    assert done.reason in ("completed", "memory", "killed", "output")
    assert until(lambda: files_in_memory_mb() < before + 1024)  # other tests have some for a while


def test_disk_fill(escape: Escape) -> None:
    before = os.statvfs("/tmp").f_bavail * os.statvfs("/tmp").f_frsize
    done = escape("""
        for number in range(10_000):
            with open(f'fill{number}', 'wb') as file:
                file.write(b'x' * 2**23)
    """, memory_mb=2048, output_mb=16)  # fmt: skip
    assert done.reason in ("output", "memory")
    assert os.statvfs("/tmp").f_bavail * os.statvfs("/tmp").f_frsize > before - 200 * MIB


def test_one_large_file(escape: Escape) -> None:
    assert escape("open('big', 'wb').write(b'0' * 2**25)", output_mb=8).reason == "output"


def test_inode_fill(escape: Escape) -> None:
    before = os.statvfs("/tmp").f_ffree
    done = escape("""
        import time
        until = time.monotonic() + 3
        number = 0
        while time.monotonic() < until:
            number += 1
            try:
                os.close(os.open(f'{number}', os.O_CREAT))
            except OSError:
                break
        print('MADE', number)
    """)
    assert done.reason in ("completed", "output", "memory")
    assert os.statvfs("/tmp").f_ffree > before - 1000


def test_output_flood(escape: Escape) -> None:
    done = escape("while True: print('flood ' * 1000)", output_mb=4)
    assert done.reason == "output"
    assert len(done.text) < 200_000


def test_flood_of_the_line_to_the_server(escape: Escape) -> None:
    done = escape("""
        for number in range(3, 64):
            try:
                while True: os.write(number, b'x' * 65536)
            except OSError:
                pass
    """, output_mb=4)  # fmt: skip
    assert done.reason in ("output", "violation")


def test_flood_of_progress(escape: Escape) -> None:
    done = escape("""
        for number in range(3, 64):
            try:
                while True: os.write(number, b'{"progress": 0.5}\\n' * 1000)
            except OSError:
                pass
    """, output_mb=4)  # fmt: skip
    assert done.reason == "output"


def test_an_answer_that_drips(escape: Escape) -> None:
    done = escape("""
        import time
        for number in range(3, 64):
            try:
                while True:
                    os.write(number, b' ')
                    time.sleep(0.05)
            except OSError:
                pass
    """, timeout_s=2)  # fmt: skip
    assert done.reason == "timeout"


@pytest.mark.parametrize("where", ["init", "next_", "top"])
def test_infinite_loop(escape: Escape, where: str) -> None:
    done = escape(**{where: "while True: pass"}, timeout_s=1)
    assert done.reason == "timeout"
    assert "exceeded 1 s; shorten the range or simplify" in done.text


def test_sleeping(escape: Escape) -> None:
    assert escape("import time; time.sleep(600)", timeout_s=1).reason == "timeout"


def test_a_loop_inside_c(escape: Escape) -> None:
    assert escape("sum(range(10**12))", timeout_s=1).reason == "timeout"


def test_ignored_signals(escape: Escape) -> None:
    code = """
        import signal
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        while True: pass
    """
    assert escape(code, timeout_s=1).reason == "timeout"


def test_signals_to_everything(escape: Escape) -> None:
    """It sees nobody to signal but itself."""
    done = escape("""
        import signal
        attempt(os.kill, os.getppid() or 4194304, 9)
        attempt(os.killpg, 1, 0)
        for pid in range(2, 200):
            if pid != os.getpid():
                try: os.kill(pid, 9)
                except OSError: continue
                print('SIGNALLED', pid)
        print('ALIVE')
    """)
    assert f"SIGNALLED {os.getpid()}" not in done.text
    assert "ALIVE" in done.text or done.reason == "killed"


@the_same_in_both
@pytest.mark.parametrize("start", ["os.system('sleep 97531')", "subprocess.Popen(['sleep', '97531'])",
                                   "os.execv('/bin/sleep', ['sleep', '97531'])", "os.spawnv(os.P_NOWAIT, '/bin/sleep', ['sleep', '97531'])",
                                   "subprocess.run([sys.executable, '-c', 'pass'])"])  # fmt: skip
def test_other_programs(escape: Escape, start: str) -> None:
    done = escape(f"import subprocess; attempt(lambda: {start})")
    assert "CAME <Popen" not in done.text
    assert "CAME CompletedProcess" not in done.text
    assert "sleep 97531" not in processes()


def test_staying_alive_after_the_end(escape: Escape) -> None:
    done = escape("""
        import atexit, signal, time
        def stay():
            while True: time.sleep(1)
        atexit.register(stay)
        signal.signal(signal.SIGTERM, lambda *_: stay())
        for _ in range(2):
            try: os.fork()
            except OSError: pass
        sys.exit = os._exit = lambda *_: stay()
        print('NAMED', libc.prctl(15, b'escape-stays'))
    """)
    assert done.reason == "completed"
    assert "NAMED 0" in done.text
    assert gone("escape-stays")


@the_same_in_both
def test_core_dumps(escape: Escape) -> None:
    before = set(Path("/").iterdir()) | set(Path("/tmp").glob("core*")) | set(Path.cwd().iterdir())
    done = escape("ctypes.string_at(0)")
    assert done.reason == "killed"
    after = set(Path("/").iterdir()) | set(Path("/tmp").glob("core*")) | set(Path.cwd().iterdir())
    assert not {path for path in after - before if "core" in path.name}


@the_same_in_both
def test_deep_recursion(escape: Escape) -> None:
    done = escape("sys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nf(0)", memory_mb=384)
    assert done.reason in ("error", "memory", "killed", "timeout")


def test_all_file_descriptors(escape: Escape) -> None:
    done = escape(
        "held = []\ntry:\n    while True: held.append(open('/dev/null'))\nexcept OSError as e: print('AT', len(held))"
    )
    assert done.reason in ("completed", "error")
    assert "AT" in done.text
    assert int(done.text.split("AT ")[1].split()[0]) < 300


@the_same_in_both
def test_raising_its_own_limits(escape: Escape) -> None:
    done = escape("""
        import resource
        for name in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE):
            attempt(resource.setrlimit, name, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    """)
    assert done.text.count("FAILED") == 5


def test_cancelling_ends_it_at_once(escape: Escape) -> None:
    wanted = threading.Event()

    def tick(_: float) -> None:
        if wanted.is_set():
            raise ExecutionError("Cancelled", exit_reason="cancelled")

    threading.Timer(1.5, wanted.set).start()
    done = escape("while True: pass", tick=tick, timeout_s=600)
    assert done.reason == "cancelled"


@the_same_in_both
def test_what_is_printed_cannot_command_a_terminal(escape: Escape) -> None:
    done = escape("print('\\x1b]0;owned\\x07\\x1b[2J harmless')")
    assert "harmless" in done.text
    assert "\x1b" not in done.text
