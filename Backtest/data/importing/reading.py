"""Reading a file, step by step: table, columns, symbol, numbers, times, bars."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from Backtest.data.importing import checks, containers, ends, order, placing, symbols, vendors, zones
from Backtest.data.importing.adjustments import adjust
from Backtest.data.importing.columns import find_columns
from Backtest.data.importing.decoding import unpack
from Backtest.data.importing.layout import FileTable, read_text
from Backtest.data.importing.marks import decimal_mark, mark_of_cells
from Backtest.data.importing.numbers import Numbers, fraction_in, to_numbers
from Backtest.data.importing.progress import Progress
from Backtest.data.importing.shown import understood
from Backtest.data.importing.spacing import Spacing, declared, fits, spacing
from Backtest.data.importing.times import Times, read_times, refuse_1970
from Backtest.data.importing.understanding import FileQuestion, Findings, ImportChoices, UnderstoodFile
from Backtest.data.importing.vendors import DOT
from Backtest.data.importing.zone_columns import with_offsets
from Backtest.errors import DataError
from Backtest.market import TIMEFRAMES, in_words, is_intraday, seconds

_PRICES = ("open", "high", "low", "close")


def read_file(content: bytes, filename: str, *, choices: ImportChoices | None = None) -> UnderstoodFile:
    """Read a file of prices, and say what was understood of it.

    Args:
        content: the file's bytes: separated text in any usual encoding, a workbook, JSON, Parquet, or an archive of one.
        filename: its name; symbol and time frame may stand in it.
        choices: what the user says about it, which goes before what the file seems to say.

    Raises:
        DataError: it is no file of prices, or its bars cannot be; the message names the row.
    """
    choices = choices or ImportChoices()
    findings = Findings()
    if choices.timezone:
        zones.named_zone(choices.timezone)
    table = _table(content, filename, choices, findings)
    if units := table.hints.get("units"):
        findings.notes.append(f"A row beside the names holds units ({units[:60]}) and is skipped")
    sides = find_columns(table, choices, findings)
    found, chosen, side, rows = symbols.choose(table, sides, choices, findings)
    vendor = vendors.vendor_of(table, side.columns)
    reading = Progress(table, choices, findings, side.columns, vendor, found, chosen, rows)
    findings.counts["read"] = len(rows)
    reading.rows = checks.finished(table, rows, findings)
    numbers = _numbers(reading)
    _times(reading)
    _bars(reading, numbers)
    return understood(reading, filename)


def _table(content: bytes, filename: str, choices: ImportChoices, findings: Findings) -> FileTable:
    inside = unpack(content, filename)
    if inside.kind == "excel":
        return containers.read_workbook(inside, choices.sheet, findings)
    if choices.sheet:
        raise DataError(f"{filename} is no workbook: leave the choice sheet out")
    if inside.kind == "json":
        return containers.read_json(inside)
    return containers.read_parquet(inside) if inside.kind == "parquet" else read_text(inside)


# Numbers and times -----------------------------------------------------------------------------


def _numbers(reading: Progress) -> dict[str, Numbers]:
    columns, table = reading.columns.used(), reading.table.frame.loc[reading.rows]
    reading.mark = _decimal(reading, table, columns)
    read = {p: to_numbers(table[columns[p]], reading.mark) for p in (*_PRICES, "adj_close") if p in columns}
    if "volume" in columns:
        volume = table[columns["volume"]]
        read["volume"] = to_numbers(volume, mark_of_cells([volume]) or reading.mark)
    for part in _PRICES:
        texts = table[columns[part]]
        if (at := fraction_in(texts, read[part].unreadable)) >= 0:
            cell, line = str(texts.iloc[at]).strip(), reading.table.line(int(reading.rows[at]))
            raise DataError(
                f"{reading.table.name} has the {part} {cell!r} in {line}, which looks like a price in fractions such as 32nds",
                suggestions=["Export decimal prices: 94'24 in 32nds is 94.75, as 24/32 is 0.75"],
            )
    vendor, close = reading.vendor, read["close"].values.dropna()
    cent = vendor.scale // 100  # what is paid is a number of cents in most rows, as an index of 33,412 points is not
    if vendor.scale > 1 and len(close) and (close % 1 == 0).all() and (close % cent == 0).mean() > 0.9:
        raise DataError(
            f"{reading.table.name} looks like an export of {vendor.name}, whose whole prices are {vendor.scale:,} times what was paid: the first close is {close.iloc[0]:.0f}",
            suggestions=[f"Divide the prices by {vendor.scale:,}, or export decimal ones"],
        )
    return read


def _decimal(reading: Progress, table: pd.DataFrame, columns: dict[str, int]) -> str:
    """Return the decimal mark of the prices: the user's, that of their own cells, or of other cells; else it is asked for."""
    mark, example = decimal_mark([table[columns[p]] for p in _PRICES])
    given = reading.choices.decimal
    if given and mark and given != mark:
        price = next(iter(table[columns["close"]]), "")
        raise DataError(
            f"decimal={given} was given, and the prices of {reading.table.name} are written with {mark!r}, as in {price!r}",
            suggestions=["Leave decimal out, or export the prices again"],
        )
    if given or mark:
        return given or mark
    no_numbers = {*(columns[p] for p in _PRICES), *(columns.get(p, -1) for p in ("time", "clock", "symbol", "per"))}
    mark = mark_of_cells([table[at] for at in range(table.shape[1]) if at not in no_numbers])
    if mark or ("." in example and _writes_dots(reading, table, columns)):
        return mark or "."
    dotted, without = example.replace(",", "."), example.replace(",", "").replace(".", "")
    dot, comma = (without, dotted) if "," in example else (dotted, without)
    text = f"Is {example} {dot} (decimal .) or {comma} (decimal ,)?"
    reading.findings.questions.append(FileQuestion("decimal", text, (".", ",")))
    return "."


