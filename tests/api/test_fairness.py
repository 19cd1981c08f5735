"""Nobody slows another: what one user has under way takes a share of the places, and ends when its client hangs up."""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from rest_framework.test import APIClient

from auth_api import requests
from auth_api.models import User
from auth_api.requests import TURNS
from Backtest.machine.places import Places, elsewhere
from strategy_api import services
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
REFUSED_S = 0.5  # of algoagent_api.asgi, which cannot be imported here without being a server
SHARE, QUEUE = max(4, 2 * (os.cpu_count() or 1)) // 2, 8


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
    """One client of mallory's more than may run and wait."""
    header = {"Authorization": f"Bearer {server.token('mallory')}"}
    with ExitStack() as stack:
        clients = [Client(server, header) for _ in range(SHARE + QUEUE + 1)]
        for one in clients:
            stack.callback(one.hang_up)
        yield clients


def refused(sleepers: list[Client]) -> tuple[Client, HTTPResponse]:
    """Return the one that is refused once all places are taken, and its answer."""
    until = time.monotonic() + 60
    while not (answered := [one for one in sleepers if one.answered]):
        assert time.monotonic() < until
        time.sleep(0.05)
    return answered[0], answered[0].line.getresponse()


def quick_run(server: Server) -> httpx.Response:
    header = {"Authorization": f"Bearer {server.token('ada')}"}
    return http.post(
        f"{server.url}/api/backtests/quick-run/", json={"user_description": SENTENCE}, headers=header, timeout=200
    )


def test_a_user_who_sleeps_in_every_place_holds_nobody_up(server: Server, sleepers: list[Client]) -> None:
    one, answer = refused(sleepers)
    error = json.load(answer)["error"]
    assert answer.status == 429
    assert f"{SHARE} of your runs are under way and {QUEUE} wait" in error
    assert "POST /api/backtests/" in error
    assert quick_run(server).status_code == 200
    assert not any(other.answered for other in sleepers if other is not one), "they sleep for longer than this"


def test_what_nobody_waits_for_ends(server: Server, sleepers: list[Client]) -> None:
    assert refused(sleepers)[1].status == 429
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


def test_a_request_has_its_user_s_turn_while_it_works(
    api: APIClient, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, int]] = []

    def look(**given: Any) -> Any:
        seen.append(dict(TURNS._held))
        with elsewhere():
            seen.append(dict(TURNS._held))
        return understand(**given)

    understand = services.understand
    monkeypatch.setattr(services, "understand", look)
    assert api.post("/api/strategies/", {"user_description": SENTENCE}).status_code == 201
    assert seen == [{f"user {user.pk}": 1}, {}]
    assert not TURNS._held


def test_streams_of_one_user_are_bounded(server: Server) -> None:
    """Those that are open count, and those that were closed do not."""
    header = {"Authorization": f"Bearer {server.token('mallory')}"}
    body = {"user_description": SENTENCE}
    made = http.post(f"{server.url}/api/strategies/", json=body, headers=header, timeout=200).json()
    run = http.post(f"{server.url}/api/backtests/", json={"strategy_id": made["id"]}, headers=header, timeout=60).json()
    url = f"{server.url}/api/backtests/{run['id']}/events/"
    with ExitStack() as stack:
        for _ in range(64):
            answer = stack.enter_context(http.stream("GET", url, headers=header, timeout=60))
            assert answer.status_code == 200
        refused = http.get(url, headers=header, timeout=60)
        assert refused.status_code == 429
        assert refused.elapsed.total_seconds() >= 0.5, "who goes on asking is not answered at once"
        assert "You have 64 streams of events or conversations open" in refused.json()["error"]
        other = {"Authorization": f"Bearer {server.token('ada')}"}
        assert http.get(url, headers=other, timeout=60).status_code == 404
    until = time.monotonic() + 60
    while True:
        with http.stream("GET", url, headers=header, timeout=60) as answer:
            if answer.status_code == 200:
                break
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.parametrize(("path", "status"), [("/api/nothing/", 404), ("/nothing", 404), ("/api/auth/login/", 405)])
def test_whoever_is_nobody_waits_for_a_refusal(server: Server, path: str, status: int) -> None:
    """No throttle counts these requests; one after the other they cost the server little. What they say of themselves is not believed."""
    for header in ({}, {"Cookie": "sessionid=a", "Authorization": "Bearer b"}):
        began = time.monotonic()
        assert http.get(f"{server.url}{path}", headers=header, timeout=60).status_code in (status, 401)
        assert time.monotonic() - began >= REFUSED_S


def test_pages_outside_of_the_api_take_turns(client: Any, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address has one under way, and what waits behind it has a bound."""
    turns, seen = Places(10, share=1, queue=1, what="requests", rests=True), []
    monkeypatch.setattr(requests, "TURNS", turns)
    grant = turns._grant
    monkeypatch.setattr(turns, "_grant", lambda: (grant(), seen.append(dict(turns._held))))
    assert client.get("/admin/login/").status_code == 200
    assert {"address 127.0.0.1": 1} in seen
    turns.queue = 0
    refused = client.get("/admin/login/")
    assert refused.status_code == 429
    assert "of your requests are under way" in refused.content.decode()
