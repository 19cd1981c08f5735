"""Random cases: strategies of the cases' vocabulary on random bars, as JSON, and a case mirrored.

Prices are whole numbers and distances halves, so that many levels meet at one price; sizes are small enough to be paid always.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
MIRROR = 100
"""Prices are mirrored at this one: p becomes 2 x 100 - p."""

SIZE = 80
"""Units of an entry: halves and quarters of it, and of its half, are whole."""

PRICES = {"Close - 2": "Close + 2", "High + 1": "Low - 1", "Close - 1": "Close + 1", "High + 0.5": "Low - 0.5"}
STOP_PRICES = {"Low": "High", "lowest(Low, 2)": "highest(High, 2)", "SMA(Close, 2) - 2": "SMA(Close, 2) + 2"}
MIRRORED_TEXT = {
    text: other for pairs in (PRICES, STOP_PRICES) for pair in pairs.items() for text, other in (pair, pair[::-1])
}
MIRRORED_SIDE = {"long": "short", "short": "long", "buy": "sell", "sell": "buy"}
MIRRORED_PRICES = ("price", "limit", "stop", "target", "targets")

distances = st.sampled_from([1, 1.5, 2, 3, 5])
portions = st.sampled_from([[0.5, 0.5], [0.25, 0.25], [0.5]])


@st.composite
def bars(draw: st.DrawFn, count: int = 6) -> list[list[int]]:
    """Draw bars, none of which has its open exactly between high and low, where the low would be first by convention."""
    rows, close = [], MIRROR
    for _ in range(count):
        open_ = close + draw(st.sampled_from([-3, -1, 0, 0, 0, 1, 3]))
        high_by, low_by = draw(st.integers(0, 5)), draw(st.integers(0, 5))
        if high_by == low_by:
            high_by += 1
        close = draw(st.integers(open_ - low_by, open_ + high_by))
        rows.append([open_, open_ + high_by, open_ - low_by, close, draw(st.sampled_from([1, 1, 2, 3, 9, 10]))])
    return rows


@st.composite
def risks(draw: st.DrawFn, side: str) -> Json:
    stops: list[Json] = []
    kind = draw(st.sampled_from(["points", "points", "price", "level", "chandelier", "later", "none"]))
    text = draw(st.sampled_from(sorted(STOP_PRICES)))
    text = text if side == "long" else MIRRORED_TEXT[text]
    if kind == "points":
        stops.append({"points": draw(distances)})
    elif kind == "price":
        stops.append({"price": text})
    elif kind == "level":
        stops.append({"follow": {"level": text}})
    elif kind == "chandelier":
        stops.append({"follow": {"chandelier": {"points": draw(distances)}}})
    elif kind == "later":
        start = {"start_after": {"points": draw(distances)}}
        stops += [{"points": 4}, {"follow": {"chandelier": {"points": 2}, **start}}, {"points": 1, "after_bars": 2}]
    risk: Json = {"stop": stops}
    goal = draw(st.sampled_from(["targets", "targets", "whole", "table", "none"]))
    if goal == "targets":
        parts = draw(portions)
        risk["targets"] = [{"points": 2 * place, "portion": part} for place, part in enumerate(parts, start=1)]
    elif goal == "whole":
        risk["targets"] = [{"points": draw(distances)}]
    elif goal == "table":
        risk["profit_table"] = [{"after_bars": 0, "points": 4}, {"after_bars": 1, "points": draw(distances)}]
    if draw(st.integers(0, 3)) == 0:
        risk["break_even"] = {"after": {"points": draw(distances)}, "offset": draw(st.sampled_from([0, 0.5]))}
    if draw(st.integers(0, 4)) == 0:
        risk["max_bars"] = draw(st.integers(1, 3))
    return risk


@st.composite
def entries(draw: st.DrawFn, name: str, *, market: bool = False, adds: bool = True) -> Json:
    side = draw(st.sampled_from(["long", "short"]))
    entry: Json = {"id": name, "side": side, "when": f"V == {draw(st.integers(1, 2))}", "size": {"units": SIZE}}
    text = draw(st.sampled_from(sorted(MIRRORED_TEXT.keys() & {*PRICES, *PRICES.values()})))
    kind = "market" if market else draw(st.sampled_from(["market", "at_close", "limit", "stop", "stop", "stop_limit"]))
    if kind == "at_close":
        entry["order"] = {"type": "market", "at": "close"}
    elif kind != "market":
        entry["order"] = {"type": kind, "price": text}
        if life := draw(st.sampled_from([None, None, {"bars": 1}, {"bars": 2}, {"session": 1}])):
            entry["order"]["life"] = life
    if kind == "stop_limit":
        entry["order"]["limit"] = draw(st.sampled_from(["Close - 2", "Close + 2", text]))
    entry["risk"] = draw(risks(side))
    if adds and draw(st.booleans()):
        levels = draw(st.sampled_from(["per_unit", "from_last", "from_average"]))
        way: Json = draw(
            st.sampled_from(
                [
                    {"when": "V == 3"},
                    {"order": {"type": "limit", "points": 1}},
                    {"order": {"type": "stop", "points": 1}},
                ]
            )
        )
        entry["adds"] = {**way, "size": {"units": SIZE}, "max_units": draw(st.integers(2, 3)), "levels": levels}
    return entry


@st.composite
def cases(draw: st.DrawFn, *, market: bool = False, adds: bool = True, parts: bool = True) -> Json:
    """Draw a case: one or two entries, perhaps one-cancels-other, with exits, a session exit and a cooldown at times."""
    count = draw(st.integers(1, 2))
    rules = [draw(entries("ab"[place], market=market, adds=adds)) for place in range(count)]
    if count == 2 and draw(st.booleans()):
        rules = [{**rule, "oco": "g"} for rule in rules]
    strategy: Json = {"entries": rules}
    if draw(st.booleans()):
        portion = draw(st.sampled_from([1, 0.5])) if parts else 1
        at = draw(st.sampled_from(["open", "close"]))
        sides = draw(st.sampled_from([["long"], ["short"], ["long", "short"]]))
        strategy["exits"] = [{"side": side, "when": "V == 9", "portion": portion, "at": at} for side in sides]
    if draw(st.integers(0, 3)) == 0:
        strategy["session_exit"] = {"bars_before_end": draw(st.integers(0, 1))}
    if draw(st.integers(0, 3)) == 0:
        strategy["cooldown_bars"] = 1
    return {"strategy": strategy, "bars": draw(bars()), "sessions": [[0, 1, 2], [3, 4, 5]]}


def mirrored(given: Json) -> Json:
    """Give the case with every price p as 2 x MIRROR - p: bars turned over, long for short, expressions for their opposites."""
    rows = [[2 * MIRROR - row[at] for at in (0, 2, 1, 3)] + row[4:] for row in given["bars"]]
    return {**given, "strategy": _opposite(given["strategy"]), "bars": rows}


def _opposite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _opposite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_opposite(part) for part in value]
    if isinstance(value, str):
        return {**MIRRORED_TEXT, **MIRRORED_SIDE}.get(value, value)
    return value


def mirrored_event(event: Json) -> Json:
    """Give an event with its prices mirrored and buy for sell."""
    turned = {name: _turned(value) if name in MIRRORED_PRICES else value for name, value in event.items()}
    return turned | ({"side": MIRRORED_SIDE[event["side"]]} if "side" in event else {})


def _turned(value: Any) -> Any:
    return [_turned(part) for part in value] if isinstance(value, list) else 2 * MIRROR - value
