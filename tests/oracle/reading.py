"""A case's JSON, read into dataclasses. A field that nobody knows is refused; nothing is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from tests.oracle.prices import Bar
from tests.oracle.strategy import (
    Adds,
    BreakEven,
    Case,
    Distance,
    EntryRule,
    ExitRule,
    OrderTerms,
    OrderType,
    Path,
    Risk,
    Shared,
    Size,
    Stop,
    Strategy,
    TableTerms,
    TargetTerms,
)

Json = Mapping[str, Any]


def case(given: Json) -> Case:
    """Read a case of cases.yaml: its strategy, bars ([open, high, low, close, volume]) and sessions."""
    return Case(
        strategy=strategy(given["strategy"]),
        bars=tuple(Bar(*map(float, row)) for row in given["bars"]),
        sessions=tuple(tuple(session) for session in given.get("sessions", ())),
    )


def strategy(given: Json) -> Strategy:
    """Read a strategy. ValueError names the field that nobody knows."""
    _only(given, "entries", "exits", "session_exit", "cooldown_bars", "options", "costs")
    options, costs, session_exit = given.get("options", {}), given.get("costs", {}), given.get("session_exit")
    _only(options, "limit_fill", "tick", "path")
    _only(costs, "commission", "spread")
    return Strategy(
        entries=tuple(_entry(entry) for entry in given["entries"]),
        exits=tuple(_exit(rule) for rule in given.get("exits", ())),
        session_exit=None if session_exit is None else session_exit["bars_before_end"],
        cooldown_bars=given.get("cooldown_bars", 0),
        through=_one_of(options.get("limit_fill", "touch"), "touch", "through") == "through",
        tick=options.get("tick", 0.01),
        path=_one_of(options.get("path", "worst"), *get_args(Path)),
        commission=costs.get("commission", 0.0),
        spread=costs.get("spread", 0.0),
    )


def _entry(given: Json) -> EntryRule:
    _only(given, "id", "side", "when", "order", "size", "oco", "risk", "adds")
    return EntryRule(
        id=given["id"],
        side=given["side"],
        when=given["when"],
        order=_order(given.get("order", {})),
        size=_size(given["size"]),
        oco=given.get("oco"),
        risk=_risk(given.get("risk", {})),
        adds=_adds(given["adds"]) if "adds" in given else None,
    )


def _exit(given: Json) -> ExitRule:
    _only(given, "id", "side", "when", "portion", "at", "for", "repeat")
    return ExitRule(
        id=given.get("id", "exit"),
        side=given["side"],
        when=given["when"],
        portion=given.get("portion", 1),
        at_close=_one_of(given.get("at", "open"), "open", "close") == "close",
        entries=tuple(given["for"]) if "for" in given else None,
        repeat=given.get("repeat", False),
    )


def _order(given: Json) -> OrderTerms:
    _only(given, "type", "at", "price", "limit", "life")
    life = given.get("life", {})
    _only(life, "bars", "session")
    return OrderTerms(
        type=_one_of(given.get("type", "market"), *get_args(OrderType)),
        at_close=_one_of(given.get("at", "open"), "open", "close") == "close",
        price=given.get("price"),
        limit=given.get("limit"),
        life_bars=life.get("bars"),
        life_session="session" in life,
    )


def _size(given: Json) -> Size:
    ((unit, value),) = given.items()
    return Size(_one_of(unit, "units", "percent_of_equity", "risk_percent"), value)


def _distance(given: Json) -> Distance:
    ((unit, value),) = given.items()
    return Distance(_one_of(unit, "points", "percent", "r"), value)


def _risk(given: Json) -> Risk:
    _only(given, "stop", "trailing_stop", "targets", "profit_table", "break_even", "max_bars")
    stops = given.get("stop", [])
    trailing = [Stop("trailing_stop", _distance(given["trailing_stop"]))] if "trailing_stop" in given else []
    return Risk(
        stops=(*(_stop(stop) for stop in (stops if isinstance(stops, list) else [stops])), *trailing),
        targets=tuple(
            TargetTerms(_distance(_without(target, "portion")), target.get("portion"))
            for target in given.get("targets", ())
        ),
        table=tuple(
            TableTerms(row["after_bars"], _distance(_without(row, "after_bars")))
            for row in given.get("profit_table", ())
        ),
        break_even=_break_even(given["break_even"]) if "break_even" in given else None,
        max_bars=given.get("max_bars"),
    )


def _stop(given: Json) -> Stop:
    after_bars = given.get("after_bars", 0)
    rest = _without(given, "after_bars")
    if "price" in rest:
        _only(rest, "price")
        return Stop("stop", level=rest["price"], after_bars=after_bars)
    if "follow" not in rest:
        return Stop("stop", _distance(rest), after_bars=after_bars)
    _only(rest, "follow")
    follow = rest["follow"]
    _only(follow, "level", "chandelier", "start_after")
    chandelier = follow.get("chandelier", {})
    _only(chandelier, "points", "atr", "multiple")
    return Stop(
        "followed",
        level=follow.get("level"),
        chandelier_points=chandelier.get("points"),
        chandelier_atr=chandelier.get("atr"),
        chandelier_multiple=chandelier.get("multiple", 1.0),
        after_bars=after_bars,
        start_after=_distance(follow["start_after"]) if "start_after" in follow else None,
    )


def _break_even(given: Json) -> BreakEven:
    _only(given, "after", "offset")
    after = given["after"]
    target = after.get("target")
    return BreakEven(_distance(after) if target is None else None, target, given.get("offset", 0.0))


def _adds(given: Json) -> Adds:
    _only(given, "when", "order", "size", "max_units", "levels")
    if ("when" in given) == ("order" in given):
        raise ValueError(f"Adds come by a condition or at a level, and this says both or neither: {dict(given)}")
    order = given.get("order", {})
    _only(order, "type", "points")
    return Adds(
        when=given.get("when"),
        order_type=_one_of(order["type"], "limit", "stop") if order else None,
        points=order.get("points", 0.0),
        size=_size(given["size"]),
        max_units=given["max_units"],
        levels=_one_of(given.get("levels", "per_unit"), *get_args(Shared)),
    )


def _only(given: Json, *known: str) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"Nobody knows {', '.join(unknown)} in {dict(given)}; known are {', '.join(known)}.")


def _without(given: Json, field: str) -> Json:
    return {name: value for name, value in given.items() if name != field}


def _one_of(value: Any, *known: str) -> Any:
    if value not in known:
        raise ValueError(f"{value!r} is none of {', '.join(known)}.")
    return value
