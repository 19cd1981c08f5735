"""Random canonical strategies and prices, for properties that must hold for all of them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from pydantic import ValidationError

from Backtest.canonical import CanonicalStrategy, make_indicator
from Backtest.diagnostics import load_canonical
from Backtest.indicators import PRICE_COLUMNS, REGISTRY, IndicatorEntry

Node = dict[str, Any]


class _Maker:
    """Makes the JSON of a strategy from a source of randomness.

    `wide` uses everything the schema has; otherwise what trades often on a few hundred bars. Three in ten are for bars
    finer than a day, with VWAP by the session.
    """

    def __init__(self, chance: random.Random, *, wide: bool) -> None:
        self.chance, self.wide = chance, wide
        self.indicators: dict[str, Node] = {}
        self.intraday = chance.random() < 0.3

    def entry(self) -> IndicatorEntry:
        """An indicator that exists on the bars of the strategy, on those of minutes often one that begins anew each session."""
        of_sessions = [name for name in REGISTRY if REGISTRY[name].reads_session]
        if self.intraday and self.chance.random() < 0.3:
            return REGISTRY[self.chance.choice(of_sessions)]
        return REGISTRY[self.chance.choice(sorted(REGISTRY.keys() - of_sessions))]

    def timeframe(self, entry: IndicatorEntry) -> str | None:
        if self.chance.random() >= (0.15 if self.wide else 0.05) + 0.1 * self.intraday:
            return None
        # A place in a day, a week or a month is none of a weekly bar.
        return self.chance.choice((["1h", "4h"] if self.intraday else [None]) + ([] if entry.calendar else ["1wk"]))

    def indicator(self) -> Node:
        chance = self.chance
        entry = self.entry()
        params: dict[str, float] = {}
        for p in entry.params:
            if chance.random() < 0.5:
                params[p.name] = (
                    chance.choice([930, 1100, 1500, 2315]) if p.counts == "clock"
                    else chance.randint(int(max(p.minimum, 2)), 30) if p.kind is int
                    else chance.choice([1.5, 2.0, 2.5])
                )  # fmt: skip
        if entry.name == "MACD":
            params = {"fastperiod": chance.randint(3, 12), "slowperiod": chance.randint(13, 30), "signalperiod": 9}
        if entry.name == "ICHIMOKU":
            params = {"tenkanperiod": 5, "kijunperiod": 9, "senkouperiod": 18}
        source = chance.choice(PRICE_COLUMNS) if entry.takes_source and chance.random() < 0.3 else None
        made = make_indicator(entry.name, source=source, timeframe=self.timeframe(entry), **params)
        self.indicators[made.id] = made.model_dump(mode="json")
        output = chance.choice(entry.outputs).name if len(entry.outputs) > 1 else None
        return {"type": "indicator", "id": made.id, "output": output, "offset": chance.choice([0, 0, 0, 1, 3])}

    def operand(self, depth: int = 0) -> Node:
        kind = self.chance.random()
        if kind < 0.3:
            column = self.chance.choice(PRICE_COLUMNS)
            return {"type": "price", "column": column, "offset": self.chance.choice([0, 0, 1, 2])}
        if kind < 0.45:
            return {"type": "value", "value": self.chance.choice([0, 1, 20, 50.5, -3, 0.0001, 12345])}
        if kind < 0.55 and depth < 1:
            op = self.chance.choice("+-*/")
            return {"type": "math", "left": self.operand(1), "op": op, "right": self.operand(1)}
        if kind < 0.6 and depth < 1 and self.wide:
            held = {"condition": self.condition(2), "offset": self.chance.choice([0, 0, 2])}
            if kind < 0.57:
                return {"type": "bars_since", **held}
            return {"type": "value_when", "operand": self.operand(1), **held}
        return self.indicator()

    def series(self) -> Node:
        while (found := self.operand())["type"] == "value":
            pass
        return found

    def near(self) -> tuple[Node, Node]:
        """Two operands of one scale, whose comparison changes now and then."""
        chance = self.chance
        if chance.random() < 0.5:
            entry = chance.choice([e for e in REGISTRY.values() if e.bounds and not e.outputs[1:]])
            made = make_indicator(entry.name)
            low, high = entry.bounds or (0, 100)
            level: Node = {"type": "value", "value": low + (high - low) * chance.choice([0.3, 0.5, 0.7])}
            right = level
        else:
            made = make_indicator(chance.choice(["SMA", "EMA", "WMA", "KAMA"]), timeperiod=chance.randint(2, 20))
            if self.intraday and chance.random() < 0.4:
                made = make_indicator("SESSION_VWAP")
            right = {"type": "price", "column": chance.choice(PRICE_COLUMNS[:4]), "offset": chance.choice([0, 0, 1])}
        self.indicators[made.id] = made.model_dump(mode="json")
        return {"type": "indicator", "id": made.id}, right

    def condition(self, depth: int = 0, *, leaving: bool = False) -> Node:
        chance, kind = self.chance, self.chance.random()
        if not self.wide and kind < 0.7:
            left, right = self.near()
            if kind < 0.45:
                return {"type": "compare", "left": left, "op": chance.choice(["<", "<=", ">", ">="]), "right": right}
            return {"type": "cross", "left": left, "direction": chance.choice(["above", "below"]), "right": right}
        if kind < 0.35 or depth >= 2:
            op = chance.choice(["<", "<=", ">", ">=", "=="])
            return {"type": "compare", "left": self.series(), "op": op, "right": self.operand()}
        if kind < 0.5:
            direction = chance.choice(["above", "below"])
            return {"type": "cross", "left": self.series(), "direction": direction, "right": self.operand()}
        if kind < 0.55:
            return {"type": "between", "operand": self.series(), "low": self.operand(), "high": self.operand()}
        if kind < 0.62:
            return {
                "type": chance.choice(["rising", "falling"]), "operand": self.series(), "bars": chance.randint(1, 5),
            }  # fmt: skip
        if kind < 0.8:
            parts = [self.condition(depth + 1, leaving=leaving) for _ in range(chance.randint(2, 3))]
            return {"type": "all" if kind < 0.72 else "any", "conditions": parts}
        if kind < 0.85:
            return {"type": "not", "condition": self.condition(depth + 1, leaving=leaving)}
        if kind < 0.88 and depth < 1:
            parts = [self.condition(depth + 1, leaving=False) for _ in range(2)]
            return chance.choice(
                [
                    {
                        "type": "count",
                        "condition": parts[0],
                        "least": chance.randint(1, 3),
                        "bars": chance.randint(3, 6),
                    },
                    {"type": "then", "first": parts[0], "second": parts[1], "bars": chance.randint(1, 5)},
                    {"type": "first_since", "condition": parts[0], "since": parts[1]},
                ]
            )
        if kind < 0.91:
            word = "for_bars" if kind < 0.88 else "within_bars"
            inner = self.condition(depth + 1, leaving=leaving)
            return {"type": word, "condition": inner, "bars": chance.randint(2, 6)}
        if kind < 0.96 or not leaving:
            return self.time()
        if chance.random() < 0.5:
            return {"type": "bars_held", "op": chance.choice([">=", ">"]), "bars": 5}
        return {"type": "unrealized_return", "op": chance.choice(["<", ">"]), "percent": chance.choice([-3.5, 2])}

    def time(self) -> Node:
        chance, which = self.chance, self.chance.random()
        days = chance.sample(["mon", "tue", "wed", "thu", "fri", "sat", "sun"], chance.randint(1, 3))
        found: Node = {"type": "time", "weekdays": days if which < 0.7 else []}
        if which > 0.4:
            found |= {"start": "09:30", "end": "16:00"}
            if chance.random() < 0.5:
                found["timezone"] = chance.choice(["America/New_York", "Asia/Tokyo"])
        return found

    def level(self) -> Node:
        if self.chance.random() < 0.5:
            return {"type": "percent", "value": self.chance.choice([1, 2.5, 5])}
        return {
            "type": "atr", "multiple": self.chance.choice([1, 2, 2.5]), "timeperiod": self.chance.choice([14, 20]),
        }  # fmt: skip

    def risk(self) -> Node:
        chance = self.chance
        risk: Node = {"stop_loss": self.level()}
        if chance.random() < 0.3:
            risk["take_profit"] = {"type": "risk_reward", "ratio": 2} if chance.random() < 0.5 else self.level()
        if chance.random() < 0.3:
            risk["trailing_stop"] = self.level()
        if chance.random() < 0.3:
            risk["max_bars"] = chance.randint(1, 50)
        if chance.random() < 0.3:
            risk["cooldown_bars"] = chance.randint(1, 9)
        kind, value = chance.choice(
            [("percent_of_equity", 50), ("percent_of_equity", 100), ("fixed_units", 10), ("fixed_cash", 5000), ("risk_percent", 1.5)]
        )  # fmt: skip
        return risk | {"position_size": {"type": kind, "value": value}}

    def execution(self) -> Node:
        chance = self.chance
        execution: Node = {"cash": chance.choice([100_000, 10_000.5])}
        for name, odds, value in (
            ("commission", 0.5, 0.001), ("spread", 0.3, 0.0002), ("commission_fixed", 0.2, 1.5), ("margin", 0.2, 0.5),
            ("trade_on_close", 0.2, True), ("risk_free_rate", 0.2, 0.02), ("fractional_unit", 0.2, 1e-6),
        ):  # fmt: skip
            if chance.random() < odds:
                execution[name] = value
        return execution

    def strategy(self) -> Node:
        chance = self.chance
        sides = chance.choice([["long"], ["short"], ["long", "short"]])
        entries = [{"side": side, "when": self.condition()} for side in sides]
        exits = [
            {"side": side, "when": self.condition(leaving=True)} for side in sides if chance.random() < 0.85
        ]  # the stop is a way out as well
        return {
            "symbols": chance.choice([[], ["AAPL"], ["MSFT", "GOOG"], ["BTC-USD"], ["BRK.B"]]) if self.wide else [],
            "timeframe": "15m" if self.intraday else "1d", "indicators": list(self.indicators.values()), "entry_rules": entries,
            "exit_rules": exits, "risk": self.risk(), "execution": self.execution(),
        }  # fmt: skip


class _Rough(_Maker):
    """Risk and execution at their limits: levels hit at once, money that runs out, debt, units too dear."""

    def level(self) -> Node:
        chance = self.chance
        if chance.random() < 0.6:
            return {"type": "percent", "value": chance.choice([0.3, 1, 2.5, 5, 12.5, 40])}
        return {"type": "atr", "multiple": chance.choice([0.2, 1, 2.5]), "timeperiod": chance.choice([2, 5, 14])}

    def risk(self) -> Node:
        chance = self.chance
        risk: Node = {}
        for name, odds in (("stop_loss", 0.7), ("take_profit", 0.5), ("trailing_stop", 0.35)):
            if chance.random() < odds:
                risk[name] = self.level()
        if len(risk) > 1 and chance.random() < 0.2:
            risk["take_profit"] = {"type": "risk_reward", "ratio": chance.choice([0.5, 1.5, 3])}
        if chance.random() < 0.25 or not risk:
            risk["max_bars"] = chance.choice([1, 2, 5, 20])
        if chance.random() < 0.25:
            risk["cooldown_bars"] = chance.choice([1, 2, 7])
        kind, values = chance.choice(
            [("percent_of_equity", [1, 37.5, 99.9, 100]), ("fixed_units", [1, 10, 5000]), ("fixed_cash", [500, 20_000, 1e6]),
             ("risk_percent", [0.1, 2, 50])]
        )  # fmt: skip
        if kind == "risk_percent" and not {"stop_loss", "trailing_stop"} & set(risk):
            kind = "percent_of_equity"
        return risk | {"position_size": {"type": kind, "value": chance.choice(values)}}

    def execution(self) -> Node:
        chance = self.chance
        execution: Node = {"cash": chance.choice([300, 10_000.5, 1e6])}
        for name, odds, values in (
            ("commission", 0.5, [0.0005, 0.02]), ("spread", 0.4, [0.0002, 0.004]), ("commission_fixed", 0.3, [0.5, 20]),
            ("margin", 0.4, [0.5, 0.1, 0.02]), ("trade_on_close", 0.3, [True]), ("risk_free_rate", 0.2, [0.02, -0.01]),
            ("fractional_unit", 0.2, [1e-6, 0.01]),
        ):  # fmt: skip
            if chance.random() < odds:
                execution[name] = chance.choice(values)
        return execution


class _Ordered(_Maker):
    """Orders that wait, several units, portions, levels of every kind: what version 2 of the schema added."""

    def operand(self, depth: int = 0) -> Node:
        chance = self.chance
        if chance.random() < 0.85 or depth:
            return super().operand(depth)
        if chance.random() < 0.5:
            return {"type": "ticks", "value": chance.choice([1, 2.5]), "unit": chance.choice(["ticks", "pips"])}
        name = chance.choice(["min", "max", "abs"])
        operands = [_Maker.operand(self, 1) for _ in range(1 if name == "abs" else chance.randint(2, 3))]
        return {"type": "function", "name": name, "operands": operands}

    def price(self) -> Node:
        """A price near the market."""
        chance = self.chance
        column = {
            "type": "price",
            "column": chance.choice(["Open", "High", "Low", "Close"]),
            "offset": chance.choice([0, 1]),
        }
        if chance.random() < 0.4:
            return column
        away = (
            {"type": "ticks", "value": 2}
            if chance.random() < 0.5
            else {"type": "value", "value": chance.choice([0.1, 1])}
        )
        return {"type": "math", "left": column, "op": chance.choice("+-"), "right": away}

    def distance(self) -> Node:
        chance = self.chance
        return chance.choice(
            [
                self.level(),
                {"type": "points", "value": chance.choice([0.5, 2]), "unit": chance.choice(["points", "ticks", "pips"])},
                {"type": "span", "operand": {"type": "math", "left": {"type": "price", "column": "High"}, "op": "-",
                                             "right": {"type": "price", "column": "Low"}}, "multiple": 0.5},
            ]
        )  # fmt: skip

    def order(self) -> Node | None:
        chance = self.chance
        kind = chance.choice(["", "market", "limit", "stop", "stop_limit"])
        if not kind:
            return None
        if kind == "market":
            return {"type": kind, "at": chance.choice(["open", "close"])}
        life = chance.choice([{}, {"bars": chance.randint(1, 5)}, {"session": True}])
        more = {"limit": self.price()} if kind == "stop_limit" else {}
        return {"type": kind, "price": self.price(), **more, **life}

    def size(self) -> Node:
        return self.chance.choice(
            [
                {"type": "percent_of_equity", "value": 20}, {"type": "fixed_units", "value": 10},
                {"type": "fixed_cash", "value": 5000}, {"type": "risk_percent", "value": 1},
                {"type": "lots", "value": 0.5, "contract_size": 100}, {"type": "volatility_target", "value": 10},
                {"type": "kelly", "chance": 0.55, "payoff": 1.5, "cap": 20},
            ]
        )  # fmt: skip

    def risk(self) -> Node:
        chance = self.chance
        risk: Node = {"stop_loss": chance.choice([self.distance(), {"type": "price", "price": self.price()}])}
        if chance.random() < 0.3:
            risk["stop_loss"] |= {"short": self.price()} if risk["stop_loss"]["type"] == "price" else {}
        if chance.random() < 0.5:
            portions = chance.choice([[0.5, None], [0.25, 0.25, 0.5], [0.4]])
            levels = [{"type": "risk_reward", "ratio": 1 + i} for i in range(3)]
            risk["targets"] = [{"level": level, "portion": p} for level, p in zip(levels, portions, strict=False)]
        elif chance.random() < 0.5:
            risk["take_profit"] = chance.choice([self.distance(), {"type": "money", "value": 250}])
        if chance.random() < 0.3:
            risk["trailing_stop"] = self.distance()
        if chance.random() < 0.4:
            stops = [
                {
                    "level": self.distance(),
                    "follow": chance.choice(["no", "close", "extreme"]),
                    "after_bars": chance.choice([0, 2]),
                },
                {"level": {"type": "price", "price": self.price()}, "follow": "level"},
                {"level": self.distance(), "after": {"type": "percent", "value": 2}},
            ]
            risk["stops"] = chance.sample(stops, chance.randint(1, 2))
        if chance.random() < 0.3:
            risk["profit_table"] = [
                {"after_bars": n, "level": {"type": "percent", "value": v}} for n, v in ((0, 6), (5, 2))
            ]
        if chance.random() < 0.3:
            after = chance.choice([{"type": "risk_reward", "ratio": 1}, {"type": "percent", "value": 2}])
            risk["break_even"] = {"after": after, "offset": chance.choice([0, 0.5])}
        if chance.random() < 0.5:
            adds = [
                {"when": self.condition(1), "most": chance.choice([1, 2])},
                {
                    "every": self.distance(),
                    "direction": chance.choice(["with", "against"]),
                    "factor": chance.choice([None, 1.5]),
                },
                {"every": self.distance(), "size": {"type": "fixed_units", "value": 5}},
            ]
            risk["adds"] = chance.sample(adds, chance.randint(1, 2))
            risk["unit_levels"] = chance.choice(["per_unit", "from_last", "from_average"])
        if chance.random() < 0.3:
            risk["max_bars"] = chance.randint(1, 30)
        if chance.random() < 0.2:
            risk["cooldown_bars"] = chance.randint(1, 5)
        return risk | {"position_size": self.size()}

    def leaving(self) -> Node:
        chance = self.chance
        if chance.random() < 0.4:
            return self.condition(leaving=True)
        if chance.random() < 0.3:
            what, most = chance.choice([("profit", 2), ("profit_money", 300), ("days_held", 6)])
            asked = {"type": "position", "what": what}
            number = {"type": "value", "value": chance.randint(1, most)}
            return {"type": "compare", "left": asked, "op": ">=", "right": number}
        what = chance.choice(["entry_price", "highest", "lowest", "signal_high", "signal_low"])
        level = {
            "type": "math",
            "left": {"type": "position", "what": what},
            "op": "*",
            "right": {"type": "value", "value": 0.98},
        }
        return {"type": "compare", "left": {"type": "price"}, "op": chance.choice(["<", ">"]), "right": level}

    def strategy(self) -> Node:
        chance, data = self.chance, super().strategy()
        for i, rule in enumerate(data["entry_rules"]):
            rule |= {"order": self.order(), "id": f"entry_{i}" if chance.random() < 0.6 else None}
            rule |= {"group": "either" if chance.random() < 0.3 else None}
            rule |= {"most_per_session": 2 if chance.random() < 0.2 else None}
            rule |= {"risk": self.risk() if chance.random() < 0.2 else None}
        named = [rule["id"] for rule in data["entry_rules"] if rule["id"]]
        for rule in data["exit_rules"]:
            rule |= {
                "when": self.leaving(),
                "portion": chance.choice([1, 1, 0.5]),
                "at": chance.choice([None, "open", "close"]),
            }
            rule |= {"of": named[:1] if chance.random() < 0.3 else [], "repeat": chance.random() < 0.2}
        ways = {"limit_fill": ["touch", "through"], "path": ["worst", "best", "nearest", "high_first", "low_first"]}
        data["execution"] |= {name: chance.choice(values) for name, values in ways.items() if chance.random() < 0.3}
        return {**data, "indicators": list(self.indicators.values())}


@st.composite
def strategies(draw: st.DrawFn, *, wide: bool = True, rough: bool = False, ordered: bool = False) -> CanonicalStrategy:
    """A strategy that validates without errors; `ordered` ones have what version 2 of the schema added."""
    maker = _Ordered if ordered else _Rough if rough else _Maker
    chance = random.Random(draw(st.integers(0, 2**48)))
    for _ in range(20):
        try:
            loaded = load_canonical(maker(chance, wide=wide).strategy())
        except (ValidationError, ValueError):
            continue
        if loaded.strategy is not None:
            return loaded.strategy
    from hypothesis import reject

    reject()
    raise AssertionError


@st.composite
def frames(draw: st.DrawFn, bars: int = 250) -> pd.DataFrame:
    """A random walk of daily bars, with gaps between close and open, and steps of a cent."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0.005, 0.02, 0.05]))
    close = np.maximum(50 * np.exp(np.cumsum(rng.normal(0, spread, bars))), 1)
    open_ = close * np.exp(rng.normal(0, spread / 2, bars))
    high = np.maximum(open_, close) * (1 + np.abs(rng.normal(0, spread / 2, bars)))
    low = np.minimum(open_, close) * (1 - np.abs(rng.normal(0, spread / 2, bars)))
    volume = rng.integers(1_000, 9_000, bars).astype(float)
    index = pd.bdate_range("2021-01-04", periods=bars, unit="us")
    columns = {"Open": open_, "High": high, "Low": low, "Close": close, "Volume": volume}
    frame = pd.DataFrame({name: np.round(values, 2) for name, values in columns.items()}, index=index)
    frame["High"] = frame[["Open", "High", "Low", "Close"]].max(axis=1)
    frame["Low"] = frame[["Open", "High", "Low", "Close"]].min(axis=1)
    return frame


