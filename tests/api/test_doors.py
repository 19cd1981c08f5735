"""Wrong passwords: whoever tries many waits, at every door, and others do not."""

from __future__ import annotations

import base64
import hmac
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.test import Client
from django.utils.timezone import now
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.throttling import SimpleRateThrottle

from auth_api import doors
from auth_api.models import User, WrongPasswords
from auth_api.throttles import Scoped
from tests.api.test_workers import needs_redis, redis
from tests.live import Server, http, serve

RIGHT = "a-long-passphrase"
ALLOW = SimpleRateThrottle.allow_request  # which the tests below do without


class Clock:
    """The time as doors see it."""

    def __init__(self) -> None:
        self.time = now()

    def __call__(self) -> datetime:
        return self.time

    def go(self, **span: float) -> None:
        self.time += timedelta(**span)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(doors, "now", found)
    return found


def enter(client: Client, name: str = "ada", password: str = "wrong", address: str = "203.0.113.7") -> Any:
    body = {"username": name, "password": password}
    return client.post("/api/auth/login/", body, content_type="application/json", REMOTE_ADDR=address)


@pytest.fixture(autouse=True)
def _no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimpleRateThrottle, "allow_request", lambda *_: True)


def test_after_five_wrong_ones_the_right_one_waits_too(client: Client, user: User, clock: Clock) -> None:
    assert [enter(client).status_code for _ in range(5)] == [401] * 5
    refused = enter(client, password=RIGHT)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "5"
    assert refused.json()["error"] == "There were too many wrong passwords. Try again in 5 seconds"
    clock.go(seconds=4.9)
    assert enter(client, password=RIGHT).status_code == 429
    clock.go(seconds=0.2)
    assert enter(client, password=RIGHT).status_code == 200
    assert enter(client).status_code == 401, "counted from the beginning"


def test_each_further_one_doubles_the_wait(client: Client, user: User, clock: Clock) -> None:
    waits = []
    for _ in range(15):
        while (answer := enter(client)).status_code == 429:
            waits.append(int(answer.headers["Retry-After"]))
            clock.go(seconds=waits[-1])
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]


def test_it_is_forgotten_after_a_day(client: Client, user: User, clock: Clock) -> None:
    for _ in range(5):
        enter(client)
    clock.go(hours=25)
    assert [enter(client).status_code for _ in range(5)] == [401] * 5
    assert set(WrongPasswords.objects.values_list("key", "count")) == {("account:ada", 5), ("address:203.0.113.7", 5)}


def test_a_clock_set_back_shuts_nobody_out(client: Client, user: User, clock: Clock) -> None:
    for _ in range(5):
        enter(client)
    clock.go(days=-365)
    assert enter(client, password=RIGHT).headers["Retry-After"] == "5"
    clock.go(seconds=4)
    assert enter(client, password=RIGHT).headers["Retry-After"] == "1"
    clock.go(seconds=2)
    assert enter(client, password=RIGHT).status_code == 200


