"""The meaning of docs/canonical.md on a few bars that can be checked by hand: fills, stops, sizes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Backtest.kernel import Kernel

OHLC = tuple[float, float, float, float]


def bars(*rows: OHLC, freq: str = "D") -> pd.DataFrame:
    index = pd.date_range("2024-01-01", periods=len(rows), freq=freq, unit="us")  # a Monday
    frame = pd.DataFrame(rows, columns=["Open", "High", "Low", "Close"], index=index, dtype=float)
    return frame.assign(Volume=1000.0)


FLAT: OHLC = (100, 101, 99, 100)
SIGNAL: OHLC = (100, 111, 99, 110)  # a close above 105

# Each: what is traded, the bars, and the trades: side, entry bar, exit bar, entry price, exit price, reason.
TABLE: list[tuple[str, str, list[OHLC], list[tuple[str, int, int, float, float, str]]]] = [
    (
        "filled at the next open",
        "Buy when close > 105, sell when close < 105",
        [FLAT, FLAT, SIGNAL, (112, 113, 90, 95), (96, 97, 95, 96), FLAT],
        [("long", 3, 4, 112, 96, "exit_rule")],
    ),
    (
        "at the close when asked",
        "Buy at the close when close > 105, sell when close < 105",
        [FLAT, FLAT, SIGNAL, (112, 113, 90, 95), (96, 97, 95, 96), FLAT],
        [("long", 2, 3, 110, 95, "exit_rule")],
    ),
    (
        "the stop is measured from the fill once it is known",
        "Buy when close > 105, stop 10%",
        [FLAT, FLAT, SIGNAL, (120, 121, 103, 104), (112, 113, 104, 104.5), FLAT],
        [("long", 3, 3, 120, 108, "stop_loss")],
    ),
    (
        "the stop of the fill holds on the entry bar",
        "Buy when close > 105, stop 10%",
        [FLAT, FLAT, SIGNAL, (120, 121, 98, 104), FLAT, FLAT],
        [("long", 3, 3, 120, 108, "stop_loss")],
    ),
    (
        "an entry that opens below the signal's stop has the stop of its fill",
        "Buy when close > 105, stop 10%, target 20%",
        [FLAT, FLAT, SIGNAL, (80, 82, 75, 78), (78, 97, 77, 96)],
        [("long", 3, 4, 80, 96, "take_profit")],
    ),
    (
        "an entry that opens above the signal's target has the target of its fill",
        "Buy when close > 105, stop 20%, target 10%",
        [FLAT, FLAT, SIGNAL, (130, 131, 125, 128), (128, 144, 127, 104)],
        [("long", 3, 4, 130, 143, "take_profit")],
    ),
    (
        "a short that opens above its signal's stop has the stop of its fill",
        "Short when close > 105, stop 10%",
        [FLAT, FLAT, SIGNAL, (125, 136, 124, 126), (126, 138, 125, 130)],
        [("short", 3, 4, 125, 137.5, "stop_loss")],
    ),
    (
        "what is open to the end is marked at the last close",
        "Buy when close > 105, stop 50%",
        [FLAT, FLAT, SIGNAL, (110, 111, 109, 110), (110, 130, 109, 125)],
        [("long", 3, 4, 110, 125, "end_of_data")],
    ),
    (
        "at the close: what is open to the end is marked at the last close, not the one before",
        "Buy at the close when close > 105, stop 50%",
        [FLAT, FLAT, SIGNAL, (110, 111, 109, 110), (110, 130, 109, 125)],
        [("long", 2, 4, 110, 125, "end_of_data")],
    ),
    (
        "at the close: a rule at the last close is filled there",
        "Buy at the close when close > 105, sell when close > 120",
        [FLAT, FLAT, SIGNAL, (110, 111, 109, 110), (110, 130, 109, 125)],
        [("long", 2, 4, 110, 125, "exit_rule")],
    ),
    (
        "the first bar is judged where no indicator has to warm up",
        "Buy when close > 105, exit after 1 bar",
        [SIGNAL, (112, 113, 90, 95), (96, 97, 95, 96), FLAT],
        [("long", 1, 2, 112, 96, "max_bars")],
    ),
    (
        "a gap through the stop is filled at the open",
        "Buy when close > 105, stop 10%",
        [FLAT, FLAT, SIGNAL, (110, 111, 109, 104), (80, 81, 79, 80), FLAT],
        [("long", 3, 4, 110, 80, "stop_loss")],
    ),
    (
        "the target",
        "Buy when close > 105, target 10%",
        [FLAT, FLAT, SIGNAL, (110, 111, 109, 104), (110, 125, 109, 104), FLAT],
        [("long", 3, 4, 110, 121, "take_profit")],
    ),
    (
        "a target that the open is beyond comes before a stop that is reached later",
        "Buy when close > 105, stop 10%, target 10%",
        [FLAT, FLAT, SIGNAL, (110, 111, 109, 110), (125, 126, 90, 100), FLAT],
        [("long", 3, 4, 110, 125, "take_profit")],
    ),
    (
        "and so it does for a short",
        "Short when close > 105, stop 10%, target 10%",
        [FLAT, FLAT, SIGNAL, (110, 111, 109, 110), (90, 125, 89, 100), FLAT],
        [("short", 3, 4, 110, 90, "take_profit")],
    ),
    (
        "a loss of everything ends it",
        "Short when close > 105, cover when close < 1, leverage 2",
        [FLAT, FLAT, SIGNAL, (110, 111, 109, 110), (150, 170, 149, 166), (100, 101, 99, 100), FLAT],
        [("short", 3, 4, 110, 166, "ruined")],
    ),
    (
        "a short mirrors it all",
        "Short when close > 105, stop 10%, target 20%",
        [FLAT, FLAT, SIGNAL, (110, 111, 109, 104), (110, 125, 109, 104), FLAT],
        [("short", 3, 4, 110, 121, "stop_loss")],
    ),
    (
        "a trailing stop only ever tightens, at each close",
        "Buy when close > 105, trailing stop 10%",
        [FLAT, FLAT, SIGNAL, (110, 121, 109, 120), (120, 121, 109, 100), (100, 101, 99, 100)],
        # Close 120 puts it at 108; close 100 would be 90 but leaves it at 108, above the next open.
        [("long", 3, 5, 110, 100, "trailing_stop")],
    ),
    (
        "the entry bar counts as the first bar held",
        "Buy when close > 105, exit after 1 bar",
        [FLAT, FLAT, SIGNAL, (110, 111, 100, 104), (103, 104, 102, 103), FLAT],
        [("long", 3, 4, 110, 103, "max_bars")],
    ),
    (
        "two bars later for two",
        "Buy when close > 105, exit after 2 bars",
        [FLAT, FLAT, SIGNAL, (110, 111, 100, 104), (103, 104, 102, 103), (99, 100, 98, 99)],
        [("long", 3, 5, 110, 99, "max_bars")],
    ),
    (
        "reversed at the same fill",
        "Buy when close > 105, sell when close < 95, short when close < 95, cover when close > 105",
        [FLAT, FLAT, SIGNAL, (110, 111, 90, 91), (92, 93, 91, 92), FLAT],
        [("long", 3, 4, 110, 92, "exit_rule"), ("short", 4, 5, 92, 100, "end_of_data")],
    ),
    (
        "an entry is not taken on the bar on which an exit of its side fires",
        "Buy when close > 105, sell when close > 109",
        [FLAT, FLAT, SIGNAL, (107, 108, 106, 107), (106, 107, 105, 106), FLAT],
        [("long", 4, 5, 106, 100, "end_of_data")],
    ),
    (
        "a cross needs the bar before on the other side",
        "Buy when the close crosses above 105, exit after 1 bar",
        [FLAT, FLAT, SIGNAL, SIGNAL, (107, 108, 106, 107), FLAT],
        [("long", 3, 4, 100, 107, "max_bars")],
    ),
    (
        "two bars of cooldown",
        "Buy when close > 90, exit after 1 bar, wait 3 bars after an exit",
        [FLAT] * 9,
        [("long", 1, 2, 100, 100, "max_bars"), ("long", 6, 7, 100, 100, "max_bars")],
    ),
]


@pytest.mark.parametrize(("sentence", "rows", "expected"), [t[1:] for t in TABLE], ids=[t[0] for t in TABLE])
def test_trades(sentence: str, rows: list[OHLC], expected: list[Any], run: Any) -> None:
    trades = run(sentence, bars(*rows)).trades
    columns = ["side", "entry_bar", "exit_bar", "entry_price", "exit_price", "exit_reason"]
    got = [tuple(row) for row in trades[columns].itertuples(index=False)]
    assert got == [(s, a, b, pytest.approx(p), pytest.approx(q), why) for s, a, b, p, q, why in expected]


@pytest.mark.parametrize(
    ("size", "units"),
    [
        ("", 909),  # all of 100,000 at 110
        ("Size 50% of equity.", 454),
        ("Buy 7 shares.", 7),
        ("Invest $1100 per trade.", 10),
        ("Risk 1% per trade.", 90),  # 1,000 at risk over a stop 11 away
    ],
)
def test_sizes(size: str, units: int, run: Any) -> None:
    entry = "Buy 7 shares when" if "7 shares" in size else "Buy when"
    rest = "" if "7 shares" in size else size
    result = run(
        f"{entry} close > 105, stop 10%, exit after 1 bar. {rest}",
        bars(FLAT, FLAT, SIGNAL, *[(110, 111, 109, 104)] * 3),
    )
    assert result.trades["size"].tolist() == [units]


def test_an_order_that_cannot_be_paid_for_is_reported(run: Any) -> None:
    result = run(
        "Buy when close > 105, exit after 1 bar. Start with $50.", bars(FLAT, FLAT, SIGNAL, *[(110, 111, 109, 104)] * 3)
    )
    assert result.trades.empty
    (told,) = [w for w in result.warnings if "not placed" in w]
    day = result.prices.frame.index[3].date()
    assert told == (
        f"1 order was not placed for lack of cash or size; the first on {day}, at a price of $110: $50 does not buy one share. "
        "Give more cash, or a smallest fraction such as 0.01 where the market allows fractions"
    )
    assert any(
        "The cash of $50 does not buy one share of" in w and "costs $110. Give more cash" in w for w in result.warnings
    )


@pytest.mark.parametrize(
    ("size", "lacked"),
    [
        ("Buy 7 shares.", "$500 of equity does not pay for it. Give more cash, or order less"),  # 7 at 110 are 770
        ("Invest $100 per trade.", "its size came to less than one share. Give more cash, or a smallest fraction"),  # the close is 110
    ],
)  # fmt: skip
def test_an_order_that_is_too_large_or_too_small_says_what_it_lacked(size: str, lacked: str, run: Any) -> None:
    entry = "Buy 7 shares when" if "7 shares" in size else "Buy when"
    rest = "" if "7 shares" in size else size
    text = f"{entry} close > 105, exit after 1 bar. {rest} Start with $500."
    result = run(text, bars(FLAT, FLAT, SIGNAL, *[(110, 111, 109, 104)] * 3))
    (told,) = [w for w in result.warnings if "not placed" in w]
    assert lacked in told
    assert not any("time=" in w or "margin_available" in w for w in result.warnings)


def test_commission_and_spread_are_paid(run: Any) -> None:
    rows = bars(FLAT, FLAT, SIGNAL, *[(110, 111, 109, 104)] * 3)
    costly = run("Buy 10 shares when close > 105, exit after 1 bar. Commission 1%. Spread 2%.", rows)
    trade = costly.trades.iloc[0]
    assert trade.entry_price == pytest.approx(110 * 1.02)
    assert trade.commission == pytest.approx(10 * (112.2 + 110) * 0.01)
    assert costly.summary["total_pnl"] == pytest.approx(10 * (110 - 112.2) - trade.commission)


@pytest.mark.parametrize(
    ("text", "price", "units"),
    [
        ("Buy when close > 1, exit after 3 bars, commission $5 per trade", 2.0, 49_997),  # 99,995 at 2
        ("Buy when close > 1, exit after 3 bars, commission $5 per trade. Size 50% of equity.", 2.0, 24_997),
        ("Short when close > 1, exit after 3 bars, commission $5 per trade", 2.0, 49_997),
        (
            "Buy BTCUSD when close > 0.01, exit after 3 bars, commission $1 per trade",
            0.1,
            999_990.0,
        ),  # in millionths of a coin
    ],
)
def test_a_fixed_commission_is_paid_once_an_order(text: str, price: float, units: float, run: Any) -> None:
    """By the sandbox, by the compiled engine, and by the generated file where it is run alone with backtesting.py."""
    rows = bars(*[(price,) * 4] * 3, *[(price * 1.5,) * 4] * 5)
    result = run(text, rows)
    trade = result.trades.iloc[0]
    assert trade["size"] == pytest.approx(units, abs=2e-6)  # a smallest unit less where the money is spent to the cent
    compiled = Kernel(result.strategy, rows, []).run({}).trades
    assert np.abs(compiled["Size"].iloc[0]) == pytest.approx(units, abs=2e-6)
    space: dict[str, Any] = {"__name__": "alone"}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(result.code.code, space)
        alone = space["backtest"](rows).run()["_trades"]
    assert np.abs(alone["Size"].iloc[0]) == pytest.approx(units, abs=2e-6)


def test_what_is_filled_at_a_close_is_paid_for_at_that_close(run: Any) -> None:
    """Ten shares at 110 and 2% spread cost 22, the commission of 1% is 11.22, and 9.50 where they are left at 95."""
    rows = bars(FLAT, FLAT, SIGNAL, (112, 113, 90, 95), (96, 97, 95, 96), FLAT)
    text = "Buy 10 shares at the close when close > 105, sell when close < 105. Commission 1%. Spread 2%."
    entered = 100_000 - 22 - 11.22
    left = entered + 10 * (95 - 110) - 9.5
    expected = [100_000, 100_000, entered, left, left, left]
    done = run(text, rows)
    assert done.equity["Equity"].tolist() == pytest.approx(expected, abs=1e-9)
    assert Kernel(done.strategy, rows, []).run({}).equity.tolist() == done.equity["Equity"].tolist()
    assert done.metrics["Max. Drawdown [%]"] == pytest.approx(left / 1000 - 100)


def test_missing_values_make_a_comparison_and_its_negation_false(run: Any) -> None:
    # Dividing by a volume of zero has no value, so neither the rule nor its negation fires.
    frame = bars(*[FLAT] * 8).assign(Volume=0.0)
    for rule in ("close / volume > 1", "not (close / volume > 1)"):
        assert run(f"Buy when {rule}, stop 5%", frame).trades.empty


def test_fractions_of_a_coin_are_traded(run: Any) -> None:
    rows = bars(*[(30_000, 30_100, 29_900, 30_000)] * 3, *[(40_000, 40_100, 39_900, 40_000)] * 4)
    result = run("Buy BTC-USD when close > 35000, exit after 2 bars. Start with $1000.", rows)
    trade = result.trades.iloc[0]
    assert trade["size"] == pytest.approx(0.025, abs=2e-6)
    assert trade.entry_price == pytest.approx(40_000)
    assert np.isclose(result.metrics["Equity Final [$]"], 1000, rtol=1e-6)


def test_one_bar_cannot_be_traded_and_two_can(run: Any) -> None:
    from Backtest.errors import DataError

    with pytest.raises(DataError, match="at least 2"):
        run("Buy when close > 105, stop 5%", bars(FLAT))
    assert run("Buy when close > 105, stop 5%", bars(FLAT, FLAT)).summary["total_trades"] == 0


def test_a_volume_indicator_without_volume_is_refused(run: Any) -> None:
    from Backtest.errors import DataError

    with pytest.raises(DataError, match="no volume"):
        run("Buy when MFI < 20, sell when MFI > 80", bars(*[FLAT] * 30).assign(Volume=0.0))


def test_a_warm_up_longer_than_the_data_is_said(run: Any) -> None:
    result = run("Buy when close > SMA(200), stop 5%", bars(*[FLAT] * 50))
    assert any("never has a value" in w for w in result.warnings)
