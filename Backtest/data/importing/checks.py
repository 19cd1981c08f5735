"""Rows that cannot be bars: dropped and counted, widened and counted, or the reason of a refusal."""

from __future__ import annotations

import numpy as np
import pandas as pd

from Backtest.data.importing.layout import FileTable
from Backtest.data.importing.names import FINISHED, folded
from Backtest.data.importing.numbers import Numbers
from Backtest.data.importing.understanding import Duplicates, FileQuestion, Findings, Nonpositive
from Backtest.errors import DataError

Rows = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
_RELATIVE = 1e-6
_AT_MOST, _AT_MOST_OF_WHOLE = 1e-2, 1e-3


def rows_to_keep(
    table: FileTable, rows: pd.Index, local: pd.Series, parts: dict[str, Numbers], findings: Findings
) -> Bools:
    """Return which rows are bars. Blank rows, footers and rows without a price are counted.

    Raises:
        DataError: a row has prices but no time that can be read, or a price that is no number.
    """
    prices = [parts[p] for p in ("open", "high", "low", "close")]
    missing = np.any([p.missing for p in prices], axis=0)
    unreadable = np.any([p.unreadable for p in prices], axis=0)
    priced = np.any([p.values.notna().to_numpy() for p in prices], axis=0)
    no_time = local.isna().to_numpy()
    doubtful = missing | unreadable | no_time
    if not doubtful.any():
        return np.asarray(~doubtful)
    at = np.flatnonzero(doubtful)
    cells = table.frame.loc[rows[at]].astype("str").fillna("").map(str.strip)
    action = (
        _spread(at, cells.apply(lambda c: c.str.contains(r"dividend|split", case=False)).any(axis=1), len(rows))
        & unreadable
    )
    blank = _spread(at, (cells == "").all(axis=1), len(rows))
    footer = ~blank & no_time & (~priced | _spread(at, (cells == "").mean(axis=1) > 0.5, len(rows)))
    findings.count("blank", int(blank.sum()))
    findings.count("footer", int(footer.sum()), _said(footer, table, rows, "without a time and prices"))
    findings.count(
        "corporate_action", int(action.sum()), _said(action, table, rows, "that tell of a dividend or split")
    )
    left = ~(blank | footer | action)
    for wrong, what in ((no_time, "a time that cannot be read"), (unreadable, "prices that are not numbers")):
        if (wrong & left).any():
            row = rows[int(np.flatnonzero(wrong & left)[0])]
            shown = ", ".join(cells.loc[row].tolist())[:100]
            raise DataError(f"{table.name} has {what} in {table.line(int(row))}: {shown!r}")
    dropped = left & missing
    findings.count("missing_price", int(dropped.sum()), _said(dropped, table, rows, "without a price"))
    return np.asarray(left & ~missing)


def finished(table: FileTable, rows: pd.Index, findings: Findings) -> pd.Index:
    """Return the rows without the bars a column such as `complete` calls unfinished, which are counted.

    Where no bar is called finished the column is none of that kind, or says nothing.
    """
    for at, name in enumerate(table.names):
        if folded(name) not in FINISHED:
            continue
        texts = table.frame.loc[rows, at].astype("str").fillna("").str.strip().str.lower()
        no, yes = texts.isin(["false", "0", "0.0", "no", "n", "f"]), texts.isin(["true", "1", "1.0", "yes", "y", "t"])
        if not (no | yes | (texts == "")).all() or not no.any():
            continue
        if not yes.any():
            findings.warnings.append(f"The column {name} calls no bar finished; all are kept")
            continue
        mask = no.to_numpy(dtype=bool)
        findings.count("unfinished", int(mask.sum()), _said(mask, table, rows, f"that {name} calls unfinished"))
        rows = rows[~mask]
    return rows


def _spread(at: np.ndarray[tuple[int, ...], np.dtype[np.int64]], mask: pd.Series, length: int) -> Bools:
    whole = np.zeros(length, bool)
    whole[at] = mask.to_numpy(dtype=bool)
    return whole


def _said(mask: Bools, table: FileTable, rows: pd.Index, what: str) -> str:
    if not mask.any():
        return ""
    first = table.line(int(rows[np.flatnonzero(mask)[0]]))
    return f"Left out: {many(int(mask.sum()), 'row')} {what}, the first is {first}"


