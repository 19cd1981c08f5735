"""Times as files write them: dates in any order, clocks beside or behind them, offsets, epochs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pandas as pd

from Backtest.data.importing.epochs import read_epochs
from Backtest.data.importing.understanding import DateOrder, EpochUnit, FileQuestion, Findings
from Backtest.errors import DataError

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
# The first three letters, without accents, in English, German, French, Spanish, Italian, Portuguese and Dutch; four where three are two months.
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "mrz": 3, "apr": 4, "may": 5, "mai": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9,
    "oct": 10, "okt": 10, "nov": 11, "dec": 12, "dez": 12, "ene": 1, "abr": 4, "ago": 8, "dic": 12, "fev": 2, "avr": 4, "juin": 6, "juil": 7, "aou": 8,
    "gen": 1, "mag": 5, "giu": 6, "lug": 7, "set": 9, "ott": 10, "out": 10, "mrt": 3, "maa": 3, "mei": 5,
}  # fmt: skip
KNOWN_OFFSETS = {
    "Z": 0, "UTC": 0, "GMT": 0, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "PST": -480, "PDT": -420, "CET": 60, "CEST": 120,
    "EET": 120, "EEST": 180, "JST": 540, "KST": 540, "HKT": 480, "SGT": 480, "AEST": 600, "AEDT": 660, "MSK": 180,
}  # fmt: skip
_CLOCK = (
    r"(?:(?:[T,;_:\s]\s*)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<part>[.,:]\d+)?)?"
    r"\s*(?P<half>[AaPp])?(?:\.?[Mm]\.?)?)?"
)
_OFFSET = (
    r"\s*(?P<zone>Z|UTC|GMT|[A-Z]{3,4})?\s*(?P<offset>[+-]\d{1,2}(?::?\d{2})?)?(?::\d{2})?\s*"
    r"(?:\[?(?P<region>[A-Z][A-Za-z]+/[A-Za-z_/]+)\]?|\([A-Za-z ]+\))?$"
)
_DATES = (
    ("ymd", r"^(?P<a>\d{4})[-/.年](?P<b>\d{1,2})[-/.月](?P<c>\d{1,2})日?"),
    ("", r"^(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<c>\d{4}|\d{2})(?!\d)"),
    (
        "dmy",
        r"^(?P<a>\d{1,2})(?:st|nd|rd|th|er)?[-/. ]+(?:de )?(?P<b>[^\W\d_]{3,10})\.?[-/., ]+(?:de )?(?P<c>\d{4}|\d{2})(?!\d)",
    ),
    ("ymd", r"^(?P<a>(?:1[789]|20)\d{2})[-/.](?P<b>\d{1,2})(?P<c>)(?![-/.\d])"),
    ("mdy", r"^(?P<a>[^\W\d_]{3,10})\.?[- ]+(?P<b>\d{1,2})(?:st|nd|rd|th)?,?[- ]+(?P<c>\d{4})"),
)
_COMPACT = (
    r"^(?P<a>(?:1[789]|20)\d{2})(?P<b>0[1-9]|1[0-2])(?P<c>0[1-9]|[12]\d|3[01])"
    r"(?:[ T_:-]?(?P<hour>[01]\d|2[0-4])(?P<minute>[0-5]\d)(?P<second>[0-5]\d)?(?P<part>\.\d+)?)?" + _OFFSET
)
_COMPACT_DAY = r"^(?P<a>(?:1[789]|20)\d{2})(?P<b>0[1-9]|1[0-2])(?P<c>0[1-9]|[12]\d|3[01])(?!\d)" + _CLOCK + _OFFSET
# Tried on whole columns before the patterns, as reading by one format takes a tenth of the time.
_QUICK = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y.%m.%d %H:%M:%S", "%Y.%m.%d %H:%M",
)  # fmt: skip
# By the length of the text: 0930 is no 09:3:0.
_QUICK_WITHOUT_MARKS = {8: "%Y%m%d", 13: "%Y%m%d %H%M", 15: "%Y%m%d %H%M%S"}
_FIRST_YEAR, _LAST_YEAR = 1700, 2100  # a bar of another one is a slip, such as 0024 for 2024
_ORDERS: tuple[DateOrder, ...] = ("dmy", "mdy", "ymd")
_ORDER_NAMES = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}


@dataclass(frozen=True)
class Times:
    """Times as written. `local` is naive datetime64[us], NaT where unreadable.

    `offset` is minutes east of UTC, NaN where the file gives none; an epoch has 0. `zone` is the
    name of a zone which the type of a Parquet column or the text of all times gives. `order` and `unit` say how they were read.
    `said` are the abbreviations that stand behind times in place of an offset, such as EST.
    `at_24` are the rows whose time of day is 24:00, of which `local` is the midnight that follows.
    """

    local: pd.Series
    offset: pd.Series
    zone: str = ""
    order: DateOrder = ""
    unit: EpochUnit = ""
    said: tuple[str, ...] = ()
    at_24: pd.Index = field(default_factory=lambda: pd.Index([]))


def read_times(
    column: pd.Series, clock: pd.Series | None, *, order: DateOrder, unit: EpochUnit, findings: Findings
) -> Times:
    """Read a column of times, or of dates with a column of times of day.

    Raises:
        DataError: numbers that are no times in the unit asked for, or in any unit.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        return _typed(column)
    if pd.api.types.is_numeric_dtype(column) and clock is None:
        column = _digits(column)
    texts = column.astype("str").fillna("").str.strip()
    if texts.str.contains(r"[\u00a0\u202f]", regex=True).any():
        texts = texts.str.replace(r"[\u00a0\u202f]", " ", regex=True)
    texts = texts.str.replace(r"(?i)^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+", "", regex=True)
    if texts.str.contains(r"(?i)\d-[AP]M$", regex=True).any():  # 2019-07-01 11-PM
        texts = texts.str.replace(r"^(\S+) (\d{1,2})-([AP]M)$", r"\1 \2:00 \3", case=False, regex=True)
    if texts.str.len().isin((12, 14)).any():  # 20240304 930 and 93000, as numbers lose the first zero
        texts = texts.str.replace(r"^(\d{8}[ T])(\d{3}|\d{5})$", r"\g<1>0\2", regex=True)
    if clock is not None:
        texts = _joined(texts, clock)
    elif len(texts) and texts[texts != ""].str.fullmatch(r"(?:1[789]|20)\d{2}").all():
        texts = texts.where(texts == "", texts + "-01-01")  # years
    filled = texts[texts.str.contains(r"\d", regex=True)]
    numeric = filled.str.fullmatch(r"(?!0\d)\d+(\.\d+)?([eE][+-]?\d+)?|\d+,\d+[eE]\+?\d+")
    if clock is None and len(filled) and numeric.mean() > 0.5 and (unit or not _compact(filled)):
        local, found = read_epochs(texts, unit)
        offset = pd.Series(np.nan if found == "excel" else 0.0, index=texts.index).where(local.notna())
        return Times(local, offset, unit=found)
    return _written(texts, order, findings)


