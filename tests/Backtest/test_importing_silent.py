"""Files that were misread in silence: marks of thousands, clocks, years, spacings, units, zones, bad ticks."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from Backtest.backtesting_adapter import data_notes
from Backtest.data.importing import ImportChoices, UnderstoodFile, read_file
from Backtest.data.quality import price_spikes, spike_notes
from Backtest.errors import DataError


def read(text: str, name: str = "ACME.csv", **choices: Any) -> UnderstoodFile:
    return read_file(text.encode(), name, choices=ImportChoices(**choices))


def asked(found: UnderstoodFile) -> dict[str, tuple[str, ...]]:
    return {question.field: question.choices for question in found.blocking}


def first(found: UnderstoodFile) -> list[float]:
    return [float(v) for v in found.require().frame.iloc[0]]


# A dot that groups thousands --------------------------------------------------------------------

SPANISH = '"Fecha","Último","Apertura","Máximo","Mínimo","Vol.","% var."\n'


@pytest.mark.parametrize(("volume", "change", "kept"), [("12,3K", "0,52%", 12_300.0), ("", "0,52%", 0.0), ("1,25M", "", 1_250_000.0)])  # fmt: skip
def test_a_decimal_comma_beside_prices_makes_their_dots_thousands(volume: str, change: str, kept: float) -> None:
    row = f'"42.469","43.210","43.612","42.105","{volume}","{change}"\n'
    found = read(SPANISH + '"03.01.2023",' + row + '"02.01.2023",' + row)
    assert first(found) == [43_210.0, 43_612.0, 42_105.0, 42_469.0, kept]


@pytest.mark.parametrize("volume", ["850", "1.500", "15000", ""])
def test_dots_before_three_digits_alone_are_asked_about(volume: str) -> None:
    text = "Datum;Erster;Hoch;Tief;Schlusskurs;Volumen\n" + "".join(
        f"0{day}.01.2023;12.345;12.410;12.300;12.381;{volume}\n" for day in (2, 3, 4)
    )
    found = read(text)
    assert asked(found) == {"decimal": (".", ",")}
    assert found.questions[0].text == "Is 12.345 12.345 (decimal .) or 12345 (decimal ,)?"
    assert first(read(text, decimal=","))[:4] == [12_345.0, 12_410.0, 12_300.0, 12_381.0]
    assert first(read(text, decimal="."))[:4] == [12.345, 12.41, 12.3, 12.381]


def test_commas_before_three_digits_are_settled_by_other_cells() -> None:
    text = "Date;Open;High;Low;Close;Vol.;Change %\n2023-01-02;43,210;43,612;42,105;42,469;12.3K;0.52%\n2023-01-03;43,210;43,612;42,105;42,469;1.5K;1.2%\n"
    assert first(read(text)) == [43_210.0, 43_612.0, 42_105.0, 42_469.0, 12_300.0]


def test_three_decimals_of_a_program_and_beside_plain_volumes_need_no_question() -> None:
    metatrader = "".join(f"2024.01.02,09:{m},151.250,151.375,151.125,151.300,40\n" for m in (30, 31, 32, 33))
    assert first(read(metatrader)) == [151.25, 151.375, 151.125, 151.3, 40]
    plain = "Date,Open,High,Low,Close,Volume\n" + "".join(
        f"2024-01-0{day},12.345,12.410,12.300,12.381,15000\n" for day in (2, 3, 4)
    )
    assert first(read(plain)) == [12.345, 12.41, 12.3, 12.381, 15_000]


@pytest.mark.parametrize("days", [("2024-01-02", "2024-01-03", "2024-01-04"), ("1/16/2024", "1/17/2024", "1/18/2024")])
@pytest.mark.parametrize("separator", [",", "\t"])
def test_three_decimals_of_yen_in_a_file_of_commas_need_no_question(days: tuple[str, ...], separator: str) -> None:
    """Foreign exchange has no volume; who groups thousands with dots writes days with dots too."""
    rows = [["Date", "Open", "High", "Low", "Close"], *([d, "141.234", "141.901", "140.777", "141.505"] for d in days)]
    found = read("\n".join(separator.join(row) for row in rows) + "\n")
    assert "decimal" not in asked(found)
    assert first(found)[:4] == [141.234, 141.901, 140.777, 141.505]


def test_a_volume_has_its_own_decimal_mark() -> None:
    text = (
        'Date,Open,High,Low,Close,Vol.\n2024-01-02,10.5,11.5,9.5,10.5,"12,3K"\n2024-01-03,10.5,11.5,9.5,10.5,"2,25M"\n'
    )
    assert read(text).require().frame["Volume"].tolist() == [12_300, 2_250_000]


# An adjusted close without a name ---------------------------------------------------------------

YAHOO_ROWS = (
    ("2023-01-02", 100.0, 100.35, 99.92, 100.03, 80.02, 2756713), ("2023-01-03", 100.1, 101.5, 99.8, 101.25, 81.0, 3102288),
    ("2023-01-04", 101.3, 101.9, 100.2, 100.5, 80.4, 1988104), ("2023-01-05", 100.4, 103.1, 100.4, 102.75, 82.2, 4410020),
    ("2023-01-06", 102.5, 103.0, 101.0, 101.25, 81.0, 2500000),
)  # fmt: skip


@pytest.mark.parametrize(("order", "choice"), [((0, 1, 2, 3, 4, 5, 6), "adj_close,volume"), ((0, 1, 2, 3, 4, 6, 5), "volume,adj_close")])  # fmt: skip
def test_an_adjusted_close_below_unnamed_prices_is_proposed_beside_the_volume(
    order: tuple[int, ...], choice: str
) -> None:
    text = "".join(",".join(str(row[at]) for at in order) + "\n" for row in YAHOO_ROWS)
    other = choice.replace("adj_close", "-")
    found = read(text)
    assert not any("by their values" in note for note in found.notes)
    assert asked(found) == {
        "columns": (f"time,open,high,low,close,{choice}", f"time,open,high,low,close,{other}"),
    }
    traded = read(text, columns=asked(found)["columns"][0], adjustment="none")
    assert first(traded) == [100.0, 100.35, 99.92, 100.03, 2_756_713]
    adjusted = first(read(text, columns=asked(found)["columns"][0]))
    assert adjusted[3:] == [80.02, 2_756_713]
    assert first(read(text, columns=asked(found)["columns"][1])) == [100.0, 100.35, 99.92, 100.03, 2_756_713]


def test_columns_without_names_that_are_not_used_are_said() -> None:
    text = "".join(f"2023-01-0{day},10,12,9,11,{4000 + day * day},{day % 3}\n" for day in range(1, 7))
    found = read(text)
    assert asked(found) == {}
    assert found.ignored_columns == ("column 7",)
    assert "column 7 is not used" in found.notes[0]


# Rows out of order ------------------------------------------------------------------------------

HEADER = "Date,Open,High,Low,Close,Volume\n"


def bars(times: list[str]) -> str:
    return HEADER + "".join(f"{time},10,12,9,11,5\n" for time in times)


AFTERNOON = ["09:30", "10:30", "11:30", "12:30", "01:30", "02:30", "03:30"]


@pytest.mark.parametrize("newest_first", [False, True])
def test_clocks_of_twelve_hours_without_am_and_pm_are_refused(newest_first: bool) -> None:
    times = [f"2024-01-0{day} {clock}" for day in (2, 3, 4) for clock in AFTERNOON]
    with pytest.raises(DataError, match="AM and PM") as refused:
        read(bars(times[::-1] if newest_first else times))
    where = "on 2024-01-02 in line 18" if newest_first else "on 2024-01-02 in line 6"
    assert f"back from 12:30 to 01:30 {where}" in str(refused.value)


def test_clocks_of_twelve_hours_with_am_and_pm_and_mornings_are_read() -> None:
    halves = ["09:30 AM", "10:30 AM", "11:30 AM", "12:30 PM", "01:30 PM"]
    found = read(bars([f"01/{day}/2024 {clock}" for day in (22, 23) for clock in halves]))
    assert str(found.require().frame.index[4]) == "2024-01-22 13:30:00"
    assert "unordered" not in found.counts
    assert (
        "unordered" not in read(bars([f"2024-01-0{day} {clock}" for day in (2, 3) for clock in AFTERNOON[:4]])).counts
    )


def test_rows_that_are_not_in_order_are_counted_and_the_first_is_named() -> None:
    found = read(bars(["2024-01-02", "2024-01-03", "2024-01-05", "2024-01-04", "2024-01-08"]))
    assert found.counts["unordered"] == 1
    assert any("line 5 (2024-01-04 beside 2024-01-05)" in warning for warning in found.warnings)
    assert found.require().frame.index.is_monotonic_increasing
    repeated = read(bars([f"2024-11-03 0{t}" for t in ("0:00", "0:30", "1:00", "1:30", "1:00", "1:30", "2:00")]))
    assert "unordered" not in repeated.counts  # New York's clocks were set back
    newest_first = read(bars(["2024-01-08", "2024-01-05", "2024-01-04"]))
    assert "unordered" not in newest_first.counts


# Two spacings -----------------------------------------------------------------------------------


def test_minutes_that_go_on_as_five_minutes_are_warned_of_by_time() -> None:
    minutes = pd.date_range("2024-01-02 09:30", periods=100, freq="1min")  # until 11:09
    fives = pd.date_range("2024-01-02 11:14", periods=60, freq="5min")  # until 16:09
    found = read(bars([f"{time:%Y-%m-%d %H:%M}" for time in (*minutes, *fives)]))
    assert found.timeframe == "1m"
    [said] = [warning for warning in found.warnings if "two spacings" in warning]
    assert "from 2024-01-02 11:09:00 to 2024-01-02 16:09:00 bars are 5 minutes apart and not 1m" in said


def test_days_that_go_on_as_weeks_are_warned_of_and_holidays_are_not() -> None:
    days = pd.bdate_range("2023-01-02", periods=60)  # until 24 March
    weeks = pd.date_range("2023-03-31", periods=12, freq="7D")
    found = read(bars([f"{time:%Y-%m-%d}" for time in (*days, *weeks)]))
    assert any(
        "from 2023-03-24 to 2023-06-16 bars are 7 days apart and not 1d" in warning for warning in found.warnings
    )
    sessions = [day + pd.Timedelta(minutes=570 + 30 * i) for day in days for i in range(13)]
    for times in (days, sessions):
        assert not any("two spacings" in w for w in read(bars([f"{time:%Y-%m-%d %H:%M}" for time in times])).warnings)


# The future, and today --------------------------------------------------------------------------


@pytest.mark.parametrize(("written", "year"), [("01/31/63", 1963), ("01/31/99", 1999), ("01/31/05", 2005), ("01/31/24", 2024)])  # fmt: skip
def test_years_of_two_digits_are_not_in_the_future(written: str, year: int) -> None:
    index = read(bars([written, written.replace("31", "30")])).require().frame.index
    assert [str(day.date()) for day in index] == [f"{year}-01-30", f"{year}-01-31"]


@pytest.mark.parametrize(
    "form",
    [
        "{}-01-{:02}",
        "{}.01.{:02} 09:30",
        "{}-01-{:02}T09:30:00Z",
        "{1:02}.01.{0}",
        "01/{1:02}/{0}",
        "{1} January {0}",
        "{}01{:02}",
    ],
)
@pytest.mark.parametrize("year", ["0001", "0024", "0999", "1600"])
def test_years_of_four_digits_are_meant_as_they_stand_and_refused_where_they_cannot_be(form: str, year: str) -> None:
    with pytest.raises(DataError, match="holds no times"):
        read(bars([form.format(year, day) for day in range(10, 20)]))
    with pytest.raises(DataError, match="a time that cannot be read in line 12"):
        read(bars([*(form.format("2024", day) for day in range(10, 20)), form.format(year, 20)]))


def test_years_that_cannot_be_are_refused_in_parquet() -> None:
    times = pd.date_range("2024-01-02", periods=9, unit="us") - pd.DateOffset(years=1000)
    prices = dict.fromkeys(("Open", "High", "Low", "Close"), 1.0)
    content = pd.DataFrame({"Date": times, **prices}).to_parquet()
    with pytest.raises(DataError, match="holds no times"):
        read_file(content, "ACME.parquet", choices=ImportChoices())


@pytest.mark.parametrize("last", ["2093-01-04", "01/31/2093", "4 January 2093", "3882297600"])
def test_a_bar_of_the_future_is_refused_naming_the_line(last: str) -> None:
    before = {"2": ["2024-01-02", "2024-01-03"], "0": ["01/30/2024"], "4": ["2 January 2024"], "3": ["1704153600"]}[
        last[0]
    ]
    with pytest.raises(DataError, match=rf"2093.* in line {len(before) + 2}, which is in the future"):
        read(bars([*before, last]))


def test_a_month_may_bear_its_last_day() -> None:
    ahead = (pd.Timestamp.now("UTC").tz_localize(None).normalize() + pd.offsets.MonthEnd(0)).to_period("M")
    months = [f"{(ahead - n).end_time:%Y-%m-%d}" for n in range(6, -1, -1)]
    assert len(read(bars(months)).require().frame) == 7


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(("clock", "partial"), [("", " 11:42:10"), (" 00:00:00", " 11:42:00"), (" 14:30:00", " 16:05:31")])  # fmt: skip
def test_the_bar_of_a_day_that_is_not_over_is_left_out_and_said(clock: str, partial: str, newest_first: bool) -> None:
    days = [f"2024-06-{day}{clock}" for day in (12, 13, 14, 17)] + [f"2024-06-18{partial}"]
    found = read(bars(days[::-1] if newest_first else days))
    assert str(found.require().frame.index[-1].date()) == "2024-06-17"
    assert found.counts["unfinished"] == 1
    assert any(f"2024-06-18{partial} in line {2 if newest_first else 6}" in warning for warning in found.warnings)


def test_two_days_are_enough_to_know_a_clock_below_them() -> None:
    found = read(bars(["2024-06-14", "2024-06-17", "2024-06-18 11:42:10"]))
    assert (found.counts["unfinished"], len(found.require().frame)) == (1, 2)


def test_days_whose_hour_changes_with_daylight_saving_are_whole() -> None:
    days = [f"2024-03-0{day} 14:30" for day in (5, 6, 7, 8)] + ["2024-03-11 13:30"]
    assert len(read(bars(days)).require().frame) == 5


# A row of units ---------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [",USD,USD,USD,USD,shares", "date,[EUR],[EUR],[EUR],[EUR],[pcs]", ",$,$,$,$,", "Unit,USD,USD,USD,USD,USD", "Date,points,points,points,points,contracts", ",USD/bbl,USD/bbl,USD/bbl,USD/bbl,lots"])  # fmt: skip
@pytest.mark.parametrize("above", [False, True])
def test_a_row_of_units_names_no_symbol_and_keeps_the_volume(units: str, above: bool) -> None:
    head = f"{units}\n{HEADER}" if above else f"{HEADER}{units}\n"
    found = read(head + "2024-01-02,10,12,9,11,500\n2024-01-03,11,13,10,12,600\n", "data.csv")
    assert (found.symbols, found.symbol) == ((), "")
    assert first(found) == [10, 12, 9, 11, 500]
    assert any("units" in note for note in found.notes)


def test_a_row_of_tickers_is_no_row_of_units() -> None:
    for symbol in ("USD", "IBM"):
        text = f"Price,Close,High,Low,Open,Volume\nTicker,{symbol},{symbol},{symbol},{symbol},{symbol}\nDate,,,,,\n2024-01-02,11,12,9,10,500\n2024-01-03,11,12,9,10,500\n"
        assert read(text, "data.csv").require().symbol == symbol


# Zones behind the times -------------------------------------------------------------------------


def sessions(zone: str, days: tuple[str, ...]) -> str:
    return bars([f"{day} {hour:02}:30{zone and ' ' + zone}" for day in days for hour in range(9, 16)])


SUMMER, WINTER = tuple(f"2024-07-{d:02}" for d in range(1, 9)), tuple(f"2024-01-{d:02}" for d in range(1, 9))


@pytest.mark.parametrize(
    ("zone", "days", "choices"),
    [
        ("EST", SUMMER, ("America/New_York", "Etc/GMT+5")), ("PST", SUMMER, ("America/Los_Angeles", "Etc/GMT+8")),
        ("EDT", WINTER, ("America/New_York", "Etc/GMT+4")), ("CET", SUMMER, ("Europe/Berlin", "Etc/GMT-1")),
        ("IST", WINTER, ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin")), ("CST", WINTER, ("America/Chicago", "Etc/GMT+6", "Asia/Shanghai")),
        ("BST", SUMMER, ("Europe/London", "Asia/Dhaka")), ("XYZ", WINTER, ()),
    ],
)  # fmt: skip
def test_an_abbreviation_that_does_not_tell_the_moments_is_asked_about(
    zone: str, days: tuple[str, ...], choices: tuple[str, ...]
) -> None:
    found = read(sessions(zone, days))
    assert asked(found) == {"timezone": choices}
    assert zone in found.blocking[0].text
    given = read(sessions(zone, days), timezone="Asia/Tokyo").require()
    assert str(given.frame.index[0]) == f"{days[0]} 09:30:00+09:00"


@pytest.mark.parametrize(("zone", "days", "utc"), [("EST", WINTER, "14:30"), ("EDT", SUMMER, "13:30"), ("CET", WINTER, "08:30"), ("CEST", SUMMER, "07:30"), ("JST", SUMMER, "00:30"), ("UTC", WINTER, "09:30"), ("GMT", SUMMER, "09:30")])  # fmt: skip
def test_an_abbreviation_of_the_season_tells_the_moments(zone: str, days: tuple[str, ...], utc: str) -> None:
    index = pd.DatetimeIndex(read(sessions(zone, days)).require().frame.index)
    assert str(index[0].tz_convert("UTC")) == f"{days[0]} {utc}:00+00:00"


def test_both_names_of_a_zone_are_as_good_as_offsets() -> None:
    text = sessions("EST", WINTER) + sessions("EDT", SUMMER).removeprefix(HEADER)
    assert read(text).require().frame.index.tz.key == "America/New_York"


def test_days_keep_their_date_whatever_stands_behind_it() -> None:
    found = read(bars([f"{day} 00:00:00 IST" for day in SUMMER]))
    assert (asked(found), str(found.require().frame.index[0])) == ({}, "2024-07-01 00:00:00")


@pytest.mark.parametrize(("name", "count"), [("IST", 3), ("CST", 3)])
def test_a_header_with_a_shared_abbreviation_asks_too(name: str, count: int) -> None:
    found = read(sessions("", WINTER).replace("Date", f"Time ({name})", 1))
    assert len(asked(found)["timezone"]) == count


# Wrong ticks ------------------------------------------------------------------------------------


def frame(closes: list[float], **changed: float) -> pd.DataFrame:
    """Bars of which all prices are the close, but for what is changed of the fifth."""
    made = pd.DataFrame(
        dict.fromkeys(("Open", "High", "Low", "Close"), closes), index=pd.bdate_range("2024-01-01", periods=len(closes))
    )
    for column, price in changed.items():
        made.loc[made.index[4], column] = price
    return made


FLAT = [100.0, 101, 100, 101, 100, 101, 100, 101, 100, 101]


@pytest.mark.parametrize(
    ("bars_", "part", "price"),
    [
        (frame([*FLAT[:4], 1002, *FLAT[5:]]), "close", 1002), (frame([*FLAT[:4], 9, *FLAT[5:]]), "close", 9),
        (frame([*FLAT[:4], 1002, 1003, 1001, *FLAT[7:]]), "close", 1002), (frame(FLAT, High=1002.0), "high", 1002),
        (frame(FLAT, Low=1.0), "low", 1), (frame([1002, *FLAT]), "close", 1002), (frame([*FLAT[:8], 1002, 101]), "close", 1002),
    ],
)  # fmt: skip
def test_a_price_that_returns_is_a_spike(bars_: pd.DataFrame, part: str, price: float) -> None:
    spikes = price_spikes(bars_)
    assert (spikes[0].part, spikes[0].price) == (part, price)
    assert {spike.price // 10 for spike in spikes} == {price // 10}
    assert "prices return" in spike_notes(bars_)[0]


@pytest.mark.parametrize(
    "closes",
    [
        FLAT, [*FLAT, 1002.0], [*FLAT, *(price * 10 for price in FLAT)], [*FLAT, *(price / 20 for price in FLAT)],
        [100.0 * 1.5**n for n in range(20)], [*FLAT[:4], 450.0, *FLAT[5:]], [100.0, 1000.0],
    ],
)  # fmt: skip
def test_splits_trends_and_smaller_moves_are_no_spikes(closes: list[float]) -> None:
    assert price_spikes(frame(closes)) == []


def test_a_preview_and_the_kept_notes_say_a_spike() -> None:
    closes = [*FLAT[:4], 1002.0, *FLAT[5:]]
    text = HEADER + "".join(f"2024-01-{day:02},{c},{c},{c},{c},5\n" for day, c in enumerate(closes, 1))
    found = read(text)
    [said] = [warning for warning in found.warnings if "wrong tick" in warning]
    assert said.startswith("The close of 2024-01-05 is 1,002 between prices about 101 (+892%)")
    assert said in found.require().notes
    assert said in data_notes(found.require())


# French -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", ["\u202f", "\u00a0", " "])
def test_a_french_export_with_spaces_for_thousands_euros_and_months(space: str) -> None:
    bar = f"7{space}530,25{space}€;7{space}585,50{space}€;7{space}500,00{space}€;7{space}560,75{space}€;12{space}500"
    text = f"Date;Ouv.;+Haut;+Bas;Dernier;Volume\n2 janv. 2023;{bar}\n3 janv. 2023;{bar}\n"
    assert first(read(text)) == [7530.25, 7585.5, 7500.0, 7560.75, 12_500]


@pytest.mark.parametrize(
    ("names", "day"),
    [
        (("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."), "1"),
        (("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"), "1er"),
        (("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"), "1"),
        (("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"), "1"),
        (("Jan", "Feb", "März", "Apr", "Mai", "Juni", "Juli", "Aug", "Sept", "Okt", "Nov", "Dez"), "1."),
    ],
)  # fmt: skip
def test_months_are_read_by_their_names(names: tuple[str, ...], day: str) -> None:
    index = read(bars([f"{day} {name} 2023" for name in names])).require().frame.index
    assert [time.month for time in index] == [*range(1, 13)]


def test_a_month_of_another_language_is_refused_by_its_cell() -> None:
    with pytest.raises(DataError, match="1 tammikuuta 2023"):
        read(bars(["1 tammikuuta 2023", "2 tammikuuta 2023"]))


def test_a_choice_that_the_file_contradicts_is_refused() -> None:
    text = "Date,Open,High,Low,Close\n2023-01-02,12.34,12.41,12.3,12.38\n2023-01-03,12.3,12.5,12.2,12.4\n"
    with pytest.raises(
        DataError, match=r"decimal=, was given, and the prices of ACME.csv are written with '.', as in '12.38'"
    ):
        read(text, decimal=",")
    with pytest.raises(
        DataError, match=r"epoch_unit=ms was given, and the times of ACME.csv are dates, as in '2023-01-02'"
    ):
        read(text, epoch_unit="ms")


def test_four_digits_before_a_comma_are_no_group_of_thousands() -> None:
    rows = "".join(f"0{day}.01.2023;999,500;1008,300;999,400;1008,200\n" for day in (2, 3, 4))
    assert first(read(f"Datum;Erster;Hoch;Tief;Schlusskurs\n{rows}"))[:4] == [999.5, 1008.3, 999.4, 1008.2]
    rows = "".join(f"2023-01-0{day},999.500,1008.300,999.400,1008.200\n" for day in (2, 3, 4))
    assert first(read(f"Date,Open,High,Low,Close\n{rows}"))[:4] == [999.5, 1008.3, 999.4, 1008.2]


# Prices that are counted in parts of a cent, and footnotes -----------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("20240102 00:00,1871500,1884400,1838800,1856400,82488700\n20240103 00:00,1842200,1858800,1834300,1842500,58414500\n", "QuantConnect LEAN, whose whole prices are 10,000 times"),
        (
            ("ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume\n"
            "1704171600000000000,35,2,32,187150000000,188440000000,183880000000,185640000000,82488700\n"
            "1704258000000000000,35,2,32,184220000000,185880000000,183430000000,184250000000,58414500\n"),
            "Databento, whose whole prices are 1,000,000,000 times",
        ),
    ],
)  # fmt: skip
def test_prices_that_are_multiples_of_what_was_paid_are_refused(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(text)


def test_an_index_of_whole_points_in_rows_without_names_is_read() -> None:
    text = "20240104 00:00,33193,33568,32693,33288,100\n20240105 00:00,33397,33568,33257,33377,100\n20240109 00:00,33704,33990,33600,33763,100\n"
    assert read(text).require().frame["Close"].tolist() == [33288, 33377, 33763]


def test_a_footnote_in_the_column_of_the_symbol_is_no_symbol() -> None:
    text = (
        "Symbol,Time,Open,High,Low,Last,Change,Volume\nAAPL,01/17/2024,181.27,182.93,180.3,182.68,-0.52%,47317400\n"
        'AAPL,01/16/2024,182.16,184.26,180.93,183.63,-1.23%,65603000\n"Downloaded from Barchart.com as of 01-18-2024 08:00am CST"\n'
    )
    found = read(text)
    data = found.require()
    assert (data.symbol, data.frame["Close"].tolist()) == ("AAPL", [183.63, 182.68])
    assert any("1 row without a time and prices" in note for note in data.notes)


def test_names_of_a_terminal_are_known() -> None:
    text = "Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME\n2024-01-16,182.16,184.26,180.93,183.63,65603000\n2024-01-17,181.27,182.93,180.3,182.68,47317400\n"
    bar = read(text).require().frame.iloc[0]
    assert bar.tolist() == [182.16, 184.26, 180.93, 183.63, 65603000]
