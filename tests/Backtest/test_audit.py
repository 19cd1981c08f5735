"""What backtesting.py does passes the audit, whatever the strategy; a changed number does not."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Backtest.errors import ExecutionError
from Backtest.sandbox import EngineSettings, ProcessSandbox, SandboxJob
from Backtest.sandbox.audit import TRADE_COLUMNS, Forged, audit, plain

# Orders of every kind, in parts, several at once, both ways: nothing AlgoAgent would generate.
RESTLESS = """
import random
import pandas as pd
from backtesting import Strategy

R = random.Random({seed})


class Restless(Strategy):
    def init(self):
        self.average = self.I(lambda x: pd.Series(x).rolling({period}).mean().to_numpy(), self.data.Close)

    def next(self):
        kind, close = R.random(), self.data.Close[-1]
        try:
            if kind < 0.12:
                self.buy(size=R.choice([1, 5, 20, 0.3, 0.9]), sl=R.choice([None, close * 0.97]), tp=R.choice([None, close * 1.03]))
            elif kind < 0.2:
                self.sell(size=R.choice([1, 7, 0.3, 0.5]), sl=R.choice([None, close * 1.05]), tp=R.choice([None, close * 0.95]))
            elif kind < 0.25:
                self.buy(size=R.choice([2, 0.2]), limit=close * 0.99)
            elif kind < 0.28:
                self.sell(size=3, stop=close * 0.98)
            elif kind < 0.40 and self.trades:
                R.choice(self.trades).close(R.choice([0.3, 0.5, 1]))
            elif kind < 0.45:
                self.position.close()
            elif kind < 0.5 and self.trades:
                trade = R.choice(self.trades)
                trade.sl = close * (0.95 if trade.is_long else 1.05)
        except (ValueError, AssertionError):
            pass
