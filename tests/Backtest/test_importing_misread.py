"""Exports that were understood wrongly in silence: each is read right, asked about or refused."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from Backtest.data.importing import ImportChoices, UnderstoodFile, read_file
from Backtest.errors import DataError


def read(text: str, name: str = "prices.csv", **choices: Any) -> UnderstoodFile:
    return read_file(text.encode(), name, choices=ImportChoices(**choices))


def asked(found: UnderstoodFile) -> dict[str, tuple[str, ...]]:
    return {question.field: question.choices for question in found.blocking}


# Columns without names -------------------------------------------------------------------------

PRICES = (
    "100.000,100.151,99.900,100.051", "100.051,100.300,100.010,100.200", "100.200,100.250,99.700,99.800",
    "99.800,100.100,99.750,100.020",
)  # fmt: skip


@pytest.mark.parametrize("volumes", [(1682971, 1500222, 1733001, 1400000), (48, 48, 48, 48), (900, 900, 900, 900), (100, 99, 101, 100)])  # fmt: skip
def test_a_volume_before_unnamed_prices_is_asked_about(volumes: tuple[int, ...]) -> None:
    text = "".join(f"2021-01-0{4 + i},{v},{p}\n" for i, (v, p) in enumerate(zip(volumes, PRICES, strict=True)))
    order = "time,volume,open,high,low,close"
    found = read(text)
    assert found.prices is None
    assert asked(found)["columns"][0] == order
    bar = read(text, columns=order, decimal=".").require().frame.iloc[0]
    assert bar.tolist() == [100.0, 100.151, 99.9, 100.051, volumes[0]]


def test_unnamed_prices_behind_a_volume_whose_close_stands_first_are_offered_so() -> None:
    """Gate.io's monthly files: time, volume, close, high, low, open."""
    closes = (100.0, 101.5, 99.25, 99.75, 102.0, 103.5, 101.0, 100.25, 98.5, 99.0, 100.5)
    text = "".join(
        f"{1704153600 + 3600 * i},{517.25 + 31 * i},{close},{max(close, before) + 0.5},{min(close, before) - 0.5},{before}\n"
        for i, (before, close) in enumerate(pairwise(closes))
    )
    choices = asked(read(text))["columns"]
    assert choices[0] == "time,volume,close,high,low,open"
    assert "time,volume,open,high,low,close" in choices
    bar = read(text, columns=choices[0], decimal=".").require().frame.iloc[1]
    assert bar.tolist() == [101.5, 102.0, 98.75, 99.25, 548.25]


def test_an_unusual_order_of_unnamed_columns_is_asked_about() -> None:
    text = "2021-01-04,12,9,10,11,500\n2021-01-05,13,10,11,12,600\n2021-01-06,14,11,12,13,700\n"
    found = read(text)
    assert asked(found) == {"columns": ("time,high,low,open,close,volume", "time,high,low,close,open,volume")}
    assert read(text, columns=asked(found)["columns"][0]).require().frame.iloc[0].tolist() == [10, 12, 9, 11, 500]


def test_a_small_volume_beside_a_high_is_not_the_low_of_unnamed_bars() -> None:
    rows = ((48, 102, 98, 99, 101), (48, 103, 99, 101, 102), (48, 104, 100, 102, 103))
    text = "".join(f"2021-01-0{4 + i},{','.join(map(str, row))}\n" for i, row in enumerate(rows))
    assert "columns" in asked(read(text))  # time, volume, high, low, open, close; Coinbase has low, high first


def test_an_adjusted_close_behind_unnamed_prices_is_no_volume() -> None:
    text = "2021-01-04,10,12,9,11,10.5,500\n2021-01-05,11,13,10,12,11.5,600\n2021-01-06,12,14,11,13,12.5,700\n"
    choices = asked(read(text))["columns"]
    assert choices == ("time,open,high,low,close,adj_close,volume", "time,open,high,low,close,-,volume")
    assert read(text, columns=choices[0], adjustment="none").require().frame["Volume"].tolist() == [500, 600, 700]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2), (2, 1, 0, 3)])