@st.composite
def rough_frames(draw: st.DrawFn, bars: int = 0) -> pd.DataFrame:
    """Prices that are hard on an engine: gaps, flat bars, no volume, tiny and huge prices, few bars, any calendar."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bars = bars or int(rng.choice([5, 20, 60, 150, 300]))
    wildness, gap = rng.choice([0.001, 0.01, 0.06]), rng.choice([0, 0.002, 0.04])
    base = rng.choice([0.0004, 1.2, 50, 900, 250_000])
    jumps = rng.normal(0, 1, bars) * gap * (rng.random(bars) < 0.3)
    open_ = base * np.exp(np.cumsum(rng.normal(0, wildness, bars) + jumps))
    close = open_ * np.exp(rng.normal(0, wildness, bars))
    high = np.maximum(open_, close) * (1 + np.abs(rng.normal(0, wildness, bars)) * (rng.random(bars) < 0.8))
    low = np.minimum(open_, close) * (1 - np.abs(rng.normal(0, wildness, bars)) * (rng.random(bars) < 0.8))
    volume = rng.integers(0, 9_000, bars).astype(float)
    flat = rng.random(bars) < rng.choice([0, 0, 0.1, 0.9])
    for values in (open_, high, low):
        values[flat] = close[flat]
    if rng.random() < 0.2:
        stuck = int(rng.integers(0, bars))
        for values in (open_, high, low, close):
            values[stuck : stuck + 25] = values[stuck]
        high, low = np.maximum.reduce([open_, high, low, close]), np.minimum.reduce([open_, high, low, close])
    volume[flat] = 0
    index = {
        "D": pd.date_range("2021-01-04", periods=bars, unit="us"),
        "B": pd.bdate_range("2021-01-04", periods=bars, unit="us"),
        "h": pd.date_range("2021-01-04 09:30", periods=bars, freq="h", unit="us", tz="America/New_York"),
        "m": pd.date_range("2021-01-04 22:00", periods=bars, freq="15min", unit="us"),
        "W": pd.date_range("2001-01-01", periods=bars, freq="W-MON", unit="us"),
        "M": pd.date_range("1990-01-31", periods=bars, freq="ME", unit="us"),
    }[str(rng.choice(["D", "D", "B", "B", "h", "m", "W", "M"]))]
    columns = {"Open": open_, "High": high, "Low": low, "Close": close, "Volume": volume}
    return pd.DataFrame(columns, index=index)
