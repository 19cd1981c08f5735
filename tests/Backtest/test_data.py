"""Prices: bundled, from Yahoo's protocol, cached, checked, resampled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Backtest.data import PriceData, PriceRequest
from Backtest.data.bundled import BundledProvider
from Backtest.data.cache import CachedProvider
from Backtest.data.quality import doubts, quality_report
from Backtest.data.yahoo import YahooProvider
from Backtest.data_manager import DataIngestionModel, DataManager
from Backtest.errors import AlgoAgentError, DataError, DataRangeError, ProviderError, StrategyError
from Backtest.market.sessions import resample
from tests.yahoo_server import LocalSession, Yahoo, yahoo_server


def walk(start: str, days: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.01, days))), 4)
    index = pd.bdate_range(start, periods=days, unit="us")
    columns = {"Open": close, "High": close + 1, "Low": close - 1, "Close": close, "Volume": 1000.0}
    return pd.DataFrame(columns, index=index)


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    with yahoo_server() as server:
        server.bars["ACME"] = walk("2023-01-02", 300)
        yield server


def provider(yahoo: Yahoo, folder: Path, waits: list[float] | None = None) -> YahooProvider:
    sleep = waits.append if waits is not None else (lambda _: None)
    return YahooProvider(timeout_s=5, state_folder=folder / "state", session=LocalSession(yahoo.port), sleep=sleep)


# Yahoo ---------------------------------------------------------------------------------------


def test_yahoo_gives_adjusted_bars_of_the_days_asked_for(yahoo: Yahoo, tmp_path: Path) -> None:
    yahoo.adjust = 0.5
    got = provider(yahoo, tmp_path).fetch(PriceRequest("ACME", "1d", date(2023, 2, 1), date(2023, 2, 10)))
    expected = yahoo.bars["ACME"].loc["2023-02-01":"2023-02-10"]
    assert [str(t.date()) for t in got.frame.index] == [str(t.date()) for t in expected.index]
    np.testing.assert_allclose(got.frame["Close"], expected["Close"] * 0.5)
    np.testing.assert_allclose(got.frame["High"], expected["High"] * 0.5)
    assert (got.source, got.adjustment) == ("yahoo", "splits and dividends")
    assert got.quality["rows"] == len(expected)


def test_a_rate_limit_is_tried_again_with_longer_waits(yahoo: Yahoo, tmp_path: Path) -> None:
    yahoo.fails = [429] * 40
    waits: list[float] = []
    with pytest.raises(ProviderError, match="rate limit"):
        provider(yahoo, tmp_path, waits).fetch(PriceRequest("ACME"))
    assert len(waits) == 2
    assert 0.3 < waits[0] < 0.7 < waits[1] < 1.3
    yahoo.fails = []
    assert len(provider(yahoo, tmp_path).fetch(PriceRequest("ACME")).frame) == 300


def test_unknown_symbols_and_broken_answers_are_told_apart(yahoo: Yahoo, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="NOPE"):
        provider(yahoo, tmp_path).fetch(PriceRequest("NOPE"))
    yahoo.garbage = "<html>maintenance</html>"
    with pytest.raises((ProviderError, DataError)) as caught:
        provider(yahoo, tmp_path).fetch(PriceRequest("ACME"))
    assert "Yahoo" in caught.value.message


def test_no_network_is_said(tmp_path: Path) -> None:
    gone = YahooProvider(timeout_s=1, attempts=1, state_folder=tmp_path, session=LocalSession(9))
    with pytest.raises(ProviderError, match="cannot be reached"):
        gone.fetch(PriceRequest("ACME"))


def test_without_yahoo_the_bundled_prices_are_used_and_said(tmp_path: Path) -> None:
    gone = YahooProvider(timeout_s=1, attempts=1, state_folder=tmp_path, session=LocalSession(9))
    got = DataManager([gone, BundledProvider()]).fetch(PriceRequest("GOOG"))
    assert got.source == "bundled"
    assert any("cannot be reached" in n and "the prices are bundled" in n for n in got.notes)
    with pytest.raises(ProviderError):
        DataManager([gone, BundledProvider()]).fetch(PriceRequest("ACME"))


# Cache ---------------------------------------------------------------------------------------


def cached(yahoo: Yahoo, folder: Path, today: date) -> CachedProvider:
    return CachedProvider(provider(yahoo, folder), folder, today=lambda: today)


def test_the_cache_asks_only_for_what_is_missing(yahoo: Yahoo, tmp_path: Path) -> None:
    whole = yahoo.bars["ACME"]
    yahoo.bars["ACME"] = whole.loc[:"2023-06-30"]
    first = cached(yahoo, tmp_path, date(2023, 7, 1)).fetch(PriceRequest("ACME"))
    asked = len(yahoo.charts())
    again = cached(yahoo, tmp_path, date(2023, 7, 1)).fetch(PriceRequest("ACME"))
    assert len(yahoo.charts()) == asked  # nothing was asked
    pd.testing.assert_frame_equal(first.frame, again.frame, check_freq=False)
    yahoo.bars["ACME"] = whole
    later = cached(yahoo, tmp_path, date(2024, 3, 1)).fetch(PriceRequest("ACME"))
    assert len(later.frame) == 300
    since = pd.Timestamp(int(yahoo.charts()[-1]["period1"]), unit="s")
    assert since > pd.Timestamp("2023-06-20")
    about = json.loads((tmp_path / "yahoo" / "ACME_1d.json").read_text())
    assert about["source"] == "yahoo"
    assert about["adjustment"] == "splits and dividends"
    assert about["sha256"] == later.sha256()
    assert about["timezone"] == "exchange-local"


def test_a_split_makes_it_fetch_everything_anew(yahoo: Yahoo, tmp_path: Path) -> None:
    whole = yahoo.bars["ACME"]
    yahoo.bars["ACME"] = whole.loc[:"2023-06-30"]
    cached(yahoo, tmp_path, date(2023, 7, 1)).fetch(PriceRequest("ACME"))
    yahoo.bars["ACME"], yahoo.adjust = whole, 0.1
    later = cached(yahoo, tmp_path, date(2024, 3, 1)).fetch(PriceRequest("ACME"))
    np.testing.assert_allclose(later.frame["Close"], whole["Close"] * 0.1, rtol=1e-6)


def test_a_damaged_file_is_fetched_again(yahoo: Yahoo, tmp_path: Path) -> None:
    cached(yahoo, tmp_path, date(2024, 3, 1)).fetch(PriceRequest("ACME"))
    path = tmp_path / "yahoo" / "ACME_1d.parquet"
    frame = pd.read_parquet(path)
    frame.iloc[5, 3] *= 1.5
    frame.to_parquet(path)  # readable, but not what was kept
    got = cached(yahoo, tmp_path, date(2024, 3, 1)).fetch(PriceRequest("ACME"))
    np.testing.assert_allclose(got.frame["Close"], yahoo.bars["ACME"]["Close"])
    path.write_bytes(b"PAR1 broken")
    assert len(cached(yahoo, tmp_path, date(2024, 3, 1)).fetch(PriceRequest("ACME")).frame) == 300


def test_a_symbol_is_no_path(yahoo: Yahoo, tmp_path: Path) -> None:
    yahoo.bars["passwd"] = walk("2023-01-02", 30)
    with pytest.raises(AlgoAgentError):
        cached(yahoo, tmp_path / "in", date(2024, 1, 1)).fetch(PriceRequest("../../etc/passwd2"))
    outside = [p for p in tmp_path.rglob("*passwd*") if tmp_path / "in" not in p.parents]
    assert outside == []


# Bundled, ranges, resampling -----------------------------------------------------------------


def test_bundled_symbols_and_what_there_is_of_them() -> None:
    bundled = BundledProvider()
    for symbol, frame in (("GOOG", "1d"), ("AAPL", "1d"), ("EURUSD", "1h")):
        got = bundled.fetch(PriceRequest(symbol, frame))
        assert len(got.frame) > 2000
        assert list(got.frame.columns) == ["Open", "High", "Low", "Close", "Volume"]
    with pytest.raises(DataError, match="NOPE"):
        bundled.fetch(PriceRequest("NOPE"))


def test_dates_outside_name_what_exists() -> None:
    with pytest.raises(DataRangeError, match="2004-08-19 to 2013-03-01"):
        DataManager().fetch(PriceRequest("GOOG", "1d", date(2020, 1, 1), date(2020, 12, 31)))
    with pytest.raises(DataError, match="after the end date"):
        PriceRequest("GOOG", "1d", date(2010, 1, 2), date(2010, 1, 1))
    part = DataManager().fetch(PriceRequest("GOOG", "1d", date(2000, 1, 1), date(2005, 1, 1)))
    assert any("start on 2004-08-19, not on 2000-01-01" in n for n in part.notes)


def test_resampling_against_pandas_and_finer_bars_are_refused() -> None:
    hourly = BundledProvider().fetch(PriceRequest("EURUSD", "1h")).frame
    daily, notes = resample(hourly, "1d")
    assert "days end at 17:00 New York time" in notes[0]
    local = hourly.tz_convert("America/New_York")
    days = (local.index.tz_localize(None) + pd.Timedelta(hours=7)).normalize()
    # Two Fridays have a bar that begins as the week ends; it makes no Saturday.
    days = days - pd.to_timedelta((days.day_of_week == 5).astype(int), unit="D")
    expected = local.groupby(days).agg({"Open": "first", "High": "max", "Low": "min", "Close": "last", "Volume": "sum"})
    pd.testing.assert_frame_equal(
        daily, expected[1:-1], check_names=False, check_freq=False
    )  # the ends are parts of days
    weekly = DataManager().fetch(PriceRequest("GOOG", "1wk")).frame
    assert set(pd.DatetimeIndex(weekly.index).day_name()) == {"Monday"}
    with pytest.raises(DataError):
        DataManager().fetch(PriceRequest("GOOG", "1h"))


def test_ingest_and_process_adds_the_canonical_columns() -> None:
    frame = DataIngestionModel().ingest_and_process(
        "GOOG",
        [{"name": "RSI", "timeperiod": 14}, {"name": "MACD"}, {"name": "SMA", "timeperiod": 4, "timeframe": "1wk"}],
        "2y",
        "1d",
    )
    assert {"RSI_14", "MACD_12_26_9", "MACD_SIGNAL_12_26_9", "MACD_HIST_12_26_9", "SMA_4@1wk"} <= set(frame.columns)
    assert 480 < len(frame) < 520
    assert frame["RSI_14"].notna().all()  # warmed up before the period asked for
    with pytest.raises(StrategyError, match="FOO"):
        DataIngestionModel().ingest_and_process("GOOG", [{"name": "FOO"}], interval="1d")
    with pytest.raises(DataError, match="period"):
        DataIngestionModel().ingest_and_process("GOOG", [], "2 years", "1d")


# Quality -------------------------------------------------------------------------------------


def test_the_quality_report_counts_what_is_doubtful() -> None:
    frame = walk("2023-01-02", 100)
    frame.iloc[10, 1] = frame.iloc[10, 2] - 5  # high below low
    frame.iloc[20, 3] *= 3
    frame.iloc[30, 4] = 0
    frame.iloc[40, 0] = np.nan
    frame = pd.concat([frame.drop(frame.index[50:60]), frame.iloc[[70]]])
    report = quality_report(frame, "1d")
    counts = {name: item["count"] for name, item in report.items() if isinstance(item, dict)}
    assert counts["high_below_low"] == 1
    assert counts["outliers"] == 2  # there and back
    assert counts["zero_volume"] == 1
    assert counts["missing_values"] == 1
    assert counts["duplicates"] == 1
    assert counts["gaps"] == 1
    assert counts["outside_range"] >= 2


def test_a_doubt_names_the_first_day_and_of_an_outlier_its_size() -> None:
    index = pd.date_range("2023-01-02", periods=60, freq="B")
    close = np.where(np.arange(60) % 2, 101.0, 100.0)
    close[30:] *= 1.3  # from 101 on 2023-02-10 to 130 on 2023-02-13
    frame = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close"), close), index).assign(Volume=5.0)
    assert doubts(frame, "1d") == ["outliers: 1 on 2023-02-13, close 130 after 101 (+28.71%)"]
    frame.iloc[[3, 4], 4] = 0
    assert doubts(frame, "1d")[0] == "zero volume: 2, first on 2023-01-05"
    assert doubts(frame.head(3), "1d") == []


def naive_hours() -> PriceData:
    """Half hours in New York's time without its name, over the night of November 5 2023 on which clocks were put back."""
    aware = pd.date_range("2023-11-03 09:30", "2023-11-07", freq="30min", tz="America/New_York", unit="us")
    frame = pd.DataFrame(dict.fromkeys(("Open", "High", "Low", "Close", "Volume"), 1.0), aware.tz_localize(None))
    return PriceData("X", "30m", frame, "test")