def many(count: int, what: str) -> str:
    """Return a count with its noun: 1 row, 3 rows."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def when(time: object) -> str:
    """Return the time of a bar, a day without its midnight."""
    return str(time).removesuffix(" 00:00:00")


def positive(frame: pd.DataFrame, table: FileTable, rows: Rows, choice: Nonpositive, findings: Findings) -> Bools:
    """Return which bars have prices above zero; those at or below it are dropped only if the user says so."""
    wrong = (frame[["Open", "High", "Low", "Close"]] <= 0).any(axis=1).to_numpy()
    if not wrong.any():
        return np.asarray(~wrong)
    at = int(np.flatnonzero(wrong)[0])
    if choice == "drop":
        findings.count(
            "nonpositive",
            int(wrong.sum()),
            f"Left out as asked: {many(int(wrong.sum()), 'bar')} with a price at or below zero, the first is {when(frame.index[at])}",
        )
    else:
        row = frame.iloc[at]
        findings.questions.append(
            FileQuestion(
                "nonpositive",
                f"{many(int(wrong.sum()), 'bar')} with a price at or below zero, the first in {table.line(int(rows[at]))} ({when(frame.index[at])}: open "
                f"{row['Open']:g}, high {row['High']:g}, low {row['Low']:g}, close {row['Close']:g}): leave such bars out?",
                ("drop",),
            )
        )
    return np.asarray(~wrong)


def without_duplicates(frame: pd.DataFrame, choice: Duplicates, findings: Findings) -> pd.DataFrame:
    """Keep one bar of each time: equal ones are counted, those with other prices asked about unless they are the same but for rounding.

    Of bars that differ by rounding alone the last is kept. Where over a tenth of the times has differing bars, the file
    may hold more than one series, and the question says so.

    Raises:
        DataError: there are bars with other prices, and such a file shall be refused.
    """
    index = pd.DatetimeIndex(frame.index)
    if not index.has_duplicates:
        return frame
    repeated = index.duplicated(keep="first")
    with_time = frame.assign(_time=index.asi8)
    equal = with_time.duplicated(subset=["_time", "Open", "High", "Low", "Close"], keep="first").to_numpy() & repeated
    conflicting = repeated & ~equal
    findings.count("duplicate", int(equal.sum()), f"Left out: {many(int(equal.sum()), 'row')} that repeat a bar")
    if conflicting.any():
        differing = conflicting & _prices_differ(frame, index)
        said = differing if differing.any() else conflicting
        time = index[said][0]
        closes = " and ".join(f"{close:.10g}" for close in frame["Close"][index == time])
        text = f"{many(int(said.sum()), 'row')} with another bar of the same time, the first of {when(time)} (closes {closes})"
        if choice == "refuse" and differing.any():
            raise DataError(
                f"Refused as asked: there {'is' if said.sum() == 1 else 'are'} {text}",
                suggestions=["Correct the file, or give duplicates=first or duplicates=last"],
            )
        asks = not choice and (differing.any() or (conflicting.sum() > 0.1 * index.nunique() and conflicting.sum() > 1))
        kept = "" if asks else f"; the {'first' if choice == 'first' else 'last'} one is kept"
        findings.count("conflicting_duplicate", int(conflicting.sum()), text + kept)
        if asks:
            series = (
                "does the file hold more than one series? If not, " if conflicting.sum() > 0.1 * index.nunique() else ""
            )
            findings.questions.append(
                FileQuestion("duplicates", f"{text}: {series}which bar of a time counts?", ("first", "last", "refuse"))
            )
    return frame[~index.duplicated(keep="first" if choice == "first" else "last")]


def _prices_differ(frame: pd.DataFrame, index: pd.DatetimeIndex) -> Bools:
    """Return which bars are of a time whose bars have other prices than its last one, by more than rounding.

    Rounding is what `_slack` takes for it, between the decimal places of two rows in place of two columns.
    """
    prices = frame[["Open", "High", "Low", "Close"]].to_numpy(dtype=float)
    last = pd.Series(np.arange(len(frame))).groupby(index.asi8).transform("last").to_numpy()
    far = np.abs(prices - prices[last]) > _RELATIVE * np.abs(prices)
    result = np.zeros(len(frame), bool)
    at = np.flatnonzero(far.any(axis=1))
    own, other = _places(prices[at]), _places(prices[last[at]])
    digits = np.minimum(own, other)[:, None]
    half, most = 0.5 * 10.0**-digits * (1 + 1e-9), np.where(digits, _AT_MOST, _AT_MOST_OF_WHOLE) * np.abs(prices[at])
    slack = np.where((own != other)[:, None], np.minimum(half, most), 0.0)
    result[at] = (far[at] & (np.abs(prices[at] - prices[last[at]]) > slack)).any(axis=1)
    return np.asarray(pd.Series(result).groupby(index.asi8).transform("any").to_numpy(dtype=bool))


def _places(
    prices: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return to how many decimal places each row of prices is written, up to 12."""
    found = np.full(len(prices), 12)
    for places in range(11, -1, -1):
        exact = np.abs(np.round(prices, places) - prices) <= 1e-12 * np.abs(prices)
        found[exact.all(axis=1)] = places
    return found