def _writes_dots(reading: Progress, table: pd.DataFrame, columns: dict[str, int]) -> bool:
    """Whether 12.345 can be no 12,345: a program wrote it, or commas part the columns and the days are not written with dots.

    Who groups thousands with dots writes days as 02.01.2023, and parts columns with a semicolon where a comma is the decimal mark.
    """
    if reading.table.kind == "json" or reading.vendor.name in DOT:
        return True
    first = str(next(iter(table[columns["time"]]), ""))
    if reading.vendor.name == "NinjaTrader" and re.match(r"\d{8} \d{6}", first):
        return True
    return reading.table.separator in (",", "\t") and not re.match(r"\d{1,2}\.\d{1,2}\.", first)


def _times(reading: Progress) -> None:
    columns, frame = reading.columns, reading.table.frame.loc[reading.rows]
    choices = reading.choices
    clock = frame[columns.clock] if columns.clock >= 0 else None
    date_order = choices.date_order or reading.vendor.date_order
    reading.times = read_times(
        frame[columns.time], clock, order=date_order, unit=choices.epoch_unit, findings=reading.findings
    )
    text = str(next(iter(frame[columns.time]), ""))
    if choices.date_order and re.match(r"\s*\d{4}\D", text):
        reading.findings.notes.append(
            f"Dates such as {text.strip()} say their order: date_order={choices.date_order} changes nothing"
        )
    if choices.epoch_unit and not reading.times.unit:
        raise DataError(
            f"epoch_unit={choices.epoch_unit} was given, and the times of {reading.table.name} are dates, as in {text!r}",
            suggestions=["Leave epoch_unit out"],
        )
    reading.times = with_offsets(reading.table, reading.rows, reading.times, reading.findings)
    local = reading.times.local
    if not local.notna().any():
        name = reading.table.names[columns.time] if reading.table.names else "the first"
        texts = frame[columns.time].astype("str")
        raise DataError(
            f"{reading.table.name}: the column {name} holds no times, its first cell is {next(iter(texts), '')[:40]!r}"
        )
    refuse_1970(local, reading.table.name)


# Bars ------------------------------------------------------------------------------------------


