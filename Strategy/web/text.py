"""The readable text of a web page a trader points to; never of a machine inside the network."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from email.message import Message
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpcore

from Backtest.errors import InvalidInput, ProviderError, TooLarge
from Backtest.machine import elsewhere
from Strategy.web.pages import readable

MAX_BYTES = 2 * 1024 * 1024
TIMEOUT_S = 10.0
MAX_REDIRECTS = 5
KEPT = "!#$%&'()*+,/:;=?@[]~"  # in a path and a query, beside letters and digits; % as it stands before what is quoted already

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What is not the public internet, by IANA's registries of special addresses (RFC 6890), the clouds' own services, and every way
# in which an IPv6 address stands for an IPv4 one.
NOT_PUBLIC = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
]  # fmt: skip
GLOBAL_UNICAST = ipaddress.ip_network(
    "2000::/3"
)  # outside of it: mapped, translated, NAT64, unique local, link and site local


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the public internet: global unicast, and none of NOT_PUBLIC."""
    if isinstance(address, ipaddress.IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    return not any(address in network for network in NOT_PUBLIC if network.version == address.version)


def fetch_text(
    url: str,
    *,
    allowed: Callable[[Address], bool] = is_public,
    timeout_s: float = TIMEOUT_S,
    max_bytes: int = MAX_BYTES,
) -> str:
    """Fetch a page and return its main text, without menus and advertisements.

    The connection goes to the very address that was checked, and every redirect is checked anew. `timeout_s` is all the time
    there is, from the first connection to the last byte; `max_bytes` counts what was unpacked.

    Raises:
        InvalidInput: not http or https, an address that is not allowed, or no readable text.
        TooLarge: the page is larger than `max_bytes`.
        ProviderError: the server cannot be reached, is too slow or answers with an error.
    """
    clock = _Clock(timeout_s)
    context = ssl.create_default_context()
    try:
        with elsewhere(), httpcore.ConnectionPool(ssl_context=context, network_backend=clock) as pool:
            for _ in range(MAX_REDIRECTS + 1):
                with pool.stream("GET", **_request(url, allowed, clock)) as answer:
                    headers = {
                        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers
                    }
                    if 300 <= answer.status < 400 and "location" in headers:
                        url = _redirected(url, headers["location"])
                        continue
                    return _text_of(answer, headers, url, max_bytes)
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        slow = isinstance(error, httpcore.TimeoutException)
        why = (
            "is too slow: copy the text here instead"
            if slow
            else f"cannot be reached ({type(error).__name__}): check the address"
        )
        raise ProviderError(f"{_shown(url)} {why}") from error
    raise InvalidInput(f"{_shown(url)} redirects more than {MAX_REDIRECTS} times")


class _Clock(httpcore.SyncBackend):
    """Connections that have one deadline for everything that is done over them."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout("the time is up")
        return seconds

    def connect_tcp(self, host: str, port: int, *_: Any, **options: Any) -> httpcore.NetworkStream:
        kept = {name: options[name] for name in ("local_address", "socket_options") if name in options}
        return _TimedStream(super().connect_tcp(host, port, timeout=self.left(), **kept), self)


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, clock: _Clock) -> None:
        self._stream, self._clock = stream, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=self._clock.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._clock.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, self._clock.left()), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _text_of(answer: httpcore.Response, headers: Mapping[str, str], url: str, max_bytes: int) -> str:
    if answer.status >= 400:
        raise ProviderError(f"{_shown(url)} answers with status {answer.status}")
    kind = Message()
    kind["content-type"] = headers.get("content-type", "text/html")
    if kind.get_content_type() not in ("text/html", "text/plain", "application/xhtml+xml", "text/markdown"):
        raise InvalidInput(f"{_shown(url)} is {kind.get_content_type()[:60]}, not a page of text")
    body = _unpacked(answer.iter_stream(), headers.get("content-encoding", ""), url, max_bytes)
    try:
        text = body.decode(kind.get_content_charset() or "utf-8", errors="replace")
        text.encode()  # some charsets give halves of characters
    except (LookupError, ValueError):
        text = body.decode("utf-8", errors="replace")
    text = text.replace("\0", "\ufffd")  # as browsers do; no database takes it
    return _readable(text, url) if "html" in kind.get_content_type() else text.strip()


def _unpacked(chunks: Iterable[bytes], packed: str, url: str, max_bytes: int) -> bytes:
    """Return a body, unpacked no further than it may be large: all its members, as gzip lets several follow each other."""
    packing = packed.strip().lower()
    if packing not in ("", "identity", "gzip", "x-gzip"):
        raise InvalidInput(
            f"{_shown(url)} is packed as {packing[:40]}, which was not asked for: copy the text here instead"
        )
    broken = f"{_shown(url)} cannot be unpacked: copy the text here instead"
    unpack = zlib.decompressobj(wbits=31) if "gzip" in packing else None
    body, taken = bytearray(), 0
    for chunk in chunks:
        taken += len(chunk)
        while chunk:
            try:
                if unpack and unpack.eof:
                    unpack = zlib.decompressobj(wbits=31)
                body += unpack.decompress(chunk, max_bytes + 1 - len(body)) if unpack else chunk
            except zlib.error as error:
                raise InvalidInput(broken) from error
            if max(len(body), taken) > max_bytes:
                raise TooLarge(f"{_shown(url)} is larger than {max_bytes / 2**20:g} MiB")
            chunk = unpack.unused_data if unpack else b""
    if unpack and taken and not unpack.eof:
        raise InvalidInput(broken)
    return bytes(body)


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location.encode("latin-1").decode("utf-8", errors="replace"))
    except ValueError as error:
        raise InvalidInput(f"{_shown(url)} redirects to what is no address: {error}") from error


def _request(url: str, allowed: Callable[[Address], bool], clock: _Clock) -> dict[str, Any]:
    """Return a request to the checked address of a URL's host.

    The host's name stays in the Host header and in the TLS handshake, so certificates are
    verified as usual. Letters outside ASCII are sent as browsers do: IDNA in the name, quoted in path and query.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=KEPT)
    except ValueError as error:
        raise InvalidInput(f"{_shown(url)} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidInput(f"{_shown(url)} is no http or https address")
    if parts.username or parts.password:
        raise InvalidInput(f"{_shown(url)} carries a user name: leave it out")
    address = _resolve(host, port, allowed, clock)
    literal = f"[{address}]" if address.version == 6 else str(address)
    named = f"[{host}]" if ":" in host else host
    return {
        "url": f"{parts.scheme}://{literal}:{port}{path}",
        "headers": {
            "Host": named if parts.port is None else f"{named}:{port}",
            "User-Agent": "AlgoAgent",
            "Accept-Encoding": "gzip",
        },
        "extensions": {"sni_hostname": host},
    }


def _resolve(host: str, port: int, allowed: Callable[[Address], bool], clock: _Clock) -> Address:
    try:
        found = _looked_up(host, port).result(clock.left())
    except TimeoutError as error:
        raise httpcore.ConnectTimeout("the time is up") from error
    except (OSError, ValueError) as error:
        raise ProviderError(f"The host {host[:80]!r} is not known: check the address and the network") from error
    addresses = [ipaddress.ip_address(str(item[4][0]).split("%")[0]) for item in found]
    if not addresses or not all(allowed(a) for a in addresses):
        raise InvalidInput(f"The host {host[:80]!r} is not on the public internet")
    return addresses[0]


def _looked_up(host: str, port: int) -> Future[list[Any]]:
    """Look a name up in a thread of its own: the system's resolver takes no deadline, and nobody need wait for it."""
    found: Future[list[Any]] = Future()

    def look() -> None:
        try:
            found.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            found.set_exception(error)

    threading.Thread(target=look, name="resolve", daemon=True).start()
    return found


def _readable(html: str, url: str) -> str:
    text = readable(html)
    if not text:
        raise InvalidInput(f"{_shown(url)} has no readable text: copy it here instead")
    return text


def _shown(url: str) -> str:
    return url if len(url) <= 80 else url[:77] + "..."
