"""Missing bars are counted and said, holidays are none."""

from __future__ import annotations

import pandas as pd
import pytest

from Backtest.backtesting_adapter import data_notes
from Backtest.data import PriceData
from Backtest.data.gaps import missing_bars
from Backtest.data.importing import ImportChoices, read_file
from Backtest.data.quality import gap_notes
from Backtest.sessions import calendar_of


def frame_of(index: pd.DatetimeIndex) -> pd.DataFrame:
    price = pd.Series(range(100, 100 + len(index)), index, dtype=float)
    return pd.DataFrame({"Open": price, "High": price + 1, "Low": price - 1, "Close": price, "Volume": 1.0})


def american(first: str, last: str, zone: str | None = "America/New_York") -> pd.DatetimeIndex:
    days = calendar_of("XNYS", 2023, 2025)[0]
    days = days[(days >= first) & (days <= last)]
    index = pd.DatetimeIndex(
        [t for d in days for t in pd.date_range(d + pd.Timedelta("9h30min"), periods=78, freq="5min")]
    )
    return index.tz_localize("America/New_York").tz_convert(zone) if zone else index


def test_the_notes_say_what_is_missing_of_hours() -> None:
    hours = pd.date_range("2024-01-01", periods=24 * 20, freq="1h", tz="UTC")
    holed = hours[(hours < "2024-01-10") | (hours >= "2024-01-14")]
    text = "Bars are missing: about 96 1h bars between 2024-01-09 23:00:00+00:00 and 2024-01-14 00:00:00+00:00"
    assert gap_notes(frame_of(holed), "1h") == [text]
    assert data_notes(PriceData("BTC-USD", "1h", frame_of(holed), "uploaded")) == [text]
    assert text in data_notes(PriceData("BTC-USD", "1h", frame_of(holed), "uploaded", "splits"))
    csv = frame_of(holed).rename_axis("time").to_csv().encode()
    read = read_file(csv, "BTCUSD.csv", choices=ImportChoices())
    assert text in read.notes
    assert text in read.require().notes
    assert gap_notes(frame_of(hours), "1h") == []


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", None])
@pytest.mark.parametrize(("first", "last"), [("2024-01-02", "2024-02-20"), ("2023-11-01", "2024-04-30")])
def test_whole_sessions_are_missing_and_holidays_are_not(zone: str | None, first: str, last: str) -> None:
    whole = american(first, last, zone)
    assert not missing_bars(whole, "5m").any()
    local = whole.tz_convert("America/New_York").tz_localize(None) if whole.tz is not None else whole
    for gone in (["2024-01-23", "2024-01-24"], ["2024-01-30"]):
        found = missing_bars(whole[~local.normalize().isin(pd.DatetimeIndex(gone))], "5m")
        assert [n for n in found if n] == [78 * len(gone)]


def test_days_on_which_the_exchange_was_closed_are_none() -> None:
    days = calendar_of("XNYS", 2000, 2003)[0]
    assert not missing_bars(days, "1d").any()
    holed = days[(days < "2002-05-06") | (days > "2002-05-10")]
    assert [n for n in missing_bars(holed, "1d") if n] == [5]
