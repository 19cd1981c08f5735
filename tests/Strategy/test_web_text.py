"""Pages are fetched from a real server, and never from inside the network unless the test allows it."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from Backtest.errors import AlgoAgentError, InvalidInput, ProviderError, TooLarge
from Strategy.web_text import fetch_text, is_public

ARTICLE = (
    "<html><head><title>t</title></head><body><nav>Menu Login Subscribe</nav><article><h1>A simple system</h1>"
    "<p>Buy when RSI is below 30 and the close is above the 200-day moving average, which filters out falling markets. "
    "Sell when RSI is above 70. Use a stop loss of five percent, since a reversal may fail and losses must stay small.</p>"
    "<p>This has been written down often, and it is repeated here so that the page has enough text to be an article.</p>"
    "</article><footer>Cookies</footer></body></html>"
)


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/article":
            self.reply(200, "text/html; charset=utf-8", ARTICLE.encode())
        elif self.path == "/plain":
            self.reply(200, "text/plain", b" Buy when RSI < 30 ")
        elif self.path == "/rules":
            self.reply(200, "text/plain", b"Buy when RSI < 30. Sell when RSI > 70.")
        elif self.path == "/large":
            self.reply(200, "text/plain", b"a" * 50_000)
        elif self.path == "/image":
            self.reply(200, "image/png", b"\x89PNG")
        elif self.path == "/empty":
            self.reply(200, "text/html", b"<html></html>")
        elif self.path == "/again":
            self.redirect("/again")
        elif self.path == "/inside":
            self.redirect("http://169.254.169.254/latest/meta-data/")
        elif self.path == "/file":
            self.redirect("file:///etc/passwd")
        elif self.path == "/once":
            self.redirect("/plain")
        elif self.path == "/slow":
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            for _ in range(30):
                self.wfile.write(b"a")
                time.sleep(0.1)
        else:
            self.reply(500, "text/plain", b"broken")

    def reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def local(address: Any) -> bool:
    return bool(address.is_loopback)


def test_the_article_without_its_surroundings(site: str) -> None:
    text = fetch_text(f"{site}/article", allowed=local)
    assert "Buy when RSI is below 30" in text
    assert "Subscribe" not in text
    assert "Cookies" not in text


def test_plain_text_and_a_redirect(site: str) -> None:
    assert fetch_text(f"{site}/plain", allowed=local) == "Buy when RSI < 30"
    assert fetch_text(f"{site}/once", allowed=local) == "Buy when RSI < 30"


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/large", TooLarge, "larger than"),
        ("/image", InvalidInput, "image/png"),
        ("/empty", InvalidInput, "no readable text"),
        ("/again", InvalidInput, "redirects more than"),
        ("/inside", InvalidInput, "not on the public internet"),
        ("/file", InvalidInput, "no http or https"),
        ("/slow", ProviderError, "too slow|cannot be reached"),
        ("/broken", ProviderError, "status 500"),
    ],
)
def test_what_is_refused(site: str, path: str, error: type[AlgoAgentError], message: str) -> None:
    with pytest.raises(error, match=message):
        fetch_text(site + path, allowed=local, max_bytes=10_000, timeout_s=1.0)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost:8000/", "http://[::1]/", "http://10.0.0.1/", "http://192.168.1.1/",
        "http://169.254.169.254/latest/", "http://0.0.0.0/", "http://[::ffff:127.0.0.1]/", "http://2130706433/",
        "http://100.64.0.1/",
    ],
)  # fmt: skip
def test_addresses_inside_the_network_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="not on the public internet"):
        fetch_text(url)


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/", "file:///etc/passwd", "http://", "http://user:pw@127.0.0.1/", "http://[", "gopher://x"],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InvalidInput):
        fetch_text(url)


def test_a_server_that_is_not_there(site: str) -> None:
    with pytest.raises(ProviderError, match="cannot be reached"):
        fetch_text("http://127.0.0.1:9/", allowed=local)


def test_public_addresses() -> None:
    assert is_public(ipaddress.ip_address("93.184.216.34"))
    assert not is_public(ipaddress.ip_address("224.0.0.1"))


def test_the_tester_reads_a_page(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from Strategy import web_text
    from Strategy.interactive_strategy_tester import Tester

    tester = Tester(user=None, console=Console(quiet=True))  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="not on the public internet"):
        tester.read(f"{site}/article")
    monkeypatch.setattr(web_text, "fetch_text", partial(fetch_text, allowed=local))
    parsed = tester.read(f"  {site}/article\n")
    assert "which filters out falling markets" in parsed.text
    assert parsed.questions  # it is prose, so words of it are asked about
    assert tester.read(f"{site}/rules").require().describe().splitlines()[1] == "Buy when RSI(14) is below 30."
