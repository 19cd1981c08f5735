"""What is no choice names those there are; a name made of a text goes with the text."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework.test import APIClient

from backtest_api.notes import risk_free_rate
from backtest_api.results import summary_text

pytestmark = pytest.mark.django_db
TEXT = "Buy GOOG when RSI < 30, sell when RSI > 70"


@pytest.mark.parametrize(
    ("url", "body", "says"),
    [
        ("data/fetch/", {"symbol": "GOOG", "interval": "7m"}, ("1m", "5m", "1wk", "7m")),
        ("strategies/", {"template": "nonsense"}, ("There are ", "golden")),
        ("backtests/quick-run/", {"user_description": TEXT, "timeframe": "1w"}, ("did you mean `1wk`?", "1mo")),
    ],
)
def test_what_is_no_choice_names_the_choices(api: APIClient, url: str, body: dict[str, Any], says: tuple[str]) -> None:
    answer = api.post(f"/api/{url}", body)
    assert answer.status_code == 400
    (found,) = answer.json()["details"]
    assert found["code"] == "invalid_choice"
    for part in (*says, "is not a valid choice"):
        assert part in found["message"]


def test_filters_name_theirs(api: APIClient) -> None:
    answer = api.get("/api/backtests/?status=compleeted")
    assert answer.status_code == 400
    assert "did you mean `completed`?" in answer.json()["details"][0]["message"]
    assert "queued" in answer.json()["details"][0]["message"]


def test_a_name_made_of_a_text_goes_with_it(api: APIClient) -> None:
    made = api.post("/api/strategies/", {"user_description": TEXT}).json()
    assert "RSI" in made["name"]
    url = f"/api/strategies/{made['id']}/"
    changed = {"user_description": "Buy GOOG when the close crosses above SMA(20), sell when it crosses below SMA(20)"}
    after = api.patch(url, changed).json()
    assert "SMA 20" in after["name"], after
    assert "RSI" not in after["name"]
    assert "SMA 20" in after["canonical_json"]["strategy_name"]
    api.patch(url, {"name": "Mine"})
    assert api.patch(url, {"user_description": TEXT}).json()["name"] == "Mine"
    other = api.post("/api/strategies/", {"user_description": TEXT, "name": "Given"}).json()
    assert api.patch(f"/api/strategies/{other['id']}/", changed).json()["name"] == "Given"


@pytest.mark.parametrize(
    ("notes", "rate"),
    [("rf = 0.02", 0.02), ("rf: 2%", 0.02), ("with rf=.03, please", 0.03), ("rf rate 1.5%", 0.015), ("risk_free_rate = 0.01", 0.01), ("for surf 2", None),
     ("the perf = 3", None)],
)  # fmt: skip
def test_a_rate_goes_by_its_short_name(notes: str, rate: float | None) -> None:
    assert risk_free_rate(notes) == (pytest.approx(rate) if rate is not None else None)


def test_what_is_no_difference_is_a_match() -> None:
    run: Any = SimpleNamespace(title="A", symbol="GOOG", total_return_pct=5.01, buy_and_hold_return_pct=5.03, total_trades=1)  # fmt: skip
    assert summary_text(run) == "A on GOOG returned 5.0% in 1 trade and matched buy-and-hold"
