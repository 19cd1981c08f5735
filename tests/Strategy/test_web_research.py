"""Strategies on pages, and a server of this machine that speaks SearxNG's JSON API."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from Backtest.errors import InvalidInput, ProviderError, StrategyError
from Strategy.gemini_strategy_integrator import StrategyAnalyzer
from Strategy.web.research import candidates, search_web

PAGE = """Ten systems that work

A reader asked for my favourites. Here they are.

The dip: Buy when RSI is below 30. Sell when RSI is above 70. Use a stop loss of 5%.

I have traded this one for years, in good times and bad.

The cross: Buy when the 50-day SMA crosses above the 200-day SMA.
Sell when the 50-day SMA crosses below the 200-day SMA.

Subscribe to my letter."""


def test_every_strategy_with_its_passage() -> None:
    found = candidates(PAGE, "https://example.com/ten", StrategyAnalyzer())
    assert [c.passage.splitlines()[0] for c in found] == [
        "Buy when RSI is below 30. Sell when RSI is above 70. Use a stop loss of 5%.",
        "Buy when the 50-day SMA crosses above the 200-day SMA.",
    ]
    dip, cross = (c.parsed.require() for c in found)
    assert "Stop loss: 5% from the entry price." in dip.describe()
    assert "SMA(50) crosses below SMA(200)" in cross.describe()
    assert dip.provenance.source == "url"
    assert dip.provenance.original_text.startswith("https://example.com/ten\nBuy when RSI")
    assert all(c.passage in PAGE for c in found)


def test_a_page_without_one() -> None:
    with pytest.raises(StrategyError, match="describes no strategy") as caught:
        candidates("Markets were calm today. Nobody bought anything.", "https://example.com", StrategyAnalyzer())
    assert "No language model is configured" in caught.value.details[0].message


# -- SearxNG -------------------------------------------------------------------------------------

ROWS: list[dict[str, Any]] = [
    {
        "title": "Second",
        "url": "https://b.example/x",
        "content": "b",
        "engine": "e",
        "score": 1.0,
        "category": "general",
    },
    {"title": "First", "url": "https://a.example/", "content": "a", "engine": "e", "score": 4.5},
    {"title": "First again", "url": "https://a.example/#part", "content": "a", "engine": "f", "score": 0.5},
    {"title": "A script", "url": "javascript:alert(1)", "content": "", "engine": "e", "score": 9.0},
]


class Searx(BaseHTTPRequestHandler):
    asked: dict[str, list[str]]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        type(self).asked = parse_qs(parts.query)
        query = type(self).asked["q"][0]
        status, body = 200, json.dumps({"query": query, "results": ROWS}).encode()
        if query.isdigit():
            status, body = int(query), b"no"
        elif query == "html":
            body = b"<html></html>"
        elif query == "odd":
            body = b'{"results": [{"title": 5}]}'
        elif query == "nothing":
            body = b'{"results": []}'
        elif query == "slow":
            time.sleep(1)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(BrokenPipeError):  # who asked did not wait
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def searx() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Searx)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_results_are_ranked_and_each_page_comes_once(searx: str) -> None:
    found = search_web("momentum", endpoint=f"{searx}/", categories=["general", "science"])
    assert [(r.title, r.url) for r in found] == [("First", "https://a.example/"), ("Second", "https://b.example/x")]
    assert Searx.asked == {"q": ["momentum"], "format": ["json"], "categories": ["general,science"]}
    assert search_web("nothing", endpoint=searx) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("403", "refuses JSON: put json into search.formats"), ("429", "set server.limiter to false"), ("500", "status 500"),
        ("html", "not of its JSON form"), ("odd", "not of its JSON form"), ("slow", "cannot be reached"),
    ],
)  # fmt: skip
def test_what_goes_wrong_says_what_to_do(searx: str, query: str, said: str) -> None:
    with pytest.raises(ProviderError, match=said):
        search_web(query, endpoint=searx, timeout_s=0.5)


def test_bad_queries_and_no_server(searx: str) -> None:
    for query in ("", "  ", "x" * 401):
        with pytest.raises(InvalidInput, match="give 1 to 400"):
            search_web(query, endpoint=searx)
    with pytest.raises(ProviderError, match="set SEARXNG_ENDPOINT"):
        search_web("momentum", endpoint="")
    with pytest.raises(ProviderError, match="cannot be reached"):
        search_web("momentum", endpoint="http://127.0.0.1:9")
