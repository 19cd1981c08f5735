"""A short notation for expected strategies, so that a corpus entry is written by hand in a line.

`RSI(14) < 30`, `up(EMA(9), EMA(21))`, `Close > HIGHEST(20)[1]`, `SMA(20, of='Volume')`,
`BB(20, 2).upper` become canonical JSON. It knows the schema and the registry, nothing of the parser.
"""

from __future__ import annotations

from typing import Any

from Backtest.canonical import CanonicalStrategy, default_id, make_indicator
from Backtest.indicators import PRICE_COLUMNS, REGISTRY


class Operand:
    def __init__(self, node: dict[str, Any], used: dict[str, dict[str, Any]]) -> None:
        self.node, self.used = node, used

    def __getitem__(self, offset: int) -> Operand:
        return Operand({**self.node, "offset": offset}, self.used)

    def __getattr__(self, output: str) -> Operand:
        return Operand({**self.node, "output": output}, self.used)

    def _compare(self, op: str, other: Any) -> Cond:
        right = operand(other)
        return Cond({"type": "compare", "left": self.node, "op": op, "right": right.node}, {**self.used, **right.used})

    def _math(self, op: str, other: Any, *, swapped: bool = False) -> Operand:
        left, right = (operand(other), self) if swapped else (self, operand(other))
        node = {"type": "math", "left": left.node, "op": op, "right": right.node}
        return Operand(node, {**left.used, **right.used})

    def __lt__(self, other: Any) -> Cond:
        return self._compare("<", other)

    def __le__(self, other: Any) -> Cond:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Cond:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> Cond:
        return self._compare(">=", other)

    def __add__(self, other: Any) -> Operand:
        return self._math("+", other)

    def __sub__(self, other: Any) -> Operand:
        return self._math("-", other)

    def __mul__(self, other: Any) -> Operand:
        return self._math("*", other)

    def __rmul__(self, other: Any) -> Operand:
        return self._math("*", other, swapped=True)

    def __truediv__(self, other: Any) -> Operand:
        return self._math("/", other)


class Cond:
    def __init__(self, node: dict[str, Any], used: dict[str, dict[str, Any]]) -> None:
        self.node, self.used = node, used


def operand(value: Any) -> Operand:
    return value if isinstance(value, Operand) else Operand({"type": "value", "value": value}, {})


def _indicator(name: str) -> Any:
    def build(*numbers: float, of: str | None = None, tf: str | None = None) -> Operand:
        entry = REGISTRY[name]
        params = {p.name: n for p, n in zip(entry.params, numbers, strict=False)}
        used: dict[str, dict[str, Any]] = {}
        if of is not None and of not in PRICE_COLUMNS:
            source, _, period = of.partition("_")
            inner = {"timeperiod": int(period)} if period else {}
            used[of] = make_indicator(source, timeframe=tf, **inner).model_dump()
        made = make_indicator(name, source=of, timeframe=tf, **params)
        assert made.id == default_id(entry, made.params, made.source_name, tf)
        used[made.id] = made.model_dump()
        return Operand({"type": "indicator", "id": made.id}, used)

    return build


def _group(kind: str) -> Any:
    def build(*conditions: Cond) -> Cond:
        used = {k: v for c in conditions for k, v in c.used.items()}
        return Cond({"type": kind, "conditions": [c.node for c in conditions]}, used)

    return build


def _cross(direction: str) -> Any:
    def build(left: Any, right: Any) -> Cond:
        a, b = operand(left), operand(right)
        node = {"type": "cross", "left": a.node, "direction": direction, "right": b.node}
        return Cond(node, {**a.used, **b.used})

    return build


def _trend(kind: str) -> Any:
    return lambda of, bars: Cond({"type": kind, "operand": of.node, "bars": bars}, of.used)


def _span(kind: str) -> Any:
    return lambda cond, bars: Cond({"type": kind, "condition": cond.node, "bars": bars}, cond.used)


def _between(of: Operand, low: Any, high: Any) -> Cond:
    low, high = operand(low), operand(high)
    node = {"type": "between", "operand": of.node, "low": low.node, "high": high.node}
    return Cond(node, {**of.used, **low.used, **high.used})


