"""In which zone the times of a file are: what the user, the cells, names, columns and vendors say, and what has to be asked."""

from __future__ import annotations

import pandas as pd

from Backtest.data.importing import zones
from Backtest.data.importing.names import abbreviation_in, zone_called, zone_in
from Backtest.data.importing.progress import Progress
from Backtest.data.importing.times import Times
from Backtest.data.importing.understanding import FileQuestion
from Backtest.data.importing.zone_columns import SHARED, WINTER, told_by_sessions, unclear_in_cells, zone_of_rows
from Backtest.market import in_words, is_intraday, seconds


def placed(reading: Progress, times: Times) -> zones.Placed:
    """Return the index of the bars: days, or moments in the zone that is given or told; what is not told is asked."""
    choices, findings = reading.choices, reading.findings
    if not is_intraday(reading.timeframe):
        if choices.timezone and times.offset.isna().all():
            findings.notes.append(
                f"{in_words(reading.timeframe).capitalize()} bars keep the date they bear; the zone {choices.timezone} is not needed"
            )
        return zones.days(times, choices.timezone, findings)
    unclear = unclear_in_cells(times)
    if unclear and choices.timezone:
        findings.notes.append(f"The times say {unclear[0]}; they are in {choices.timezone} as you say")
    if unclear:
        times = Times(times.local, times.offset * float("nan"), "", times.order, times.unit)
    if unclear and not choices.timezone:
        return zones.Placed(pd.DatetimeIndex(times.local), _asked_zone(reading, *unclear, times))
    known, why = ("", "") if choices.timezone or times.offset.notna().any() else _known_zone(reading, times)
    found = zones.intraday(times, timezone=choices.timezone, known_zone=known, why=why, findings=findings)
    if found.zone:
        return found
    twice = zones.repeats_an_hour(times.local, seconds(reading.timeframe))
    if twice is not None:
        text = f"The hour of {twice} is there twice, as where clocks are set back. In which zone are the times? Without it an hour is lost."
    else:
        text = "The times have no zone, and rules that name one cannot be run on them. In which zone are they?"
        findings.notes.append("The times have no zone: they are kept as they are written")
    examples = ("UTC", "America/New_York", "Europe/London", "Europe/Berlin", "Asia/Tokyo")
    findings.questions.append(FileQuestion("timezone", text, examples, blocking=twice is not None))
    return found


def _known_zone(reading: Progress, times: Times) -> tuple[str, str]:
    table, vendor, columns = reading.table, reading.vendor, reading.columns
    for at in (columns.time, columns.clock) if table.names else ():
        name = table.names[at] if at >= 0 else ""
        if zone := zone_in(name):
            return _meant(reading, times, zone, abbreviation_in(name)), f"the column is called {name}"
    said, column = zone_of_rows(table, reading.rows)
    if said:
        return _meant(reading, times, zone_called(said) or said, said), f"the column {column} says {said}"
    if hint := table.hints.get("timezone", ""):
        return zones.named_zone(hint).key, "the file says so"
    if vendor.timezone:
        return vendor.timezone, f"it is an export of {vendor.name}"
    return "", ""


def _asked_zone(reading: Progress, said: str, zones_meant: tuple[str, ...], times: Times) -> str:
    """Ask which zone an abbreviation means, and return the first of those it may."""
    first = times.local.iloc[0]
    may = f": it may be {' or '.join(zones_meant)}" if len(zones_meant) > 1 else ""
    text = f"The times such as {first} {said} do not tell their zone{may}. In which zone are they? Give it by name."
    reading.findings.questions.append(FileQuestion("timezone", text, zones_meant))
    return zones_meant[0] if zones_meant else ""


def _meant(reading: Progress, times: Times, zone: str, said: str) -> str:
    """Return the zone that is meant; whether EST is New York's time or winter's all the year is asked unless dates tell."""
    key = zones.named_zone(zone).key
    if said.upper() in SHARED and len(SHARED[said.upper()]) > 1:
        return _asked_zone(reading, said.upper(), SHARED[said.upper()], times)
    if said.upper() not in WINTER:
        return key
    both = WINTER[said.upper()]
    told = told_by_sessions(times.local, both[0])
    if told is None:
        text = (
            f"{said.upper()} is winter's time: do the times follow {both[0]} with its daylight saving, or {said.upper()} all the year "
            f"({both[1]})? They differ by an hour in summer."
        )
        reading.findings.questions.append(FileQuestion("timezone", text, both))
    return both[1] if told is False else both[0]
