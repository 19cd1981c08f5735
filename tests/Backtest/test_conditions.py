"""Every condition: said, lowered to the core, compiled, and judged by a second opinion that does not know the core."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from Backtest.canonical import CONDITIONS, AnyCondition, CanonicalStrategy, Cross, looks_back, tag
from Backtest.decision.judge import Bars, evaluate
from Backtest.decision.series import compute_indicators
from Backtest.diagnostics import diagnose
from Backtest.kernel import Kernel
from Backtest.kernel.masks import mask_of, run_program
from Backtest.meaning.core import Comparison, Statement
from Strategy.text_parser import parse_strategy
from tests.explore import examples
from tests.random_strategies import frames, strategies

CLOSE, OPEN, HUNDRED = (
    {"type": "price"},
    {"type": "price", "column": "Open", "offset": 2},
    {"type": "value", "value": 100},
)
ABOVE = {"type": "compare", "left": CLOSE, "op": ">", "right": OPEN}
# A condition of each type. A new one is added here, and every test below has it.
EXAMPLES: list[dict[str, Any]] = [
    ABOVE,
    {"type": "compare", "left": HUNDRED, "op": "<=", "right": CLOSE},
    {"type": "compare", "left": CLOSE, "op": "==", "right": HUNDRED},
    {"type": "cross", "left": CLOSE, "direction": "above", "right": HUNDRED},
    {"type": "cross", "left": OPEN, "direction": "below", "right": CLOSE},
    {"type": "between", "operand": CLOSE, "low": OPEN, "high": HUNDRED},
    {"type": "rising", "operand": CLOSE, "bars": 2},
    {"type": "falling", "operand": OPEN, "bars": 2},
    {"type": "all", "conditions": [ABOVE, {"type": "falling", "operand": CLOSE, "bars": 1}]},
    {"type": "any", "conditions": [{"type": "falling", "operand": CLOSE, "bars": 2}, ABOVE]},
    {"type": "not", "condition": {"type": "compare", "left": CLOSE, "op": "<", "right": OPEN}},
    {"type": "for_bars", "condition": ABOVE, "bars": 3},
    {"type": "within_bars", "condition": {"type": "rising", "operand": CLOSE, "bars": 3}, "bars": 4},
    {
        "type": "compare",
        "left": {"type": "bars_since", "condition": ABOVE},
        "op": ">",
        "right": {"type": "value", "value": 1},
    },
    {
        "type": "cross",
        "left": CLOSE,
        "direction": "above",
        "right": {"type": "value_when", "operand": OPEN, "condition": ABOVE, "offset": 1},
    },
    {"type": "count", "condition": ABOVE, "least": 2, "bars": 4},
    {"type": "then", "first": ABOVE, "second": {"type": "falling", "operand": CLOSE, "bars": 1}, "bars": 2},
    {"type": "then", "first": {"type": "time", "weekdays": ["mon"]}, "second": ABOVE, "bars": 3},
    {"type": "first_since", "condition": ABOVE, "since": {"type": "time", "weekdays": ["mon"]}},
    {"type": "time", "weekdays": ["mon", "fri"]},
    {"type": "bars_held", "op": ">=", "bars": 5},
    {"type": "unrealized_return", "op": "<", "percent": -3.5},
]


def test_every_condition_is_here() -> None:
    assert {example["type"] for example in EXAMPLES} == {tag(kind) for kind in CONDITIONS}


def strategy_of(when: dict[str, Any], *, leaving: bool = False) -> CanonicalStrategy:
    """Return a strategy that enters, or leaves, on a condition."""
    earlier = {"type": "compare", "left": CLOSE, "op": ">", "right": {"type": "price", "offset": 9}}
    entry, exits = (earlier, [{"when": when}]) if leaving else (when, [])
    risk = {"stop_loss": {"type": "percent", "value": 5}}
    return CanonicalStrategy.model_validate({"entry_rules": [{"when": entry}], "exit_rules": exits, "risk": risk})


def walk_of(bars: int = 120, seed: int = 3) -> pd.DataFrame:
    """Return daily prices that cross 100 now and then, in whole numbers, so that they are equal now and then."""
    draw = np.random.default_rng(seed)
    close = np.round(100 + np.cumsum(draw.normal(0, 1, bars)).clip(-6, 6))
    open_ = np.r_[close[0], close[:-1]]
    columns = {"Open": open_, "High": np.maximum(open_, close), "Low": np.minimum(open_, close), "Close": close}
    return pd.DataFrame(columns, index=pd.bdate_range("2024-01-01", periods=bars, unit="us")).assign(Volume=1000.0)


def compiled(strategy: CanonicalStrategy, frame: pd.DataFrame, kind: int = 0) -> np.ndarray[Any, Any]:
    """Return where a rule holds as the compiled engine has it: enter long, enter short, exit long or exit short."""
    kernel = Kernel(strategy, frame)
    bound, bars = kernel._bound(np.empty((1, 0))), len(frame)
    work = np.empty((max(1, kernel.program.work_rows), bars))
    shared = kernel._shared(bound.ints[0], bound.floats[0], work)
    masks = np.zeros((max(1, kernel.program.code_masks), bars), np.uint8)
    since = np.empty(len(kernel.code), np.int64)
    run_program(kernel.code, bound.ints[0], bound.floats[0], kernel.series, work, masks, shared, since, 0, bars)
    return mask_of(masks, shared, 0, bars, kernel.program.signals[kind]).astype(bool)


@pytest.mark.parametrize(
    "when", [e for e in EXAMPLES if e["type"] not in ("bars_held", "unrealized_return")], ids=lambda e: e["type"]
)
@pytest.mark.parametrize("negated", [False, True])
def test_the_compiled_core_is_what_the_judge_says(when: dict[str, Any], negated: bool) -> None:
    strategy, frame = strategy_of({"type": "not", "condition": when} if negated else when), walk_of()
    truth = evaluate(strategy, strategy.entry_rules[0].when, Bars(frame, {}))
    assert truth.true.any()
    assert not truth.true.all()
    np.testing.assert_array_equal(compiled(strategy, frame), truth.true)


@pytest.mark.parametrize("negated", [False, True])
def test_a_missing_value_is_neither_true_nor_false(negated: bool) -> None:
    """`Close / 0` has no value: `Close < Close / 0` is not true, nor is its negation, and beside it the other part decides."""
    nothing = {"type": "math", "left": CLOSE, "op": "/", "right": {"type": "value", "value": 0}}
    parts = [{"type": "compare", "left": CLOSE, "op": "<", "right": nothing}, ABOVE]
    when = (
        {"type": "not", "condition": {"type": "all", "conditions": parts}}
        if negated
        else {"type": "any", "conditions": parts}
    )
    strategy, frame = strategy_of(when), walk_of()
    above = evaluate(strategy, condition_of(ABOVE), Bars(frame, {}))
    np.testing.assert_array_equal(compiled(strategy, frame), above.false if negated else above.true)
    np.testing.assert_array_equal(
        evaluate(strategy, condition_of(when), Bars(frame, {})).true, compiled(strategy, frame)
    )


@settings(max_examples=examples(30), deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies(), frames(bars=120))
def test_any_compiled_rule_is_what_the_judge_says(strategy: CanonicalStrategy, frame: pd.DataFrame) -> None:
    bars = Bars(frame, compute_indicators(strategy, frame))
    for kind, side in enumerate(("long", "short")):
        rules = strategy.rules("entry", side)  # type: ignore[arg-type]
        expected = [evaluate(strategy, rule.when, bars).true for rule in rules]
        if expected:
            np.testing.assert_array_equal(compiled(strategy, frame, kind), np.logical_or.reduce(expected))


@pytest.mark.parametrize("when", EXAMPLES, ids=lambda e: e["type"])
def test_a_statement_negated_twice_is_itself(when: dict[str, Any]) -> None:
    statement = condition_of(when).core("exit_rules[0].when")
    assert statement.negated() != statement
    assert statement.negated().negated() == statement
    signs = {part.sign for part in statement.negated().walk() if isinstance(part, Comparison)}
    assert all(isinstance(part, Statement) for part in statement.walk())
    assert signs <= {"<", "<=", ">", ">=", "==", "!="}


@pytest.mark.parametrize("when", EXAMPLES, ids=lambda e: e["type"])
def test_what_is_said_is_read_back(when: dict[str, Any]) -> None:
    strategy = strategy_of(when, leaving=True)
    assert parse_strategy(strategy.describe()).require().trading_core() == strategy.trading_core()


@pytest.mark.parametrize("when", EXAMPLES, ids=lambda e: e["type"])
def test_no_bar_before_those_it_looks_back_on_counts(when: dict[str, Any]) -> None:
    strategy, frame = strategy_of(when, leaving=True), walk_of()
    condition, at = strategy.exit_rules[0].when, len(frame) - 1
    back = condition.core("").reach()
    assert looks_back(strategy) == max(back, 9)  # the entry looks back 9 bars
    other = frame.copy()
    other.iloc[: at - back] *= 1.5

    def truth(prices: pd.DataFrame) -> tuple[bool, bool]:
        found = evaluate(strategy, condition, Bars(prices, {}))
        return bool(found.true[at]), bool(found.false[at])

    assert truth(other) == truth(frame)


def test_the_compilers_know_no_condition() -> None:
    """What a condition means stands in its class alone; the writer of code and the compiled engine read the core."""
    names = {kind.__name__ for kind in CONDITIONS}
    for path in (
        "code/expressions.py",
        "code/generator.py",
        "code/orders.py",
        "diagnostics/satisfiability.py",
        "kernel/program.py",
    ):
        tree = ast.parse(Path("Backtest", path).read_text(encoding="utf-8"))
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not used & names - {"Time"}, path


def test_the_example_of_the_documentation_is_the_code() -> None:
    assert inspect.getsource(Cross.core) in Path("docs/canonical.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("bound", ["low", "high"])
def test_an_oscillator_as_a_bound_of_a_price_is_warned_of(bound: str) -> None:
    rsi = {"type": "indicator", "id": "RSI_14"}
    when = {"type": "between", "operand": CLOSE, "low": OPEN, "high": OPEN, bound: rsi}
    data = {"indicators": [{"name": "RSI", "timeperiod": 14}], "entry_rules": [{"when": when}], "risk": {"max_bars": 3}}
    found = [d for d in diagnose(CanonicalStrategy.model_validate(data)) if d.code == "different_scales"]
    assert [d.message for d in found] == ["RSI_14 is an oscillator and Close a price: they hardly compare"]


def condition_of(when: dict[str, Any]) -> AnyCondition:
    return strategy_of(when, leaving=True).exit_rules[0].when