def test_requests_of_a_time_to_come_are_not_counted(
    client: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that was 30 days ahead for a minute: its log-ins had shut the door for 60 days."""
    monkeypatch.setattr(SimpleRateThrottle, "allow_request", ALLOW)
    monkeypatch.setitem(Scoped.THROTTLE_RATES, "login", "3/min")
    ahead = time.time() + 30 * 86_400
    with monkeypatch.context() as at:
        at.setattr("auth_api.throttles.time.time", lambda: ahead)
        assert [enter(client).status_code for _ in range(4)] == [401, 401, 401, 429]
    assert [enter(client, password=RIGHT).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_code_of_a_time_to_come_shuts_nobody_out(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    device = TOTPDevice.objects.create(user=user, name="a")
    TOTPDevice.objects.filter(pk=device.pk).update(last_t=int((time.time() + 365 * 86_400) / 30))
    of_now = totp(base64.b32encode(device.bin_key).decode())
    assert not TOTPDevice.objects.get(pk=device.pk).verify_token(of_now)
    TOTPDevice.objects.filter(pk=device.pk).update(throttling_failure_count=0, throttling_failure_timestamp=None)
    doors._forget_codes_to_come(user)
    assert TOTPDevice.objects.get(pk=device.pk).verify_token(of_now)
    assert not TOTPDevice.objects.get(pk=device.pk).verify_token(of_now), "once"


def test_all_doors_count_together(client: Client, user: User, clock: Clock) -> None:
    user.is_staff = True
    user.save()
    for _ in range(3):
        enter(client)
    page: Any = client.post("/admin/login/", {"username": "ada", "password": "wrong"}, REMOTE_ADDR="203.0.113.8")
    assert b"correct username and password" in page.content
    assert enter(client, name="ADA").status_code == 401
    shut: Any = client.post("/admin/login/", {"username": "ada", "password": RIGHT}, REMOTE_ADDR="203.0.113.9")
    assert b"too many wrong passwords" in shut.content
    assert enter(client, password=RIGHT, address="203.0.113.9").status_code == 429
    with pytest.raises(doors.TooManyWrongPasswords):
        authenticate(username="ada", password=RIGHT)
    clock.go(seconds=6)
    opened: Any = client.post("/admin/login/?next=/admin/", {"username": "ada", "password": RIGHT})
    assert (opened.status_code, opened["Location"]) == (302, "/admin/")


def test_an_address_that_tries_many_accounts_waits_and_others_do_not(client: Client, user: User, clock: Clock) -> None:
    assert {enter(client, name=f"name{n}").status_code for n in range(30)} == {401}
    assert enter(client, password=RIGHT).status_code == 429
    assert enter(client, password=RIGHT, address="203.0.113.8").status_code == 200
    for number in range(30):
        enter(client, name=f"other{number}", address=f"2001:db8:1:2::{number:x}")
    assert enter(client, password=RIGHT, address="2001:db8:1:2:ffff::1").status_code == 429, "one customer's network"
    assert enter(client, password=RIGHT, address="2001:db8:1:3::1").status_code == 200
    assert WrongPasswords.objects.get(key="address:203.0.113.7").count == 30


def test_a_header_makes_no_other_address(client: Client, user: User, clock: Clock) -> None:
    for number in range(30):
        body = {"username": f"n{number}", "password": "x"}
        client.post("/api/auth/login/", body, content_type="application/json", HTTP_X_FORWARDED_FOR=f"10.0.0.{number}")
    assert enter(client, password=RIGHT, address="127.0.0.1").status_code == 429


def test_many_at_once_are_many(server: Server) -> None:
    server.token("grace")
    body = {"username": "grace", "password": "wrong"}
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(lambda _: http.post(f"{server.url}/api/auth/login/", json=body, timeout=60).status_code, range(12))
        )
    assert Counter(answers) == {401: 5, 429: 7}


@needs_redis
def test_several_processes_count_together(tmp_path: Path) -> None:
    """Two servers that share a Redis; while it is away, they say so."""
    body = {"username": "nobody", "password": "wrong"}
    with redis(tmp_path) as shared:
        more = {"CACHE_URL": shared.url, "THROTTLE_LOGIN": "3/min"}
        with serve(tmp_path / "var", **more) as one, serve(tmp_path / "var", **more) as two:
            answers = [http.post(f"{s.url}/api/auth/login/", json=body, timeout=60) for s in (one, two, one, two)]
            assert [a.status_code for a in answers] == [401, 401, 401, 429]
            shared.kill()
            away = http.post(f"{two.url}/api/auth/login/", json=body, timeout=60)
            assert away.status_code == 503
            assert "does not answer" in away.json()["error"]
            shared.start()
            assert http.post(f"{two.url}/api/auth/login/", json=body, timeout=60).status_code == 401


def admin(client: Client, code: str, password: str = RIGHT) -> Any:
    return client.post("/admin/login/?next=/admin/", {"username": "ada", "password": password, "code": code})


def totp(key: str) -> str:
    """Return the code of this half minute by RFC 6238, from the key as an app is given it."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.new(base64.b32decode(key), counter, "sha1").digest()
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def test_the_admin_asks_for_a_second_factor(
    client: Client, user: User, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    user.is_staff = True
    user.save()
    assert b'name="code"' not in client.get("/admin/login/").content
    client.force_login(user)
    assert client.get("/admin/").status_code == 200
    settings.ADMIN_TWO_FACTOR = True
    assert client.get("/admin/").status_code == 302, "who came in by the password alone is asked again"
    assert b'name="code"' in client.get("/admin/login/").content
    client.logout()
    assert b"You have no second factor" in admin(client, "123456").content
    call_command("two_factor", "ada")
    key, address, _, *spare = capsys.readouterr().out.splitlines()
    key = key.rpartition(" ")[2]
    assert key in address
    assert "issuer=AlgoAgent" in address
    assert b"is required" in admin(client, "").content
    assert b"correct username and password" in admin(client, totp(key), password="wrong").content
    entered = admin(client, totp(key))
    assert (entered.status_code, entered["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200
    client.logout()
    assert b"was used before" in admin(client, totp(key)).content
    time.sleep(1.1)  # after a wrong code the next is looked at a second later
    assert admin(client, spare[0].strip()).status_code == 302
    client.logout()
    assert b"was used before" in admin(client, spare[0].strip()).content
    call_command("two_factor", "ada", "--off")
    assert b"You have no second factor" in admin(client, spare[1].strip()).content


def test_wrong_codes_are_bounded(client: Client, user: User, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.ADMIN_TWO_FACTOR = True
    user.is_staff = True
    user.save()
    call_command("two_factor", "ada")
    key = capsys.readouterr().out.splitlines()[0].rpartition(" ")[2]
    for wrong in ("000000", "000001", "000002"):
        assert b"too many were wrong" in admin(client, wrong).content
    assert b"too many were wrong" in admin(client, totp(key)).content, "the right one waits too"
