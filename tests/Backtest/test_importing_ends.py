"""Weeks, months, quarters and years at the ends of a file of which a part is missing."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from Backtest.data.importing import UnderstoodFile, read_file
from Backtest.data.importing.ends import without_partial_ends


def yahoo(dates: list[str]) -> UnderstoodFile:
    """Yahoo Finance's download of bars of 10, 11, …, each a dollar above the one before."""
    rows = [f"{d},{10 + i},{12 + i},{9 + i},{11 + i},{11 + i},1000" for i, d in enumerate(dates)]
    return read_file(("Date,Open,High,Low,Close,Adj Close,Volume\n" + "\n".join(rows) + "\n").encode(), "AAPL.csv")


def days(found: UnderstoodFile) -> list[str]:
    return [f"{d:%Y-%m-%d}" for d in pd.DatetimeIndex(found.require().frame.index)]


MONTHS = ["2023-08-01", "2023-09-01", "2023-10-01", "2023-11-01", "2023-12-01"]
WEEKS = ["2023-02-20", "2023-02-27", "2023-03-06", "2023-03-13", "2023-03-20"]


def test_yahoos_row_of_the_day_is_no_month_of_its_own() -> None:
    found = yahoo([*MONTHS, "2023-12-15"])
    assert found.timeframe == "1mo"
    assert days(found) == MONTHS
    assert found.counts["unfinished"] == 1
    assert found.require().quality["unfinished"] == {"count": 1, "examples": []}
    assert found.warnings == (
        "Left out: the row of 2023-12-15, which lies in the month of the bar of 2023-12-01, as one of the day of the download",
        "The last bar, of 2023-12-01, is not finished: its month was not over on 2023-12-15",
    )


def test_yahoos_row_of_a_friday_is_no_week_of_its_own() -> None:
    found = yahoo([*WEEKS, "2023-03-24"])  # a Friday: the week of Monday 20 is over with it
    assert (found.timeframe, days(found), found.counts["unfinished"]) == ("1wk", WEEKS, 1)
    assert found.warnings == (
        "Left out: the row of 2023-03-24, which lies in the week of the bar of 2023-03-20, as one of the day of the download",
    )


def test_the_newest_row_may_stand_first() -> None:
    assert days(yahoo(["2023-12-15", *MONTHS[::-1]])) == MONTHS


@pytest.mark.parametrize("extra", ["2023-03-22", "2023-03-25", "2023-03-26"])
def test_a_row_on_any_day_of_the_week_is_a_part_of_it(extra: str) -> None:
    assert days(yahoo([*WEEKS, extra])) == WEEKS


WHOLE = {
    "months on their first business day": ["2023-09-01", "2023-10-02", "2023-11-01", "2023-12-01", "2024-01-02"],
    "months on their last business day": ["2023-08-31", "2023-09-29", "2023-10-31", "2023-11-30", "2023-12-29"],
    "weeks whose Monday was a holiday": ["2023-12-11", "2023-12-18", "2023-12-26", "2024-01-02", "2024-01-08"],
    "weeks on their Friday, and a Thursday before Good Friday": ["2023-03-10", "2023-03-17", "2023-03-24", "2023-03-31", "2023-04-06"],
    "weeks on Sundays": ["2023-12-03", "2023-12-10", "2023-12-17", "2023-12-24", "2023-12-31"],
    "quarters": ["2022-10-01", "2023-01-01", "2023-04-01", "2023-07-01", "2023-10-01"],
    "days": ["2023-12-11", "2023-12-12", "2023-12-13", "2023-12-14", "2023-12-15"],
}  # fmt: skip


@pytest.mark.parametrize("dates", WHOLE.values(), ids=WHOLE)
def test_whole_bars_stay(dates: list[str]) -> None:
    found = yahoo(dates)
    assert (days(found), found.warnings) == (dates, ())


PARTS = {
    "quarter": ("3mo", ["2022-10-01", "2023-01-01", "2023-04-01", "2023-07-01", "2023-10-01"], "2023-11-20"),
    "year": ("1y", ["2019-01-01", "2020-01-01", "2021-01-01", "2022-01-01", "2023-01-01"], "2023-11-20"),
    "week of Sunday": ("1wk", ["2023-11-19", "2023-11-26", "2023-12-03", "2023-12-10"], "2023-12-15"),
}


@pytest.mark.parametrize(("timeframe", "dates", "extra"), PARTS.values(), ids=PARTS)
def test_a_row_of_the_day_in_other_bars(timeframe: str, dates: list[str], extra: str) -> None:
    found = yahoo([*dates, extra])
    assert (found.timeframe, days(found)) == (timeframe, dates)


def test_a_first_month_that_had_begun_before_is_left_out() -> None:
    found = yahoo(["2023-07-20", *MONTHS])
    assert days(found) == MONTHS
    assert found.counts["unfinished"] == 1
    assert found.warnings == ("Left out: the first bar, of 2023-07-20, as its month has begun before",)


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2023, 12, 20), ["The last bar, of 2023-12-01, is not finished: its month was not over on 2023-12-20"]),
        (date(2023, 12, 30), []),  # a Saturday: no working day is left
        (date(2024, 1, 2), []),
    ],
)
def test_a_month_that_is_not_over_is_named(today: date, said: list[str]) -> None:
    frame = pd.DataFrame({"Close": range(5)}, index=pd.DatetimeIndex(MONTHS))
    kept, notes = without_partial_ends(frame, "1mo", today=today)
    assert len(kept) == 5
    assert notes == said


HOURS = [f"2024-03-0{day} {hour}:30:00-05:00" for day in (5, 6) for hour in (9, 10, 11, 12, 13, 14, 15)]
HOURS = [time.replace(" 9:", " 09:") for time in HOURS]


@pytest.mark.parametrize(
    ("last", "after"), [("2024-03-06 16:00:00-05:00", "30 minutes"), ("2024-03-06 15:59:42-05:00", "1782 seconds")]
)
def test_a_row_of_the_last_trade_is_no_hour_of_its_own(last: str, after: str) -> None:
    found = yahoo([*HOURS, last])
    assert (found.timeframe, len(found.require().frame), found.counts["unfinished"]) == ("1h", 14, 1)
    assert any(f"{after} after the bar of 2024-03-06 15:30:00-05:00" in warning for warning in found.warnings)


def test_days_that_begin_with_half_an_hour_keep_their_bars() -> None:
    """9:30, 10:00, 11:00 …: such distances are usual."""
    clock = [
        f"2024-03-0{day} {time}:00-05:00" for day in (5, 6) for time in ("09:30", *(f"{h}:00" for h in range(10, 16)))
    ]
    found = yahoo([*clock, "2024-03-07 09:30:00-05:00", "2024-03-07 10:00:00-05:00"])
    assert (found.timeframe, len(found.require().frame), "unfinished" in found.counts) == ("1h", 16, False)
