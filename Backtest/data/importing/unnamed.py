"""Which column is which part of a bar in a file without names, by the values."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from Backtest.data.importing.layout import FileTable
from Backtest.data.importing.marks import decimal_mark
from Backtest.data.importing.names import BAR
from Backtest.data.importing.numbers import to_numbers
from Backtest.data.importing.parts import CLOCK, Columns, has_clock, sample
from Backtest.data.importing.understanding import FileQuestion, Findings
from Backtest.errors import DataError

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
_FAR = 0.45  # of the price: a wick that is so long in most bars belongs to no price
_BINANCE = ("time", *BAR, "volume", "-", "-", "-", "-", "-", "-")


def unnamed_columns(table: FileTable, findings: Findings) -> Columns:
    """Find the parts by their values: times first, then four columns of which two are always highest and lowest.

    Exports without names have the order time, open, high, low, close, volume; Bitfinex has open,
    close, high, low and Coinbase low, high, open, close. Open stands before close in all of these,
    and is nearer to the close before it; Gate.io's time, volume, close, high, low, open is asked about.
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
    mark = decimal_mark([frame[start + j] for j in range(4)])[0] or "."
    numbers = pd.concat([to_numbers(frame[at], mark).values for at in range(start, frame.shape[1])], axis=1)
    values = numbers.head(5000).to_numpy(dtype=float)
    lead = {"symbol": symbol, "per": per, "time": time, "clock": clock}
    names = [next((part for part, place in lead.items() if place == at), "-") for at in range(start)]
    parts, others, why = _order(values, table.name, _falls(frame[time]))
    rest = values.shape[1] - 4 - parts.count("-")
    volume = start + 4 if not parts.count("-") and rest else -1
    if frame.shape[1] == start + 7 and start == 1 and _is_kraken_rest(frame):
        volume = start + 5
    elif parts == BAR and not others and (adjusted := _with_adjusted(values)):
        others, why = adjusted, "a column behind the prices moves as the close does, as an adjusted close"
    elif parts == BAR and rest and not others and _is_inside(values, 4):
        more = ("volume",) if rest > 1 else ()
        others, why = ((*BAR, "volume"), (*BAR, "adj_close", *more)), "the column behind the prices is at their level"
    bar = {part: start + parts.index(part) for part in BAR}
    if "volume" in parts:
        volume = start + parts.index("volume")
    if others:
        shown = tuple(",".join((*names, *_with_volume(order, values.shape[1]))) for order in others)
        text = f"The file names no columns, and {why}: which order have the columns (- skips one)?"
        findings.questions.append(FileQuestion("columns", text, shown))
    said = ", ".join(p for p, _ in sorted(bar.items(), key=lambda item: item[1]))
    unused = [str(at + 1) for at in range(start, frame.shape[1]) if at not in (*bar.values(), volume)]
    if not others:
        findings.notes.append(
            f"The file names no columns; by their values they are time, {said}"
            + (", volume" if volume >= 0 else "")
            + (f"; column {', '.join(unused)} is not used" if unused else "")
        )
    return Columns(time, **bar, volume=volume, clock=clock, symbol=symbol, per=per)


def _with_volume(order: tuple[str, ...], width: int) -> tuple[str, ...]:
    free = width > len(order) and not {"volume", "adj_close"} & {*order}
    return (*order, "volume") if free else order


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


_USUAL = (BAR, ("open", "close", "high", "low"), ("low", "high", "open", "close"))


def _order(values: Floats, name: str, falling: bool) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], str]:
    """Return the order of the columns, and where it is not certain the orders to ask about, and why.

    Only the usual orders of the first four columns are taken without a question, and only where high
    and low are at the level of open and close: a volume before the prices is above or below all of them.
    """
    first = _complete(values[:, :4])
    if not len(first):
        return BAR, (), ""
    if among := _volume_among(values):
        dropped = tuple("-" if part == "volume" else part for part in among)
        return among, (among, dropped), "a column among the prices is a volume by its values"
    for parts in _USUAL:
        if _holds(first, parts, 0.98):
            if _is_level(first, parts):
                return _checked(first, parts, falling)
            break
    for skip in range(1, values.shape[1] - 3):
        later = _complete(values[:, skip : skip + 4])
        for parts in _USUAL if len(later) else ():
            if _holds(later, parts, 0.98) and _is_level(later, parts):
                before, (_, orders, closer) = ("-",) * (skip - 1), _checked(later, parts, falling)
                choices = tuple((*before, lead, *o) for o in orders or (parts,) for lead in ("volume", "-"))
                why = "the prices are not the first of them by their values"
                return choices[0], choices, f"{why}, and {closer}" if closer else why
    if _holds(first, BAR, 0.8) and _is_level(first, BAR):
        return BAR, (), ""  # the bars that break the order are refused by name later
    high, low = (int(share.argmax()) for share in _extremes(first))
    rest = [i for i in range(4) if i not in (high, low)]
    if high != low:
        orders = tuple(_named_order(high, low, *pair) for pair in (rest, rest[::-1]))
        if _holds(first, orders[0], 0.98):
            why = "their order is none of the usual ones"
            if not _is_level(first, orders[0]):
                why += ", and their highest or lowest column may be no price"
            return orders[0], orders, why
    raise DataError(
        f"{name} has no names of columns, and no two of its columns are the high and the low of every bar",
        suggestions=["Write the names of the columns into the first line: Date,Open,High,Low,Close,Volume"],
    )


