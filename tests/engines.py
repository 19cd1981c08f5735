"""The cases of the oracle as canonical strategies, and a run of their generated code with what its book tells."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import backtesting.backtesting
import numpy as np
import pandas as pd

from Backtest.backtesting_adapter import create_strategy_from_canonical, engine_settings
from Backtest.canonical import CanonicalStrategy
from Backtest.sandbox import worker

Json = dict[str, Any]
COLUMNS = {"Open": "Open", "High": "High", "Low": "Low", "Close": "Close", "V": "Volume"}
WINDOWS = {"lowest": "LOWEST", "highest": "HIGHEST", "SMA": "SMA"}
SIGNS: dict[type[ast.cmpop], str] = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "=="}
MATH: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class _Expressions:
    """Turns expressions of the cases into operands and conditions, and collects the indicators they need."""

    def __init__(self) -> None:
        self.indicators: dict[str, Json] = {}

    def operand(self, text: str) -> Json:
        return self._operand(ast.parse(text, mode="eval").body)

    def condition(self, text: str) -> Json:
        return self._condition(ast.parse(text, mode="eval").body)

    def _operand(self, node: ast.expr) -> Json:
        match node:
            case ast.Constant(value=number):
                return {"type": "value", "value": number}
            case ast.Name(id=name):
                return {"type": "price", "column": COLUMNS[name]}
            case ast.BinOp(left=left, op=op, right=right):
                sides = {"left": self._operand(left), "right": self._operand(right)}
                return {"type": "math", "op": MATH[type(op)], **sides}
            case ast.Call(func=ast.Name(id=name), args=[ast.Name(id=source), ast.Constant(value=2)]):
                return self._of_two(name, COLUMNS[source])
            case ast.Call(func=ast.Name(id=name), args=[ast.Name(id=source), ast.Constant(value=length)]):
                made = {"name": WINDOWS[name], "timeperiod": length, "source": COLUMNS[source]}
                made["id"] = f"{WINDOWS[name]}_{length}_{COLUMNS[source]}"
                self.indicators[made["id"]] = made
                return {"type": "indicator", "id": made["id"]}
        raise ValueError(ast.unparse(node))

    @staticmethod
    def _of_two(name: str, column: str) -> Json:
        """Return a window of two bars without an indicator, for whose first value an engine would wait."""
        bars: list[Json] = [{"type": "price", "column": column, "offset": 1}, {"type": "price", "column": column}]
        if name != "SMA":
            return {"type": "function", "name": {"lowest": "min", "highest": "max"}[name], "operands": bars}
        both = {"type": "math", "left": bars[0], "op": "+", "right": bars[1]}
        return {"type": "math", "left": both, "op": "/", "right": {"type": "value", "value": 2}}

    def _condition(self, node: ast.expr) -> Json:
        match node:
            case ast.BoolOp(op=op, values=values):
                word = "all" if isinstance(op, ast.And) else "any"
                return {"type": word, "conditions": [self._condition(value) for value in values]}
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return {"type": "not", "condition": self._condition(operand)}
            case ast.Compare(left=left, ops=[ast.NotEq()], comparators=[right]):
                same = {"left": self._operand(left), "right": self._operand(right)}
                return {"type": "not", "condition": {"type": "compare", "op": "==", **same}}
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                sides = {"left": self._operand(left), "right": self._operand(right)}
                return {"type": "compare", "op": SIGNS[type(op)], **sides}
        raise ValueError(ast.unparse(node))


def canonical(given: Mapping[str, Any]) -> CanonicalStrategy:
    """Return the canonical strategy that a case of cases.yaml says."""
    said, words = given["strategy"], _Expressions()
    options, costs = said.get("options", {}), said.get("costs", {})
    entries = [_entry(entry, said, words) for entry in said["entries"]]
    exits = []
    for rule in said.get("exits", ()):
        exits.append({"side": rule["side"], "when": words.condition(rule["when"]), "at": rule.get("at", "open")})
        exits[-1] |= {"portion": rule.get("portion", 1), "repeat": rule.get("repeat", False), "of": rule.get("for", [])}
    data = {
        "strategy_name": given.get("id", "case"),
        "timeframe": "1h" if given.get("sessions") else "1d",
        "indicators": list(words.indicators.values()),
        "entry_rules": entries,
        "exit_rules": exits,
        "risk": {"cooldown_bars": said.get("cooldown_bars", 0)},
        "execution": {
            "limit_fill": options.get("limit_fill", "touch"),
            "path": options.get("path", "worst"),
            "tick": options.get("tick", 0.01),
            "commission": costs.get("commission", 0.0),
            "spread": costs.get("spread", 0.0),
        },
    }
    return CanonicalStrategy.model_validate(data)


def _entry(entry: Json, said: Json, words: _Expressions) -> Json:
    risk = _risk(entry.get("risk", {}), words) | {"position_size": _size(entry["size"])}
    if "session_exit" in said:
        risk["session_exit"] = said["session_exit"]["bars_before_end"]
    if adds := entry.get("adds"):
        add: Json = {"size": _size(adds["size"]), "most": adds["max_units"] - 1}
        if "when" in adds:
            add["when"] = words.condition(adds["when"])
        else:
            add["every"] = {"type": "points", "value": adds["order"]["points"]}
            add["direction"] = "with" if adds["order"]["type"] == "stop" else "against"
        risk |= {"adds": [add], "unit_levels": adds.get("levels", "per_unit")}
    rule = {"id": entry["id"], "side": entry["side"], "when": words.condition(entry["when"]), "risk": risk}
    order = entry.get("order", {})
    if order.get("type", "market") == "market":
        rule["order"] = {"type": "market", "at": order.get("at", "open")}
    else:
        life = order.get("life", {})
        rule["order"] = {"type": order["type"], "bars": life.get("bars"), "session": "session" in life}
        rule["order"] |= {name: words.operand(order[name]) for name in ("price", "limit") if name in order}
    return rule | ({"group": entry["oco"]} if "oco" in entry else {})


def _size(given: Json) -> Json:
    ((unit, value),) = given.items()
    return {"type": {"units": "fixed_units"}.get(unit, unit), "value": value}


def _distance(given: Json) -> Json:
    for unit, value in given.items():
        if unit in ("points", "percent"):
            return {"type": unit, "value": value}
        if unit == "r":
            return {"type": "risk_reward", "ratio": value}
    raise ValueError(given)


def _risk(given: Json, words: _Expressions) -> Json:
    stops = given.get("stop", [])
    risk: Json = {"stops": [_stop(stop, words) for stop in (stops if isinstance(stops, list) else [stops])]}
    if "trailing_stop" in given:
        risk["trailing_stop"] = _distance(given["trailing_stop"])
    risk["targets"] = [{"level": _distance(t), "portion": t.get("portion")} for t in given.get("targets", ())]
    rows = given.get("profit_table", ())
    risk["profit_table"] = [{"after_bars": row["after_bars"], "level": _distance(row)} for row in rows]
    if "break_even" in given:
        after = given["break_even"]["after"]
        reached = {"type": "target", "target": after["target"]} if "target" in after else _distance(after)
        risk["break_even"] = {"after": reached, "offset": given["break_even"].get("offset", 0.0)}
    if "max_bars" in given:
        risk["max_bars"] = given["max_bars"]
    return risk


def _stop(given: Json, words: _Expressions) -> Json:
    made: Json = {"after_bars": given.get("after_bars", 0)}
    if "price" in given:
        return made | {"level": {"type": "price", "price": words.operand(given["price"])}}
    if "follow" not in given:
        return made | {"level": _distance(given)}
    follow = given["follow"]
    if "start_after" in follow:
        made["after"] = _distance(follow["start_after"])
    if "level" in follow:
        return made | {"follow": "level", "level": {"type": "price", "price": words.operand(follow["level"])}}
    chandelier = follow["chandelier"]
    level = {"type": "points", "value": chandelier.get("points")}
    if "atr" in chandelier:
        level = {"type": "atr", "timeperiod": chandelier["atr"], "multiple": chandelier.get("multiple", 1.0)}
    return made | {"follow": "extreme", "level": level}


def lead(given: Mapping[str, Any]) -> int:
    """Return how many bars are put in front of a case's: one for an ATR, which the oracle begins with the range of the first bar
    and TA-Lib with the second bar's true range."""
    return int('"atr"' in json.dumps(given["strategy"]))


