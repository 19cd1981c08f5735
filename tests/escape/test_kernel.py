"""The kernel does no favours: no other rights, no other namespaces, no dangerous calls."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.escape.conftest import Outcome

Escape = Callable[..., Outcome]

# Numbers of system calls on x86-64.
FATAL = {
    "ptrace": "call(101, 16, 1, 0, 0)",
    "process_vm_writev": "call(311, 1, 0, 0, 0, 0, 0)",
    "pidfd_open": "call(434, 1, 0)",
    "mount": "call(165, b'none', b'/job', b'tmpfs', 0, 0)",
    "umount": "call(166, b'/job', 2)",
    "pivot_root": "call(155, b'/job', b'/job')",
    "chroot": "call(161, b'/job')",
    "new mount api": "call(430, b'tmpfs', 0)",
    "unshare": "call(272, 0x10000000)",
    "setns": "call(308, 3, 0)",
    "bpf": "call(321, 0, 0, 0)",
    "perf_event_open": "call(298, 0, 0, -1, -1, 0)",
    "userfaultfd": "call(323, 0)",
    "io_uring_setup": "call(425, 8, ctypes.create_string_buffer(256))",
    "add_key": "call(248, b'user', b'escape', b'x', 1, -3)",
    "keyctl": "call(250, 0, -3, 1)",
    "open_by_handle_at": "call(304, 3, ctypes.create_string_buffer(64), 0)",
    "kexec_load": "call(246, 0, 0, 0, 0)",
    "init_module": "call(175, b'', 0, b'')",
    "finit_module": "call(313, 3, b'', 0)",
    "delete_module": "call(176, b'nf_tables', 0)",
    "reboot": "call(169, 0xfee1dead, 672274793, 0x1234567)",
    "swapon": "call(167, b'/job/swap', 0)",
    "iopl": "call(172, 3)",
    "setuid": "os.setuid(0)",
    "setresgid": "os.setresgid(0, 0, 0)",
    "setgroups": "os.setgroups([0])",
    "capset": "call(126, ctypes.create_string_buffer(8), ctypes.create_string_buffer(24))",
}


TRIED = {name: f"print('TRIED', flush=True)\n{code}\nprint('SURVIVED', flush=True)" for name, code in FATAL.items()}


def test_calls_that_end_the_process(in_forks: Callable[..., dict[str, Outcome]]) -> None:
    mounts = own_mounts()
    for name, done in in_forks(TRIED, docker_takes=5).items():
        assert done.reason == "violation", name
        assert "SURVIVED" not in done.text, name
    assert own_mounts() == mounts


@pytest.mark.parametrize("name", ["ptrace", "unshare", "setuid"])
def test_calls_that_end_an_interpreter_of_their_own(escape: Escape, name: str) -> None:
    done = escape(TRIED[name])
    assert done.reason == "violation"
    assert "SURVIVED" not in done.text


def own_mounts() -> list[str]:
    """The mount points of this machine, without those that a Docker Engine makes for containers and those below the tests' folders:
    other tests make small disks and engines at the same time."""
    targets = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [target for target in targets if "/docker" not in target and "/pytest-of-" not in target]


def test_the_clock(escape: Escape) -> None:
    before, steady = time.time(), time.monotonic()
    done = escape("import time; time.clock_settime(time.CLOCK_REALTIME, 0)")
    assert done.reason == "violation"
    assert abs((time.time() - before) - (time.monotonic() - steady)) < 1


def test_the_name_of_the_machine(escape: Escape) -> None:
    name = socket.gethostname()
    assert (
        escape("print(os.uname().nodename); attempt(__import__('socket').sethostname, 'owned')").reason == "violation"
    )
    assert socket.gethostname() == name


def test_who_it_is(escape: Escape) -> None:
    done = escape("print('WHO', os.getuid(), os.geteuid(), os.getgid(), os.uname().nodename)")
    assert "WHO 65534 65534 65534 sandbox" in done.text


def test_no_capability_and_no_way_to_one(escape: Escape) -> None:
    """capget(0) and prctl(PR_GET_NO_NEW_PRIVS), the second refused by the filter, which needs it set."""
    done = escape("""
        head = (ctypes.c_uint32 * 2)(0x20080522, 0)
        sets = (ctypes.c_uint32 * 6)()
        print('CAPS', call(125, head, sets)[0], list(sets))
        print('RIGHTS', [os.access(p, os.W_OK) for p in ('/', '/packages', '/python', '/worker.py')])
    """)
    assert "CAPS 0 [0, 0, 0, 0, 0, 0]" in done.text
    assert "RIGHTS [False, False, False, False]" in done.text


def test_a_new_user_namespace_by_clone(escape: Escape) -> None:
    done = escape(
        "print('SAID', call(56, 0x10000000 | 17, 0, 0, 0, 0), call(435, ctypes.create_string_buffer(88), 88))"
    )
    assert "SAID (-1, 13) (-1, 38)" in done.text


def test_calls_of_another_architecture(escape: Escape) -> None:
    """The same call in the numbering of x32: what is not x86-64 ends the process."""
    done = escape("print('SAID', call(0x40000000 + 41, 2, 1, 0), flush=True)")
    assert "SAID" not in done.text
    assert done.reason == "violation"


def test_another_filter_does_not_loosen_the_first(escape: Escape) -> None:
    done = escape("""
        class Program(ctypes.Structure):
            _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))
        allow = (0x06).to_bytes(2, 'little') + b'\\0\\0' + (0x7fff0000).to_bytes(4, 'little')
        print('SET', libc.prctl(22, 2, ctypes.byref(Program(1, allow)), 0, 0))
        print('SAID', call(41, 2, 1, 0))
    """)
    assert "SAID (-1, 1)" in done.text


def test_the_scheduler_and_priorities(escape: Escape) -> None:
    done = escape("attempt(os.nice, -20); attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(50))")
    assert "CAME" not in done.text


def test_typing_into_a_terminal(escape: Escape) -> None:
    done = escape("""
        import fcntl
        for number in range(64):
            try:
                fcntl.ioctl(number, 0x5412, b'x')
                print('TYPED')
            except OSError:
                pass
    """)
    assert "TYPED" not in done.text


def test_messages_of_the_kernel(escape: Escape) -> None:
    assert escape("call(103, 3, ctypes.create_string_buffer(4096), 4096)").reason == "violation"


def test_shared_memory(escape: Escape) -> None:
    done = escape("""
        from multiprocessing import shared_memory
        attempt(shared_memory.SharedMemory, 'escape', True, 1024)
        attempt(lambda: open('/dev/shm/escape', 'w'))
        print('SAID', call(29, 1, 4096, 0o1666), call(68, 1, 0o1666), call(240, b'queue', 0o102, 0o666, 0))
    """)
    assert "CAME" not in done.text
    assert "SAID (-1, 1) (-1, 1) (-1, 1)" in done.text
    assert not Path("/dev/shm/escape").exists()


def test_entropy_is_not_used_up(escape: Escape) -> None:
    done = escape("print('READ', sum(len(os.urandom(2**20)) for _ in range(64)))")
    assert f"READ {2**26}" in done.text
    source = os.open("/dev/random", os.O_RDONLY | os.O_NONBLOCK)  # where it is used up, reading fails
    assert len(os.read(source, 32)) == 32
    os.close(source)