def test_the_usual_orders_of_unnamed_columns_need_no_question(order: tuple[int, ...]) -> None:
    text = ""
    for i in range(12):
        bar = (100 + i, 102 + i, 99 + i, 101 + i)
        text += f"2021-01-{4 + i:02},{','.join(str(bar[at]) for at in order)},{5000 + i}\n"
    found = read(text)
    assert asked(found) == {}
    assert found.require().frame.iloc[0].tolist() == [100, 102, 99, 101, 5000]


# Prices in fractions ---------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["94'24", "94’24", "94 24", "94'245", "94'24+", "94'24.5", "94'2"])
def test_prices_in_32nds_are_refused_naming_the_cell(cell: str) -> None:
    days = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05")
    text = "Date,Open,High,Low,Close\n" + "".join(f"{day},{cell},{cell},{cell},{cell}\n" for day in days)
    with pytest.raises(DataError, match=r"the open .* in line 2, .*32nds") as refused:
        read(text)
    assert cell in str(refused.value)
    assert "94.75" in refused.value.suggestions[0]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1'234.5", 1234.5), ("1’234’567.25", 1234567.25), ("12'345", 12345), ("1 234.5", 1234.5), ("$ 94.5", 94.5), ("'94.5", 94.5), ("94.5 ", 94.5)],
)  # fmt: skip
def test_apostrophes_and_spaces_before_three_digits_group_thousands(cell: str, value: float) -> None:
    text = f"Date;Open;High;Low;Close\n2024-01-02;{cell};{cell};{cell};{cell}\n2024-01-03;94.5;94.5;94.5;94.5\n"
    assert read(text).require().frame["Open"].tolist() == [value, 94.5]


# Several instruments ---------------------------------------------------------------------------

DAYS = ("2024-01-02", "2024-01-03", "2024-01-04")


@pytest.mark.parametrize("name", ["Contract", "Expiry", "Expiration Date", "Series", "Exchange"])
def test_a_column_with_several_contracts_or_exchanges_is_asked_about(name: str) -> None:
    text = f"Date,{name},Open,High,Low,Close,Volume\n" + "".join(
        f"{day},A1,10,12,9,11,5\n{day},B2,20,22,19,21,6\n" for day in DAYS
    )
    assert asked(read(text)) == {"symbol_in_file": ("A1", "B2", "*")}
    assert read(text, symbol_in_file="B2").require().frame["Close"].tolist() == [21, 21, 21]


def test_a_column_with_one_contract_or_series_is_no_symbol() -> None:
    text = "Date,Series,Open,High,Low,Close\n" + "".join(f"{day},EQ,10,12,9,11\n" for day in DAYS)
    assert read(text, "INFY.csv").require().symbol == "INFY"
    several = "Date,Symbol,Expiry,Open,High,Low,Close\n" + "".join(
        f"{day},ES,{month},10,12,9,11\n" for day in DAYS for month in ("2024-03", "2024-06")
    )
    assert asked(read(several)) == {"symbol_in_file": ("2024-03", "2024-06", "*")}


@pytest.mark.parametrize("group", ["HA", "Avg", "Adj", "SPY", "Heikin Ashi"])
def test_columns_beside_plain_prices_name_no_symbol(group: str) -> None:
    own = ",".join(f"{group} {part}" for part in ("Open", "High", "Low", "Close"))
    for header, cells in ((f"Open,High,Low,Close,{own}", "10,12,9,11,1,4,1,2"), (f"{own},Open,High,Low,Close", "1,4,1,2,10,12,9,11")):  # fmt: skip
        text = f"Date,{header},Volume\n" + "".join(f"{day},{cells},5\n" for day in DAYS)
        found = read(text, "MSFT.csv", adjustment="none").require()
        assert (found.symbol, found.frame.iloc[0].tolist()) == ("MSFT", [10, 12, 9, 11, 5])


def test_heikin_ashi_alone_is_refused_and_the_symbol_ha_is_read() -> None:
    header = "Date,HA.Open,HA.High,HA.Low,HA.Close"
    with pytest.raises(DataError, match="lacks the columns"):
        read(header + "\n2024-01-02,10,12,9,11\n2024-01-03,10,12,9,11\n")
    text = header + ",HA.Volume\n2024-01-02,10,12,9,11,5\n2024-01-03,10,12,9,11,5\n"
    assert read(text).require().symbol == "HA"


