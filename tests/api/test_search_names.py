"""Searches by the names people use, in REST, in words and at the command line."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from backtest_api.models import BacktestRun
from Strategy.talk.searches import read_constraint
from Strategy.text_parser import parse_strategy

CROSS = "Buy GOOG when SMA(10) crosses above SMA(30), sell when SMA(10) crosses below SMA(30), stop 5%, target 10%"
FAST, SLOW = "indicators.SMA_10.timeperiod", "indicators.SMA_30.timeperiod"


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("fast < slow", f"{FAST} < {SLOW}"),
        ("where fast < slow", f"{FAST} < {SLOW}"),
        ("the fast period is below the slow period", f"{FAST} < {SLOW}"),
        ("where fast is at most 20 and slow is at least 30", f"{FAST} <= 20 and {SLOW} >= 30"),
        ("stop is less than target", "risk.stop_loss.value < risk.take_profit.value"),
        ("fast * 2 < slow", f"{FAST} * 2 < {SLOW}"),
        (f"{FAST} < {SLOW}", f"{FAST} < {SLOW}"),
        ("not (fast > slow) or stop > 3", f"not ( {FAST} > {SLOW} ) or risk.stop_loss.value > 3"),
    ],
)
def test_names_in_constraints(said: str, read: str) -> None:
    assert read_constraint(parse_strategy(CROSS).require(), said) == read


def test_over_rest(api: APIClient) -> None:
    made = api.post("/api/strategies/", {"user_description": CROSS}).json()
    body = {"strategy_id": made["id"], "parameters": {"fast": [5, 20], "slow": [10, 30]}}
    asked = api.post("/api/backtests/optimize/", {**body, "constraint": "where fast < slow"})
    assert asked.status_code == 202, asked.content
    search = BacktestRun.objects.get().search
    assert search is not None
    assert (set(search["parameters"]), search["constraint"]) == ({FAST, SLOW}, f"{FAST} < {SLOW}")
    wrong = api.post("/api/backtests/optimize/", {**body, "constraint": "where quick is nice"})
    assert wrong.status_code in (400, 422)
    assert "quick is nice" in wrong.json()["error"]
    other = api.post("/api/backtests/optimize/", {**body, "parameters": {"moon": [1, 2]}})
    assert other.status_code == 400


@pytest.mark.django_db
def test_at_the_command_line() -> None:
    out = io.StringIO()
    call_command(
        "optimize", CROSS, "fast=5:15:5", "slow=10:30:10", "--constraint", "where fast < slow", "--json", "--no-report", stdout=out,
    )  # fmt: skip
    found = json.loads(out.getvalue())
    assert found["status"] == "completed"
    assert found["request"]["constraint"] == f"{FAST} < {SLOW}"
    out = io.StringIO()
    call_command(
        "optimize", "Buy GOOG when RSI < 30, sell when RSI > 70", "rsi_period=5:8", "--json", "--no-report", stdout=out
    )
    assert json.loads(out.getvalue())["combinations"] == 4


@pytest.mark.django_db
def test_commands_name_what_there_is() -> None:
    with pytest.raises(CommandError, match="'1wk'"):
        call_command("fetch_data", "GOOG", "--interval", "7m")
    for name in ("", " ", "a b"):
        with pytest.raises(CommandError, match="is no user name"):
            call_command("fetch_data", "GOOG", "--user", name)
        with pytest.raises(CommandError, match="is no user name"):
            call_command("create_demo_user", "--username", name)
