"""Bars at the ends of prices of which a part is missing.

Yahoo Finance ends weekly and monthly prices with a row of the day of the download, which is a part of the bar above it:
2023-11-01, 2023-12-01 and then 2023-12-15. So it ends prices of hours with a row of the last trade: 14:30, 15:30, 16:00.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from Backtest.data.importing.spacing import duration
from Backtest.market import is_intraday, seconds

_PERIODS = {"1wk": ("W", "week"), "1mo": ("M", "month"), "3mo": ("Q", "quarter"), "1y": ("Y", "year")}
_LEAST_DAYS = {"1mo": 26, "3mo": 80, "1y": 355}  # between two bars that are labelled alike
_USUAL = 0.8  # of the weeks bear the same weekday
_WEEK_ENDS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_FEW_STEPS = 10  # between bars within a day, with which it is not told what is usual
_THURSDAY, _FRIDAY, _SATURDAY = 3, 4, 5


def without_partial_ends(frame: pd.DataFrame, timeframe: str, *, today: date) -> tuple[pd.DataFrame, list[str]]:
    """Return the bars without a first and last one that is a part of one, and what is to be said; days stay as they are.

    A last bar whose week or month is not over stays and is named.

    Args:
        frame: prices in the order of time, one for each day at most.
    """
    index = pd.DatetimeIndex(frame.index)
    if is_intraday(timeframe):
        return _without_last_trade(frame, timeframe)
    if timeframe not in _PERIODS or len(index) < 4:
        return frame, []
    unit, days = _PERIODS[timeframe][1], index.tz_localize(None).normalize()
    notes: list[str] = []
    if _is_part(days, timeframe):
        notes.append(
            f"Left out: the row of {days[-1]:%Y-%m-%d}, which lies in the {unit} of the bar of {days[-2]:%Y-%m-%d}, as one of the day of the download"
        )
        frame, today, days = frame.iloc[:-1], days[-1].date(), days[:-1]
    if timeframe in _LEAST_DAYS and (days[1] - days[0]).days < _LEAST_DAYS[timeframe]:
        notes.append(f"Left out: the first bar, of {days[0]:%Y-%m-%d}, as its {unit} has begun before")
        frame, days = frame.iloc[1:], days[1:]
    if _is_open(days, timeframe, today):
        notes.append(f"The last bar, of {days[-1]:%Y-%m-%d}, is not finished: its {unit} was not over on {today}")
    return frame, notes


def _without_last_trade(frame: pd.DataFrame, timeframe: str) -> tuple[pd.DataFrame, list[str]]:
    """Leave out a last row that alone follows the one before it sooner than bars do."""
    steps = np.diff(pd.DatetimeIndex(frame.index).as_unit("s").asi8)
    if len(steps) < _FEW_STEPS or steps[-1] >= seconds(timeframe) or (steps[:-1] < seconds(timeframe)).any():
        return frame, []
    after = f"{duration(float(steps[-1]))} after the bar of {frame.index[-2]}"
    note = f"Left out: the row of {frame.index[-1]}, {after}, as one of the last trade before the download"
    return frame.iloc[:-1], [note]


def _is_part(days: pd.DatetimeIndex, timeframe: str) -> bool:
    """Whether the last day lies in the period of the one before."""
    code = _code(days[:-1], timeframe)
    if timeframe != "1wk":
        both = days[-2:].to_period(code)
        return bool(both[0] == both[1] or (days[-1] - days[-2]).days < _LEAST_DAYS[timeframe])
    if not code or (days[-2].day_of_week == _FRIDAY and days[-1].day_of_week == _THURSDAY):
        return False  # labelled by its last day, a week may end on a Thursday
    both = days[-2:].to_period(code)
    return bool(both[0] == both[1])


def _code(days: pd.DatetimeIndex, timeframe: str) -> str:
    """Return pandas' name of the period; that of weeks begins on the weekday most of them bear, and is empty where there is none."""
    if timeframe != "1wk":
        return _PERIODS[timeframe][0]
    counts = np.bincount(np.asarray(days.day_of_week), minlength=7)
    usual = int(counts.argmax())
    return f"W-{_WEEK_ENDS[usual - 1]}" if counts[usual] >= _USUAL * len(days) else ""


def _is_open(days: pd.DatetimeIndex, timeframe: str, today: date) -> bool:
    """Whether a working day of the last bar's period is still to come after today; labels at its end cannot tell."""
    code = _code(days, timeframe)
    if not code or (timeframe == "1wk" and days[-1].day_of_week in (_FRIDAY, _SATURDAY)):
        return False
    ends = days[-1:].to_period(code)[0].end_time.normalize()
    begun = days[-1] <= pd.Timestamp(today)
    return bool(begun and len(pd.bdate_range(pd.Timestamp(today) + pd.Timedelta(days=1), ends)))