def frame(given: Mapping[str, Any]) -> pd.DataFrame:
    """Return the bars of a case: daily ones, or hours of the days that its sessions are, whose numbers are given with them."""
    rows = np.array([row if len(row) == 5 else [*row, 0] for row in given["bars"]], dtype=float)
    rows = np.vstack([np.array([[*[rows[0, 0]] * 4, 0]] * lead(given)).reshape(-1, 5), rows])
    prices = dict(zip(("Open", "High", "Low", "Close", "Volume"), rows.T, strict=True))
    sessions = given.get("sessions")
    if not sessions:
        return pd.DataFrame(prices, index=pd.date_range("2024-01-01", periods=len(rows), freq="D", unit="us"))
    days = pd.bdate_range("2024-01-01", periods=len(sessions), unit="us")
    stamps = [
        day + pd.Timedelta(hours=10 + k) for day, bars in zip(days, sessions, strict=True) for k in range(len(bars))
    ]
    numbers = np.repeat(np.arange(len(sessions), dtype=float), [len(bars) for bars in sessions])
    columns = {**prices, "Period1d": numbers, "Complete1d": numbers}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(stamps).as_unit("us"))


def told(given: Mapping[str, Any], events: list[Json]) -> list[Json]:
    """Return events with bars and exits as a case counts and names them."""
    names = {f"exit{i}": rule.get("id", "exit") for i, rule in enumerate(given["strategy"].get("exits", ()), start=1)}
    found = []
    for event in events:
        found.append({**event, "bar": event["bar"] - lead(given)})
        if "order" in event:
            found[-1]["order"] = names.get(event["order"], event["order"])
    return found


def run_code(
    strategy: CanonicalStrategy, prices: pd.DataFrame, path: str = "", first: int = 0
) -> tuple[list[Json], np.ndarray]:
    """Run generated code by backtesting.py, `first` being the first bar at whose close it decides; return what its book told, and the
    equity of each bar."""
    if path:
        execution = strategy.execution.model_copy(update={"path": path})
        strategy = strategy.model_copy(update={"execution": execution})
    made: Any = create_strategy_from_canonical(strategy)
    running: list[Any] = []

    class Seen(made):
        def init(self) -> None:
            running.append(self)
            super().init()

    def every_bar(bars: Any, **_: Any) -> Iterator[int]:
        return iter(range(first, bars.stop))

    settings = engine_settings(strategy).model_dump()
    before = backtesting.backtesting._tqdm, backtesting.backtesting.compute_stats
    backtesting.backtesting._tqdm = every_bar
    backtesting.backtesting.compute_stats = worker.without_statistics
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            stats = worker.backtest(Seen, prices, settings).run()
    finally:
        backtesting.backtesting._tqdm, backtesting.backtesting.compute_stats = before
    return running[0].book.events, np.asarray(stats["_equity_curve"]["Equity"], dtype=float)
