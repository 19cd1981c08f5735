"""Missing bars are counted and said, holidays are none."""

from __future__ import annotations

import pandas as pd
import pytest

from Backtest.backtesting_adapter import data_notes
from Backtest.data import PriceData
from Backtest.data.gaps import missing_bars
from Backtest.data.importing import ImportChoices, read_file
from Backtest.data.quality import gap_notes
from Backtest.market.sessions import calendar_of


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
    text = "Bars are missing: about 96 hourly bars between 2024-01-09 23:00:00+00:00 and 2024-01-14 00:00:00+00:00"
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


def counted(days: pd.DatetimeIndex) -> list[int]:
    return [int(n) for n in missing_bars(days, "1d") if n]


def without(days: pd.DatetimeIndex, *gone: str) -> pd.DatetimeIndex:
    return days[~days.isin(pd.DatetimeIndex(gone))]


def test_single_days_of_an_exchange_are_missing() -> None:
    """24 May 2022 was a Tuesday, 8 to 10 November Tuesday to Thursday; 4 July and 5 September were holidays."""
    days = calendar_of("XNYS", 2022, 2022)[0]
    assert counted(days) == []
    assert counted(without(days, "2022-05-24")) == [1]
    assert counted(without(days, "2022-05-24", "2022-11-08", "2022-11-09", "2022-11-10")) == [1, 3]
    text = "Bars are missing: about 1 daily bar between 2022-05-23 and 2022-05-25"
    assert gap_notes(frame_of(without(days, "2022-05-24")), "1d") == [text]


def test_single_days_are_missing_where_no_exchange_is_known() -> None:
    """Too few days to tell an exchange by; 15 January and 19 February 2024 were holidays in New York, 16 January none."""
    days = pd.bdate_range("2024-01-08", "2024-03-15")
    assert counted(without(days, "2024-01-15", "2024-02-19")) == []
    assert counted(without(days, "2024-01-16", "2024-02-27", "2024-02-28")) == [1, 2]


def test_an_exchange_that_is_not_known_has_its_own_holidays() -> None:
    days = pd.bdate_range("2021-01-04", "2023-12-29")
    own = [f"{year}-{day}" for year in (2021, 2022, 2023) for day in ("03-09", "05-12", "07-13", "08-23", "11-16")]
    assert counted(without(days, *own)) == []
    week = ["2022-06-13", "2022-06-14", "2022-06-15", "2022-06-16"]
    assert counted(without(days, *own, *week)) == [4]


def test_a_day_of_a_market_that_never_closes_is_missing() -> None:
    days = pd.date_range("2024-03-01", "2024-04-30")
    assert counted(without(days, "2024-03-16", "2024-04-01", "2024-04-02")) == [1, 2]
