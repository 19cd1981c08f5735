"""Nothing outside can be reached: no network, no files, no devices."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.escape.conftest import Outcome

Escape = Callable[..., Outcome]


class Listener:
    """Sockets of several families on this machine that write down who came."""

    def __init__(self, folder: Path) -> None:
        self.came: list[str] = []
        self.path, self.name = str(folder / "s"), f"escape-{os.getpid()}-{id(self)}"
        self.sockets = []
        for family, kind, address in (
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            (socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            (socket.AF_UNIX, socket.SOCK_STREAM, self.path),
            (socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.name),
        ):
            found = socket.socket(family, kind)
            found.bind(address)
            if kind == socket.SOCK_STREAM:
                found.listen()
            self.sockets.append(found)
            threading.Thread(target=self._hear, args=(found, kind), daemon=True).start()
        self.tcp, self.tcp6, self.udp = (s.getsockname()[1] for s in self.sockets[:3])
        os.chmod(self.path, 0o777)

    def _hear(self, found: socket.socket, kind: int) -> None:
        try:
            while True:
                if kind == socket.SOCK_STREAM:
                    found.accept()[0].close()
                else:
                    found.recv(10)
                self.came.append(str(found.family))
        except OSError:
            pass

    def close(self) -> None:
        for found in self.sockets:
            found.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    found = Listener(tmp_path)
    yield found
    found.close()


def test_the_listener_hears(listener: Listener) -> None:
    socket.create_connection(("127.0.0.1", listener.tcp)).close()
    client = socket.socket(socket.AF_UNIX)
    client.connect("\0" + listener.name)
    client.close()
    for _ in range(100):
        if len(listener.came) == 2:
            break
        threading.Event().wait(0.02)
    assert len(listener.came) == 2


def blocked(done: Outcome, listener: Listener) -> None:
    assert "CAME" not in done.text
    assert "FAILED" in done.text or done.reason == "violation"
    assert not listener.came


def test_tcp(escape: Escape, listener: Listener) -> None:
    blocked(escape(f"import socket; attempt(socket.create_connection, ('127.0.0.1', {listener.tcp}), 2)"), listener)


def test_tcp_over_ipv6(escape: Escape, listener: Listener) -> None:
    blocked(escape(f"import socket; attempt(socket.create_connection, ('::1', {listener.tcp6}), 2)"), listener)


def test_udp(escape: Escape, listener: Listener) -> None:
    code = f"import socket; attempt(lambda: socket.socket(2, 2).sendto(b'x', ('127.0.0.1', {listener.udp})))"
    blocked(escape(code), listener)


def test_a_unix_socket_in_a_file(escape: Escape, listener: Listener) -> None:
    blocked(escape(f"import socket; attempt(lambda: socket.socket(1).connect({listener.path!r}))"), listener)


def test_an_abstract_unix_socket(escape: Escape, listener: Listener) -> None:
    blocked(escape(f"import socket; attempt(lambda: socket.socket(1).connect('\\0{listener.name}'))"), listener)


def test_other_families(escape: Escape) -> None:
    """Raw, netlink, packet, the kernel's cryptography, virtual machines, bluetooth, XDP."""
    families = [(2, 3), (16, 3), (17, 3), (38, 5), (40, 1), (31, 3), (44, 3)]
    done = escape(f"import socket\nfor family, kind in {families}:\n    attempt(socket.socket, family, kind)")
    assert "CAME" not in done.text
    assert done.text.count("FAILED") == len(families)


def test_a_socket_by_its_number(escape: Escape) -> None:
    assert (
        "FAILED"
        not in (
            done := escape("print('SAID', call(41, 2, 1, 0), call(53, 1, 1, 0, ctypes.create_string_buffer(8)))")
        ).text
    )
    assert "SAID (-1, 1) (-1, 1)" in done.text


def test_names(escape: Escape) -> None:
    done = escape("import socket; attempt(socket.getaddrinfo, 'example.com', 443)")
    assert "CAME" not in done.text


def test_a_page(escape: Escape, listener: Listener) -> None:
    code = f"import urllib.request; attempt(urllib.request.urlopen, 'http://127.0.0.1:{listener.tcp}/', timeout=2)"
    blocked(escape(code), listener)


def test_no_interfaces_but_loopback(escape: Escape) -> None:
    done = escape("attempt(lambda: open('/proc/net/dev').read()); attempt(os.listdir, '/sys/class/net')")
    assert "eth" not in done.text


# -- Files -----------------------------------------------------------------------------------


