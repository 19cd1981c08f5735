"""A server on loopback that speaks Yahoo's chart protocol, for the real yfinance client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
from curl_cffi import requests


class Yahoo:
    """What the server gives: daily and hourly bars by symbol; `fails` answers each request with a status first."""

    def __init__(self) -> None:
        self.bars: dict[str, pd.DataFrame] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.fails: list[int] = []
        self.garbage = ""
        self.adjust = 1.0
        self.port = 0

    def charts(self) -> list[dict[str, str]]:
        """Return the queries of the chart requests for prices, without those for the time zone."""
        return [q for path, q in self.requests if "/chart/" in path and q.get("range") != "1d"]

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, str]:
        if "crumb" in path:
            return 200, "crumb123"
        if "/chart/" not in path:
            return 200, "{}"
        if self.fails:
            return self.fails.pop(0), "Too Many Requests"
        if self.garbage:
            return 200, self.garbage
        symbol = path.rsplit("/", 1)[-1]
        frame = self.bars.get(symbol)
        if frame is None:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return 404, json.dumps({"chart": {"result": None, "error": error}})
        return 200, json.dumps({"chart": {"result": [self.chart(symbol, frame, query)], "error": None}})

    def chart(self, symbol: str, frame: pd.DataFrame, query: dict[str, str]) -> dict[str, Any]:
        index = pd.DatetimeIndex(frame.index).tz_localize("America/New_York")
        start, end = (int(query[k]) if k in query else None for k in ("period1", "period2"))
        seconds = [int(t.timestamp()) for t in index]
        keep = [i for i, t in enumerate(seconds) if (start is None or t >= start) and (end is None or t < end)]
        part = frame.iloc[keep]
        meta = {
            "currency": "USD", "symbol": symbol, "exchangeName": "NMS", "instrumentType": "EQUITY",
            "firstTradeDate": seconds[0], "regularMarketTime": seconds[-1], "gmtoffset": -18000, "timezone": "EST",
            "exchangeTimezoneName": "America/New_York", "regularMarketPrice": float(frame["Close"].iloc[-1]),
            "priceHint": 2, "dataGranularity": query.get("interval", "1d"), "range": "", "validRanges": ["1d", "max"],
            "currentTradingPeriod": {
                name: {"timezone": "EST", "start": seconds[-1], "end": seconds[-1] + 3600, "gmtoffset": -18000}
                for name in ("pre", "regular", "post")
            },
        }  # fmt: skip
        quote = {name.lower(): [float(v) for v in part[name]] for name in ("Open", "High", "Low", "Close")}
        quote["volume"] = [int(v) for v in part["Volume"]]
        adjusted = [float(v) * self.adjust for v in part["Close"]]
        stamps = [seconds[i] for i in keep]
        return {
            "meta": meta,
            "timestamp": stamps,
            "indicators": {"quote": [quote], "adjclose": [{"adjclose": adjusted}]},
        }


@contextmanager
def yahoo_server() -> Iterator[Yahoo]:
    """Serve on loopback until the context ends."""
    yahoo = Yahoo()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(parts.query).items()}
            yahoo.requests.append((parts.path, query))
            status, body = yahoo.answer(parts.path, query)
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    yahoo.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield yahoo
    finally:
        server.shutdown()
        server.server_close()


class LocalSession(requests.Session):
    """yfinance's own kind of session, with Yahoo's hosts replaced by the local server."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.local = port

    def request(self, method: Any, url: str, *args: Any, **more: Any) -> Any:
        parts = urlsplit(url)
        more.pop("verify", None)
        rest = parts.path + (f"?{parts.query}" if parts.query else "")
        return super().request(method, f"http://127.0.0.1:{self.local}{rest}", *args, **more)
