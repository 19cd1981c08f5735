"""Nobody reads or changes another's object, through any route there is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from auth_api.models import User
from backtest_api.models import BacktestRun
from data_api.models import DataSet
from strategy_api.models import ConversationMemory, Strategy
from tests.conftest import SENTENCE, client_of
from trading.models import Position, Trade

PUBLIC = {"/api/auth/register/", "/api/auth/login/", "/api/auth/verify/", "/api/auth/refresh/", "/api/health/", "/api/health/live/", "/api/health/ready/",
          "/api/schema/", "/api/docs/", "/api/"}  # fmt: skip
METHODS = ("get", "post", "put", "patch", "delete")


def routes(patterns: Any = None, before: str = "/") -> Iterator[str]:
    """Every route below /api/, as its pattern."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        path = before + str(entry.pattern).lstrip("^").rstrip("$")
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, path)
        elif isinstance(entry, URLPattern) and path.startswith("/api/"):
            yield path


ROUTES = sorted(set(routes()))


@pytest.fixture
def owned(api: APIClient, user: User) -> dict[str, Any]:
    """One of everything a user can have; returns what fills the routes' parameters."""
    strategy = api.post("/api/strategies/", {"user_description": SENTENCE, "session_id": "ada-1"}, format="json")
    run = api.post("/api/backtests/quick-run/", {"strategy_id": strategy.data["id"]}, format="json")
    upload = SimpleUploadedFile("p.csv", b"Date,Open,High,Low,Close\n2020-01-01,1,2,1,2\n2020-01-02,2,3,2,3\n")
    data = api.post("/api/data/datasets/upload/", {"file": upload, "symbol": "MINE"}, format="multipart")
    assert (strategy.status_code, run.status_code, data.status_code) == (201, 200, 201)
    job = api.post("/api/backtests/jobs/", {"strategy": "Buy GOOG when RSI < 30, sell when RSI > 70"}, format="json")
    position = Position.objects.create(
        user=user, symbol="GOOG", side="long", size=1, entry_price=1, opened_at="2024-01-01T00:00Z"
    )
    assert position.pk
    return {
        "strategy_id": strategy.data["id"],
        "run_id": run.data["id"],
        "job_id": job.data["id"],
        "name": "trades.csv",
        "dataset_id": data.data["id"],
        "session_id": "ada-1",
    }


def filled(route: str, owned: dict[str, Any]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda m: str(owned[m.group(1)]), route)


def test_there_are_routes_to_walk() -> None:
    assert len(ROUTES) > 25
    assert "/api/backtests/<int:run_id>/explain/" in ROUTES


def test_without_a_token_there_is_nothing(owned: dict[str, Any]) -> None:
    anonymous = APIClient()
    for path, method in itertools.product([filled(route, owned) for route in ROUTES], METHODS):
        answer = getattr(anonymous, method)(path, {}, format="json")
        if path in PUBLIC:
            assert answer.status_code < 500 or path == "/api/health/ready/", path  # no worker here
        else:
            assert answer.status_code in (401, 405), (method, path, answer.status_code)
            assert answer.status_code == 405 or answer["WWW-Authenticate"], (method, path)


def test_another_user_s_object_is_unknown(owned: dict[str, Any], other_user: User, user: User) -> None:
    stranger, before = client_of(other_user), _state(user)
    for path, method in itertools.product([filled(route, owned) for route in ROUTES if "<" in route], METHODS):
        body = {"name": "stolen", "refresh": "x"} if method in ("put", "patch") else {}
        suffix = "?at=2008-01-02" if method == "get" and path.endswith("/explain/") else ""
        answer = getattr(stranger, method)(path + suffix, body, format="json")
        assert answer.status_code in (404, 405), (method, path, answer.status_code, getattr(answer, "data", None))
        assert _state(user) == before, (method, path)


def _state(user: User) -> list[Any]:
    return [
        list(model.objects.filter(user=user).values())
        for model in (Strategy, BacktestRun, DataSet, ConversationMemory, Position, Trade)
    ]


def test_lists_hold_one_s_own(owned: dict[str, Any], api: APIClient, other_user: User) -> None:
    for path in ("strategies", "backtests", "data/datasets", "conversations", "trading/positions", "trading/trades"):
        assert client_of(other_user).get(f"/api/{path}/").data["count"] == 0, path
        mine = api.get(f"/api/{path}/").data
        assert set(mine) == {"count", "next", "previous", "results"}
        assert mine["count"] >= (0 if path == "trading/trades" else 1), path


def test_another_user_s_strategy_cannot_be_run_nor_their_upload_read(owned: dict[str, Any], other_user: User) -> None:
    stranger = client_of(other_user)
    for path in ("/api/backtests/", "/api/backtests/quick-run/"):
        assert stranger.post(path, {"strategy_id": owned["strategy_id"]}, format="json").status_code == 404
    answer = stranger.post("/api/data/fetch/", {"symbol": "MINE"}, format="json")
    assert answer.status_code == 422
    assert BacktestRun.objects.filter(user=other_user).count() == 0


def test_a_filter_tells_nothing_of_others_strategies(owned: dict[str, Any], other_user: User) -> None:
    stranger = client_of(other_user)
    theirs, nobodys = (stranger.get(f"/api/backtests/?strategy={n}") for n in (owned["strategy_id"], 987_654))
    assert (theirs.status_code, theirs.json()) == (nobodys.status_code, nobodys.json())
    assert theirs.json()["count"] == 0
