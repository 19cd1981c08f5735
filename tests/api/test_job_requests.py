"""Jobs as the integration plan sends them: a template, notes that count, fractions, and what a run took."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from Backtest.errors import InvalidInput
from backtest_api import tasks
from backtest_api.models import BacktestJob, BacktestRun
from backtest_api.notes import risk_free_rate

JOB = {"strategy": "ema_crossover", "symbols": ["AAPL"], "timeframe": "1d", "from": "2005-01-01", "to": "2008-01-01"}


def done(api: APIClient, **more: object) -> dict[str, object]:
    made = api.post("/api/backtests/jobs/", {**JOB, **more})
    assert made.status_code == 202, made.content
    tasks.work()
    return dict(api.get(f"/api/backtests/jobs/{made.json()['id']}/").json())


def test_the_envelope_has_fractions_and_the_template_is_read(api: APIClient) -> None:
    found = done(api)
    run = BacktestRun.objects.get()
    metrics = found["metrics"]
    assert "EMA(20)" in run.canonical_json["description"] or run.canonical_json["indicators"]
    assert metrics["cagr"] == pytest.approx(run.cagr / 100)  # type: ignore[index]
    assert metrics["max_drawdown"] == pytest.approx(run.max_drawdown / 100)  # type: ignore[index]
    assert -1 < metrics["max_drawdown"] < 0  # type: ignore[index]
    assert metrics["total_return"] == pytest.approx(run.total_return_pct / 100)  # type: ignore[index]


def test_a_risk_free_rate_in_the_notes_counts(api: APIClient) -> None:
    plain = done(api)
    noted = done(api, notes="Risk-free rate 0.02")
    assert noted["request"]["risk_free_rate"] == 0.02  # type: ignore[index]
    assert noted["metrics"]["sharpe"] < plain["metrics"]["sharpe"]  # type: ignore[index]
    assert noted["metrics"]["cagr"] == plain["metrics"]["cagr"]  # type: ignore[index]
    assert BacktestRun.objects.latest("id").canonical_json["execution"]["risk_free_rate"] == 0.02


def test_one_that_cannot_be_read_is_refused(api: APIClient) -> None:
    answer = api.post("/api/backtests/jobs/", {**JOB, "notes": "use the usual risk-free rate"})
    assert answer.status_code == 400
    assert answer.json()["details"][0]["field"] == "notes"
    assert BacktestJob.objects.count() == 0


@pytest.mark.parametrize(
    ("notes", "rate"),
    [
        ("Risk-free rate 0.02", 0.02),
        ("risk free rate of 2%", 0.02),
        ("riskfree: 1.5 percent, three at once", 0.015),
        ("risk-free rate = .03", 0.03),
        ("three at once", None),
        ("", None),
    ],
)
def test_rates(notes: str, rate: float | None) -> None:
    assert risk_free_rate(notes) == pytest.approx(rate) if rate is not None else risk_free_rate(notes) is None


@pytest.mark.parametrize("notes", ["risk-free rate 2", "risk-free", "risk-free rate 150%"])
def test_rates_that_are_unclear(notes: str) -> None:
    with pytest.raises(InvalidInput):
        risk_free_rate(notes)


def test_every_stored_run_says_what_it_took(api: APIClient) -> None:
    run = api.post("/api/backtests/quick-run/", {"user_description": "golden_cross", "symbol": "GOOG"}).json()
    stored = api.get(f"/api/backtests/{run['id']}/").json()["resources"]
    assert stored["wall_ms"] > 0
    assert stored["cpu_ms"] > 0
    assert stored["peak_memory_mb"] > 10
    assert BacktestRun.objects.get().manifest["resources"] == stored


def test_notes_that_look_like_an_order_are_warned_of(api: APIClient) -> None:
    job = done(api, notes="use a commission of 0.5%")
    told = [w for w in job["warnings"] if "notes" in w]  # type: ignore[attr-defined]
    assert told == [
        "The notes are a remark and change nothing: 'use a commission of 0.5%'. Of notes only a risk-free rate counts; say costs with the strategy"
    ]
    assert not [w for w in done(api, notes="for the board")["warnings"] if "notes" in w]  # type: ignore[attr-defined]