def test_prices_without_a_zone_get_the_one_that_is_given_and_lose_no_hour() -> None:
    from Backtest.data.prices import in_zone

    prices = naive_hours()
    found = in_zone(prices, "America/New_York")
    steps = pd.DatetimeIndex(found.frame.index).tz_convert("UTC").to_series().diff().dropna()
    assert len(found.frame) == len(prices.frame)
    assert set(steps) == {pd.Timedelta(minutes=30)}
    assert in_zone(prices, "") is prices


def test_zones_that_cannot_be_are_named() -> None:
    from Backtest.data.prices import in_zone
    from Backtest.errors import InvalidInput

    with pytest.raises(InvalidInput, match="Mars/Olympus"):
        PriceRequest("X", timezone="Mars/Olympus")
    aware = in_zone(naive_hours(), "UTC")
    with pytest.raises(InvalidInput, match="bear the zone UTC, not Europe/Paris"):
        in_zone(aware, "Europe/Paris")


def test_a_rule_that_names_a_zone_asks_for_that_of_the_prices(run: Any) -> None:
    from Backtest.data.prices import in_zone

    text = "On 30m bars. Buy when close > 0.5 between 10:00 and 10:30 New York time, exit after 1 bar"
    with pytest.raises(DataError, match="America/New_York") as caught:
        run(text, naive_hours())
    assert "timezone" in caught.value.suggestions[0]
    trades = run(text, in_zone(naive_hours(), "America/New_York")).trades
    assert [t.strftime("%H:%M") for t in trades["entry_time"]] == ["10:30"] * 4
    assert any("zone is not known" in w for w in run(text.replace(" New York time", ""), naive_hours()).warnings)