# Unfinished bars, German clocks ----------------------------------------------------------------


@pytest.mark.parametrize(("name", "yes", "no"), [("complete", "True", "False"), ("complete", "true", "false"), ("closed", "1", "0"), ("is_final", "yes", "no"), ("isFinal", "TRUE", "FALSE")])  # fmt: skip
def test_a_bar_that_is_not_finished_is_left_out_and_counted(name: str, yes: str, no: str) -> None:
    text = f"Date,{name},Open,High,Low,Close\n" + "".join(f"{day},{yes},10,12,9,11\n" for day in DAYS)
    found = read(text + f"2024-01-05,{no},11,11.5,11,11.2\n")
    assert len(found.require().frame) == 3
    assert found.counts["unfinished"] == 1
    assert any(name in warning and "line 5" in warning for warning in found.warnings)


def test_a_column_that_calls_no_bar_finished_leaves_out_none() -> None:
    text = "Date,closed,Open,High,Low,Close\n" + "".join(f"{day},0,10,12,9,11\n" for day in DAYS)
    found = read(text)
    assert len(found.require().frame) == 3
    assert any("closed" in warning for warning in found.warnings)
    other = read(text.replace(",0,", ",0.5,"))
    assert not any("closed" in warning for warning in other.warnings)


def test_the_unfinished_candle_of_oandas_json_is_left_out() -> None:
    candles = ",".join(
        f'{{"complete": {"true" if day < 5 else "false"}, "volume": 7, "time": "2024-01-0{day}T00:00:00Z", '
        '"mid": {"o": "1.10", "h": "1.12", "l": "1.09", "c": "1.11"}}'
        for day in (2, 3, 4, 5)
    )
    found = read(f'{{"instrument": "EUR_USD", "granularity": "D", "candles": [{candles}]}}', "oanda.json")
    assert len(found.require().frame) == 3


@pytest.mark.parametrize("clocks", [("15.30", "16.30", "17.30"), ("15.00", "16.00", "17.00"), ("9.30", "10.30", "11.30"), ("09.30.00", "10.30.00", "11.30.00"), ("9.30 Uhr", "10.30 Uhr", "11.30 Uhr")])  # fmt: skip
def test_clocks_with_dots_beside_dates_with_dots(clocks: tuple[str, ...]) -> None:
    text = "Date;Time;Open;High;Low;Close\n" + "".join(f"18.03.24;{clock};10;12;9;11\n" for clock in clocks)
    found = read(text).require()
    assert found.timeframe == "1h"
    first = clocks[0].split(".")
    assert str(found.frame.index[0]) == f"2024-03-18 {int(first[0]):02}:{first[1][:2]}:00"


# Zones a file gives ----------------------------------------------------------------------------


def hours(header: str, row: str, days: tuple[str, ...] = ("2024-07-01",), begin: int = 9, end: int = 16) -> str:
    times = [f"{day} {hour:02}:30" for day in days for hour in range(begin, end)]
    return f"{header}\n" + "".join(row.format(t=t) + "\n" for t in times)


def first(found: UnderstoodFile) -> str:
    return str(found.require().frame.index[0].tz_convert("UTC"))


@pytest.mark.parametrize(("said", "utc"), [("America/New_York", "13:30"), ("UTC", "09:30"), ("Europe/Berlin", "07:30")])
def test_a_column_of_one_zone_is_that_of_the_times(said: str, utc: str) -> None:
    found = read(hours("Datetime,Open,High,Low,Close,Volume,timezone", f"{{t}},10,12,9,11,5,{said}"))
    assert first(found) == f"2024-07-01 {utc}:00+00:00"
    assert any("timezone" in note for note in found.notes)


@pytest.mark.parametrize("offset", ["-05:00", "-0500", "-5", "-18000", "UTC-05:00"])
def test_a_column_of_offsets_places_the_times(offset: str) -> None:
    found = read(hours("Datetime,UTC Offset,Open,High,Low,Close", f"{{t}},{offset},10,12,9,11"))
    assert first(found) == "2024-07-01 14:30:00+00:00"
    assert any("UTC Offset" in note for note in found.notes)