def _time(days: str = "", start: str | None = None, end: str | None = None, tz: str | None = None) -> Cond:
    return Cond({"type": "time", "weekdays": days.split(), "start": start, "end": end, "timezone": tz}, {})


NAMES: dict[str, Any] = {
    **{name: _indicator(name) for name in REGISTRY},
    **{name: Operand({"type": "price", "column": name}, {}) for name in PRICE_COLUMNS},
    "all_": _group("all"), "any_": _group("any"), "up": _cross("above"), "down": _cross("below"), "equals": lambda a, b: a._compare("==", b), "between": _between, "number": operand,
    "rising": _trend("rising"), "falling": _trend("falling"), "for_bars": _span("for_bars"), "within": _span("within_bars"),
    "not_": lambda c: Cond({"type": "not", "condition": c.node}, c.used), "time": _time,
    "held": lambda op, bars: Cond({"type": "bars_held", "op": op, "bars": bars}, {}),
    "gain": lambda op, percent: Cond({"type": "unrealized_return", "op": op, "percent": percent}, {}),
}  # fmt: skip
NAMES["BB"] = NAMES["BBANDS"] if "BBANDS" in NAMES else NAMES["BB"]


def condition(text: str) -> Cond:
    """Return the condition a line of the notation stands for."""
    return eval(text, {"__builtins__": {}}, NAMES)


def level(text: str) -> dict[str, Any]:
    """`5%`, `2 atr`, `2 atr 20` or `2 rr`."""
    if text.endswith("%"):
        return {"type": "percent", "value": float(text[:-1])}
    number, kind, *period = text.split()
    if kind == "rr":
        return {"type": "risk_reward", "ratio": float(number)}
    return {"type": "atr", "multiple": float(number), "timeperiod": int(period[0]) if period else 14}


def size(text: str) -> dict[str, Any]:
    """`50% equity`, `1% risk`, `100 units` or `5000 cash`."""
    number, kind = text.split()
    types = {"equity": "percent_of_equity", "risk": "risk_percent", "units": "fixed_units", "cash": "fixed_cash"}
    return {"type": types[kind], "value": float(number.rstrip("%"))}


def expected(entry: dict[str, Any]) -> CanonicalStrategy:
    """Return the canonical strategy a corpus entry stands for."""
    used: dict[str, dict[str, Any]] = {}
    rules: dict[str, list[dict[str, Any]]] = {"entry_rules": [], "exit_rules": []}
    kinds = (("long", "entry_rules", "long"), ("short", "entry_rules", "short"),
             ("exit", "exit_rules", "long"), ("cover", "exit_rules", "short"))  # fmt: skip
    for key, kind, side in kinds:
        given = entry.get(key, [])
        for text in given if isinstance(given, list) else [given]:
            found = condition(text)
            used |= found.used
            rules[kind].append({"side": side, "when": found.node})
    risk: dict[str, Any] = {"max_bars": entry.get("max_bars"), "cooldown_bars": entry.get("cooldown", 0)}
    for key, name in (("stop", "stop_loss"), ("target", "take_profit"), ("trail", "trailing_stop")):
        if key in entry:
            risk[name] = level(str(entry[key]))
    if "size" in entry:
        risk["position_size"] = size(entry["size"])
    execution = {
        k: entry[k]
        for k in ("cash", "commission", "commission_fixed", "spread", "margin", "trade_on_close")
        if k in entry
    }
    if "fraction" in entry:
        execution["fractional_unit"] = entry["fraction"]
    return CanonicalStrategy.model_validate({
        "symbols": entry.get("symbols", []), "timeframe": entry.get("timeframe", "1d"), "indicators": list(used.values()),
        **rules, "risk": risk, "execution": execution,
    })  # fmt: skip


def comparable(strategy: CanonicalStrategy) -> dict[str, Any]:
    """Return what decides how a strategy trades, in an order that does not matter for it."""
    core = strategy.trading_core()
    core["indicators"] = sorted(core["indicators"], key=lambda i: i["id"])
    core["entry_rules"] = sorted(core["entry_rules"], key=lambda r: r["side"])  # long comes before short in any order
    core["exit_rules"] = sorted(core["exit_rules"], key=lambda r: (r["side"], str(r["when"])))
    return core
