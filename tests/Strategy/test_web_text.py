"""Pages are fetched from a real server, and never from inside the network unless the test allows it."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from auth_api.models import User
from Backtest.errors import AlgoAgentError, InvalidInput, ProviderError, TooLarge
from Strategy.web.text import fetch_text, is_public

ARTICLE = (
    "<html><head><title>t</title></head><body><nav>Menu Login Subscribe</nav><article><h1>A simple system</h1>"
    "<p>Buy when RSI is below 30 and the close is above the 200-day moving average, which filters out falling markets. "
    "Sell when RSI is above 70. Use a stop loss of five percent, since a reversal may fail and losses must stay small.</p>"
    "<p>This has been written down often, and it is repeated here so that the page has enough text to be an article.</p>"
    "</article><footer>Cookies</footer></body></html>"
)


ZEROS = gzip.compress(bytes(200_000_000), compresslevel=1)


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
        elif self.path == "/nowhere":
            self.redirect("http://[")
        elif self.path in ("/%C3%A4%20b/%E4?q=%E4%B8%AD&r=a+b", "/named"):
            self.reply(200, "text/plain", self.headers["Host"].encode())
        elif self.path == "/letters":
            self.redirect("/ä b/%E4?q=中&r=a+b#c".encode().decode("latin-1"))
        elif self.path.startswith("/charset/"):
            self.reply(200, f"text/plain; charset={self.path[9:]}", "Buy when RSI < 30 \\ud800 ä".encode())
        elif self.path == "/nul":
            self.reply(200, "text/plain", b"Buy when\0RSI < 30")
        elif self.path == "/members":
            self.reply(200, "text/plain", gzip.compress(b"Buy when ") + gzip.compress(b"RSI < 30"), packed="gzip")
        elif self.path == "/half":
            self.reply(200, "text/plain", gzip.compress(b"Buy when RSI < 30" * 9)[:-12], packed="gzip")
        elif self.path == "/empty-members":
            self.reply(200, "text/plain", gzip.compress(b"") * 2_000, packed="gzip")
        elif self.path == "/packed":
            self.reply(200, "text/plain", gzip.compress(b"Buy when RSI < 30"), packed="gzip")
        elif self.path == "/bomb":  # 200 MB of zeros
            self.reply(200, "text/plain", ZEROS, packed="gzip")
        elif self.path == "/bomb-in-bomb":
            self.reply(200, "text/plain", gzip.compress(ZEROS), packed="gzip, gzip")
        elif self.path == "/not-packed":
            self.reply(200, "text/plain", b"Buy when RSI < 30", packed="gzip")
        elif self.path == "/headers":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for number in range(300):
                self.wfile.write(f"X-{number}: a\r\n".encode())
                time.sleep(0.1)
        elif self.path == "/slow":
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            for _ in range(30):
                self.wfile.write(b"a")
                time.sleep(0.1)
        else:
            self.reply(500, "text/plain", b"broken")

    def reply(self, status: int, kind: str, body: bytes, packed: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if packed:
            self.send_header("Content-Encoding", packed)
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
    assert fetch_text(f"{site}/packed", allowed=local) == "Buy when RSI < 30"


def test_several_members_of_gzip(site: str) -> None:
    assert fetch_text(f"{site}/members", allowed=local) == "Buy when RSI < 30"


def test_letters_outside_ascii_in_an_address(site: str) -> None:
    """They are quoted, what is quoted already stays as it is; so are those of a redirect."""
    assert fetch_text(f"{site}/ä b/%E4?q=中&r=a+b", allowed=local) == site[7:]
    assert fetch_text(f"{site}/letters", allowed=local) == site[7:]


def test_letters_outside_ascii_in_a_host(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name goes into the header as IDNA writes it, and the connection to the address that was checked."""
    look_up, asked = socket.getaddrinfo, []

    def known(host: Any, *rest: Any, **options: Any) -> Any:
        asked.append(host)
        return look_up("127.0.0.1" if host.startswith("xn--") else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", known)
    port = site.rpartition(":")[2]
    assert fetch_text(f"http://exämple.test:{port}/named", allowed=local) == f"xn--exmple-cua.test:{port}"
    assert [host for host in asked if host != "127.0.0.1"] == ["xn--exmple-cua.test"]
    with pytest.raises(InvalidInput, match="not on the public internet"):
        fetch_text("http://exämple.test/")


@pytest.mark.parametrize("charset", ["idna", "undefined", "unicode_escape", "hex", "none-such"])
def test_a_charset_that_is_none_for_pages(site: str, charset: str) -> None:
    assert fetch_text(f"{site}/charset/{charset}", allowed=local) == "Buy when RSI < 30 \\ud800 ä"


def test_a_nul_in_a_page(site: str) -> None:
    assert fetch_text(f"{site}/nul", allowed=local) == "Buy when\ufffdRSI < 30"


def test_a_name_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking a name up is within the deadline as well."""
    over, answered = threading.Event(), threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        over.wait(30)
        answered.set()
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(ProviderError, match="too slow"):
            fetch_text("http://example.test/", timeout_s=0.1)
        assert not answered.is_set()
    finally:
        over.set()


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/large", TooLarge, "larger than"),
        ("/image", InvalidInput, "image/png"),
        ("/empty", InvalidInput, "no readable text"),
        ("/again", InvalidInput, "redirects more than"),
        ("/inside", InvalidInput, "not on the public internet"),
        ("/file", InvalidInput, "no http or https"),
        ("/nowhere", InvalidInput, "redirects to what is no address"),
        ("/half", InvalidInput, "cannot be unpacked"),
        ("/empty-members", TooLarge, "larger than"),
        ("/slow", ProviderError, "too slow"),
        ("/headers", ProviderError, "too slow"),
        ("/bomb", TooLarge, "larger than"),
        ("/bomb-in-bomb", InvalidInput, "packed as gzip, gzip"),
        ("/not-packed", InvalidInput, "cannot be unpacked"),
        ("/broken", ProviderError, "status 500"),
    ],
)
def test_what_is_refused(site: str, path: str, error: type[AlgoAgentError], message: str) -> None:
    with pytest.raises(error, match=message):
        fetch_text(site + path, allowed=local, max_bytes=10_000, timeout_s=1.0)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost:8000", "[::1]", "10.0.0.1", "172.31.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "2130706433",
        "100.64.0.1", "192.0.0.170", "168.63.129.16", "198.18.0.1", "203.0.113.9", "224.0.0.1", "255.255.255.255", "[::]",
        "[::ffff:127.0.0.1]", "[::ffff:93.184.216.34]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001::1]", "[2001:db8::1]", "[3fff::1]", "[fe80::1]", "[fec0::1]", "[fc00::1]",
        "[fd00:ec2::254]", "[ff02::1]", "[100::1]", "[5f00::1]",
    ],
)  # fmt: skip
def test_addresses_inside_the_network_are_refused(host: str) -> None:
    with pytest.raises(InvalidInput, match="not on the public internet"):
        fetch_text(f"http://{host}/")


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
    for text in ("93.184.216.34", "1.1.1.1", "168.63.129.17", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e"):
        assert is_public(ipaddress.ip_address(text)), text


def test_the_tester_reads_a_page(site: str, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from algoagent_api.tester import Tester
    from Strategy.web import text as web_text

    tester = Tester(user=user, console=Console(quiet=True))
    with pytest.raises(InvalidInput, match="not on the public internet"):
        tester.read(f"{site}/article")
    monkeypatch.setattr(web_text, "fetch_text", partial(fetch_text, allowed=local))
    parsed = tester.read(f"  {site}/article\n")
    assert "which filters out falling markets" in parsed.text
    assert parsed.questions  # it is prose, so words of it are asked about
    assert tester.read(f"{site}/rules").require().describe().splitlines()[1] == "Buy when RSI(14) is below 30."
