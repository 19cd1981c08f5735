"""Random strategies that are not plain, and bars for them: more than the cases of the oracle can say.

A strategy is drawn from a seed. Its rules fire on the volume, so that what happens does not hang on indicators alone; prices go in small steps, so
that many levels lie within one bar.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd

from Backtest.canonical import CanonicalStrategy

Json = dict[str, Any]
ATR = {"type": "atr", "timeperiod": 3}
OPERANDS = {
    1: ["Low", "lowest", "average", "Open"],
    -1: ["High", "highest", "average", "Open"],
}  # fmt: skip


def _value(number: float) -> Json:
    return {"type": "value", "value": number}


def _price(column: str, offset: int = 0) -> Json:
    return {"type": "price", "column": column, "offset": offset}


def _plus(left: Json, op: str, right: Json) -> Json:
    return {"type": "math", "left": left, "op": op, "right": right}


def _operand(chance: random.Random, side: int) -> Json:
    """Return a price at or behind the market."""
    name = chance.choice(OPERANDS[side])
    indicators = {"lowest": "LOWEST_3", "highest": "HIGHEST_3", "average": "SMA_3"}
    found = (
        {"type": "indicator", "id": indicators[name]} if name in indicators else _price(name, chance.choice([0, 0, 1]))
    )
    ticks = {"type": "ticks", "value": chance.choice([1, 5]), "unit": chance.choice(["ticks", "pips"])}
    way = chance.choice(["as it is", "ticks", "function"])
    if way == "ticks":
        return _plus(found, "-" if side > 0 else "+", ticks)
    if way == "function":
        return {"type": "function", "name": "min" if side > 0 else "max", "operands": [found, _price("Close", 1)]}
    return found


def _distance(chance: random.Random, scale: float = 1.0) -> Json:
    kind = chance.choice(["percent", "atr", "points", "points", "span"])
    if kind == "percent":
        return {"type": "percent", "value": chance.choice([0.5, 1, 2.3]) * scale}
    if kind == "atr":
        return {**ATR, "multiple": chance.choice([0.5, 1, 1.7]) * scale}
    if kind == "points":
        unit = chance.choice(["points", "points", "ticks", "pips"])
        return {
            "type": "points",
            "value": chance.choice([1, 1.5, 2]) * scale * (1 if unit == "points" else 40),
            "unit": unit,
        }
    return {
        "type": "span",
        "operand": _plus(_price("High"), "-", _price("Low")),
        "multiple": chance.choice([0.5, 1]) * scale,
    }


def _level(chance: random.Random, side: int, scale: float = 1.0) -> Json:
    kind = chance.choice(["distance", "distance", "price", "money"])
    if kind == "distance":
        return _distance(chance, scale)
    if kind == "money":
        return {"type": "money", "value": chance.choice([50, 150])}
    return {"type": "price", "price": _operand(chance, 1), "short": _operand(chance, -1)}


def _gain(chance: random.Random) -> Json:
    return chance.choice([{"type": "risk_reward", "ratio": chance.choice([0.5, 1])}, {"type": "points", "value": 1.5},
                          {"type": "percent", "value": 1}, {**ATR, "multiple": 0.5}])  # fmt: skip


def _stop(chance: random.Random, side: int) -> Json:
    follow = chance.choice(["no", "no", "close", "extreme", "level"])
    stop: Json = {"follow": follow, "after_bars": chance.choice([0, 0, 0, 1, 2])}
    if follow == "level":
        stop["level"] = {"type": "price", "price": _operand(chance, 1), "short": _operand(chance, -1)}
        if chance.random() < 0.3:
            known = {
                "type": "position",
                "what": chance.choice(["entry_price", "lowest", "highest", "signal_low", "signal_high"]),
            }
            stop["level"] = {
                "type": "price",
                "price": _plus(known, "-", _value(1)),
                "short": _plus(known, "+", _value(1)),
            }
    else:
        stop["level"] = _distance(chance) if follow != "no" else _level(chance, side)
    if follow != "no" and chance.random() < 0.3:
        stop["after"] = _gain(chance)
    return stop


def _size(chance: random.Random, *, stopped: bool) -> Json:
    sizes: list[Json] = [
        {"type": "fixed_units", "value": chance.choice([40, 80, 100])},
        {"type": "percent_of_equity", "value": chance.choice([30, 60, 100])},
        {"type": "fixed_cash", "value": 7_000},
        {"type": "lots", "value": 0.5, "contract_size": 100},
        {"type": "kelly", "chance": 0.6, "payoff": 1.5, "cap": 20},
        {"type": "volatility_target", "value": 10, "timeperiod": 3},
    ]
    return chance.choice([*sizes, {"type": "risk_percent", "value": chance.choice([0.2, 1])}] if stopped else sizes)


def _risk(chance: random.Random, side: int) -> Json:
    risk: Json = {}
    if chance.random() < 0.5:
        risk["stop_loss"] = _level(chance, side)
    if chance.random() < 0.3:
        risk["trailing_stop"] = _distance(chance)
    risk["stops"] = [_stop(chance, side) for _ in range(chance.choice([0, 1, 1, 2]))]
    stopped = bool(risk["stops"] or len(risk) > 1)
    goal = chance.choice(["targets", "one", "table", "none"])
    far = [_distance(chance, 0.5 + k) for k in range(3)]
    if stopped and chance.random() < 0.5:
        far = [{"type": "risk_reward", "ratio": 0.5 + k} for k in range(3)]
    if goal == "targets":
        parts = chance.choice([[0.5, 0.5], [0.3, 0.3, None], [0.25, 0.5], [0.29, 0.71]])
        risk["targets"] = [{"level": level, "portion": part} for level, part in zip(far, parts, strict=False)]
    elif goal == "one":
        risk["take_profit"] = far[1]
    elif goal == "table":
        risk["profit_table"] = [
            {"after_bars": 0, "level": _distance(chance, 2)},
            {"after_bars": 2, "level": _distance(chance)},
        ]
    if chance.random() < 0.4:
        after = _gain(chance) if goal != "targets" or chance.random() < 0.5 else {"type": "target", "target": 1}
        if after.get("type") != "risk_reward" or stopped:
            risk["break_even"] = {"after": after, "offset": chance.choice([0, 2]), "unit": "ticks"}
    if chance.random() < 0.3:
        risk["max_bars"] = chance.choice([1, 2, 5])
    if chance.random() < 0.15:
        risk["session_exit"] = chance.choice([0, 1])
    risk["position_size"] = _size(chance, stopped=stopped)
    adds = []
    for _ in range(chance.choice([0, 0, 1, 2])):
        add: Json = {"most": chance.choice([1, 2])}
        if chance.random() < 0.4:
            add["when"] = _fires(chance)
        else:
            add |= {"every": _distance(chance, 0.7), "direction": chance.choice(["with", "against"])}
        more = chance.choice(["", "size", "factor"])
        if more == "size":
            add["size"] = _size(chance, stopped=stopped)
        elif more == "factor":
            add["factor"] = chance.choice([0.5, 1.5])
        adds.append(add)
    risk["adds"] = adds
    risk["unit_levels"] = chance.choice(["per_unit", "from_last", "from_average"])
    return risk


def _fires(chance: random.Random) -> Json:
    return {"type": "compare", "left": _price("Volume"), "op": "==", "right": _value(chance.randint(1, 6))}


def _of_position(chance: random.Random) -> Json:
    asked = chance.choice(
        [
            {"type": "bars_held", "op": ">=", "bars": 3},
            {"type": "unrealized_return", "op": "<", "percent": -1},
            {"type": "compare", "left": _price("Close"), "op": "<", "right": {"type": "position", "what": "entry_price"}},
            {
                "type": "compare",
                "left": {"type": "function", "name": "abs", "operands": [
                    _plus(_price("Close"), "-", {"type": "position", "what": "signal_close"})]},
                "op": ">",
                "right": {"type": "position", "what": "risk"},
            },
        ]
    )  # fmt: skip
    return {"type": "all", "conditions": [_fires(chance), asked]} if chance.random() < 0.5 else asked


def _order(chance: random.Random, side: int) -> Json | None:
    kind = chance.choice(["none", "market", "limit", "stop", "stop", "stop_limit"])
    if kind == "none":
        return None
    if kind == "market":
        return {"type": "market", "at": chance.choice(["open", "close"])}
    order: Json = {"type": kind} | chance.choice([{}, {"bars": 1}, {"bars": 3}, {"session": True}])
    behind = _operand(chance, side)
    ahead = _plus(_operand(chance, -side), "+" if side > 0 else "-", _value(chance.choice([0, 0.5])))
    order["price"] = behind if kind == "limit" else ahead
    if kind == "stop_limit":
        order["limit"] = chance.choice(
            [_price("Close"), ahead, _plus(_price("Close"), "+" if side > 0 else "-", _value(1))]
        )
    return order


def strategy(seed: int) -> CanonicalStrategy:
    """Return the strategy of a seed; it is not plain."""
    chance = random.Random(seed)
    entries = []
    for number in range(chance.choice([1, 1, 2, 3])):
        side = chance.choice([1, -1])
        rule: Json = {"side": "long" if side > 0 else "short", "when": _fires(chance), "order": _order(chance, side)}
        if chance.random() < 0.5:
            rule["id"] = "abc"[number]
        if chance.random() < 0.4:
            rule["group"] = "g"
        if chance.random() < 0.2:
            rule["most_per_session"] = chance.choice([1, 2])
        if chance.random() < 0.3:
            rule["risk"] = _risk(chance, side)
        entries.append(rule)
    names = [rule["id"] for rule in entries if "id" in rule]
    exits = []
    for _ in range(chance.choice([0, 1, 2])):
        leaving: Json = {"side": chance.choice(["long", "short"])}
        leaving["when"] = _fires(chance) if chance.random() < 0.5 else _of_position(chance)
        leaving |= {"portion": chance.choice([1, 0.5, 0.34]), "at": chance.choice([None, "open", "close"])}
        leaving |= {"repeat": chance.random() < 0.3, "of": names[:1] if chance.random() < 0.2 else []}
        exits.append(leaving)
    risk = _risk(chance, 1)
    risk["cooldown_bars"] = chance.choice([0, 0, 0, 2])
    execution: Json = {
        "cash": chance.choice([10_000, 100_000]),
        "commission": chance.choice([0, 0, 0.001]),
        "commission_fixed": chance.choice([0, 0, 3]),
        "spread": chance.choice([0, 0, 0.002]),
        "margin": chance.choice([1, 1, 0.5]),
        "trade_on_close": chance.random() < 0.2,
        "fractional_unit": chance.choice([1, 1, 1, 0.01]),
        "limit_fill": chance.choice(["touch", "touch", "through"]),
        "path": chance.choice(["worst", "worst", "worst", "best", "nearest", "high_first", "low_first"]),
        "tick": chance.choice([None, 0.05]),
        "pip": chance.choice([None, 0.1]),
    }
    data = {
        "timeframe": "1h",
        "indicators": [{"name": name, "timeperiod": 3} for name in ("SMA", "LOWEST", "HIGHEST")],
        "entry_rules": entries,
        "exit_rules": exits,
        "risk": risk,
        "execution": execution,
    }
    made = CanonicalStrategy.model_validate(data)
    return strategy(seed + 1_000_000) if made.is_plain else made


def bars(seed: int, count: int = 60) -> pd.DataFrame:
    """Return hourly bars in steps of 0.05 with gaps, six a day, the numbers of whose days are given with them."""
    draw = np.random.default_rng(seed)
    close = 100 + np.cumsum(draw.normal(0, 1, count))
    close = np.maximum(np.round(close / 0.05) * 0.05, 5)
    gap = draw.choice([0, 0, 0, 0.5, -0.5, 2.5, -2.5], count)
    open_ = np.maximum(np.round((np.r_[100, close[:-1]] + gap) / 0.05) * 0.05, 5)
    high = np.maximum(open_, close) + np.round(np.abs(draw.normal(0, 0.7, count)) / 0.05) * 0.05
    low = np.minimum(open_, close) - np.round(np.abs(draw.normal(0, 0.7, count)) / 0.05) * 0.05
    days = np.arange(count) // 6
    index = pd.bdate_range("2024-01-01", periods=days[-1] + 1).repeat(6)[:count] + pd.to_timedelta(
        10 + np.arange(count) % 6, unit="h"
    )
    prices = {"Open": open_, "High": high, "Low": np.maximum(low, 1), "Close": close}
    volume = draw.integers(1, 10, count).astype(float)
    numbers = {"Period1d": days.astype(float), "Complete1d": days.astype(float)}
    return pd.DataFrame({**prices, "Volume": volume, **numbers}, index=index.as_unit("us"))
