"""Accounts and tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from algoagent_api import settings as project_settings
from auth_api.models import User
from auth_api.services import tokens_for
from tests.live import Server, http

ADA = {"username": "ada", "email": "Ada@Example.com", "password": "correct horse battery"}


@pytest.fixture
def client(db: None) -> APIClient:
    return APIClient()


def bearer(token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


def test_the_way_through(client: APIClient) -> None:
    made = client.post("/api/auth/register/", ADA)
    assert made.status_code == 201
    assert set(made.data) == {"user", "access", "refresh"}
    assert "password" not in str(made.data).lower()
    found = client.post("/api/auth/login/", {"username": "ada", "password": ADA["password"]})
    assert found.status_code == 200
    access, refresh = found.data["access"], found.data["refresh"]
    assert client.get("/api/auth/me/", **bearer(access)).data["username"] == "ada"
    assert client.post("/api/auth/verify/", {"token": access}).status_code == 200
    rotated = client.get("/api/auth/refresh/", **bearer(refresh))
    assert rotated.status_code == 200
    newest = rotated.data["refresh"]
    assert client.get("/api/auth/me/", **bearer(access)).status_code == 200
    assert client.post("/api/auth/logout/", {"refresh": newest}, **bearer(access)).status_code == 205
    assert client.post("/api/auth/refresh/", {"refresh": newest}).status_code == 401
    for token in (access, rotated.data["access"]):  # all tokens of the session are dead
        assert client.get("/api/auth/me/", **bearer(token)).status_code == 401
        assert client.post("/api/auth/verify/", {"token": token}).status_code == 401
    assert client.get("/api/auth/me/", **bearer(made.data["access"])).status_code == 200, "another session lives on"


def test_a_refresh_token_that_is_used_again_ends_its_session(client: APIClient, user: User) -> None:
    stolen, other = tokens_for(user=user), tokens_for(user=user)
    mine = client.post("/api/auth/refresh/", {"refresh": stolen["refresh"]}).data
    again = client.post("/api/auth/refresh/", {"refresh": stolen["refresh"]})
    assert (again.status_code, "used before" in again.data["error"]) == (401, True)
    for token in (mine["access"], stolen["access"]):
        assert client.get("/api/auth/me/", **bearer(token)).status_code == 401
    assert client.post("/api/auth/refresh/", {"refresh": mine["refresh"]}).status_code == 401
    assert client.get("/api/auth/me/", **bearer(other["access"])).status_code == 200


def test_of_eight_at_once_one_wins(server: Server) -> None:
    body = {**ADA, "username": "eve", "email": "eve@example.com"}
    refresh = http.post(f"{server.url}/api/auth/register/", json=body, timeout=60).json()["refresh"]

    def use(_: int) -> int:
        return http.post(f"{server.url}/api/auth/refresh/", json={"refresh": refresh}, timeout=60).status_code

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(use, range(8))) == [200, *[401] * 7]


def test_tokens_die_with_the_password(client: APIClient, user: User) -> None:
    tokens = tokens_for(user=user)
    user.set_password("another-long-passphrase")
    user.save()
    assert client.get("/api/auth/me/", **bearer(tokens["access"])).status_code == 401
    assert client.post("/api/auth/refresh/", {"refresh": tokens["refresh"]}).status_code == 401
    assert client.get("/api/auth/me/", **bearer(tokens_for(user=user)["access"])).status_code == 200


def test_passwords_are_hashed_with_argon2(client: APIClient, settings: Any) -> None:
    settings.PASSWORD_HASHERS = project_settings.PASSWORD_HASHERS  # those of tests are cheaper
    client.post("/api/auth/register/", ADA)
    assert User.objects.get().password.startswith("argon2$argon2id$")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({**ADA, "username": "ada2", "email": "ada@example.COM"}, 409, ""),
        ({**ADA, "email": "new@example.com"}, 409, ""),
        ({**ADA, "username": "ADA", "email": "new@example.com"}, 409, ""),
        ({**ADA, "username": "b", "email": "b@example.com", "password": "12345"}, 400, "password"),
        ({**ADA, "username": "b", "email": "no address"}, 400, "email"),
        ({"username": "b"}, 400, "email"),
        ({**ADA, "username": "../x", "email": "c@example.com"}, 400, "username"),
        ({**ADA, "username": "x" * 500, "email": "c@example.com"}, 400, "username"),
    ],
)
def test_accounts_that_cannot_be(client: APIClient, body: dict[str, str], status: int, field: str) -> None:
    client.post("/api/auth/register/", ADA)
    answer = client.post("/api/auth/register/", body)
    assert answer.status_code == status, answer.data
    assert not field or field in {d["field"] for d in answer.data["details"]}
    assert User.objects.count() == 1


@pytest.mark.parametrize("body", [{"username": "ada", "password": "wrong"}, {"username": "nobody", "password": "x"}])
def test_a_wrong_login_does_not_tell_which_part_was_wrong(client: APIClient, body: dict[str, str]) -> None:
    client.post("/api/auth/register/", ADA)
    answer = client.post("/api/auth/login/", body)
    assert answer.status_code == 401
    assert answer.data["error"] == "User name or password is wrong"


def test_tokens_that_are_no_access(client: APIClient, user: User) -> None:
    tokens = tokens_for(user=user)
    expired = AccessToken(tokens["access"])  # type: ignore[arg-type]
    expired.set_exp(lifetime=-timedelta(seconds=1))
    forged, of_no_session = tokens["access"][:-4] + "AAAA", AccessToken.for_user(user)
    for token in (str(expired), forged, tokens["refresh"], str(of_no_session), "x", ""):
        answer = client.get("/api/strategies/", **bearer(token))
        assert answer.status_code == 401, token
        assert set(answer.data) == {"error", "details", "ai_suggestions", "clarifying_questions"}
        assert answer["WWW-Authenticate"].startswith("Bearer")
    assert client.post("/api/auth/verify/", {"token": str(expired)}).status_code == 401


def test_a_refresh_token_of_another_user_cannot_be_logged_out(client: APIClient, user: User, other_user: User) -> None:
    theirs = tokens_for(user=other_user)["refresh"]
    answer = client.post("/api/auth/logout/", {"refresh": theirs}, **bearer(tokens_for(user=user)["access"]))
    assert answer.status_code in (401, 404)
    assert client.post("/api/auth/refresh/", {"refresh": theirs}).status_code == 200


def test_a_user_who_is_gone_or_locked_has_no_access(client: APIClient, user: User) -> None:
    token, refresh = tokens_for(user=user).values()
    user.is_active = False
    user.save()
    assert client.get("/api/auth/me/", **bearer(token)).status_code == 401
    assert client.post("/api/auth/refresh/", {"refresh": refresh}).status_code == 401
    user.is_active = True
    user.save()
    assert client.get("/api/auth/me/", **bearer(token)).status_code == 401, "they do not live again"
    token = tokens_for(user=user)["access"]
    assert client.get("/api/auth/me/", **bearer(token)).status_code == 200
    user.delete()
    assert client.get("/api/auth/me/", **bearer(token)).status_code == 401


def test_logins_are_throttled(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from rest_framework.throttling import ScopedRateThrottle

    monkeypatch.setitem(ScopedRateThrottle.THROTTLE_RATES, "login", "3/min")
    answers: list[Any] = [client.post("/api/auth/login/", {"username": "x", "password": "y"}) for _ in range(5)]
    assert [a.status_code for a in answers] == [401, 401, 401, 429, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert "error" in answers[-1].data