def _digits(column: pd.Series) -> pd.Series:
    """Whole numbers as text, without a loss of digits."""
    if pd.api.types.is_integer_dtype(column):
        return column.astype("str")
    whole = column.where(np.isfinite(column.astype("float64")))
    if whole.notna().any() and (whole.dropna() % 1 == 0).all():
        return whole.astype("Int64").astype("str").where(whole.notna(), "")
    return whole.map(lambda v: "" if pd.isna(v) else repr(float(v))).astype("str")


def _typed(column: pd.Series) -> Times:
    zone = getattr(column.dtype, "tz", None)
    if zone is None:
        return Times(_likely(column.astype("datetime64[us]")), pd.Series(np.nan, index=column.index))
    utc = column.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")
    local = column.dt.tz_localize(None).astype("datetime64[us]")
    return Times(_likely(local), (local - utc).dt.total_seconds() / 60, str(zone))


def _likely(local: pd.Series) -> pd.Series:
    """Return NaT for the times of years that cannot be meant."""
    return local.where(local.dt.year.between(_FIRST_YEAR, _LAST_YEAR))


def _joined(dates: pd.Series, clock: pd.Series) -> pd.Series:
    days = dates.str.replace(r"[T ]+\d{1,2}:\d{2}(:\d{2})?(\.\d+)?$", "", regex=True)
    times = clock.astype("str").fillna("").str.strip()
    times = times.str.replace(r"^\d{4}-\d{2}-\d{2}[T ]", "", regex=True)
    times = times.str.replace(r"^(\d{1,2})\.(\d\d)(?:\.(\d\d))?(?: ?Uhr)?$", r"\1:\2:\3", regex=True).str.rstrip(":")
    plain = times.str.fullmatch(r"\d{1,6}").astype(bool)
    width = 6 if plain.any() and times[plain].str.len().max() > 4 else 4
    padded = times.str.zfill(width).str.replace(r"^(\d\d)(\d\d)(\d\d)?$", r"\1:\2:\3", regex=True).str.rstrip(":")
    times = times.where(~plain, padded)
    return days.where(times == "", days + " " + times).where(dates != "", "")


# Written dates ---------------------------------------------------------------------------------


def _compact(texts: pd.Series) -> bool:
    return bool(texts.str.match(_COMPACT).mean() > 0.9)


