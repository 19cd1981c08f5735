"""The broker in a folder: many write and many read at once, and nobody sees half a message."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection

from algoagent_api.celery import app

QUEUE = "bells"


def message(number: Any, **more: Any) -> dict[str, Any]:
    """Return what Celery has its broker carry, with a number of ours in it."""
    properties = {
        "delivery_tag": "t",
        "delivery_info": {"exchange": "", "routing_key": QUEUE},
        "body_encoding": "base64",
    }
    kind = {"content-type": "application/json", "content-encoding": "utf-8"}
    return {"body": "W10=", **kind, "headers": {"n": number, **more}, "properties": properties}


def connection(folder: Path) -> Connection:
    for name in ("messages", "control"):
        (folder / name).mkdir(exist_ok=True)
    options = {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
    }
    return Connection("filesystem://", transport_options=options)


def test_the_app_uses_it() -> None:
    with app.connection_for_write() as found:
        assert type(found.transport).__module__ == "algoagent_api.broker"


def test_many_writers_and_readers_at_once(tmp_path: Path) -> None:
    written, read, failed = 8 * 150, [], []
    stop = threading.Event()

    def write(number: int) -> None:
        with connection(tmp_path) as line:
            channel = line.channel()
            for n in range(150):
                channel._put(QUEUE, message([number, n], filling="x" * 5000))

    def take() -> None:
        with connection(tmp_path) as line:
            channel = line.channel()
            while True:
                ended = stop.is_set()
                try:
                    read.append(tuple(channel._get(QUEUE)["headers"]["n"]))
                except Empty:
                    if ended:
                        return
                except Exception as error:  # noqa: BLE001 - told below
                    failed.append(error)
                    return

    readers = [threading.Thread(target=take) for _ in range(4)]
    writers = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert failed == []
    assert len(read) == len(set(read)) == written
    assert list((tmp_path / "messages").iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "{", "[1", "\x00", "[]", '{"a": 1}', '{"body": 5, "properties": null}', "\ud800", "{}" * 2**20]
)
def test_what_is_no_message_is_left_out(tmp_path: Path, text: str) -> None:
    with connection(tmp_path) as line:
        channel = line.channel()
        (tmp_path / "messages" / f"1_a.{QUEUE}.msg").write_text(text, errors="surrogatepass")
        channel._put(QUEUE, message(1))
        assert channel._get(QUEUE) == message(1)
        with pytest.raises(Empty):
            channel._get(QUEUE)
