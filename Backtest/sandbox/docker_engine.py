"""Jobs in containers of a Docker Engine: no network, read-only, no rights, limited memory and processes.

The image holds what `runtime` lists and the worker, nothing of AlgoAgent. It comes from the project's
Dockerfile, or, without a registry, from the files of this machine: `manage.py sandbox_image` makes it.
A container serves one job, is named after it and removed in every case; what a killed server left
behind is removed when the next one starts.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import subprocess
import tarfile
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
from docker.types import LogConfig, Ulimit

from Backtest.errors import ExecutionError, SandboxUnavailable
from Backtest.machine import is_gone, own_name
from Backtest.sandbox import runtime
from Backtest.sandbox.interpreters import START_S, WORKER, Ending, Usage, books_of, receive
from Backtest.sandbox.job import Limits, SandboxJob
from Backtest.sandbox.pool import InterpreterSandbox
from Backtest.sandbox.seccomp import program

if TYPE_CHECKING:
    from docker.models.containers import Container

IMAGE = "algoagent-sandbox"
LABEL, OWNER, PROGRAM, PERSIST = "algoagent.sandbox", "algoagent.owner", "algoagent.worker", "algoagent.persist"
PROCESSES = 16
SHARES = 110  # the weight of a long job in sharing processors; other containers have 1024
STANDARD_ERROR = 2
LEFT_OUT = {"site-packages", "test", "tests", "idlelib", "tkinter", "ensurepip", "lib2to3"}
BUILD = "build it with: manage.py sandbox_image"


class DockerSandbox(InterpreterSandbox):
    """Isolation by a Docker Engine, the one DOCKER_HOST names.

    Args:
        image: name of the image.
        persist: keep containers after their job, to look at them.
    """

    backend = "docker"
    isolated = True

    def __init__(self, *, image: str = IMAGE, persist: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.image = image
        self._persist = persist
        self._sweeper = ThreadPoolExecutor(2, thread_name_prefix="sandbox-sweep")

    @cached_property
    def client(self) -> docker.DockerClient:
        """The engine, with orphans swept. SandboxUnavailable when none answers."""
        try:
            client = docker.from_env(timeout=60)
            sweep(client)
        except (docker.errors.DockerException, OSError) as error:
            raise SandboxUnavailable(
                f"No Docker Engine answers: start it (Debian: apt install docker.io), or set SANDBOX_BACKEND=bubblewrap ({error})"
            ) from None
        return client

    def problem(self) -> str:
        """Return why Docker does not work here, or an empty text."""
        try:
            self._checked_image()
        except SandboxUnavailable as error:
            return error.message
        return ""

    def close(self) -> None:
        super().close()
        self._sweeper.shutdown(wait=True)
        if "client" in self.__dict__:
            self.client.close()

    def _filter(self) -> bytes:
        return program(starting=False)

    def _checked_image(self) -> str:
        try:
            image = self.client.images.get(self.image)
        except docker.errors.ImageNotFound:
            raise SandboxUnavailable(f"There is no image {self.image!r} for the sandbox: {BUILD}") from None
        except docker.errors.DockerException as error:
            raise SandboxUnavailable(f"The Docker Engine failed: {error}") from None
        if image.labels.get(PROGRAM) != worker_sha256():
            raise SandboxUnavailable(f"The image {self.image!r} was made for another version of AlgoAgent: {BUILD}")
        return str(image.id)

    def _start(self) -> ContainerInterpreter:
        image = self._checked_image()
        limits = Limits()
        memory = _memory(limits)
        try:
            container = self.client.containers.create(
                image,
                [*runtime.COMMAND, *(["--draws"] if self.draws else [])],
                name=f"algoagent-waiting-{uuid.uuid4().hex[:12]}",
                labels={LABEL: "1", OWNER: own_name(), **({PERSIST: "1"} if self._persist else {})},
                environment=runtime.ENVIRONMENT,
                working_dir=runtime.WORK,
                user=f"{runtime.NOBODY}:{runtime.NOBODY}",
                hostname="sandbox",
                network_mode="none",
                ipc_mode="none",
                read_only=True,
                tmpfs={runtime.WORK: _tmpfs()},
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                mem_limit=memory,
                memswap_limit=memory,
                pids_limit=PROCESSES,
                nano_cpus=1_000_000_000,
                ulimits=[Ulimit(name="core", soft=0, hard=0)],
                log_config=LogConfig(type="none"),
                stdin_open=True,
            )
        except (docker.errors.DockerException, OSError) as error:
            raise SandboxUnavailable(f"Docker makes no container: {error}") from None
        try:
            return ContainerInterpreter(container, self._sweeper, persist=self._persist)
        except (docker.errors.DockerException, OSError) as error:
            container.remove(force=True, v=True)
            raise SandboxUnavailable(f"Docker does not start a container: {error}") from None


def _memory(limits: Limits) -> str:
    return f"{limits.memory_mb + runtime.WORK_MB}m"


def _tmpfs() -> str:
    owner_ = f"uid={runtime.NOBODY},gid={runtime.NOBODY},mode=0700"
    return f"rw,nosuid,nodev,noexec,size={runtime.WORK_MB}m,nr_inodes=20000,{owner_}"


class ContainerInterpreter:
    """A worker in a container, spoken to over its attached standard streams."""

    def __init__(self, container: Container, sweeper: ThreadPoolExecutor, *, persist: bool) -> None:
        self._container, self._sweeper, self._persist = container, sweeper, persist
        self._pid, self._name = 0, str(container.name)
        self._held, self._errors = bytearray(), bytearray()
        self._ending: Ending | None = None
        streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        self._attached = container.attach_socket(params=streams)
        self._line: socket.socket = getattr(self._attached, "_sock", self._attached)
        try:
            container.start()
        except docker.errors.DockerException:
            self._hang_up()
            raise

    def send(self, data: bytes) -> None:
        self._line.settimeout(START_S)
        self._line.sendall(data)

    def receive(self, timeout_s: float) -> bytes | None:
        """Return what came on standard output; the engine frames the streams with 8 bytes each."""
        while True:
            if len(self._held) >= 8:
                size = int.from_bytes(self._held[4:8], "big")
                if len(self._held) >= 8 + size:
                    stream, data = self._held[0], bytes(self._held[8 : 8 + size])
                    del self._held[: 8 + size]
                    if stream != STANDARD_ERROR:
                        return data
                    self._errors += data[: 10_000 - len(self._errors)]
                    continue
            chunk = receive(self._line, timeout_s)
            if not chunk:
                return chunk
            self._held += chunk

    def begin(self, job: SandboxJob) -> None:
        name = re.sub(r"[^a-zA-Z0-9_.-]", "-", job.name)[:60]
        try:
            if name:
                self._name = f"algoagent-{name}-{uuid.uuid4().hex[:6]}"
                self._container.rename(self._name)
            if job.limits.memory_mb != Limits().memory_mb:
                memory = _memory(job.limits)
                self._container.update(mem_limit=memory, memswap_limit=memory)
            self._container.reload()
        except docker.errors.DockerException as error:
            raise ExecutionError(f"The sandbox's container was lost: {error}", exit_reason="killed") from None
        self._pid = int(self._container.attrs["State"]["Pid"])

    def usage(self) -> Usage | None:
        """Return the books of the kernel, or with an engine on another machine those of the engine."""
        if found := books_of(self._pid):
            return found
        try:
            stats = self._container.stats(stream=False, one_shot=True)
            memory = stats["memory_stats"]
            peak = memory.get("max_usage", memory.get("usage", 0))
            return Usage(stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e6, peak / 1024 / 1024)
        except (docker.errors.DockerException, KeyError):
            return None

    def give_way(self) -> None:
        with contextlib.suppress(docker.errors.DockerException, OSError):
            self._container.update(cpu_shares=SHARES)

    def container(self) -> dict[str, str]:
        return {"name": self._name, "image": str(self._container.attrs["Config"]["Image"])}

    def end(self, patience_s: float = 0.0) -> Ending:
        if self._ending is None:
            self._hang_up()  # first, as an engine that is blocked on passing on a container's output does not kill the container either
            self._ending = self._last_words(patience_s)
            self._sweeper.submit(self._remove)
        return self._ending

    def _last_words(self, patience_s: float) -> Ending:
        """Stop the container at once and return how it ended."""
        try:
            if patience_s:
                try:
                    self._container.wait(timeout=max(1, round(patience_s)))
                except (docker.errors.DockerException, OSError):
                    self._container.kill()
                self._container.reload()
                state = self._container.attrs["State"]
                code = int(state["ExitCode"])
                return Ending(128 - code if code > 128 else code, bool(state["OOMKilled"]))
            self._container.kill()
        except (docker.errors.DockerException, OSError):
            pass  # it has ended already
        return Ending()

    def _hang_up(self) -> None:
        self._line.close()
        self._attached.close()

    def _remove(self) -> None:
        if not self._persist:
            with contextlib.suppress(docker.errors.DockerException):  # or swept when the next server starts
                self._container.remove(force=True, v=True)

    def complaint(self) -> str:
        return self._errors.decode(errors="replace")


# -- Whose container is it -------------------------------------------------------------------


def sweep(client: docker.DockerClient) -> int:
    """Remove the containers of servers on this machine that are gone; return how many."""
    removed = 0
    for container in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        if is_gone(container.labels.get(OWNER, "")) and PERSIST not in container.labels:
            container.remove(force=True, v=True)
            removed += 1
    return removed


# -- The image -------------------------------------------------------------------------------


def worker_sha256() -> str:
    return hashlib.sha256(WORKER.read_bytes()).hexdigest()


def build_image(client: docker.DockerClient, *, name: str = IMAGE, dockerfile: Path | None = None) -> str:
    """Make the sandbox's image and return its id.

    Args:
        dockerfile: build from it, which needs a registry. Without one the image is made of the
            interpreter, packages and libraries of this machine, which must be like the engine's.
    """
    if dockerfile:
        image, _ = client.images.build(
            path=str(dockerfile.parent),
            dockerfile=dockerfile.name,
            target="sandbox",
            tag=name,
            labels={PROGRAM: worker_sha256()},
            rm=True,
        )
        return str(image.id)
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        _write_root(file)
        file.flush()
        client.api.import_image_from_file(file.name, repository=name, changes=f'LABEL {PROGRAM}="{worker_sha256()}"')
    return str(client.images.get(name).id)


def _write_root(file: Any) -> None:
    """Write the root folder of the image as a tar."""

    def wanted(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if LEFT_OUT & set(info.name.split("/")):
            return None
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        return info

    with tarfile.open(fileobj=file, mode="w", dereference=True) as tar:
        for here, there in runtime.files():
            if here.is_dir() and there == str(here) and "zoneinfo" not in there:
                continue  # a folder of libraries: only those that are needed are taken
            tar.add(here, there.lstrip("/"), filter=wanted)
        for library in set(shared_libraries()) - {f"/{name}" for name in tar.getnames()}:
            tar.add(library, library.lstrip("/"), filter=wanted)
        names = tar.getnames()
        parents = {str(parent) for name in [*names, f"{runtime.WORK[1:]}/."] for parent in Path(name).parents} - {"."}
        for name in sorted(parents - set(names)):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)


def shared_libraries() -> list[str]:
    """Return the system's libraries that the interpreter and the packages are linked to."""
    roots = [here for here, there in runtime.files() if there.startswith((runtime.INTERPRETER, runtime.PACKAGES))]
    own = tuple(str(root) for root in roots)
    objects = [
        str(path)
        for root in roots
        for path in ([root] if root.is_file() else [*root.rglob("*.so"), *root.rglob("*.so.*")])
        if path.suffix != ".py"
    ]
    found = subprocess.run(["ldd", *objects], capture_output=True, text=True, check=False).stdout
    paths = set(re.findall(r"(?:=> |^\t)(/\S+) \(0x", found, flags=re.MULTILINE))
    return sorted(path for path in paths if not path.startswith(own))
