"""What a run knows of the time before its start."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from Backtest.backtesting_adapter import check_data, run_backtest_from_canonical
from Backtest.canonical import CanonicalStrategy, history_bars
from Backtest.data.prices import PriceData, PriceRequest
from Backtest.data_manager import DataManager
from Backtest.decision.series import compute_indicators
from Backtest.sandbox import ProcessSandbox
from Strategy.text_parser import parse_strategy

OBV = "Buy when OBV is above 0, sell when OBV is below 0"


class Kept:
    """Bars from 2015 on, as a provider that cuts what it is asked for."""

    name = "kept"

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def fetch(self, request: PriceRequest) -> PriceData:
        start = pd.Timestamp(request.start) if request.start else self.frame.index[0]
        return PriceData(request.symbol, request.timeframe, self.frame.loc[start:], self.name)


def bars(closes: list[float], volumes: list[float]) -> pd.DataFrame:
    index = pd.bdate_range("2015-01-05", periods=len(closes)).as_unit("us")
    close = np.array(closes)
    columns = {"Open": close, "High": close + 1, "Low": close - 1, "Close": close, "Volume": np.array(volumes)}
    return pd.DataFrame(columns, index=index, dtype=float)


def test_obv_counts_from_the_first_bar_there_is() -> None:
    """OBV of 10, 11, 10, 12, 9 with volumes 5, 3, 20, 4, 7 is 5, 8, -12, -8, -15."""
    strategy = parse_strategy(OBV).require()
    frame = bars([10, 11, 10, 12, 9], [5, 3, 20, 4, 7])
    start = date(2015, 1, 8)
    prices = DataManager([Kept(frame)]).fetch(PriceRequest("X", "1d", start, None, history_bars(strategy)))
    assert (prices.first, prices.start.date()) == (3, start)
    values = compute_indicators(strategy, prices.frame)["OBV"][0]
    assert list(values) == [5, 8, -12, -8, -15]


def walk(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    moves = random.normal(0, 0.01, 3000)
    return bars(list(100 * np.exp(np.cumsum(moves))), list(random.integers(1, 1000, 3000).astype(float)))


@pytest.mark.parametrize(
    "rule", ["OBV is above {0}, sell when OBV is below {0}", "OBV crosses above {0}, sell after 9 days"]
)
def test_decisions_of_obv_do_not_depend_on_the_start(rule: str, sandbox: ProcessSandbox) -> None:
    """The level is the middle of OBV's values in 2024, so that it is passed there."""
    frame = walk(7)
    sums = (np.sign(frame["Close"].diff()).fillna(1) * frame["Volume"]).cumsum()
    strategy = parse_strategy(f"Buy when {rule.format(int(sums.loc['2024'].median()))}").require()
    trades = []
    for start in (date(2019, 1, 1), date(2023, 6, 1)):
        request = PriceRequest("X", "1d", start, None, history_bars(strategy))
        result = run_backtest_from_canonical(strategy, DataManager([Kept(frame)]).fetch(request), sandbox=sandbox)
        trades.append({str(t) for t in result.trades["entry_time"]})
    later = {t for t in trades[0] if t > "2024"}
    assert later
    assert later == {t for t in trades[1] if t > "2024"}


def test_averages_load_what_they_need_and_no_more() -> None:
    strategy = CanonicalStrategy.model_validate(
        parse_strategy("Buy when EMA(20) > EMA(40), sell when EMA(20) < EMA(40)").require().model_dump()
    )
    assert 400 <= history_bars(strategy) < 450  # ten times the longest period, and what the rules look back


# -- What is doubtful about bars that decide nothing ----------------------------------------------

SPLIT_DAYS = pd.bdate_range("2024-01-01", periods=80)
# Four for one at the open of bar 40, 2024-02-26; about 1% a day up and down otherwise.
SPLIT_CLOSE = np.array([100 + i % 2 if i < 40 else 25 + 0.25 * (i % 2) for i in range(80)])
SPLIT = pd.DataFrame(
    {"Open": SPLIT_CLOSE, "High": SPLIT_CLOSE * 1.01, "Low": SPLIT_CLOSE * 0.99, "Close": SPLIT_CLOSE, "Volume": 1000.0},
    index=SPLIT_DAYS,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "begins", "warned"),
    [
        ("Buy when close > 0.01, sell after 5 bars", 0, True),
        ("Buy when close > 0.01, sell after 5 bars", 39, True),  # the last day of the old prices
        ("Buy when close > 0.01, sell after 5 bars", 40, False),  # the first of the new ones: no bar of the old is read
        ("Buy when close > 0.01, sell after 5 bars", 41, False),
        ("Buy when close crosses above 20, sell after 5 bars", 40, True),  # a cross reads the bar before
        ("Buy when close crosses above 20, sell after 5 bars", 41, False),
        ("Buy when close > SMA(5), sell after 5 bars", 41, True),  # the average warms up on the old prices
        ("Buy when close > SMA(2), sell after 5 bars", 75, False),  # 30 bars before it are all new
    ],
)
def test_a_split_is_warned_of_where_a_run_reads_across_it(text: str, begins: int, warned: bool) -> None:
    strategy = parse_strategy(text).require()
    prices = PriceData("X", "1d", SPLIT, "uploaded", "as uploaded")
    run = prices.between(SPLIT_DAYS[begins].date(), None, history_bars(strategy))
    assert any("as in a split 4 for 1" in note for note in check_data(strategy, run)) == warned