def _volume_among(values: Floats) -> tuple[str, ...]:
    """Return the order of the first five columns where the one volume among them stands between prices, or nothing.

    It is a volume by its values alone: ten times above or below the others, or the only one of whole numbers. The other
    four have to have a usual order in every row.
    """
    known = _complete(values[:, :5])
    if known.shape[1] < 5 or len(known) < 3:
        return ()
    middle = np.median(np.abs(known), axis=0)
    whole = (known == np.round(known)).all(axis=0)
    found = []
    for at in range(5):
        usual = float(np.median(np.delete(middle, at)))
        if not usual / 10 <= middle[at] <= usual * 10 or (whole[at] and whole.sum() == 1):
            found.append(at)
    if len(found) != 1 or found[0] in (0, 4):
        return ()
    prices = np.delete(known, found[0], axis=1)
    orders = [parts for parts in _USUAL if _holds(prices, parts, 1.0) and _is_level(prices, parts)]
    return (*orders[0][: found[0]], "volume", *orders[0][found[0] :]) if len(orders) == 1 else ()


def _checked(
    values: Floats, parts: tuple[str, ...], falling: bool
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], str]:
    along = values[::-1] if falling else values
    if not _open_is_far(along[:, parts.index("open")], along[:, parts.index("close")]):
        return parts, (), ""
    swapped = tuple({"open": "close", "close": "open"}.get(p, p) for p in parts)
    return parts, (swapped, parts), "its bars continue each other better if the close stands before the open"


def _complete(values: Floats) -> Floats:
    return np.asarray(values[~np.isnan(values).any(axis=1)])


def _named_order(high: int, low: int, first: int, second: int) -> tuple[str, ...]:
    order = {high: "high", low: "low", first: "open", second: "close"}
    return tuple(order[i] for i in range(4))


def _extremes(values: Floats) -> tuple[Floats, Floats]:
    """Return in which share of the rows each column is the highest and the lowest."""
    slack = 1e-6 * np.abs(values).max(axis=1, keepdims=True)
    highest = (values >= values.max(axis=1, keepdims=True) - slack).mean(axis=0)
    lowest = (values <= values.min(axis=1, keepdims=True) + slack).mean(axis=0)
    return highest, lowest


def _holds(values: Floats, parts: tuple[str, ...], share: float) -> bool:
    highest, lowest = _extremes(values)
    return bool(highest[parts.index("high")] >= share and lowest[parts.index("low")] >= share)


def _is_level(values: Floats, parts: tuple[str, ...]) -> bool:
    """Whether high and low are at the level of open and close.

    A column that usually is a multiple of the others, or of many bars never comes near them, is a volume.
    """
    part = {name: values[:, parts.index(name)] for name in BAR}
    top, bottom = np.maximum(part["open"], part["close"]), np.minimum(part["open"], part["close"])
    above, below, body = part["high"] - top, bottom - part["low"], top - bottom
    size = np.median(np.abs(values), axis=1)
    for gap, other in ((above, below), (below, above)):
        if np.median(gap) > _FAR * float(np.median(size)):
            return False
        if len(values) >= 10 and gap.min() > 2 * float(np.median(body + np.maximum(other, 0.0))):
            return False
    return True


def _is_inside(values: Floats, at: int) -> bool:
    """Whether a column behind open, high, low, close lies between low and high, as a price does and no volume."""
    known = _complete(values[:, [0, 1, 2, 3, at]])
    between = (known[:, 4] >= known[:, 2]) & (known[:, 4] <= known[:, 1])
    return len(known) >= 3 and bool(between.mean() > 0.95)


def _with_adjusted(values: Floats) -> tuple[tuple[str, ...], ...]:
    """Return the orders to ask about where the fifth or sixth column is an adjusted close by its values; else none.

    The close's moves are its own, as Yahoo Finance's sixth of seven columns has them below the close; no volume does so.
    """
    width = min(values.shape[1], 6)
    found = [at for at in (4, 5) if at < width and _moves_with(values[:, 3], values[:, at])]
    if len(found) != 1:
        return ()
    behind = ["volume" if at != found[0] else "adj_close" for at in range(4, width)]
    skipped = ["-" if part == "adj_close" else part for part in behind]
    return ((*BAR, *behind), (*BAR, *skipped) if "volume" in behind else BAR)


def _moves_with(close: Floats, other: Floats) -> bool:
    """Whether a column is the close times a factor that hardly changes: its ratio moves less than a fifth of the close."""
    known = (close > 0) & (other > 0)
    if known.sum() < 3 or known.mean() < 0.9:
        return False
    moves = np.abs(np.diff(np.log(close[known])))
    apart = np.abs(np.diff(np.log(other[known] / close[known])))
    return bool(np.median(moves) > 0 and np.median(apart) < 0.2 * np.median(moves))


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

    def breaks(first: Floats, last: Floats) -> float:
        return float(np.abs(first[1:] - last[:-1]).sum())

    return 2 * breaks(closes, opens) < breaks(opens, closes)