def _written(texts: pd.Series, order: DateOrder, findings: Findings) -> Times:
    local = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us]")
    offset = pd.Series(np.nan, index=texts.index)
    if (quick := _by_one_format(texts)) is not None:
        return Times(quick, offset, order="ymd")
    if (quick_orders := _in_orders_by_format(texts)) is not None:
        used = _settle(quick_orders, texts, order, findings)
        if quick_orders[used].notna().all():
            return Times(quick_orders[used], offset, order=used)
    used = ""
    regions: set[str] = set()
    said: set[str] = set()
    at_24 = pd.Index([])
    forms = [("ymd", _COMPACT_DAY), ("ymd", _COMPACT), *((o, pattern + _CLOCK + _OFFSET) for o, pattern in _DATES)]
    left = texts[texts != ""]
    for form, pattern in forms:
        if not len(left):
            break
        parts = left.str.extract(pattern)
        parts = parts[parts["a"].notna()]
        if parts.empty:
            continue
        used = cast("DateOrder", form) or _settle(_in_orders(parts), left.loc[parts.index], order, findings)
        found = _moments(parts, used)
        found = found[found.notna()]
        local.loc[found.index] = found
        offset.loc[found.index] = _offsets(parts.loc[found.index])
        at_24 = at_24.append(found.index[parts.loc[found.index, "hour"] == "24"])
        regions |= set(parts["region"].fillna(""))
        said |= set(parts["zone"].where(parts["offset"].isna() & parts["region"].isna()).dropna())
        left = left.drop(index=found.index)
    region = regions.pop() if len(regions) == 1 else ""
    return Times(local, offset, region, used, said=tuple(sorted(said)), at_24=at_24)


def _by_one_format(texts: pd.Series) -> pd.Series | None:
    """Return the times where all are written in one of the usual formats with the year first."""
    lengths = texts.str.len().unique()
    without_marks = _QUICK_WITHOUT_MARKS.get(int(lengths[0])) if len(lengths) == 1 else None
    for form in (*_QUICK, without_marks) if without_marks else _QUICK:
        if pd.isna(pd.to_datetime(texts.iloc[:1], format=form, errors="coerce")).any():
            continue
        local = pd.to_datetime(texts, format=form, errors="coerce").astype("datetime64[us]")
        if local.notna().all() and bool(_likely(local).notna().all()):
            return local
    return None


def _moments(parts: pd.DataFrame, order: str) -> pd.Series:
    """Return naive times of the parts; NaT where there is no such day or hour."""
    days = _days(parts, order)

    def number(name: str) -> pd.Series:
        return (
            pd.to_numeric(parts[name], errors="coerce").fillna(0.0)
            if name in parts
            else pd.Series(0.0, index=parts.index)
        )

    hour, minute, second = number("hour"), number("minute"), number("second")
    if "half" in parts:
        half = parts["half"].str.lower()
        hour = hour.where(~((half == "p") & (hour < 12)), hour + 12).where(~((half == "a") & (hour == 12)), 0)
    part = (
        parts["part"].str[1:].where(parts["part"].notna(), "0")
        if "part" in parts
        else pd.Series("0", index=parts.index)
    )
    micros: pd.Series = pd.to_numeric(part.radd("0."), errors="coerce").fillna(0.0) * 1e6
    total: pd.Series = (hour * 3600 + minute * 60 + second) * 1_000_000 + micros.round()
    moments: pd.Series = days + pd.to_timedelta(total.astype("int64"), unit="us")
    right = (minute < 60) & (second < 61) & (total <= 86_400_000_000)
    return moments.where(right)


def _days(parts: pd.DataFrame, order: str) -> pd.Series:
    place = dict(zip(order, "abc", strict=True))
    written = parts[place["y"]]
    year = pd.to_numeric(written, errors="coerce")
    # Of two digits the century is meant that is not in the future: 63 is 1963 until 2063.
    year = year.where(written.str.len() > 2, year + np.where(year + 2000 <= pd.Timestamp.now("UTC").year, 2000, 1900))
    month = parts[place["m"]]
    if order in ("dmy", "mdy") and month.str.contains(r"[^\d]", regex=True).any():
        plain = month.str.lower().str.normalize("NFKD").str.replace(r"[^a-z]", "", regex=True)
        month = plain.str[:4].map(_MONTHS.get).fillna(plain.str[:3].map(_MONTHS.get))
    days = pd.to_datetime(
        pd.DataFrame(
            {
                "year": year,
                "month": pd.to_numeric(month, errors="coerce"),
                "day": pd.to_numeric(parts[place["d"]].replace("", "1")),
            }
        ),
        errors="coerce",
    ).astype("datetime64[us]")
    return _likely(days)


