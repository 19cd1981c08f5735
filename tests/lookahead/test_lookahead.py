"""Who knows the future is found, who does not is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from Backtest.canonical import CanonicalStrategy
from Backtest.code.generator import generate_code
from Backtest.data import PriceData, PriceRequest
from Backtest.data.bundled import BundledProvider
from Backtest.errors import DataError, ExecutionError
from Backtest.kernel import Kernel
from Backtest.sandbox import EngineSettings, ProcessSandbox
from Backtest.verification.lookahead import check_lookahead, mirrored, redrawn
from tests.explore import examples
from tests.lookahead.programs import CHEATS, HONEST, program
from tests.random_strategies import frames, strategies


@pytest.fixture(scope="module")
def box() -> Iterator[ProcessSandbox]:
    made = ProcessSandbox(ready=2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def prices() -> PriceData:
    frame = BundledProvider().fetch(PriceRequest("GOOG")).frame.iloc[:300]
    return PriceData("GOOG", "1d", frame, "bundled")


@pytest.mark.parametrize("name", CHEATS)
def test_cheats_are_caught(name: str, box: ProcessSandbox, prices: PriceData) -> None:
    report = check_lookahead(CHEATS[name], prices, EngineSettings(), sandbox=box, cuts=6, generated=True, seed=2)
    assert not report.clean
    first = report.findings[0]
    assert first.what in ("order", "level", "indicator")
    assert 0 <= first.bar <= first.cut + (first.what == "level")  # as a trade is filled at the next open
    assert str(first).startswith("The code looks ahead: at 200")


@pytest.mark.parametrize("name", HONEST)
def test_honest_ones_are_left_alone(name: str, box: ProcessSandbox, prices: PriceData) -> None:
    report = check_lookahead(HONEST[name], prices, EngineSettings(), sandbox=box, cuts=examples(5), generated=True)
    assert report.clean, [str(f) for f in report.findings]


def test_there_are_as_many_as_promised() -> None:
    assert len(CHEATS) >= 12
    assert len(HONEST) >= 25


def test_generated_code_is_honest(box: ProcessSandbox, prices: PriceData) -> None:
    from Strategy.text_parser import parse_strategy

    made = parse_strategy(
        "Buy when RSI(14) < 45 and the close is above the 50-day moving average, trailing stop 3 ATR, risk 1% per trade"
    ).require()
    settings_ = EngineSettings(trade_on_close=True)
    report = check_lookahead(generate_code(made).code, prices, settings_, sandbox=box, cuts=10, generated=True)
    assert report.clean, [str(f) for f in report.findings]


def test_chance_without_a_seed_cannot_be_judged(box: ProcessSandbox, prices: PriceData) -> None:
    code = program(
        "pass",
        "if np.random.default_rng().random() < 0.2:\n    self.buy(size=1)\nelif self.position:\n    self.position.close()",
    )
    report = check_lookahead(code, prices, EngineSettings(), sandbox=box, generated=True)
    assert [f.what for f in report.findings] == ["result"]
    assert "give chance a seed" in str(report.findings[0])


@pytest.mark.parametrize(
    ("init", "next_", "where"),
    [
        ("assert self.data.Close[-1] == LAST", "self.buy()", "before the first bar"),
        ("self.watched = self.data.Close[-1] != LAST", "assert not self.watched or len(self.data) != 3", "at bar 2"),
    ],
)
def test_code_that_fails_where_it_is_watched(
    box: ProcessSandbox, prices: PriceData, init: str, next_: str, where: str
) -> None:
    """It runs on the prices as they are, and others it does not let look."""
    code = program(init, next_).replace("LAST", repr(float(prices.frame["Close"].iloc[-1])))
    report = check_lookahead(code, prices, EngineSettings(), sandbox=box, cuts=10, generated=True)
    assert not report.clean
    assert f"The code fails {where} when the bars after bar" in str(report.findings[0])


def test_code_that_fails_late_is_compared_up_to_there(box: ProcessSandbox, prices: PriceData) -> None:
    """It peeks in the last third alone, and fails at the end where the prices are not what they were."""
    last = float(prices.frame["Close"].iloc[-1])
    code = program(
        "self.opens = self.data._Data__arrays['Open']",
        f"""
        i = len(self.data) - 1
        assert i < 290 or self.data._Data__arrays["Close"][-1] == {last!r}
        if i > 200 and i + 2 < len(self.opens):
            self.buy(size=1) if self.opens[i + 2] > self.opens[i + 1] else self.position.close()
        """,
    )
    report = check_lookahead(code, prices, EngineSettings(), sandbox=box, cuts=20, generated=True)
    assert "order" in {f.what for f in report.findings}
    honest = program("pass", f"assert len(self.data) < 290 or self.data._Data__arrays['Close'][-1] == {last!r}")
    report = check_lookahead(honest, prices, EngineSettings(), sandbox=box, cuts=20, generated=True)
    assert report.failed > 0


def test_all_bars_are_looked_at(box: ProcessSandbox) -> None:
    """It peeks among the first of very many bars, and only where there are so many."""
    frame = BundledProvider().fetch(PriceRequest("EURUSD", "1h")).frame.iloc[:3500]
    code = program(
        "pass",
        """
        opens, i = self.data._Data__arrays["Open"], len(self.data) - 1
        if len(opens) > 3000 and i < 400:
            self.buy(size=1) if opens[i + 2] > opens[i + 1] else self.position.close()
        """,
    )
    report = check_lookahead(
        code, PriceData("EURUSD", "1h", frame, "bundled"), EngineSettings(), sandbox=box, generated=True
    )
    assert (report.bars, report.clean) == (3500, False)


def test_who_peeks_seldom_is_found_where_it_paid(box: ProcessSandbox) -> None:
    """Of 199 trades four knew the next day; drawn among all orders, the cuts met one of the four in 2 checks of 12."""
    frame = BundledProvider().fetch(PriceRequest("GOOG")).frame.iloc[:600]
    code = program(
        "self.opens = self.data._Data__arrays['Open']",
        """
        i = len(self.data) - 1
        if self.position:
            self.position.close()
        elif i % 60 == 8 and i + 2 < len(self.opens) and self.opens[i + 2] > self.opens[i + 1] * 1.001:
            self.buy(size=0.9)
        elif i % 3 == 0:
            self.buy(size=1)
        """,
    )
    goog = PriceData("GOOG", "1d", frame, "bundled")
    report = check_lookahead(code, goog, EngineSettings(), sandbox=box, generated=True, seed=3)
    assert "order" in {f.what for f in report.findings}


def test_what_cannot_be_checked(box: ProcessSandbox, prices: PriceData) -> None:
    few = PriceData("GOOG", "1d", prices.frame.iloc[:40], "bundled")
    with pytest.raises(DataError, match="60 are needed"):
        check_lookahead(HONEST["weekdays"], few, EngineSettings(), sandbox=box, generated=True)
    with pytest.raises(ExecutionError, match="ZeroDivisionError"):
        check_lookahead(program("1 / 0", "pass"), prices, EngineSettings(), sandbox=box, generated=True)


@pytest.mark.parametrize("change", [mirrored, lambda frame, cut: redrawn(frame, cut, seed=1)])
def test_other_futures_share_the_past(change: object, prices: PriceData) -> None:
    frame = prices.frame
    other: pd.DataFrame = change(frame, 120)  # type: ignore[operator]
    assert other.iloc[:121].equals(frame.iloc[:121])
    assert other.index.equals(frame.index)
    assert not np.isclose(other["Close"].iloc[121:], frame["Close"].iloc[121:]).any()
    assert (other["High"] >= other[["Open", "Close", "Low"]].max(axis=1) - 0.011).all()
    assert (other[["Open", "High", "Low", "Close"]] > 0).all().all()
    assert np.allclose(other["Close"], other["Close"].round(2))


@settings(max_examples=examples(25), deadline=None)
@given(strategies(wide=False, rough=True), frames(120), st.integers(20, 110), st.integers(0, 99))
def test_no_canonical_strategy_looks_ahead(made: CanonicalStrategy, frame: pd.DataFrame, cut: int, seed: int) -> None:
    """Whatever comes after a bar, what was decided by its close stays: equity, and every trade entered by then."""
    other = redrawn(frame, cut, seed=seed)
    try:
        first, second = Kernel(made, frame).run(), Kernel(made, other).run()
    except ExecutionError:
        return
    first_warm = Kernel(made, frame)
    first_warm.run()
    if first_warm.first_bar() > cut:
        return  # nothing was decided by then; before the first decision equity shows the first one's
    assert np.array_equal(first.equity[: cut + 1], second.equity[: cut + 1])
    entered = [run.trades[run.trades["EntryBar"] <= cut] for run in (first, second)]
    same = ["Size", "EntryBar", "EntryPrice"]
    assert entered[0][same].equals(entered[1][same])
    left = [t[t["ExitBar"] < cut][["ExitBar", "ExitPrice", "PnL"]] for t in entered]
    assert left[0].equals(left[1])


def test_days_and_sessions_are_not_looked_ahead_for(box: ProcessSandbox) -> None:
    """Where prices are cut off, the days before the cut are what they were: generated code that groups by them is honest."""
    from Strategy.text_parser import parse_strategy

    made = parse_strategy("On 1h bars buy EURUSD when the close crosses above the session VWAP and the close is above the weekly EMA(3), sell when it crosses below VWAP").require()  # fmt: skip
    frame = BundledProvider().fetch(PriceRequest("EURUSD", "1h")).frame.iloc[:700]
    hours = PriceData("EURUSD", "1h", frame, "bundled")
    code = generate_code(made).code
    assert "periods(" in code or "coarser(" in code
    report = check_lookahead(code, hours, EngineSettings(), sandbox=box, cuts=30, generated=True, seed=5)
    assert report.clean, [str(f) for f in report.findings]