def _bars(reading: Progress, numbers: dict[str, Numbers]) -> None:
    """Make the frame of bars, as far as open questions allow; PriceData's form comes last."""
    times, table, findings = reading.times, reading.table, reading.findings
    assert times is not None
    keep = checks.rows_to_keep(table, reading.rows, times.local, numbers, findings)
    if not keep.any():
        raise DataError(f"{table.name} has no usable bar: every row lacks a price or a time")
    parts = {name: _kept(part, keep) for name, part in numbers.items()}
    times = replace(times, local=times.local[keep], offset=times.offset[keep])
    if not times.local.is_monotonic_increasing:
        parts, times = _forwards(parts, times)
    moments = zones.moments(times)
    if not any(question.field == "date_order" for question in findings.questions):
        order.in_order(times, moments, table, findings)
    reading.timeframe = _timeframe(reading, spacing(moments), moments)
    order.one_spacing(moments, reading.timeframe, findings)
    if not any(question.field == "date_order" for question in findings.questions):
        order.refuse_future(times, reading.timeframe, table, pd.Timestamp.now("UTC").tz_localize(None))
    parts, times = _without_today(parts, times, reading)
    placed = placing.placed(reading, _starts(times, reading.timeframe, findings))
    reading.zone = placed.zone
    frame, rows = _frame(parts, placed, findings), times.local.index.to_numpy()
    above = checks.positive(frame, table, rows, reading.choices.nonpositive, findings)
    frame, rows = frame[above], rows[above]
    if frame.empty:
        raise DataError(f"{table.name} has no usable bar: no row has prices above zero")
    if not any(question.field == "columns" for question in findings.questions):
        frame = checks.widened(frame, parts, table, rows, findings)
    if not findings.blocked:
        frame = checks.without_duplicates(frame, reading.choices.duplicates, findings)
    frame = frame.sort_index(kind="stable")
    if not findings.blocked:
        frame = _whole(frame, reading)
    reading.frame = _adjusted(reading, frame)


def _frame(parts: dict[str, Numbers], placed: zones.Placed, findings: Findings) -> pd.DataFrame:
    """Return the bars, with the adjusted close as Adj where there is one; a missing volume is 0."""
    frame = pd.DataFrame(
        {name.capitalize(): parts[name].values.to_numpy() for name in _PRICES}, index=placed.index.rename(None)
    )
    frame["Volume"] = 0.0
    if "volume" not in parts:
        findings.notes.append("No column is known as the volume: it counts as 0; name it Volume where there is one")
    if "volume" in parts:
        volume = parts["volume"].values.fillna(0.0).to_numpy()
        lost = int(parts["volume"].unreadable.sum()) + int((volume < 0).sum())
        note = f"{checks.many(lost, 'row')} with a volume that is no number or below zero; it counts as 0"
        findings.count("unreadable_volume", lost, note)
        frame["Volume"] = np.maximum(volume, 0.0)
    if "adj_close" in parts:
        frame["Adj"] = parts["adj_close"].values.to_numpy()
    return frame


