"""Exports whose times or volumes were misread: days that end at 24:00, clocks without a first zero, pieces beside turnover, exponents."""

from __future__ import annotations

from typing import Any

import pytest

from Backtest.data.importing import ImportChoices, UnderstoodFile, read_file
from Backtest.errors import DataError


def read(text: str, name: str = "ACME.csv", **choices: Any) -> UnderstoodFile:
    return read_file(text.encode(), name, choices=ImportChoices(**choices))


def bars(times: list[str], header: str = "Date", mark: str = ",") -> str:
    rows = [[header, "Open", "High", "Low", "Close", "Volume"], *([t, "10", "12", "9", "11", "5"] for t in times)]
    return "\n".join(mark.join(row) for row in rows) + "\n"


def times_of(found: UnderstoodFile) -> list[str]:
    return [str(time) for time in found.require().frame.index]


# Days that end at 24:00 -------------------------------------------------------------------------

DAYS = [f"2024-03-0{day}" for day in (4, 5, 6, 7, 8)]
MIDNIGHTS = [f"{day} 00:00:00" for day in DAYS]


@pytest.mark.parametrize("clock", [" 24:00", " 24:00:00", "T24:00", "T24:00:00", " 24:00:00.000", "T24:00:00Z", " 24:00+01:00", " 24:00-05:00"])  # fmt: skip
@pytest.mark.parametrize("timezone", ["", "America/New_York"])
def test_a_day_at_24_keeps_its_date(clock: str, timezone: str) -> None:
    found = read(bars([day + clock for day in DAYS]), timezone=timezone)
    assert times_of(found) == MIDNIGHTS
    assert "A time of 24:00 is the end of a bar: daily bars keep the date they bear, as 2024-03-04" in found.notes


