"""Nobody slows another: what one user has under way takes a share of the places, and ends when its client hangs up."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import SENTENCE
from tests.live import Server, http

SLEEPS = """
import time
from backtesting import Strategy

class Sleeps(Strategy):
    def init(self):
        time.sleep(300)

    def next(self):
        pass
"""
SHARE, QUEUE = 2, 8  # of four places, on two cores


class Client:
    """One that asks for a test of code that sleeps, and can hang up."""

    def __init__(self, server: Server, header: dict[str, str]) -> None:
        where = urlsplit(server.url)
        self.line = HTTPConnection(where.hostname or "", where.port)
        self.line.request(
            "POST",
            "/api/production/strategies/sandbox-test/",
            json.dumps({"code": SLEEPS, "symbol": "GOOG"}),
            {**header, "Content-Type": "application/json"},
        )

    @property
    def answered(self) -> bool:
        return bool(select.select([self.line.sock], [], [], 0)[0])

    def hang_up(self) -> None:
        self.line.close()


@pytest.fixture
def sleepers(server: Server) -> Iterator[list[Client]]:
    """As many clients of mallory's as may run and wait."""
    header = {"Authorization": f"Bearer {server.token('mallory')}"}
    with ExitStack() as stack:
        clients = [Client(server, header) for _ in range(SHARE + QUEUE)]
        for one in clients:
            stack.callback(one.hang_up)
        yield clients


def waited_until_refused(server: Server) -> httpx.Response:
    """Return the answer to mallory's next request once all places of hers are taken."""
    header = {"Authorization": f"Bearer {server.token('mallory')}"}
    until = time.monotonic() + 60
    while True:
        answer = http.post(
            f"{server.url}/api/production/strategies/sandbox-test/",
            json={"code": SLEEPS, "symbol": "GOOG", "limits": {"timeout_s": 1}},
            headers=header,
            timeout=120,
        )
        if answer.status_code == 429 or time.monotonic() > until:
            return answer


def quick_run(server: Server) -> httpx.Response:
    header = {"Authorization": f"Bearer {server.token('ada')}"}
    return http.post(
        f"{server.url}/api/backtests/quick-run/", json={"user_description": SENTENCE}, headers=header, timeout=200
    )


def test_a_user_who_sleeps_in_every_place_holds_nobody_up(server: Server, sleepers: list[Client]) -> None:
    refused = waited_until_refused(server)
    assert refused.status_code == 429
    assert "2 of your runs are under way and 8 wait" in refused.json()["error"]
    assert "POST /api/backtests/" in refused.json()["error"]
    assert quick_run(server).status_code == 200
    assert not any(one.answered for one in sleepers), "they sleep for longer than this"


def test_what_nobody_waits_for_ends(server: Server, sleepers: list[Client]) -> None:
    assert waited_until_refused(server).status_code == 429
    for one in sleepers:
        one.hang_up()
    until = time.monotonic() + 60
    header = {"Authorization": f"Bearer {server.token('mallory')}"}
    honest = {"code": SLEEPS.replace("time.sleep(300)", "pass"), "symbol": "GOOG"}
    url = f"{server.url}/api/production/strategies/sandbox-test/"
    while (answer := http.post(url, json=honest, headers=header, timeout=200)).status_code == 429:
        assert time.monotonic() < until, answer.text
        time.sleep(0.2)
    assert answer.json()["success"], answer.text
