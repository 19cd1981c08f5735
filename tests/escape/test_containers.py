"""Containers: named after their job, labelled, limited, removed in every case, swept when their server is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from Backtest.errors import ExecutionError, SandboxUnavailable
from Backtest.machine.owners import own_name
from Backtest.sandbox import Limits, SandboxJob
from Backtest.sandbox.docker_engine import IMAGE, LABEL, OWNER, PERSIST, SHARES, DockerSandbox
from tests.escape.conftest import TRADES, prices, strategy


@pytest.fixture
def engine(docker_host: str) -> Iterator[docker.DockerClient]:
    client = docker.from_env(timeout=60)
    yield client
    client.close()


def ours(engine: docker.DockerClient) -> list[Any]:
    """Return the containers that have or had a job; other tests' pools have some waiting."""
    found = engine.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
    return [c for c in found if not c.name.startswith("algoagent-waiting-")]


def test_a_container_while_it_works_and_after(engine: docker.DockerClient) -> None:
    box, seen = DockerSandbox(), []

    def tick(progress: float) -> None:
        if not seen:
            seen.extend(c for c in ours(engine) if "run-17" in c.name)

    job = SandboxJob(
        strategy("import time; time.sleep(1)", TRADES), prices(), limits=Limits(memory_mb=700), name="run-17", tick=tick
    )
    done = box.run(job)
    box.close()
    assert done.container["name"].startswith("algoagent-run-17-")
    assert done.container["image"]
    (found,) = seen
    config = found.attrs["HostConfig"]
    assert found.labels[OWNER] == own_name()
    assert (config["NetworkMode"], config["ReadonlyRootfs"], config["CapDrop"]) == ("none", True, ["ALL"])
    assert (config["PidsLimit"], config["Memory"] // 2**20) == (16, 700 + 512)
    assert "no-new-privileges" in config["SecurityOpt"]
    assert found.attrs["Config"]["User"] == "65534:65534"
    assert not ours(engine)


def test_one_that_works_for_long_gives_way(engine: docker.DockerClient) -> None:
    box, seen = DockerSandbox(), []

    def tick(_: float) -> None:
        seen.extend(c.attrs["HostConfig"]["CpuShares"] for c in ours(engine))
        if seen and seen[-1] not in (0, 1024):
            raise ExecutionError("Cancelled", exit_reason="cancelled")

    with pytest.raises(ExecutionError) as ended:
        box.run(SandboxJob(strategy("while True: pass"), prices(), limits=Limits(timeout_s=60), name="long", tick=tick))
    box.close()
    assert ended.value.exit_reason == "cancelled"
    assert seen[0] in (0, 1024)  # Docker's default
    assert seen[-1] == SHARES


def test_removed_after_a_failure_a_timeout_and_a_cancel(engine: docker.DockerClient) -> None:
    box = DockerSandbox()

    def cancel(_: float) -> None:
        if time.monotonic() > started + 2:
            raise ExecutionError("Cancelled", exit_reason="cancelled")

    for code, more in (
        ("1 / 0", {}),
        ("while True: pass", {"limits": Limits(timeout_s=1)}),
        ("while True: pass", {"tick": cancel}),
    ):
        started = time.monotonic()
        with pytest.raises(ExecutionError):
            box.run(SandboxJob(strategy(code), prices(), name="ends", **more))
    box.close()
    assert not ours(engine)


def test_what_a_dead_server_left_is_swept_and_nothing_else(engine: docker.DockerClient) -> None:
    machine, pid = own_name().split("/")[:2]
    owners = {"dead": f"{machine}/{pid}/1", "alive": own_name(), "elsewhere": "another-machine/1/1"}
    for name, owner in owners.items():
        engine.containers.create(IMAGE, ["/python/bin/python"], name=f"sweep-{name}", labels={LABEL: "1", OWNER: owner})
    box = DockerSandbox()
    assert box.client
    left = {c.name for c in ours(engine)}
    box.close()
    for container in ours(engine):
        container.remove(force=True)
    assert left == {"sweep-alive", "sweep-elsewhere"}


def test_persist_keeps_the_container(engine: docker.DockerClient) -> None:
    box = DockerSandbox(persist=True)
    done = box.run(SandboxJob(strategy(next_=TRADES), prices(), name="keep"))
    box.close()
    (kept,) = ours(engine)
    assert kept.name == done.container["name"]
    assert PERSIST in kept.labels
    assert kept.status != "running"
    another = DockerSandbox()
    assert another.client
    another.close()
    assert len(ours(engine)) == 1
    kept.remove(force=True)


def test_an_image_that_is_missing_or_of_another_version(engine: docker.DockerClient) -> None:
    box = DockerSandbox(image="algoagent-none")
    with pytest.raises(SandboxUnavailable, match="no image 'algoagent-none' for the sandbox: build it with: manage"):
        box.run(SandboxJob(strategy(), prices()))
    assert "manage.py sandbox_image" in box.problem()
    box.close()
    container = engine.containers.create(IMAGE, ["x"])
    container.commit("algoagent-old", changes='LABEL algoagent.worker="old"')
    container.remove()
    old = DockerSandbox(image="algoagent-old")
    with pytest.raises(SandboxUnavailable, match="another version of AlgoAgent"):
        old.run(SandboxJob(strategy(), prices()))
    old.close()


def test_many_at_once(engine: docker.DockerClient) -> None:
    box = DockerSandbox(ready=1, at_once=3)
    done: list[Any] = []
    threads = [
        threading.Thread(target=lambda: done.append(box.run(SandboxJob(strategy(next_=TRADES), prices(), name="many"))))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    box.close()
    assert len({str(d.metrics) for d in done}) == 1
    assert len(done) == 6
    assert not ours(engine)