"""


def market(seed: int) -> tuple[pd.DataFrame, EngineSettings, int]:
    rng, choose = np.random.default_rng(seed), random.Random(seed)
    bars = choose.choice([5, 40, 200, 600])
    close = choose.choice([100, 5000, 0.02]) * np.exp(np.cumsum(rng.normal(0, choose.choice([0.01, 0.05]), bars)))
    open_ = np.r_[close[0], close[:-1]] * np.exp(rng.normal(0, 0.005, bars))
    high = np.maximum(open_, close) * (1 + abs(rng.normal(0, 0.01, bars)))
    low = np.minimum(open_, close) * (1 - abs(rng.normal(0, 0.01, bars)))
    index = pd.date_range("2020-01-01", periods=bars, unit="us")
    frame = pd.DataFrame({"Open": open_, "High": high, "Low": low, "Close": close, "Volume": 1.0}, index=index)
    settings = EngineSettings(
        cash=choose.choice([1000, 100_000]),
        commission=choose.choice([0, 0.002, 0]),
        commission_fixed=choose.choice([0, 0, 1, 5.5]),
        spread=choose.choice([0, 0.001]),
        margin=choose.choice([1, 1, 0.2, 0.05]),
        trade_on_close=choose.random() < 0.3,
        fractional_unit=choose.choice([1, 1, 1e-3, 1e-6]),
        risk_free_rate=choose.choice([0, 0.02]),
    )
    return frame, settings, choose.choice([1, 3, 10])


@pytest.mark.parametrize("batch", range(8))
def test_every_honest_run_passes(sandbox: ProcessSandbox, batch: int) -> None:
    trades = 0
    for seed in range(batch * 15, batch * 15 + 15):
        frame, settings, period = market(seed)
        job = SandboxJob(RESTLESS.format(seed=seed, period=period), frame, settings, generated=True)
        try:
            trades += len(sandbox.run(job).trades)
        except ExecutionError as error:
            if error.exit_reason != "error":  # backtesting.py's own assertions are no forgery
                raise
    assert trades > 200


LONG = next(seed for seed in range(99) if len(market(seed)[0]) == 600 and market(seed)[0]["Close"].min() > 50)


def honest(seed: int = LONG) -> tuple[dict[str, Any], dict[str, Any]]:
    """A claim that passes, and what it is judged by."""
    frame, _, _ = market(seed)
    settings = EngineSettings(commission=0.001, spread=0.001)
    box = ProcessSandbox()
    done = box.run(SandboxJob(RESTLESS.format(seed=seed, period=3), frame, settings, generated=True))
    box.close()
    numbers = done.trades[list(TRADE_COLUMNS)].to_numpy(dtype=float)
    curve = np.r_[np.full(done.begin, float(settings.cash)), done.equity["Equity"].to_numpy()]
    claim = {"numbers": numbers, "equity": curve}
    return claim, {"begin": done.begin, "frame": frame, "settings": settings}


@pytest.fixture(scope="module")
def claim() -> tuple[dict[str, Any], dict[str, Any]]:
    return honest()


def test_the_claim_to_be_changed_passes(claim: tuple[dict[str, Any], dict[str, Any]]) -> None:
    made, judged_by = claim
    seen = audit(**made, **judged_by)
    assert len(seen.trades) == len(made["numbers"]) > 20
    assert list(seen.equity.columns) == ["Equity", "DrawdownPct"]


# Not the levels: they are what the strategy says of itself, and no figure depends on them.
@pytest.mark.parametrize("name", [name for name in TRADE_COLUMNS if name not in ("SL", "TP")])
def test_one_changed_number_of_a_trade_is_found(claim: tuple[dict[str, Any], dict[str, Any]], name: str) -> None:
    """Each number of each of ten trades a little off, by any amount that makes money."""
    column = TRADE_COLUMNS.index(name)
    made, judged_by = claim
    for row in range(0, len(made["numbers"]), max(1, len(made["numbers"]) // 10)):
        numbers = made["numbers"].copy()
        numbers[row, column] += (
            1 if name in ("Size", "EntryBar", "ExitBar") else abs(numbers[row, column]) * 1e-5 + 1e-9
        )
        with pytest.raises(Forged):
            audit(numbers, made["equity"], **judged_by)


def test_a_trade_left_out_or_told_twice_is_found(claim: tuple[dict[str, Any], dict[str, Any]]) -> None:
    made, judged_by = claim
    for row in range(0, len(made["numbers"]), 5):
        for numbers in (
            np.delete(made["numbers"], row, axis=0),
            np.insert(made["numbers"], row, made["numbers"][row], axis=0),
        ):
            with pytest.raises(Forged):
                audit(numbers, made["equity"], **judged_by)


def test_changed_equity_is_found(claim: tuple[dict[str, Any], dict[str, Any]]) -> None:
    made, judged_by = claim
    for bar in range(0, len(made["equity"]), 7):
        equity = made["equity"].copy()
        equity[bar] *= 1 + 1e-6
        with pytest.raises(Forged):
            audit(made["numbers"], equity, **judged_by)


def test_noise_with_nothing_held_is_found() -> None:
    """A steady climb of a millionth of a cent would give an excellent Sharpe ratio."""
    frame, settings = market(LONG)[0], EngineSettings()
    equity = np.full(len(frame), float(settings.cash))
    equity[10:] += np.arange(len(frame) - 10) * 1e-9
    with pytest.raises(Forged, match="nothing held"):
        audit(np.empty((0, 10)), equity, begin=0, frame=frame, settings=settings)


def test_more_trades_than_can_be_counted_are_refused(claim: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Each of them possible by itself: what they cost is the time of the one who counts."""
    made, judged_by = claim
    frame = pd.concat([judged_by["frame"]] * 20, ignore_index=True)
    frame.index = pd.date_range("2000-01-01", periods=len(frame), unit="us")
    one = made["numbers"][0].copy()
    one[1], one[2] = 5, len(frame) - 1
    one[3], one[4] = frame["Close"].iloc[5], frame["Close"].iloc[-1]
    many = np.tile(one, (200_000, 1))
    with pytest.raises(Forged, match="nobody could count"):
        audit(many, np.ones(len(frame)), begin=0, frame=frame, settings=judged_by["settings"])


def test_no_entry_is_filled_at_a_price_of_the_past(sandbox: ProcessSandbox) -> None:
    """An order of the last bar: backtesting.py alone would fill it at that bar's open."""
    code = "from backtesting import Strategy\nclass S(Strategy):\n    def init(self): pass\n    def next(self):\n        if len(self.data) == 40: self.buy()\n"
    frame = market(LONG)[0]
    done = sandbox.run(SandboxJob(code, frame.iloc[:40], EngineSettings(), generated=True))
    assert not len(done.trades)
    assert done.metrics["Equity Final [$]"] == 100_000


def test_plain() -> None:
    assert plain(float("nan")) is None
    assert plain(float("inf")) is None
    assert plain(pd.NaT) is None
    assert plain(3) == 3
    assert plain(pd.Timedelta(days=2)) == "2 days 00:00:00"