def widened(
    frame: pd.DataFrame, parts: dict[str, Numbers], table: FileTable, rows: Rows, findings: Findings
) -> pd.DataFrame:
    """Return bars whose high and low enclose open and close; rounding is mended and counted.

    Rounding is 1e-6 of the price, or half the last digit of the coarser of the two columns (at most
    1% of the price, and 0.1% where that column has whole numbers): an open of 1.23456 is 1.2346 in a high of four digits.

    Raises:
        DataError: an open or close lies further outside, or the high is below the low; names the bar.
    """
    result = frame
    total = np.zeros(len(frame), bool)
    for edge, sign in (("High", 1.0), ("Low", -1.0)):
        for other in ("Open", "Close", "Low" if edge == "High" else "High"):
            beyond = sign * (frame[other] - frame[edge]).to_numpy()
            slack = _slack(frame[edge].to_numpy(), parts[edge.lower()].decimals, parts[other.lower()].decimals)
            if (wrong := beyond > slack).any():
                at = int(np.flatnonzero(wrong)[0])
                raise _outside(frame, at, edge, other, int(wrong.sum()), table.name, table.line(int(rows[at])))
            total |= beyond > 0
    if total.any():
        result = frame.copy()
        result["High"] = frame[["Open", "High", "Low", "Close"]].max(axis=1)
        result["Low"] = frame[["Open", "High", "Low", "Close"]].min(axis=1)
        first = frame.index[np.flatnonzero(total)[0]]
        findings.count(
            "widened",
            int(total.sum()),
            f"Widened: {many(int(total.sum()), 'bar')} with an open or close outside of the range by rounding, the first is {when(first)}",
        )
    return result


def _slack(
    price: np.ndarray[tuple[int, ...], np.dtype[np.float64]], edge: int, other: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    least = _RELATIVE * np.abs(price)
    if edge < 0 or other < 0 or edge == other:
        return least
    digits = min(edge, other)
    half = 0.5 * 10.0**-digits * (1 + 1e-9)
    return np.maximum(least, np.minimum(half, (_AT_MOST if digits else _AT_MOST_OF_WHOLE) * np.abs(price)))


def _outside(frame: pd.DataFrame, at: int, edge: str, other: str, count: int, name: str, line: str) -> DataError:
    row = frame.iloc[at]
    where = f"{when(frame.index[at])} ({line})"
    if other in ("Low", "High"):
        text = f"a high below the low: {row['High']:.10g} and {row['Low']:.10g}"
    else:
        side = "above the high" if edge == "High" else "below the low"
        text = f"a{'n' if other == 'Open' else ''} {other.lower()} {side}: {row[other]:.10g} and {row[edge]:.10g}"
    more = (
        f", and so has {many(count - 1, 'more bar')}"
        if count == 2
        else f", and so have {count - 1} more bars"
        if count > 2
        else ""
    )
    return DataError(
        f"{name} has {text} in the bar of {where}{more}",
        suggestions=["Correct the bar, or export the prices again: no fill inside such a bar can be believed"],
    )
