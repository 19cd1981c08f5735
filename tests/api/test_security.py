"""What every page and answer says to a browser, and whom to tell of a weakness."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.timezone import now

from auth_api.models import User

POSSIBLE = {"object_id": "1", "run_id": "1", "strategy_id": "1", "app_label": "auth_api", "content_type_id": "1"}


def addresses(found: Any = None, before: str = "") -> list[str]:
    """Return a path for every route there is; numbers and names are made up."""
    made = []
    for part in (found or get_resolver()).url_patterns:
        route = before + str(part.pattern)
        if isinstance(part, URLResolver):
            made += addresses(part, route)
        elif isinstance(part, URLPattern):
            made.append(route)
    return made


def filled(route: str) -> str:
    import re

    plain = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: POSSIBLE.get(m[1], "1"), route)
    plain = re.sub(r"\(\?P<app_label>[^)]*\)", "auth_api", plain)
    return "/" + plain.replace("^", "").replace("$", "").replace(r"\Z", "").replace("(?P<url>.*)", "nothing")


ROUTES = sorted({filled(route) for route in addresses()})


def unguarded(answer: Any) -> list[str]:
    """Return what a browser is not told."""
    head = answer.headers
    policy = head.get("Content-Security-Policy", "")
    held = {
        "it is an error of the server": answer.status_code != 500,
        "nosniff": head["X-Content-Type-Options"] == "nosniff",
        "referrer": head["Referrer-Policy"] == "same-origin",
        "opener": head["Cross-Origin-Opener-Policy"] == "same-origin",
        "frames": head.get("X-Frame-Options") in ("DENY", "SAMEORIGIN") or "frame-ancestors" in policy,
        "cookies": all(cookie["samesite"] in ("Lax", "Strict") for cookie in answer.cookies.values()),
    }
    if head["Content-Type"].startswith("application/json"):
        held["policy"] = policy == "default-src 'none'; frame-ancestors 'none'"
        held["store"] = head["Cache-Control"] == "no-store"
    return [name for name, good in held.items() if not good]


def test_every_page_guards_itself(client: Client, user: User) -> None:
    user.is_staff = user.is_superuser = True
    user.save()
    client.force_login(user)
    found = {path: unguarded(client.get(path)) for path in ROUTES}
    assert {path: missing for path, missing in found.items() if missing} == {}


def test_there_are_all_routes() -> None:
    assert len(ROUTES) > 100
    assert {"/admin/login/", "/api/docs/", "/api/strategies/", "/metrics", "/.well-known/security.txt"} <= set(ROUTES)


def test_the_cookies_of_a_log_in_are_for_the_server_alone(client: Client, user: User, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True  # as with DEBUG off
    user.is_staff = True
    user.save()
    answer: Any = client.post("/admin/login/", {"username": "ada", "password": "a-long-passphrase"})
    cookie = answer.cookies["sessionid"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")


def test_security_txt_names_whom_to_tell(client: Client, settings: Any) -> None:
    assert client.get("/.well-known/security.txt").status_code == 404
    settings.SECURITY_CONTACT = ["mailto:security@example.com", "https://example.com/security"]
    answer: Any = client.get("/.well-known/security.txt")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    lines = [line.partition(": ")[::2] for line in answer.content.decode().splitlines()]
    assert [value for name, value in lines if name == "Contact"] == settings.SECURITY_CONTACT
    expires = datetime.fromisoformat(dict(lines)["Expires"])
    assert now() + timedelta(days=30) < expires < now() + timedelta(days=365)
    assert dict(lines)["Canonical"] == "http://testserver/.well-known/security.txt"
