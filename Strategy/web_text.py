"""The readable text of a web page a trader points to; never of a machine inside the network."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from Backtest.errors import InvalidInput, ProviderError, TooLarge

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 2 * 1024 * 1024
TIMEOUT_S = 10.0
MAX_REDIRECTS = 5

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the public internet."""
    mapped = getattr(address, "ipv4_mapped", None)
    found: Address = mapped or address
    return found.is_global and not found.is_multicast


def fetch_text(
    url: str,
    *,
    allowed: Callable[[Address], bool] = is_public,
    timeout_s: float = TIMEOUT_S,
    max_bytes: int = MAX_BYTES,
) -> str:
    """Fetch a page and return its main text, without menus and advertisements.

    The connection goes to the very address that was checked, and every redirect is checked anew.

    Raises:
        InvalidInput: not http or https, an address that is not allowed, or no readable text.
        TooLarge: the page is larger than `max_bytes`.
        ProviderError: the server cannot be reached, is too slow or answers with an error.
    """
    import httpx

    deadline = time.monotonic() + timeout_s
    try:
        with httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False) as client:
            for _ in range(MAX_REDIRECTS + 1):
                with client.stream("GET", **_request(url, allowed)) as answer:
                    if answer.is_redirect:
                        url = urljoin(url, answer.headers["location"])
                        continue
                    if answer.status_code >= 400:
                        raise ProviderError(f"{_shown(url)} answers with status {answer.status_code}")
                    kind = answer.headers.get("content-type", "text/html").split(";")[0].strip().lower()
                    if kind not in ("text/html", "text/plain", "application/xhtml+xml", "text/markdown"):
                        raise InvalidInput(f"{_shown(url)} is {kind[:60]}, not a page of text")
                    body = _read(answer, url, deadline, max_bytes)
                    text = body.decode(answer.encoding or "utf-8", errors="replace")
                    return _readable(text, url) if "html" in kind else text.strip()
    except httpx.HTTPError as error:
        raise ProviderError(f"{_shown(url)} cannot be reached ({type(error).__name__}): check the address") from error
    raise InvalidInput(f"{_shown(url)} redirects more than {MAX_REDIRECTS} times")


def _request(url: str, allowed: Callable[[Address], bool]) -> dict[str, Any]:
    """Return a request to the checked address of a URL's host.

    The host's name stays in the Host header and in the TLS handshake, so certificates are
    verified as usual.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise InvalidInput(f"{_shown(url)} is no address: {error}") from error
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidInput(f"{_shown(url)} is no http or https address")
    if parts.username or parts.password:
        raise InvalidInput(f"{_shown(url)} carries a user name: leave it out")
    address = _resolve(host, port, allowed)
    literal = f"[{address}]" if address.version == 6 else str(address)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    named = f"[{host}]" if ":" in host else host
    return {
        "url": f"{parts.scheme}://{literal}:{port}{path}",
        "headers": {"Host": named if parts.port is None else f"{named}:{port}", "User-Agent": "AlgoAgent"},
        "extensions": {"sni_hostname": host},
    }


def _resolve(host: str, port: int, allowed: Callable[[Address], bool]) -> Address:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ProviderError(f"The host {host[:80]!r} is not known: check the address and the network") from error
    addresses = [ipaddress.ip_address(str(item[4][0]).split("%")[0]) for item in found]
    if not addresses or not all(allowed(a) for a in addresses):
        raise InvalidInput(f"The host {host[:80]!r} is not on the public internet")
    return addresses[0]


def _read(answer: httpx.Response, url: str, deadline: float, max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > max_bytes:
            raise TooLarge(f"{_shown(url)} is larger than {max_bytes / 2**20:g} MiB")
        if time.monotonic() > deadline:
            raise ProviderError(f"{_shown(url)} is too slow: copy the text here instead")
    return bytes(body)


def _readable(html: str, url: str) -> str:
    import trafilatura

    text = trafilatura.extract(html, include_comments=False, include_tables=True) or ""
    if not text.strip():
        raise InvalidInput(f"{_shown(url)} has no readable text: copy it here instead")
    return text.strip()


def _shown(url: str) -> str:
    return url if len(url) <= 80 else url[:77] + "..."
