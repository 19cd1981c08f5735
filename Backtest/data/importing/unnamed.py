"""Which column is which part of a bar in a file without names, by the values."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from Backtest.data.importing.layout import Table
from Backtest.data.importing.names import BAR
from Backtest.data.importing.numbers import decimal_mark, to_numbers
from Backtest.data.importing.parts import CLOCK, Columns, has_clock, sample
from Backtest.data.importing.understanding import Findings, Question
from Backtest.errors import DataError

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
_BINANCE = ("time", *BAR, "volume", "-", "-", "-", "-", "-", "-")


def unnamed_columns(table: Table, findings: Findings) -> Columns:
    """Find the parts by their values: times first, then four columns of which two are always highest and lowest.

    Exports without names have the order time, open, high, low, close, volume; Bitfinex has open,
    close, high, low and Coinbase low, high, open, close. Open stands before close in all of them,
    and is nearer to the close before it.
    """
    frame = table.frame
    if frame.shape[1] == len(_BINANCE) and _is_binance(frame):
        return Columns(0, 1, 2, 3, 4, 5)
    symbol = 0 if re.fullmatch(r"[A-Za-z^][A-Za-z0-9.^=/_-]*", _first(frame[0])) else -1
    time = symbol + 1
    per = -1
    if symbol == 0 and re.fullmatch(r"[A-Za-z]|\d{1,4}", _first(frame[1])):
        per, time = 1, 2
    clock = time + 1 if _is_clock_beside(frame, time) else -1
    start = max(time, clock) + 1
    if frame.shape[1] < start + 4:
        raise DataError(f"{table.name} has no names of columns and fewer than four columns of prices")
    prices = pd.concat(
        [
            to_numbers(frame[start + i], decimal_mark([frame[start + j] for j in range(4)])[0] or ".").values
            for i in range(4)
        ],
        axis=1,
    )
    falling = _falls(frame[time])
    order = _order(prices.dropna().head(5000).to_numpy(dtype=float), table.name, falling, findings)
    bar = {part: start + order.index(part) for part in BAR}
    volume = start + 4 if frame.shape[1] > start + 4 else -1
    if frame.shape[1] == start + 7 and start == 1 and _is_kraken_rest(frame):
        volume = start + 5
    shown = ", ".join(p for p, _ in sorted(bar.items(), key=lambda item: item[1]))
    findings.notes.append(
        f"The file names no columns; by their values they are time, {shown}" + (", volume" if volume >= 0 else "")
    )
    return Columns(time, **bar, volume=volume, clock=clock, symbol=symbol, per=per)


def _first(column: pd.Series) -> str:
    return next(iter(sample(column)), "")


def _is_clock_beside(frame: pd.DataFrame, time: int) -> bool:
    if time + 1 >= frame.shape[1] or has_clock(frame[time]):
        return False
    texts = sample(frame[time + 1])
    if not texts:
        return False
    if all(":" in t and CLOCK.fullmatch(t) for t in texts):
        return True
    # 093000 and 0930 are times only where they are all written with one width and a date stands before.
    dates = sample(frame[time])
    return (
        all(re.fullmatch(r"\d{4,6}", t) and len(t) in (4, 6) for t in texts)
        and len(frame.columns) > time + 5
        and all(re.match(r"\d{8}$|\d{4}[-/.]", t) for t in dates)
        and all(int(t[:2]) < 25 and int(t[2:4]) < 60 for t in texts)
    )


def _is_binance(frame: pd.DataFrame) -> bool:
    start = pd.to_numeric(frame[0].head(50), errors="coerce")
    end = pd.to_numeric(frame[6].head(50), errors="coerce")
    return bool(((end > start) & (end < start * 1.01) & (start > 1e9)).all())


def _is_kraken_rest(frame: pd.DataFrame) -> bool:
    """Kraken's REST answer: time, open, high, low, close, average price, volume, trades."""
    rows = frame.head(50).apply(pd.to_numeric, errors="coerce")
    inside = (rows[5] >= rows[3] * 0.999) & (rows[5] <= rows[2] * 1.001)
    return bool((inside | (rows[5] == 0)).all()) and bool((rows[7] % 1 == 0).all())


def _order(values: Floats, name: str, falling: bool, findings: Findings) -> tuple[str, ...]:
    if not len(values):
        return BAR
    slack = 1e-6 * np.abs(values).max(axis=1, keepdims=True)
    highest = (values >= values.max(axis=1, keepdims=True) - slack).mean(axis=0)
    lowest = (values <= values.min(axis=1, keepdims=True) + slack).mean(axis=0)
    for high, low in ((1, 2), (2, 3), (1, 0)):
        if highest[high] >= 0.98 and lowest[low] >= 0.98:
            break
    else:
        high, low = int(highest.argmax()), int(lowest.argmax())
        if high == low or highest[high] < 0.98 or lowest[low] < 0.98:
            if highest[1] >= 0.8 and lowest[2] >= 0.8:
                return BAR  # the bars that break the order are refused by name later
            raise DataError(
                f"{name} has no names of columns, and no two of its columns are the high and the low of every bar",
                suggestions=["Write the names of the columns into the first line: Date,Open,High,Low,Close,Volume"],
            )
    rest = [i for i in range(4) if i not in (high, low)]
    order = {high: "high", low: "low", rest[0]: "open", rest[1]: "close"}
    parts = tuple(order[i] for i in range(4))
    along = values[::-1] if falling else values
    if _open_is_far(along[:, rest[0]], along[:, rest[1]]):
        swapped = tuple({"open": "close", "close": "open"}.get(p, p) for p in parts)
        findings.questions.append(
            Question(
                "columns",
                "The file names no columns, and its bars continue each other better if the close stands before the open: "
                "which order have the columns?",
                (",".join(("time", *swapped, "volume")), ",".join(("time", *parts, "volume"))),
            )
        )
    return parts


def _falls(times: pd.Series) -> bool:
    """Whether numbers or dates with the year first go back in time, as newest-first exports do."""
    texts = [text for text in times.astype("str").str.strip() if re.match(r"\d{4}", text)]
    if len(texts) < 2 or len(texts[0]) != len(texts[-1]):
        return False
    return texts[0] > texts[-1]


def _open_is_far(opens: Floats, closes: Floats) -> bool:
    """Whether the bars continue each other clearly better with open and close swapped; rows go forward in time."""
    if len(opens) < 10:
        return False

    def breaks(
        first: Floats,
        last: Floats,
    ) -> float:
        return float(np.abs(first[1:] - last[:-1]).sum())

    return 2 * breaks(closes, opens) < breaks(opens, closes)