def test_history_comes_from_before_the_period() -> None:
    found = DataManager().fetch(PriceRequest("GOOG", start=date(2010, 1, 1), end=date(2010, 9, 30), history=250))
    assert (found.first, str(found.start.date()), str(found.end.date())) == (250, "2010-01-04", "2010-09-30")
    none = DataManager().fetch(PriceRequest("GOOG", start=date(2004, 8, 19), history=250))
    assert none.first == 0


def test_nothing_after_the_end_enters_a_coarser_bar() -> None:
    week = DataManager().fetch(PriceRequest("GOOG", "1wk", end=date(2010, 9, 29)))  # a Wednesday
    assert str(week.end.date()) == "2010-09-20"
    assert any("2010-09-27" in note and "left out" in note for note in week.notes)


def test_each_provider_that_has_nothing_says_why() -> None:
    class Away:
        name = "away"

        def fetch(self, request: PriceRequest) -> PriceData:
            raise ProviderError("no network")

    with pytest.raises(DataError, match="away: no network") as caught:
        DataManager([Away(), BundledProvider()]).fetch(PriceRequest("GOOG", start=date(2030, 1, 1)))
    assert "GOOG has daily prices from 2004-08-19 to 2013-03-01" in str(caught.value)
    assert "Upload a file with the prices" in caught.value.suggestions


def test_no_two_symbols_share_a_file(tmp_path: Path) -> None:
    cached = CachedProvider(BundledProvider(), tmp_path)
    symbols = ["A/B", "A_B", "A%2FB", "A B", "^GSPC", "_GSPC", ".A", "_A", "%2EA", "..", "A.B", "A-B", "A=B"]
    paths = [cached._path(PriceRequest(symbol)) for symbol in symbols]
    assert len(set(paths)) == len(symbols)
    assert {path.parent for path in paths} == {tmp_path / "bundled"}
