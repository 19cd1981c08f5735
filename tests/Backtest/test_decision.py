"""`decide` against backtesting.py running the generated code, and against the compiled engine: the same at every close."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from Backtest.backtesting_adapter import api_trades, create_strategy_from_canonical
from Backtest.canonical import KINDS, SIDES, CanonicalStrategy, Side
from Backtest.decision.at_close import FULL, Account, Bar, Decision, Levels, Position, Truths, decide
from Backtest.decision.explain import Explainer
from Backtest.decision.judge import Bars, PositionState, evaluate
from Backtest.decision.prepared import Prepared
from Backtest.errors import ExecutionError
from Backtest.kernel import Kernel
from Strategy.text_parser import parse_strategy
from tests.Backtest import parity
from tests.explore import examples
from tests.random_strategies import frames, rough_frames, strategies


@dataclass
class Close:
    """What the generated code knew at a close, and what it did there."""

    bar: int
    equity: float
    side: int
    entry_bar: int
    entry_price: float
    stop: float | None
    target: float | None
    last_exit: int | None
    order: float = 0.0
    closes: bool = False
    stop_after: float | None = None


def watched(made: type, closes: list[Close]) -> type:
    """Return the generated class with each of its decisions written down."""

    class Watched(made):  # type: ignore[misc]
        def buy(self, *, size: float = FULL, **named: Any) -> Any:
            closes[-1].order = size
            return super().buy(size=size, **named)

        def sell(self, *, size: float = FULL, **named: Any) -> Any:
            closes[-1].order = -size
            return super().sell(size=size, **named)

        def next(self) -> None:
            trade = self.trades[0] if self.trades else None
            closes.append(
                Close(
                    len(self.data) - 1, self.equity, 0 if trade is None else 1 if trade.is_long else -1,
                    trade.entry_bar if trade else -1, trade.entry_price if trade else math.nan, trade.sl if trade else None,
                    trade.tp if trade else None, self.closed_trades[-1].exit_bar if self.closed_trades else None,
                )
            )  # fmt: skip
            super().next()
            levels = {trade and trade._sl_order, trade and trade._tp_order}
            closes[-1].closes = any(o.parent_trade and o not in levels for o in self._broker.orders)
            closes[-1].stop_after = trade.sl if trade else None

    Watched.__name__ = made.__name__
    return Watched


def replayed(strategy: CanonicalStrategy, frame: pd.DataFrame, first: int) -> list[tuple[Close, Decision]]:
    """Return each close of a run of the generated code, and what `decide` makes of the same state."""
    closes: list[Close] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            parity, "create_strategy_from_canonical", lambda s: watched(create_strategy_from_canonical(s), closes)
        )
        assume(parity.reference(strategy, frame, first=first) is not None)
    prepared = Prepared(strategy, frame, first)
    truths = judged(prepared, closes)
    found, levels = [], None
    for close in closes:
        bar = prepared.bar(close.bar)
        since = None if close.last_exit is None else close.bar - close.last_exit
        position = None
        if close.side:
            side = "long" if close.side > 0 else "short"
            position = Position(side, close.bar - close.entry_bar + 1, levels, close.stop)  # type: ignore[arg-type]
        rules = {key: bool(mask[close.bar]) for key, mask in truths.items()}
        decision = decide(strategy, rules, position, Account(close.equity, since), bar)
        levels = decision.levels or levels
        found.append((close, decision))
    return found


def judged(prepared: Prepared, closes: list[Close]) -> dict[Any, Any]:
    """Return where rules hold, given the positions that were."""
    held, gain = np.full(len(prepared.frame), np.nan), np.full(len(prepared.frame), np.nan)
    for close in closes:
        if close.side:
            held[close.bar] = close.bar - close.entry_bar + 1
            gain[close.bar] = close.side * 100 * (float(prepared.closes[close.bar]) / close.entry_price - 1)
    bars, strategy = Bars(prepared.frame, prepared.series, PositionState(held, gain)), prepared.judged
    nothing = np.zeros(len(prepared.frame), dtype=bool)
    return {
        (kind, side): np.logical_or.reduce(
            [nothing, *(evaluate(strategy, rule.when, bars).true for rule in strategy.rules(kind, side))]
        )
        for kind in KINDS
        for side in SIDES
    }


def differences(strategy: CanonicalStrategy, found: list[tuple[Close, Decision]], *, bars: int) -> list[str]:
    """Return where code and decision differ; the last bar closes what is open, whatever is decided."""
    said: list[str] = []
    levels: Levels | None = None
    for close, decision in found:
        if levels is not None and close.side and close.bar == close.entry_bar + strategy.execution.trade_on_close:
            side: Side = "long" if close.side > 0 else "short"
            due = [levels.stop(close.entry_price, side), levels.target(close.entry_price, side)]
            if [close.stop, close.target] != [level if level > 0 else None for level in due]:
                said.append(f"bar {close.bar}: levels {close.stop!r} and {close.target!r}, decided {due}")
        levels = decision.levels or levels
        if close.bar == bars - 1:
            assert decision.action in ("none", "exit")
            continue
        ordered = decision.size if decision.action in ("enter", "reverse") else 0.0
        ordered *= -1 if decision.side == "short" else 1
        if close.order != ordered:
            said.append(f"bar {close.bar}: ordered {close.order!r}, decided {decision}")
        if close.closes != (decision.action in ("exit", "reverse")):
            said.append(f"bar {close.bar}: closes {close.closes}, decided {decision}")
        stop = close.stop if decision.stop is None else decision.stop
        if close.stop_after != stop:
            said.append(f"bar {close.bar}: stop {close.stop_after!r}, decided {decision}")
    return said


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies(rough=True), rough_frames(), st.integers(0, 3))
def test_it_decides_as_the_generated_code_does(strategy: CanonicalStrategy, frame: pd.DataFrame, part: int) -> None:
    found = replayed(strategy, frame, part * len(frame) // 10)
    assert differences(strategy, found, bars=len(frame)) == [], strategy.model_dump_json()


@settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies(wide=False), frames(bars=150))
def test_it_decides_as_code_that_trades_often(strategy: CanonicalStrategy, frame: pd.DataFrame) -> None:
    found = replayed(strategy, frame, 0)
    assert differences(strategy, found, bars=len(frame)) == [], strategy.model_dump_json()


@settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies(wide=False), frames(bars=150))
def test_the_compiled_engine_fills_what_is_decided(strategy: CanonicalStrategy, frame: pd.DataFrame) -> None:
    try:
        run = Kernel(strategy, frame).run()
    except ExecutionError:
        return
    assume(not run.orders_lost)
    explainer = Explainer(strategy, frame, api_trades(strategy, frame, run.trades))
    delay = 0 if strategy.execution.trade_on_close else 1
    unit = strategy.execution.fractional_unit
    trades = {(int(row.EntryBar), row.Size > 0): row for row in run.trades.itertuples()}
    entered = 0
    for bar in range(len(frame) - 1):
        known = explainer.decide(bar)
        if known.action not in ("enter", "reverse") or known.levels is None:
            continue
        entered += 1
        trade = trades[bar + delay, known.side == "long"]
        sized = decide(
            explainer.strategy,
            truths_at(explainer, bar),
            None,
            Account(float(run.equity[bar])),
            explainer.prepared.bar(bar),
        )
        if known.action == "enter" and sized.size >= 1:
            assert abs(trade.Size) == pytest.approx(sized.size * (min(1, unit)), rel=1e-12)
        target = known.levels.target(float(trade.EntryPrice) * unit, known.side)  # type: ignore[arg-type]
        if target > 0:
            assert trade.TP * unit == pytest.approx(target, rel=1e-9)
    assert entered == len(run.trades)


def truths_at(explainer: Explainer, bar: int) -> Truths:
    return {(kind, side): bool(explainer.rule_holds(kind, side)[bar]) for kind in KINDS for side in SIDES}


def at(text: str, position: Position | None = None, *, last: bool = False, warming_up: bool = False, since: int | None = None,
       **holds: bool) -> Decision:  # fmt: skip
    """Return the decision of a strategy at a close of 100 with an equity of 10,000 and an ATR of 2."""
    truths: Any = {(kind, side): holds.get(f"{side}_{kind}", False) for kind in KINDS for side in SIDES}
    atr: Any = dict.fromkeys(("stop_loss", "trailing_stop", "take_profit"), 2.0)
    bar = Bar(100.0, atr, warming_up=warming_up, last=last)
    return decide(parse_strategy(text).require(), truths, position, Account(10_000.0, since), bar)


BUY = "Buy when close > open, sell when close < open"


def test_a_risk_of_one_percent_over_a_stop_of_two_atr_buys_25() -> None:
    found = at(f"{BUY}. Stop 2 ATR, target 3 times the risk, risk 1% per trade.", long_entry=True)
    assert (found.action, found.side, found.size, found.reasons) == ("enter", "long", 25, ("entry_rule",))
    assert found.levels is not None
    assert (found.levels.stop(101, "long"), found.levels.target(101, "long")) == (97, 113)


def test_less_than_one_unit_is_no_order_and_says_so() -> None:
    found = at(f"{BUY}, stop 5%. Buy $50 per trade.", long_entry=True)
    assert (found.size, found.levels, found.reasons) == (0, None, ("entry_rule", "less_than_one_unit"))


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        ({"warming_up": True, "long_entry": True}, ("warming_up",)), ({"last": True, "long_entry": True}, ("last_bar",)),
        ({"since": 2, "long_entry": True}, ("cooldown",)), ({"since": 3, "long_entry": True}, ("entry_rule",)), ({}, ("no_entry",)),
        ({"long_entry": True, "long_exit": True}, ("no_entry",)), ({"position": Position("long", 4)}, ("held",)),
        ({"position": Position("long", 4), "long_exit": True}, ("exit_rule",)), ({"position": Position("long", 5)}, ("max_bars",)),
    ],
)  # fmt: skip
def test_every_decision_says_why(given: dict[str, Any], reasons: tuple[str, ...]) -> None:
    text = f"{BUY}, stop 5%, exit after 5 bars, wait 3 bars after an exit"
    assert at(text, **given).reasons == reasons


def test_a_trailing_stop_only_tightens() -> None:
    text = f"{BUY}, trailing stop 10%"
    levels = at(text, long_entry=True).levels
    assert at(text, Position("long", 2, levels, 85.0)).stop == pytest.approx(90)
    assert at(text, Position("long", 2, levels, 95.0)).stop is None
    assert at(text, Position("long", 2, levels, 85.0), last=True).stop is None


def test_an_exit_with_an_entry_of_the_other_side_turns_the_position() -> None:
    text = f"{BUY}. Short when close < open, cover when close > open. Stop 5%."
    found = at(text, Position("long", 3), long_exit=True, short_entry=True)
    assert (found.action, found.side, found.reasons) == ("reverse", "short", ("exit_rule", "entry_rule"))
    assert at(text, Position("long", 3), long_exit=True).action == "exit"
    stays_out = at(text, Position("long", 3), long_exit=True, short_entry=True, short_exit=True)
    assert (stays_out.action, stays_out.side) == ("exit", "long")
