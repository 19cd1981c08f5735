"""The lengths of bars, as people write them."""

from __future__ import annotations

import pytest

from Backtest.market.timeframes import TIMEFRAMES, meant_timeframe


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("1 day", "1d"), ("daily", "1d"), ("60m", "1h"), ("weekly", "1wk"), ("hourly", "1h"), ("1 hour", "1h"), ("D", "1d"),
        ("H1", "1h"), ("M15", "15m"), ("1M", "1mo"), ("1D", "1d"), ("7d", "1wk"), ("240", "4h"), ("Q", "3mo"), ("yearly", "1y"),
        ("12 months", "1y"), ("90m", ""), ("H", "1h"), ("1m1", ""), ("fortnight", ""), ("", ""),
    ],
)  # fmt: skip
def test_words_mean_a_time_frame(said: str, meant: str) -> None:
    assert meant_timeframe(said) == meant


def test_a_time_frame_means_itself() -> None:
    assert [meant_timeframe(name) for name in TIMEFRAMES] == list(TIMEFRAMES)
