"""Numbers that are times: seconds to nanoseconds since 1970, and the days of spreadsheets."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from Backtest.data.importing.numbers import SAMPLE
from Backtest.data.importing.understanding import EpochUnit
from Backtest.errors import DataError

# Seconds since 1970 from 1971 to 2100; the ranges of the units do not touch each other.
_EPOCH_RANGE = (3.15e7, 4.1e9)
_UNITS: tuple[tuple[Literal["s", "ms", "us", "ns"], float], ...] = (("s", 1.0), ("ms", 1e3), ("us", 1e6), ("ns", 1e9))
_EXCEL = (3_000.0, 110_000.0)  # days since 1899-12-30: 1908 to 2201
_EXPONENT = r"\d+(?:[.,](?P<behind>\d+))?[eE]\+?(?P<power>\d{1,2})"
_DAY = 86_400.0
_LENGTHS: dict[str, float] = {"excel": _DAY, **{name: 1 / scale for name, scale in _UNITS}}  # of one, in seconds


def read_epochs(texts: pd.Series, asked: EpochUnit) -> tuple[pd.Series, EpochUnit]:
    """Read epochs; each row's unit is told by its size, as Binance's files change from ms to us.

    Raises:
        DataError: they are no times in the unit asked for or in any, or a spreadsheet has taken their last digits.
    """
    filled = texts[texts != ""]
    shortened = _are_shortened(filled.head(SAMPLE))
    texts = texts.str.replace(",", ".", regex=False) if shortened else texts
    local, unit = _moments(texts, asked)
    if unit or not asked:
        (_refuse_shortened if shortened else _refuse_coarse)(texts[filled.index], local[filled.index], unit)
    return _checked(local, texts, asked), unit


def _are_shortened(texts: pd.Series) -> bool:
    """Whether most are written as 1.70951E+12; R writes 1.71e+12 among others where it is shorter than the number itself."""
    return bool(texts.str.fullmatch(_EXPONENT).mean() > 0.5)


def _moments(texts: pd.Series, asked: EpochUnit) -> tuple[pd.Series, EpochUnit]:
    numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
    known = numbers.dropna()
    exact = pd.to_numeric(
        texts.where(texts.str.fullmatch(r"\d{1,18}|[1-8]\d{18}").astype(bool), "-1"), errors="coerce"
    ).astype("int64")
    local = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]")
    used: list[EpochUnit] = []
    if asked == "excel" or (not asked and known.between(*_EXCEL).mean() > 0.9):
        whole = numbers.where(numbers.between(*_EXCEL))
        seconds = (whole * 86_400).round()
        local = (pd.Timestamp("1899-12-30") + pd.to_timedelta(seconds, unit="s")).astype("datetime64[us]")
        return local, "excel"
    for unit, scale in _UNITS:
        mine = (numbers / scale).between(*_EPOCH_RANGE) & (not asked or asked == unit)
        if mine.any():
            used.append(unit)
            local = local.where(~mine, _micros(exact.where(exact >= 0, 0), numbers, scale, exact >= 0))
    if len(used) > 1:
        used = [max(used, key=lambda u: int((numbers / dict(_UNITS)[u]).between(*_EPOCH_RANGE).sum()))]  # type: ignore[index]
    return local, used[0] if used else ""


def _refuse_shortened(texts: pd.Series, local: pd.Series, unit: EpochUnit) -> None:
    """Refuse times such as 1.70951E+12 where the digits that are left do not tell when each bar is.

    Where the last digit stands for 100 seconds, whole minutes are exact: any other minute is none when it is rounded so.
    Whole days of a spreadsheet are exact where no two are alike.
    """
    parts = texts.str.extract(_EXPONENT)
    left = int(parts["behind"].str.len().fillna(0).max())
    last = _LENGTHS.get(unit, np.inf) * 10.0 ** (pd.to_numeric(parts["power"]) - left)
    if unit == "excel":
        lost = texts.duplicated(keep=False) | (last > np.where(local == local.dt.normalize(), _DAY, 1.0))
    else:
        lost = (last > 100) | ((last > 1) & (local != local.dt.floor("min")))
    if (lost & parts["power"].notna()).any():
        raise _lost_digits(texts[lost & parts["power"].notna()].iloc[0])


def _refuse_coarse(texts: pd.Series, local: pd.Series, unit: EpochUnit) -> None:
    """Refuse times such as 1709510000000, which were shortened and written out again.

    Bars that follow each other are not all at multiples of 1000 seconds, and of the first ones three are enough.
    """
    known = local.head(SAMPLE).dropna()
    if unit != "excel" and len(known) >= 3 and (known == known.dt.floor("1000s")).all():
        raise _lost_digits(texts[known.index[0]])


def _lost_digits(time: str) -> DataError:
    return DataError(
        f"Times such as {time} have lost digits, as when a spreadsheet saves them in exponent notation: what is left does not tell the time of each bar",
        suggestions=[
            "Export again from the source, with the column of times as text or as a number without an exponent (format 0)",
            "Leave the column out where another one holds the times",
        ],
    )


def _micros(exact: pd.Series, numbers: pd.Series, scale: float, whole: pd.Series) -> pd.Series:
    if scale <= 1e6:
        factor = int(1e6 / scale)
        values = (exact.clip(upper=int(4.2e9 * scale)) * factor).where(
            whole, (numbers.fillna(0).clip(upper=4.2e9 * scale) * factor).round()
        )
    else:
        values = (exact // int(scale / 1e6)).where(whole, (numbers.fillna(0) / (scale / 1e6)).round())
    return pd.Series(values.astype("int64").to_numpy().astype("datetime64[us]"), index=exact.index)


def _checked(local: pd.Series, texts: pd.Series, asked: EpochUnit) -> pd.Series:
    filled = texts != ""
    if filled.any() and local[filled].notna().mean() < 0.5:
        example = texts[filled].iloc[0][:30]
        if asked:
            raise DataError(
                f"{example} is no time from 1971 to 2100 in {asked}: it would be about 1970, or far in the future",
                suggestions=["Leave epoch_unit out: the unit is told by the size of the numbers"],
            )
        raise DataError(
            f"The column of times holds no times: {example} is none in s, ms, us or ns since 1970, and no date"
        )
    return local