def test_of_local_times_and_utc_those_in_utc_are_taken() -> None:
    text = "Local Time,UTC Time,Open,High,Low,Close\n" + "".join(
        f"2024-07-01 {hour:02}:00,2024-07-01 {hour + 5:02}:00,10,12,9,11\n" for hour in range(9, 15)
    )
    found = read(text)
    assert (found.columns["time"], found.timezone) == ("UTC Time", "UTC")
    assert first(found) == "2024-07-01 14:00:00+00:00"
    assert any("UTC Time" in note for note in found.notes)


SUMMER, WINTER = tuple(f"2024-07-{d:02}" for d in range(1, 9)), tuple(f"2024-01-{d:02}" for d in range(1, 9))


@pytest.mark.parametrize("days", [SUMMER, ("2024-03-11", "2024-03-12")])
def test_est_is_asked_about_in_summer(days: tuple[str, ...]) -> None:
    text = hours("Time (EST),Open,High,Low,Close", "{t},10,12,9,11", days)
    assert asked(read(text)) == {"timezone": ("America/New_York", "Etc/GMT+5")}
    assert first(read(text, timezone="America/New_York")) == f"{days[0]} 13:30:00+00:00"
    assert first(read(text, timezone="Etc/GMT+5")) == f"{days[0]} 14:30:00+00:00"


def test_est_is_told_by_winter_alone_and_by_sessions() -> None:
    header, row = "Time (EST),Open,High,Low,Close", "{t},10,12,9,11"
    assert first(read(hours(header, row, WINTER))) == "2024-01-01 14:30:00+00:00"
    winter = hours(header, row, WINTER)
    same = winter + hours("", row, SUMMER).lstrip()
    assert read(same).timezone == "America/New_York"
    earlier = winter + hours("", row, SUMMER, 8, 15).lstrip()
    assert read(earlier).timezone == "Etc/GMT+5"


def test_a_column_zone_that_names_no_time_zone_says_nothing() -> None:
    found = read(hours("Datetime,Open,High,Low,Close,zone", "{t},10,12,9,11,Supply"))
    assert (found.timezone, asked(found)) == ("", {})


@pytest.mark.parametrize(
    ("order", "volume"),
    [
        ("open,high,volume,low,close", 51_300),
        ("open,volume,high,low,close", 51_300),
        ("open,high,low,volume,close", 51_300),
        ("open,close,volume,high,low", 51_300),
        ("low,high,volume,open,close", 51_300),
        ("open,high,volume,low,close", 8),  # near the prices, and whole where they are not
        ("open,high,volume,low,close", 0.013),
    ],
)
def test_a_volume_among_unnamed_prices_is_proposed_and_asked_about(order: str, volume: float) -> None:
    rows = [
        {"open": 10.25 + day % 3, "high": 12.75 + day % 3, "low": 9.5 + day % 3, "close": 11.25 + day % 3, "volume": volume + day * volume / 8}
        for day in range(12)
    ]  # fmt: skip
    if volume == 8:
        rows = [{**row, "volume": 6 + day % 3} for day, row in enumerate(rows)]
    text = "".join(
        f"2024-01-{day + 1:02d},{','.join(f'{row[part]:g}' for part in order.split(','))}\n"
        for day, row in enumerate(rows)
    )
    found = read(text)
    assert asked(found) == {"columns": (f"time,{order}", f"time,{order.replace('volume', '-')}")}
    assert "a column among the prices is a volume by its values" in found.questions[0].text
    first = read(text, columns=asked(found)["columns"][0]).require().frame.iloc[0]
    assert first.tolist() == [rows[0][part] for part in ("open", "high", "low", "close", "volume")]
    assert read(text, columns=asked(found)["columns"][1]).require().frame["Volume"].sum() == 0


def test_whole_numbers_in_a_price_are_no_volume() -> None:
    text = "".join(f"2024-01-{day:02d},{10 + day}.5,{12 + day}.5,{9 + day},{11 + day}.5,500\n" for day in range(1, 13))
    assert read(text).require().frame.iloc[0].tolist() == [11.5, 13.5, 10, 12.5, 500]