def test_environment_of_other_processes(
    escape: Escape, monkeypatch: pytest.MonkeyPatch, secret: tuple[str, list[Path]]
) -> None:
    monkeypatch.setenv("SECRET_KEY", secret[0])
    done = escape("""
        attempt(lambda: open('/proc/1/environ').read())
        attempt(lambda: open('/proc/self/environ').read())
        attempt(lambda: [open(f'/proc/{p}/environ').read() for p in os.listdir('/proc') if p.isdigit()])
        print(dict(os.environ))
    """)
    assert done.reason == "completed"
    assert "SECRET_KEY" not in done.text
    assert secret[0] not in done.text


def test_files_of_the_machine(escape: Escape, secret: tuple[str, list[Path]]) -> None:
    """In the home folder, the project, the folder of databases, other jobs' folders and those of temporary files."""
    word, places = secret
    done = escape(
        "\n".join(
            f"attempt(lambda: open({str(place)!r}).read()); attempt(os.listdir, {str(place.parent)!r})"
            for place in places
        )
    )
    assert done.text.count("FAILED") + done.text.count("CAME") == 2 * len(places)
    assert f"CAME '{word}'" not in done.text
    assert not [line for line in done.text.splitlines() if line.startswith("CAME [") and word in line]


def test_every_file_there_is(escape: Escape, secret: tuple[str, list[Path]]) -> None:
    done = escape(f"""
        seen = 0
        for folder, folders, files in os.walk('/'):
            if folder == '/proc' or folder == '/sys':
                folders.clear()
            seen += len(files)
            for name in files + folders:
                if {secret[0][7:]!r} in name or name in ('manage.py', 'settings.py', 'shadow', '.ssh', 'docker.sock', 'db.sqlite3'):
                    print('FOUND', folder, name)
        print('SEEN', seen)
    """)
    assert "SEEN" in done.text
    found = [line for line in done.text.splitlines() if "FOUND" in line and "/packages/bokeh" not in line]
    assert not found


def test_through_the_process_folders(escape: Escape, secret: tuple[str, list[Path]]) -> None:
    target = str(secret[1][0])
    done = escape(f"""
        for root in ('/proc/1/root', '/proc/self/root', '/proc/1/cwd', '/proc/self/fd/0/..'):
            attempt(lambda: open(root + {target!r}).read())
    """)
    assert secret[0] not in done.text.replace(target, "")


PLACES = ("/escaped", "/packages/escaped.py", "/python/lib/escaped", "/worker.py", "/tmp/escaped", "/etc/escaped",
          "/dev/escaped", "/usr/lib/escaped", "/job/../escaped", "/proc/sys/kernel/core_pattern", "/sys/escaped")  # fmt: skip


def test_writing_outside_the_work_folder(escape: Escape) -> None:
    done = escape("\n".join(f"attempt(lambda: open({path!r}, 'a').write('escaped'))" for path in PLACES))
    assert done.text.count("FAILED") == len(PLACES)
    assert not Path("/escaped").exists()
    assert not Path("/tmp/escaped").exists()


@pytest.mark.parametrize("way", ["os.symlink", "os.link"])
def test_links_as_output(escape: Escape, secret: tuple[str, list[Path]], way: str) -> None:
    """What is left in the work folder is never read, whatever it points to."""
    done = escape(
        f"""
        for name in ('report.html', 'result.json', 'output.txt', 'trades.arrow'):
            attempt(os.unlink, name)
            attempt({way}, {str(secret[1][0])!r}, name)
        """,
        next_="pass",
    )
    assert secret[0] not in done.text.replace(str(secret[1][0]), "")
    assert secret[1][0].read_text() == secret[0]


def test_devices(escape: Escape) -> None:
    done = escape("""
        import stat
        for name in ('mem', 'kmem', 'sda', 'vda', 'kvm', 'fuse', 'net/tun', 'loop-control', 'kmsg', 'port'):
            attempt(os.open, '/dev/' + name, os.O_RDWR)
        attempt(os.ioctl if hasattr(os, 'ioctl') else (lambda: 1 / 0))
    """)
    assert "CAME" not in done.text


def test_making_a_device(escape: Escape) -> None:
    done = escape("import stat; attempt(os.mknod, 'disk', 0o666 | stat.S_IFBLK, os.makedev(8, 0))")
    assert done.reason == "violation"


def test_the_engines_own_socket(escape: Escape) -> None:
    done = escape("""
        import socket
        for path in ('/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock'):
            attempt(lambda: socket.socket(1).connect(path))
    """)
    assert "CAME" not in done.text


def test_standard_input_is_not_a_way_back(escape: Escape) -> None:
    done = escape('attempt(os.write, 0, b\'{"status": "completed"}\'); attempt(os.read, 0, 10) if 0 else None')
    assert done.reason in ("completed", "violation")
