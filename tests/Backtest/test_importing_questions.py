"""What decides prices is asked about or refused, never guessed; nothing but a DataError comes out."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from Backtest.data.gaps import gaps
from Backtest.data.importing import ImportChoices, UnderstoodFile, read_file
from Backtest.data.quality import split_suspects
from Backtest.errors import DataError
from tests.explore import examples

HEADER = "Date,Open,High,Low,Close,Volume\n"


def read(content: str | bytes, name: str = "prices.csv", **choices: Any) -> UnderstoodFile:
    return read_file(content.encode() if isinstance(content, str) else content, name, choices=ImportChoices(**choices))


def bars(dates: list[str], price: float = 10.0) -> str:
    return HEADER + "".join(
        f"{d},{price + i},{price + i + 1},{price + i - 1},{price + i},5\n" for i, d in enumerate(dates)
    )


def asked(found: UnderstoodFile) -> dict[str, tuple[str, ...]]:
    assert found.prices is None
    return {q.field: q.choices for q in found.blocking}


def days(found: UnderstoodFile) -> list[str]:
    return [str(t.date()) for t in pd.DatetimeIndex(found.require().frame.index)]


# Dates -----------------------------------------------------------------------------------------


def test_day_first_or_month_first_is_asked_where_both_read_well() -> None:
    text = bars(["03/01/2024", "04/01/2024", "05/01/2024"])
    found = read(text)
    assert asked(found) == {"date_order": ("dmy", "mdy")}
    assert "3 January 2024 (dmy) or 1 March 2024 (mdy)" in found.questions[0].text
    with pytest.raises(DataError, match="more than one way") as refused:
        found.require()
    assert [d.field for d in refused.value.details] == ["date_order"]
    assert days(read(text, date_order="dmy")) == ["2024-01-03", "2024-01-04", "2024-01-05"]
    assert days(read(text, date_order="mdy")) == ["2024-03-01", "2024-04-01", "2024-05-01"]


@pytest.mark.parametrize(
    ("dates", "order", "why"),
    [
        (["11/01/2024", "12/01/2024", "15/01/2024"], "dmy", "a day is over 12"),
        (["01/11/2024", "01/12/2024", "01/15/2024"], "mdy", "a day is over 12"),
        (["30/01/2024", "31/01/2024", "01/02/2024"], "dmy", "a day is over 12"),
        (["11/01/2024", "12/01/2024", "01/02/2024", "02/02/2024"], "dmy", "one way in time"),
        (["02.01.2024", "03.01.2024", "04.01.2024"], "dmy", "as dates with dots are"),
    ],
)
def test_what_settles_the_order_of_dates_is_said(dates: list[str], order: str, why: str) -> None:
    found = read(bars(dates))
    assert found.date_order == order
    assert any(why in note for note in found.notes)
    assert found.require().timeframe == "1d"


@pytest.mark.parametrize("choice", [{"date_order": "day"}, {"timeframe": "7m"}, {"epoch_unit": "h"}, {"decimal": "'"}])
def test_a_choice_that_does_not_exist_is_refused(choice: dict[str, str]) -> None:
    with pytest.raises(DataError, match=f"There is no {next(iter(choice))} .*: there are "):
        ImportChoices(**choice)


def test_a_time_frame_is_not_asked_about_while_the_dates_are_unclear() -> None:
    for timeframe in ("", "1wk"):  # weeks, month first; read day first they are months apart
        assert asked(read(bars(["01/01/2024", "01/08/2024"]), timeframe=timeframe)) == {"date_order": ("dmy", "mdy")}


def test_an_order_the_dates_cannot_have_is_refused() -> None:
    with pytest.raises(DataError, match="not written month first"):
        read(bars(["15/01/2024", "16/01/2024", "17/01/2024"]), date_order="mdy")


@pytest.mark.parametrize("unit", ["us", "s"])
def test_an_epoch_in_the_wrong_unit_is_no_time_of_1970(unit: str) -> None:
    text = bars(["1704153600000", "1704240000000", "1704326400000"])
    assert days(read(text)) == ["2024-01-02", "2024-01-03", "2024-01-04"]
    with pytest.raises(DataError, match=f"no time from 1971 to 2100 in {unit}"):
        read(text, epoch_unit=unit)
    with pytest.raises(DataError, match="epoch is read in the wrong unit"):
        read(bars(["1970-01-01 00:28:24.1", "1970-01-01 00:28:24.2", "1970-01-01 00:28:24.3"]))


def test_units_that_change_inside_a_file_are_told_row_by_row() -> None:
    found = read(bars(["1735603200000", "1735689600000000", "1735776000000000"]))
    assert days(found) == ["2024-12-31", "2025-01-01", "2025-01-02"]


# Zones -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        (["2024-03-04 00:00:00+09:00", "2024-03-05 00:00:00+09:00"], ["2024-03-04", "2024-03-05"]),
        (["2024-03-03T15:00:00Z", "2024-03-04T15:00:00Z"], ["2024-03-04", "2024-03-05"]),  # Tokyo's midnight
        (
            ["2024-03-03T22:00:00Z", "2024-03-04T22:00:00Z"],
            ["2024-03-04", "2024-03-05"],
        ),  # 17:00 in New York opens the day after
        (
            ["2024-03-04T21:00:00Z", "2024-03-05T21:00:00Z"],
            ["2024-03-04", "2024-03-05"],
        ),  # 16:00 in New York closes the day
        (["2024-03-08 00:00:00-05:00", "2024-03-11 00:00:00-04:00"], ["2024-03-08", "2024-03-11"]),
        (["1709560200", "1709646600"], ["2024-03-04", "2024-03-05"]),  # the open of New York, 14:30 UTC
    ],
)
def test_a_daily_bar_keeps_the_date_it_bears(dates: list[str], expected: list[str]) -> None:
    found = read(bars(dates))
    assert (days(found), found.timezone, found.timeframe) == (expected, "", "1d")
    assert pd.DatetimeIndex(found.require().frame.index).tz is None


def test_offsets_that_change_with_daylight_saving_are_one_zone_and_lose_no_hour() -> None:
    found = read(
        bars(
            [
                "2024-11-03 00:00:00-04:00",
                "2024-11-03 01:00:00-04:00",
                "2024-11-03 01:00:00-05:00",
                "2024-11-03 02:00:00-05:00",
            ]
        )
    )
    assert (found.timezone, len(found.require().frame), found.timeframe) == ("America/New_York", 4, "1h")


BACK = ["2024-11-03 00:00", "2024-11-03 01:00", "2024-11-03 01:00", "2024-11-03 02:00", "2024-11-03 03:00"]


def test_an_hour_that_is_there_twice_asks_for_the_zone_and_is_kept() -> None:
    assert "timezone" in asked(read(bars(BACK)))
    for text in (bars(BACK), HEADER + "\n".join(bars(BACK).split("\n")[-2:0:-1]) + "\n"):
        index = pd.DatetimeIndex(read(text, timezone="America/New_York").require().frame.index)
        assert [t.hour for t in index.tz_convert("UTC")] == [4, 5, 6, 7, 8]


def test_times_without_a_zone_are_kept_as_written_and_localized_where_it_is_given() -> None:
    text = bars(["2024-01-02 09:30", "2024-01-02 10:00", "2024-01-02 10:30"])
    found = read(text)
    assert ("timezone", False) in [(q.field, q.blocking) for q in found.questions]
    assert str(found.require().frame.index[0]) == "2024-01-02 09:30:00"
    assert str(read(text, timezone="Europe/Berlin").require().frame.index[0]) == "2024-01-02 09:30:00+01:00"
    for zone in ("Mars/Olympus", "../etc/passwd", "EDT4"):
        with pytest.raises(DataError, match="is no time zone"):
            read(text, timezone=zone)


def test_a_zone_in_which_a_time_does_not_exist_is_refused() -> None:
    with pytest.raises(DataError, match="2024-03-10 02:00:00 does not exist in America/New_York"):
        read(bars(["2024-03-10 01:00", "2024-03-10 02:00", "2024-03-10 03:00"]), timezone="America/New_York")


# Symbols, time frames, numbers -----------------------------------------------------------------


def test_two_symbols_in_one_file_are_asked_about() -> None:
    text = "Ticker,Date,Open,High,Low,Close\n" + "".join(
        f"{s},2024-01-0{d},{p},{p},{p},{p}\n" for s, p in (("AAA", 5), ("BBB", 7)) for d in (2, 3)
    )
    assert asked(read(text)) == {"symbol_in_file": ("AAA", "BBB", "*")}
    data = read(text, symbol_in_file="BBB").require()
    assert (data.symbol, data.frame["Close"].tolist()) == ("BBB", [7, 7])
    with pytest.raises(DataError, match="has no symbol 'CCC'; it has AAA, BBB"):
        read(text, symbol_in_file="CCC")
    wide = "Price,Close,Close,High,High,Low,Low,Open,Open\nTicker,AAA,BBB,AAA,BBB,AAA,BBB,AAA,BBB\nDate,,,,,,,,\n2024-01-02,1,2,1,2,1,2,1,2\n2024-01-03,3,4,3,4,3,4,3,4\n"
    assert asked(read(wide)) == {"symbol_in_file": ("AAA", "BBB", "*")}
    assert read(wide, symbol_in_file="BBB").require().frame["Close"].tolist() == [2, 4]
    joined = (
        "Date,Open_AAA,High_AAA,Low_AAA,Close_AAA,Open_BBB,High_BBB,Low_BBB,Close_BBB\n2024-01-02,1,1,1,1,2,2,2,2\n"
    )
    assert read(joined, symbol_in_file="BBB").require().frame["Close"].tolist() == [2]


def test_minutes_called_daily_are_asked_about() -> None:
    text = bars(["2024-01-02 09:30", "2024-01-02 09:31", "2024-01-02 09:32", "2024-01-02 09:33"])
    assert asked(read(text, timeframe="1d")) == {"timeframe": ("1m",)}
    stooq = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n" + "".join(
        f"X,D,20240102,09{m}00,1,1,1,1,1\n" for m in (30, 31, 32)
    )
    assert asked(read(stooq)) == {"timeframe": ("1m",)}
    with pytest.raises(DataError, match="3 days apart, which is no known time frame"):
        read(bars(["2024-01-01", "2024-01-04", "2024-01-07", "2024-01-10", "2024-01-13", "2024-01-16", "2024-01-19"]))
    with pytest.raises(DataError, match="shorter than a minute"):
        read(bars([f"2024-01-02 09:30:{s:02d}" for s in range(0, 60, 10)]))


def test_a_comma_that_may_be_decimal_or_thousands_is_asked_about() -> None:
    text = "Date;Open;High;Low;Close\n2024-01-02;151,250;151,500;151,125;151,375\n2024-01-03;151,375;151,625;151,250;151,500\n"
    assert asked(read(text)) == {"decimal": (".", ",")}
    assert read(text, decimal=",").require().frame["Open"].tolist() == [151.25, 151.375]
    assert read(text, decimal=".").require().frame["Open"].tolist() == [151250, 151375]
    mixed = text.replace("151,250", "151,25")
    assert read(mixed).require().frame["Open"].tolist() == [151.25, 151.375]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1'234.5", 1234.5),
        ("$1,234.50", 1234.5),
        ("1 234.5", 1234.5),
        ("1.2345e3", 1234.5),
        ("1,234.5", 1234.5),
        ("1234.5 USD", 1234.5),
    ],
)
def test_numbers_as_people_write_them(cell: str, value: float) -> None:
    text = f'Date,Open,High,Low,Close,Volume\n2024-01-02,"{cell}","{cell}","{cell}","{cell}",1.5M\n2024-01-03,1.5,1.5,1.5,1.5,-\n'
    frame = read(text).require().frame
    assert frame["Open"].tolist() == [value, 1.5]
    assert frame["Volume"].tolist() == [1_500_000, 0]


def test_columns_without_names_whose_order_is_unclear_are_asked_about() -> None:
    closes = [10.0, 12, 11, 13, 12, 14, 13, 15, 14, 16, 15, 17]
    body = "".join(
        f"2024-01-{d:02d},{c},{max(c, o) + 1},{min(c, o) - 1},{o},5\n"
        for d, (o, c) in enumerate(zip([9.0, *closes], closes, strict=False), 1)
    )
    assert asked(read(body)) == {"columns": ("time,close,high,low,open,volume", "time,open,high,low,close,volume")}
    assert read(body, columns="time,close,high,low,open,volume").require().frame["Close"].tolist() == closes
    with pytest.raises(DataError, match="lacks open"):
        read(body, columns="time,close,high,low")


def test_bars_of_one_time_with_different_prices_are_asked_about() -> None:
    twice = [f"2024-01-{d:02d}" for d in (2, 3, 4, 2, 3, 4)]
    found = read(bars(twice))
    assert asked(found) == {"duplicates": ("first", "last", "refuse")}
    assert found.questions[0].text == (
        "3 rows with another bar of the same time, the first of 2024-01-02 (closes 10 and 13): does the file hold more than one "
        "series? If not, which bar of a time counts?"
    )
    assert read(bars(twice), duplicates="first").require().frame["Close"].tolist() == [10, 11, 12]
    assert read(bars(twice), duplicates="last").require().frame["Close"].tolist() == [13, 14, 15]
    once = bars([f"2024-01-{d:02d}" for d in (*range(1, 29), 28)])
    found = read(once)
    assert asked(found) == {"duplicates": ("first", "last", "refuse")}
    assert found.questions[0].text == (
        "1 row with another bar of the same time, the first of 2024-01-28 (closes 37 and 38): which bar of a time counts?"
    )
    for choice, close in (("first", 37), ("last", 38)):
        one = read(once, duplicates=choice)
        assert (one.counts["conflicting_duplicate"], one.require().frame["Close"].iloc[-1]) == (1, close)
        assert any(f"the {choice} one is kept" in said for said in one.warnings)
    with pytest.raises(DataError, match=r"there is 1 row with another bar of the same time, the first of 2024-01-28"):
        read(once, duplicates="refuse")


@pytest.mark.parametrize(
    ("again", "counted", "close"),
    [
        ("10.0,11.0,9.0,10.25,500", "duplicate", 10.25),  # the same bar
        ("10.0,11.0,9.0,10.25,700", "duplicate", 10.25),  # another volume
        ("10.0,11.0,9.0,10.3,500", "conflicting_duplicate", 10.3),  # 10.25 with one decimal place
    ],
)
def test_bars_of_one_time_that_differ_by_rounding_or_volume_are_only_counted(
    again: str, counted: str, close: float
) -> None:
    rows = [f"2024-01-{d:02d},10.0,11.0,9.0,10.25,500" for d in range(1, 29)]
    for choice in ("", "refuse"):
        found = read("Date,Open,High,Low,Close,Volume\n" + "\n".join([*rows, f"2024-01-28,{again}"]), duplicates=choice)
        assert (found.blocking, found.counts[counted]) == ((), 1)
        assert found.require().frame["Close"].iloc[-1] == close


# Bars that cannot be ---------------------------------------------------------------------------


def test_prices_at_or_below_zero_are_asked_about_naming_the_row() -> None:
    text = bars(["2024-01-02", "2024-01-03", "2024-01-04"]).replace("11.0,12.0,10.0,11.0", "11.0,12.0,-10.0,-3")
    found = read(text)
    assert asked(found) == {"nonpositive": ("drop",)}
    assert "line 3 (2024-01-03" in found.blocking[0].text
    dropped = read(text, nonpositive="drop")
    assert (days(dropped), dropped.counts["nonpositive"]) == (["2024-01-02", "2024-01-04"], 1)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("2024-01-03,11,10.9,9,10,5", r"open above the high: 11 and 10.9 in the bar of 2024-01-03 \(line 3\)"),
        ("2024-01-03,11,12,10.5,10,5", "close below the low: 10 and 10.5"),
        ("2024-01-03,11,9,12,10,5", "above the high"),
        ("2024-13-03,11,12,9,10,5", "a time that cannot be read in line 3"),
        ("hello,11,12,9,10,5", "a time that cannot be read in line 3"),
        ("2024-01-03,11,twelve,9,10,5", "not numbers in line 3"),
        ("2024-01-03,11,12,9,10,5,6,7", "8 fields in line 3 where 6 are usual"),
    ],
)
def test_a_row_that_cannot_be_a_bar_is_named(row: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read(f"{HEADER}2024-01-02,10,11,9,10,5\n{row}\n2024-01-04,10,11,9,10,5\n")


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "p.csv", "empty"),
        (b"PK\x03\x04\x00\xff\xfe", "p.csv", "damaged"),
        (b"\x00\x01\x02" * 100, "p.csv", "neither as CSV"),
        (b"nonsense", "p.parquet", "no Parquet"),
        (b"PAR1nonsense", "p.parquet", "no Parquet"),
        (b"Date,Open,High,Low\n2020-01-01,1,2,0.5\n", "p.csv", "lacks the columns Close"),
        (b"a,b\n1,2\n", "p.csv", "no column of times"),
        (b"Date,Open,High,Low,Close\n", "p.csv", "no usable bar"),
        (b"Date,Open,High,Low,Close\n2020-01-01,,,,\n", "p.csv", "no usable bar"),
        (b"[1, 2]", "p.json", "without a table"),
        (b"{", "p.json", "no JSON"),
        (b"[" * 100_000, "p.json", "nested too deeply"),
        (b"\x1f\x8bxx", "p.gz", "damaged"),
    ],
)
def test_files_that_are_none_of_prices(content: bytes, name: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read(content, name)


def test_an_archive_may_not_unpack_to_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("Backtest.data.importing.decoding.MAX_UNPACKED", 2**20)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("p.csv", b"0" * 2**22)
    with pytest.raises(DataError, match="unpacks to more than 1 MiB"):
        read(buffer.getvalue(), "p.zip")
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(DataError, match="holds 2 files"):
        read(buffer.getvalue(), "p.zip")


GOOD = bars(["2024-01-02", "2024-01-03", "2024-01-04"]).encode()
PARQUET = io.BytesIO()
pd.DataFrame(
    {"Open": [1.0], "High": [1.0], "Low": [1.0], "Close": [1.0]}, index=pd.DatetimeIndex(["2024-01-02"])
).to_parquet(PARQUET)
JSON = json.dumps([{"t": 1704153600, "o": 1, "h": 1, "l": 1, "c": 1}]).encode()


@settings(max_examples=examples(45), deadline=None)
@given(
    st.sampled_from([GOOD, PARQUET.getvalue(), JSON, GOOD.decode().encode("utf-16")]),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=6)), max_size=4),
    st.sampled_from([ImportChoices(), ImportChoices(timezone="Europe/London", decimal=","), ImportChoices(columns="time,open,high,low,close")]),
)  # fmt: skip
def test_whatever_is_uploaded_is_bars_or_a_data_error(
    content: bytes, changes: list[tuple[int, bytes]], choices: ImportChoices
) -> None:
    for at, new in changes:
        content = content[: at % (len(content) + 1)] + new + content[at % (len(content) + 1) + len(new) :]
    try:
        found = read_file(content, "p.csv", choices=choices)
    except DataError:
        return
    if found.prices is not None:
        frame = found.prices.frame
        assert frame.index.is_monotonic_increasing
        assert frame.index.is_unique
        assert bool((frame["High"] >= frame[["Open", "Low", "Close"]].max(axis=1)).all())


# Gaps and splits -------------------------------------------------------------------------------


def hours(start: str, count: int, zone: str = "UTC") -> pd.DatetimeIndex:
    return pd.date_range(start, periods=count, freq="1h", tz=zone)


def test_four_missing_days_of_a_market_that_never_closes_are_a_gap() -> None:
    whole = hours("2024-01-01", 24 * 12)
    assert not gaps(whole, "1h").any()
    for first, last in (("2024-01-04", "2024-01-08"), ("2024-01-06 02:00", "2024-01-06 05:00")):
        holed = whole[(whole < pd.Timestamp(first, tz="UTC")) | (whole >= pd.Timestamp(last, tz="UTC"))]
        assert [str(t) for t in holed[gaps(holed, "1h")]] == [str(pd.Timestamp(last, tz="UTC"))]


def test_nights_weekends_and_holidays_are_no_gaps() -> None:
    week = [t for t in hours("2024-01-01", 24 * 70, "America/New_York") if t.day_of_week < 5 and 9 <= t.hour < 16]
    sessions = pd.DatetimeIndex([t for t in week if t.date().isoformat() not in ("2024-01-15", "2024-02-19")])
    assert not gaps(sessions, "1h").any()
    lunch_hole = sessions.delete(
        [sessions.get_loc(pd.Timestamp(f"2024-02-07 {h}:00", tz="America/New_York")) for h in (11, 12, 13)]
    )
    assert gaps(lunch_hole, "1h").sum() == 1
    currencies = pd.DatetimeIndex(
        [
            t
            for t in hours("2024-01-01", 24 * 70, "America/New_York")
            if not (t.day_of_week == 5 or (t.day_of_week == 4 and t.hour >= 17) or (t.day_of_week == 6 and t.hour < 17))
        ]
    )
    assert not gaps(currencies.tz_convert("UTC"), "1h").any()
    assert gaps(currencies.delete(range(500, 508)), "1h").sum() == 1
    days_ = pd.bdate_range("2024-01-01", periods=120)
    assert gaps(days_.delete(range(60, 65)), "1d").sum() == 1


def test_splits_are_told_from_falls() -> None:
    def frame(closes: list[float]) -> pd.DataFrame:
        return pd.DataFrame(
            dict.fromkeys(("Open", "High", "Low", "Close"), closes),
            index=pd.bdate_range("2024-01-01", periods=len(closes)),
        )

    [found] = split_suspects(frame([50.0, 51, 50, 51, 50, 500, 505, 510, 500, 505]))
    assert (found.ratio, found.time) == (0.1, pd.Timestamp("2024-01-08"))
    assert "1 for 10" in found.message
    assert split_suspects(frame([50.0, 51, 50, 51, 50, 27, 28, 27, 28, 27])) == []  # nothing splits 1.85 for 1
    assert split_suspects(frame([50.0, 51, 50, 51, 50, 200, 50, 51, 50, 51])) == []  # one wrong bar


@pytest.mark.parametrize(
    ("bar", "high"),
    [
        ("2.4625,2.46,2.41,2.4425", 2.4625),  # 0.0025 above a high of two decimals
        ("2.4649,2.46,2.41,2.4425", 2.4649),
    ],
)
def test_a_high_rounded_to_fewer_decimals_is_widened(bar: str, high: float) -> None:
    found = read(
        f"{HEADER}2024-01-02,2.4225,2.43,2.41,2.4275,5\n2024-01-03,{bar},5\n2024-01-04,2.4225,2.43,2.41,2.4275,5\n"
    )
    assert found.counts["widened"] == 1
    assert found.require().frame["High"].iloc[1] == high


@pytest.mark.parametrize("bar", ["2.4651,2.46,2.41,2.4425", "2.4525,2.46,2.41,2.4049"])
def test_what_rounding_cannot_explain_is_refused(bar: str) -> None:
    with pytest.raises(DataError, match="2024-01-03"):
        read(
            f"{HEADER}2024-01-02,2.4225,2.43,2.41,2.4275,5\n2024-01-03,{bar},5\n2024-01-04,2.4225,2.43,2.41,2.4275,5\n"
        )
