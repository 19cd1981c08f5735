"""What a run knows of the time before its start."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from Backtest.backtesting_adapter import run_backtest_from_canonical
from Backtest.canonical import CanonicalStrategy, history_bars
from Backtest.conditions import compute_indicators
from Backtest.data.prices import PriceData, PriceRequest
from Backtest.data_manager import DataManager
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