@pytest.mark.parametrize("clock", ["24:00", "24:00:00", "2400", "240000", "24.00", "24.00 Uhr"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_a_day_at_24_in_a_column_of_its_own_keeps_its_date(clock: str, newest_first: bool) -> None:
    for days, header in ((DAYS, "Date;Time"), ([f"0{day}.03.2024" for day in (4, 5, 6, 7, 8)], "Datum;Uhrzeit")):
        times = [f"{day};{clock}" for day in days]
        assert times_of(read(bars(times[::-1] if newest_first else times, header, ";"))) == MIDNIGHTS


@pytest.mark.parametrize("form", ["0{}.03.2024 24:00", "0{}.03.2024 24:00:00", "0{}.03.2024, 24:00", "2024030{} 2400", "2024030{} 240000", "2024030{}2400", "2024/03/0{} 24:00", "0{} March 2024 24:00"])  # fmt: skip
def test_a_day_at_24_keeps_its_date_however_it_is_written(form: str) -> None:
    assert times_of(read(bars([form.format(day) for day in (4, 5, 6, 7, 8)], "Date", ";"))) == MIDNIGHTS


@pytest.mark.parametrize(
    ("timeframe", "days"),
    [
        ("1wk", ["2024-02-02", "2024-02-09", "2024-02-16", "2024-02-23", "2024-03-01"]),
        ("1mo", ["2023-10-31", "2023-11-30", "2023-12-31", "2024-01-31", "2024-02-29"]),
        ("3mo", ["2022-12-31", "2023-03-31", "2023-06-30", "2023-09-30", "2023-12-31"]),
        ("1d", ["2024-03-08"]),
    ],
)
def test_a_week_month_or_quarter_at_24_keeps_its_date(timeframe: str, days: list[str]) -> None:
    found = read(bars([f"{day} 24:00" for day in days]))
    assert found.timeframe == timeframe
    assert times_of(found) == [f"{day} 00:00:00" for day in days]


@pytest.mark.parametrize("form", ["2024-03-04 {:02}:00", "04.03.2024 {:02}:00", "2024-03-04T{:02}:00:00", "20240304 {:02}00", "20240304{:02}00"])  # fmt: skip
def test_an_hour_at_24_is_the_midnight_that_follows(form: str) -> None:
    found = read(bars([form.format(hour) for hour in range(15, 25)]))
    assert found.timeframe == "1h"
    assert times_of(found)[-2:] == ["2024-03-04 23:00:00", "2024-03-05 00:00:00"]
    assert not any("24:00" in note for note in found.notes)


@pytest.mark.parametrize("clock", ["", " 00:00", " 16:00", " 23:59:59"])
def test_days_at_another_time_keep_their_date_as_before(clock: str) -> None:
    found = read(bars([day + clock for day in DAYS]))
    assert times_of(found) == MIDNIGHTS
    assert not any("24:00" in note for note in found.notes)


# Clocks without marks ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["20240304 {:02}30", "20240304 {:02}3000", "20240304T{:02}30", "20240304{:02}30", "20240304 {}30", "20240304 {}3000"])  # fmt: skip
def test_a_clock_without_marks_has_hours_and_minutes_of_two_digits(form: str) -> None:
    found = read(bars([form.format(hour) for hour in range(8, 17)]))
    assert times_of(found) == [f"2024-03-04 {hour:02}:30:00" for hour in range(8, 17)]


def test_a_clock_that_lost_its_first_zero_is_read_below_others() -> None:
    found = read(bars([f"2024030{day} {hour}30" for day in (4, 5) for hour in (10, 11, 12)] + ["20240306 130", "20240306 930"]))  # fmt: skip
    assert times_of(found)[-3:] == ["2024-03-05 12:30:00", "2024-03-06 01:30:00", "2024-03-06 09:30:00"]


# Pieces beside turnover -------------------------------------------------------------------------


def volumes(header: str, cells: str, mark: str = ";") -> UnderstoodFile:
    names = "Datum;Erster;Hoch;Tief;Schlusskurs" if mark == ";" else "Date,Open,High,Low,Close"
    prices = "199,10;201,50;198,00;200,25" if mark == ";" else "199.10,201.50,198.00,200.25"
    return read(f"{names}{mark}{header}\n" + "".join(f"{day}{mark}{prices}{mark}{cells}\n" for day in DAYS))


@pytest.mark.parametrize("pieces", ["Stuecke", "Stück", "Stücke", "Stk.", "Umsatz in Stück", "Umsatz (Stk)", "Volumen Stück", "Volumen (Stück)", "Gehandelte Stücke", "Stückzahl"])  # fmt: skip
@pytest.mark.parametrize("money", ["Volumen", "Umsatz", "Volumen (EUR)", "Umsatz in Euro"])
@pytest.mark.parametrize("money_first", [False, True])
def test_pieces_are_the_volume_and_turnover_is_left_out_and_said(pieces: str, money: str, money_first: bool) -> None:
    header, cells = (f"{money};{pieces}", "245.678;1.234") if money_first else (f"{pieces};{money}", "1.234;245.678")
    found = volumes(header, cells)
    assert found.require().frame["Volume"].tolist() == [1234.0] * 5
    assert found.columns["volume"] == pieces
    assert f"{pieces} is taken as the volume; {money} counts money, which is left out" in found.notes


def test_pieces_are_the_volume_of_three() -> None:
    found = volumes("Volumen;Umsatz;Stück", "245.678;246;1.234")
    assert found.require().frame["Volume"].tolist() == [1234.0] * 5
    assert "Stück is taken as the volume; Volumen and Umsatz count money, which is left out" in found.notes


@pytest.mark.parametrize(
    ("header", "taken", "left"),
    [
        ("Volumen;Umsatz", "Volumen", "Umsatz"),
        ("Umsatz;Volumen", "Umsatz", "Volumen"),
        ("Shares;Volume", "Shares", "Volume"),
        ("Quantity;Volume", "Quantity", "Volume"),
        ("Volume;Trade Volume", "Volume", "Trade Volume"),
    ],
)
@pytest.mark.parametrize("money_first", [False, True])
def test_a_volume_that_is_another_one_at_the_price_of_the_bar_is_money(
    header: str, taken: str, left: str, money_first: bool
) -> None:
    amounts = [("1.234", "246.800,00"), ("900", "180.099"), ("10", "1.999,5"), ("75", "15.000"), ("3", "601,20")]
    rows = [f"{money};{pieces}" if money_first else f"{pieces};{money}" for pieces, money in amounts]
    names = ";".join(header.split(";")[::-1]) if money_first else header
    text = f"Datum;Erster;Hoch;Tief;Schlusskurs;{names}\n"
    text += "".join(f"{day};199,10;201,50;198,00;200,25;{row}\n" for day, row in zip(DAYS, rows, strict=True))
    found = read(text)
    assert found.require().frame["Volume"].tolist() == [1234.0, 900.0, 10.0, 75.0, 3.0]
    assert f"{taken} is taken as the volume; {left} counts money, which is left out" in found.notes


@pytest.mark.parametrize(("header", "cells"), [("Volumen;Umsatz", "1.234;246"), ("Volume;Shares", "1.234;99.000"), ("Volume;Quantity", "1.234;1.234")])  # fmt: skip
def test_volumes_whose_names_and_prices_do_not_tell_are_chosen_as_before(header: str, cells: str) -> None:
    found = volumes(header, cells)
    assert found.require().frame["Volume"].tolist() == [1234.0] * 5
    assert not any("money" in note for note in found.notes)


@pytest.mark.parametrize("name", ["Volumen", "Umsatz", "Stück", "Stuecke", "Umsatz in Stück", "Volumen (Stück)", "Volumen (Stk.)"])  # fmt: skip
def test_the_only_volume_is_taken_as_it_is_and_nothing_said(name: str) -> None:
    found = volumes(name, "1.234")
    assert found.require().frame["Volume"].tolist() == [1234.0] * 5
    assert not any("volume" in note or "money" in note for note in found.notes)


@pytest.mark.parametrize(("header", "cells"), [("Volumen (EUR)", "245.678"), ("Stück;Volumen", "0;245.678"), ("Umsatz (EUR);Stück", "245.678;")])  # fmt: skip
def test_turnover_alone_is_taken_and_said(header: str, cells: str) -> None:
    found = volumes(header, cells)
    assert found.require().frame["Volume"].tolist() == [245678.0] * 5
    assert any("counts money and is taken as the volume, as no other" in note for note in found.notes)


@pytest.mark.parametrize(
    ("header", "cells", "taken", "left"),
    [
        ("Volume USD,Volume BTC", "8200,41", "Volume BTC", "Volume USD"),
        ("Volume BTC,Volume USDT", "41,8200", "Volume BTC", "Volume USDT"),
        ("Volume,Turnover (INR)", "41,8200", "Volume", "Turnover (INR)"),
        ("Volume,Turnover", "41,0.3", "Volume", ""),
        ("Volume,Quantity", "41,7", "Volume", ""),
        ("tick_volume,real_volume", "41,6", "tick_volume", ""),
        ("volume,quote_volume", "41,8200", "volume", "quote_volume"),
    ],
)
def test_volumes_of_other_exports_are_chosen_as_before(header: str, cells: str, taken: str, left: str) -> None:
    found = volumes(header, cells, ",")
    assert (found.columns["volume"], found.require().frame["Volume"].tolist()) == (taken, [41.0] * 5)
    said = [f"{taken} is taken as the volume; {left} counts money, which is left out"] if left else []
    assert [note for note in found.notes if "money" in note] == said


# Times in exponent notation ---------------------------------------------------------------------

MONDAY = 1_709_510_400  # 2024-03-04 00:00 UTC
LENGTHS = {"1m": 60, "5m": 300, "1h": 3600, "1d": 86_400, "1wk": 604_800}


def in_exponents(timeframe: str, digits: int, *, scale: int = 1000, count: int = 20, comma: bool = False) -> str:
    """Return bars whose times have so many digits behind the first one."""
    times = [f"{(MONDAY + at * LENGTHS[timeframe]) * scale:.{digits}E}" for at in range(count)]
    return bars([time.replace(".", ",") if comma else time for time in times], mark=";" if comma else ",")


@pytest.mark.parametrize("timeframe", list(LENGTHS))
@pytest.mark.parametrize("digits", [0, 1, 3, 5, 6])
@pytest.mark.parametrize("scale", [1, 1000, 1_000_000])
@pytest.mark.parametrize("comma", [False, True])
def test_times_that_lost_digits_are_refused_and_named(timeframe: str, digits: int, scale: int, comma: bool) -> None:
    text = in_exponents(timeframe, digits, scale=scale, comma=comma)
    with pytest.raises(DataError, match="lost digits") as refused:
        read(text)
    assert text.split("\n")[1].split(";" if comma else ",")[0].replace(",", ".") in str(refused.value)
    assert "with the column of times as text or as a number without an exponent" in refused.value.suggestions[0]


def test_minutes_that_lost_digits_are_refused_where_hours_are_exact() -> None:
    with pytest.raises(DataError, match=r"1\.7095105E\+12 have lost digits"):
        read(in_exponents("1m", 7))
    assert read(in_exponents("1h", 7)).timeframe == "1h"


@pytest.mark.parametrize("times", [["2.02403E+13"] * 6, ["2.02403E+11", "2.02404E+11", "2.02405E+11"], ["4.54E+04", "4.55E+04", "4.56E+04"], ["4.53554E+04", "4.53557E+04", "4.53561E+04"], ["2.02403E+07", "2.02404E+07"]])  # fmt: skip
def test_dates_and_days_of_spreadsheets_that_lost_digits_are_refused(times: list[str]) -> None:
    with pytest.raises(DataError, match="have lost digits"):
        read(bars(times))


def test_lost_digits_are_refused_without_names_of_columns_and_beside_other_rows() -> None:
    rows = "".join(f"1.70951E+12,10,12,9,11,{at},1.70951E+12,55,3,2,22,0\n" for at in range(1, 8))
    with pytest.raises(DataError, match=r"1\.70951E\+12 have lost digits"):
        read(rows)
    with pytest.raises(DataError, match=r"1\.70951E\+12 have lost digits"):
        read("time,open,high,low,close,volume\n" + rows.replace(",55,3,2,22,0", "").replace(",1.70951E+12\n", "\n") + "end,,,,,\n")  # fmt: skip


@pytest.mark.parametrize(("timeframe", "digits"), [("1d", 7), ("1d", 8), ("1d", 12), ("1wk", 7), ("1h", 7), ("5m", 7), ("1m", 8), ("1m", 18)])  # fmt: skip
@pytest.mark.parametrize("comma", [False, True])
def test_times_in_exponents_that_are_exact_are_read(timeframe: str, digits: int, comma: bool) -> None:
    for scale in (1000,) if comma else (1, 1000, 1_000_000, 1_000_000_000):
        found = read(in_exponents(timeframe, digits, scale=scale, comma=comma))
        assert found.timeframe == timeframe
        plain = read(bars([str((MONDAY + at * LENGTHS[timeframe]) * scale) for at in range(20)]))
        assert times_of(found) == times_of(plain)


def test_a_round_number_in_exponents_among_plain_ones_is_exact() -> None:
    """R writes 1.71e+12 where that is shorter than the number itself."""
    times = ["1709992800000", "1709996400000", "1.71e+12", "1710003600000", "1710007200000"]
    assert times_of(read(bars(times)))[1:4] == [f"2024-03-09 {hour}:00:00+00:00" for hour in (15, 16, 17)]


def test_the_last_seconds_of_bars_and_days_of_spreadsheets_in_exponents_are_exact() -> None:
    ends = [f"{MONDAY + at * 3600 - 1:.18e}" for at in range(1, 9)]
    assert times_of(read(bars(ends)))[0] == "2024-03-04 00:00:00+00:00"
    assert times_of(read(bars(["4.5355E+04", "4.5356E+04", "4.5357E+04"])))[0] == "2024-03-04 00:00:00"


def test_a_unit_that_times_in_exponents_contradict_is_said_as_before() -> None:
    with pytest.raises(DataError, match="is no time from 1971 to 2100 in s"):
        read(in_exponents("1d", 7), epoch_unit="s")


@pytest.mark.parametrize("scale", [1, 1000, 1_000_000, 1_000_000_000])
@pytest.mark.parametrize("timeframe", list(LENGTHS))
@pytest.mark.parametrize("digits", [5, 6])
def test_lost_digits_that_are_written_out_again_are_refused(scale: int, timeframe: str, digits: int) -> None:
    times = [(MONDAY + at * LENGTHS[timeframe]) * scale for at in range(20)]
    shortened = [str(int(float(f"{time:.{digits}E}"))) for time in times]
    with pytest.raises(DataError, match=f"{shortened[0]} have lost digits"):
        read(bars(shortened))
    assert times_of(read(bars([str(time) for time in times])))[0].startswith("2024-03-04 00:00:00")
    assert times_of(read(bars([f"{time}.0" for time in times])))[0].startswith("2024-03-04 00:00:00")


def test_round_epochs_and_days_of_spreadsheets_that_lost_nothing_are_read() -> None:
    assert times_of(read(bars(["1710000000", "1710003600"])))[0] == "2024-03-09 16:00:00+00:00"
    assert times_of(read(bars(["1710000000", "1710003600", "1710007200"])))[0] == "2024-03-09 16:00:00+00:00"
    assert times_of(read(bars(["45300", "45400", "45500"]), timeframe="3mo"))[0] == "2024-01-09 00:00:00"


def test_the_volumes_of_currencies_side_by_side_are_not_said_to_be_money() -> None:
    names = [f"{part}_{code}" for code in ("EUR", "GBP") for part in ("Open", "High", "Low", "Close", "Volume")]
    text = ",".join(["Date", *names]) + "\n" + "".join(f"{day},10,12,9,11,5,20,22,19,21,7\n" for day in DAYS)
    found = read(text, symbol_in_file="GBP")
    assert found.require().frame["Volume"].tolist() == [7.0] * 5
    assert not any("money" in note for note in found.notes)