def _offsets(parts: pd.DataFrame) -> pd.Series:
    """Return minutes east of UTC; NaN where neither an offset nor a known zone is written."""
    named = parts["zone"].map(KNOWN_OFFSETS).astype("float64")
    digits = parts["offset"].str.replace(":", "", regex=False)
    sign = digits.str.startswith("-").fillna(False).astype(bool).map({True: -1.0, False: 1.0})
    plain = digits.str[1:]
    hours = pd.to_numeric(plain.str[:2].where(plain.str.len() != 3, plain.str[:1]), errors="coerce")
    minutes = pd.to_numeric(plain.str[2:].where(plain.str.len() > 2, "0"), errors="coerce")
    return ((hours * 60 + minutes) * sign).where(digits.notna(), named)


def _in_orders(parts: pd.DataFrame) -> dict[DateOrder, pd.Series]:
    """Return the times in each order they may have; the year is first only where it has two digits."""
    short = (parts["a"].str.len() == 2).all() and (parts["c"].str.len() == 2).all()
    return {order: _moments(parts, order) for order in _ORDERS if order != "ymd" or short}


def _in_orders_by_format(texts: pd.Series) -> dict[DateOrder, pd.Series] | None:
    """Return the same where all texts are like the first, in a tenth of the time; None where some are not."""
    found = re.fullmatch(
        r"\d{1,2}([/.-])\d{1,2}\1\d{4}([ T]\d{1,2}:\d{2}(:\d{2})?)?", str(texts.iloc[0]) if len(texts) else ""
    )
    if found is None:
        return None
    mark, clock, second = found.groups()
    time = f"{clock[0]}%H:%M{':%S' if second else ''}" if clock else ""
    forms: dict[DateOrder, str] = {"dmy": f"%d{mark}%m{mark}%Y{time}", "mdy": f"%m{mark}%d{mark}%Y{time}"}
    read = {
        o: _likely(pd.to_datetime(texts, format=form, errors="coerce").astype("datetime64[us]"))
        for o, form in forms.items()
    }
    return read if bool((read["dmy"].notna() | read["mdy"].notna()).all()) else None


def _settle(read: dict[DateOrder, pd.Series], texts: pd.Series, asked: DateOrder, findings: Findings) -> DateOrder:
    """Return the order of day, month and year, by the file itself; ask where it does not tell.

    A day over 12 settles it, then the order of the rows: exports go one way in time. Dates with
    dots are day first wherever they are written, and are asked about only if their rows contradict.

    Args:
        read: the times in each order they may have.
    """
    orders = list(read)
    if asked:
        if asked not in read or read[asked].notna().mean() < 0.5:
            raise DataError(f"The dates are not written {_ORDER_NAMES[asked]}: the first is {texts.iloc[0]!r}")
        return asked
    most = max(int(r.notna().sum()) for r in read.values())
    valid = [o for o in orders if int(read[o].notna().sum()) == most]
    day_over_12 = len(valid) == 1
    if len(valid) > 1:
        valid = [o for o in valid if _one_way(read[o])] or valid
    first = read[valid[0]]
    if len(valid) == 1 or all(first.equals(read[o]) for o in valid):
        if len(orders) > 1 and len(valid) == 1:
            why = "a day is over 12" if day_over_12 else "only so the rows go one way in time"
            findings.notes.append(f"Dates such as {texts.iloc[0]} are read {_ORDER_NAMES[valid[0]]}: {why}")
        return valid[0]
    if "dmy" in valid and texts.str.match(r"\d{1,2}\.\d{1,2}\.\d").all():
        findings.notes.append(f"Dates such as {texts.iloc[0]} are read day first, as dates with dots are")
        return "dmy"
    differing = texts.index[(read[valid[0]] != read[valid[1]]).to_numpy()]
    example = texts.loc[differing[0]] if len(differing) else texts.iloc[0]
    meanings = " or ".join(f"{read[o].loc[differing[0]]:%-d %B %Y} ({o})" for o in valid) if len(differing) else ""
    findings.questions.append(FileQuestion("date_order", f"Is {example} {meanings}?", tuple(valid)))
    return valid[0]


def _one_way(times: pd.Series) -> bool:
    known = times.dropna()
    return bool(known.is_monotonic_increasing or known.is_monotonic_decreasing)


def refuse_1970(local: pd.Series, filename: str) -> None:
    """Refuse times squeezed into the first weeks of 1970: somebody read an epoch in the wrong unit before."""
    known = local.dropna()
    if len(known) < 2 or known.max() >= pd.Timestamp("1970-03-01") or known.min() < pd.Timestamp("1970-01-01"):
        return
    steps = known.sort_values().diff().dropna()
    if steps.dt.total_seconds().median() < 12 * 3600 and known.min().time() != known.max().time():
        raise DataError(
            f"{filename} has all its bars in {known.min():%Y-%m-%d} to {known.max():%Y-%m-%d}, as when an epoch is read in the wrong unit",
            suggestions=["Export the times as text, or as the epoch itself"],
        )