def _kept(part: Numbers, keep: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Numbers:
    return Numbers(part.values[keep], part.missing[keep], part.unreadable[keep], part.decimals)


def _forwards(parts: dict[str, Numbers], times: Times) -> tuple[dict[str, Numbers], Times]:
    """Turn rows that go back in time around, so that of two rows with one time the later one stands last."""
    steps = times.local.diff().dropna()
    if len(steps) and (steps < pd.Timedelta(0)).mean() > 0.5:
        parts = {
            n: Numbers(p.values.iloc[::-1], p.missing[::-1], p.unreadable[::-1], p.decimals) for n, p in parts.items()
        }
        times = replace(times, local=times.local.iloc[::-1], offset=times.offset.iloc[::-1])
    return parts, times


def _without_today(parts: dict[str, Numbers], times: Times, reading: Progress) -> tuple[dict[str, Numbers], Times]:
    """Leave out the bar of a day that is not over, which is counted."""
    keep = order.whole_days(times, reading.timeframe)
    if keep.all():
        return parts, times
    local = times.local[~keep]
    note = f"Left out: the bar of {local.iloc[0]} in {reading.table.line(int(local.index[0]))}, which alone has such a time of day, as a bar that is not finished; write its date alone to keep it"
    reading.findings.count("unfinished", 1, note)
    parts = {name: _kept(part, keep) for name, part in parts.items()}
    return parts, replace(times, local=times.local[keep], offset=times.offset[keep])


def _whole(frame: pd.DataFrame, reading: Progress) -> pd.DataFrame:
    """Leave out a first and last bar that is a part of one, which is counted."""
    kept, said = ends.without_partial_ends(frame, reading.timeframe, today=pd.Timestamp.now("UTC").date())
    reading.findings.count("unfinished", len(frame) - len(kept))
    reading.findings.warnings += said
    return kept


def _timeframe(reading: Progress, found: Spacing, moments: pd.DatetimeIndex) -> str:
    """Return the time frame: the bars' own, unless there are too few to tell.

    A time frame the user or the file states which the bars contradict is asked about, unless their
    dates are still unclear.
    """
    stated, by = _stated(reading)
    if any(question.field == "date_order" for question in reading.findings.questions):
        return stated or found.timeframe or "1d"
    if stated and fits(stated, found, moments):
        return stated
    if stated:
        remedy = (
            f"are they {in_words(found.timeframe)} bars?"
            if found.timeframe
            else "which is no known time frame: export another?"
        )
        text = f"{by} these are {in_words(stated)} bars, but {found.text}: {remedy}"
        reading.findings.questions.append(
            FileQuestion("timeframe", text, (found.timeframe,) if found.timeframe else ())
        )
    elif not found.timeframe and found.share >= 0.9:
        raise DataError(
            f"{reading.table.name}: {found.text}, which is no known time frame",
            suggestions=[f"Export the prices in one of {', '.join(TIMEFRAMES)}"],
        )
    elif not found.timeframe and found.share > 0:
        text = f"The time frame is unclear, {found.text}: which one is it?"
        reading.findings.questions.append(FileQuestion("timeframe", text, ("1d", "1wk", "1mo")))
    elif not found.timeframe:
        reading.findings.notes.append("One bar does not tell its time frame; it is taken as 1d")
    return found.timeframe or "1d"


def _stated(reading: Progress) -> tuple[str, str]:
    """Return the time frame the user or a column of the file states, and who does; DataError for two of them."""
    if reading.choices.timeframe or reading.columns.per < 0:
        return reading.choices.timeframe, "You say"
    texts = reading.table.frame.loc[reading.rows, reading.columns.per].astype("str").unique()
    if len(texts) > 1:
        raise DataError(f"{reading.table.name} holds bars of several time frames ({', '.join(texts[:5])}): split it")
    return declared(str(texts[0])) if len(texts) else "", "The file says"


def _starts(times: Times, timeframe: str, findings: Findings) -> Times:
    """Return the times at which bars start, where those of the file are their last second, as 10:59:59 of an hour is.

    A day, week or month at 24:00 of a date is that date's, whatever the offset; an hour at 24:00 is the midnight that follows.
    """
    known = times.local.dropna()
    if not is_intraday(timeframe):
        return _of_dates(times, timeframe, findings)
    if not len(known) or not (known.dt.second == 59).all():
        return times
    local = times.local.dt.floor("s") + pd.Timedelta(seconds=1 - seconds(timeframe))
    first = known.iloc[0]
    findings.notes.append(
        f"The times are the last second of each bar; the bar of {first} is that of {local[known.index[0]]}"
    )
    return replace(times, local=local)


def _of_dates(times: Times, timeframe: str, findings: Findings) -> Times:
    at_24 = times.local.index.isin(times.at_24)
    if not at_24.any():
        return times
    local = times.local.mask(at_24, times.local - pd.Timedelta(days=1))
    findings.notes.append(
        f"A time of 24:00 is the end of a bar: {in_words(timeframe)} bars keep the date they bear, as {local[at_24].iloc[0]:%Y-%m-%d}"
    )
    return replace(times, local=local, offset=times.offset.mask(at_24))


def _adjusted(reading: Progress, frame: pd.DataFrame) -> pd.DataFrame:
    adjusted = frame.pop("Adj") if "Adj" in frame else None
    if adjusted is not None and reading.choices.adjustment != "none" and adjusted.notna().any():
        wrong = ~(adjusted > 0)
        if wrong.any():
            note = f"Left out: {checks.many(int(wrong.sum()), 'bar')} without an adjusted close above zero, the first is {checks.when(frame.index[wrong][0])}"
            reading.findings.count("missing_adjusted_close", int(wrong.sum()), note)
            frame, adjusted = frame[~wrong], adjusted[~wrong]
    frame, reading.adjustment = adjust(frame, adjusted, reading.choices.adjustment, reading.findings)
    return frame
