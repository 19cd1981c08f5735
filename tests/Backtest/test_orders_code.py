"""Generated code of strategies whose orders wait, whose stops move or that hold several units: as the oracle trades them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from Backtest.canonical import CanonicalStrategy
from Backtest.code.check import check_code
from Backtest.code.generator import generate_code
from Backtest.code.parameters import numbers, with_values
from Strategy.text_parser import parse_strategy
from tests import random_orders
from tests.engines import canonical, frame, run_code, told
from tests.explore import examples
from tests.oracle import random_cases
from tests.oracle.reading import case
from tests.oracle.run import run
from tests.oracle.test_cases import CASES, MONEY, equal
from tests.written import assert_clean

PATHS = ("worst", "best", "high_first", "low_first", "nearest")
# What generated code of plain strategies was before there was any other, its docstrings aside.
BEFORE = {
    "frames": "490f46f2986acaba",
    "logic": "c6418d0a9b28f34c",
    "price_action": "c466c56d80a9bb23",
    "risk": "91a8c5a116581faa",
    "settings": "92d1d8532f766468",
    "sides": "922ece0cb8a3725f",
    "units": "0e1c33991ddd0799",
}


def volume_is(value: float) -> dict[str, Any]:
    return {
        "type": "compare", "op": "==",
        "left": {"type": "price", "column": "Volume"}, "right": {"type": "value", "value": value},
    }  # fmt: skip


def price(column: str, plus: float = 0) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "price", "column": column}
    if not plus:
        return found
    return {"type": "math", "left": found, "op": "+", "right": {"type": "value", "value": plus}}


def strategy(entry: dict[str, Any], **parts: Any) -> CanonicalStrategy:
    """Return a strategy with one entry where the volume is 1; the risk is that of all entries."""
    rules = [{"when": volume_is(1), **entry}]
    return CanonicalStrategy.model_validate({"entry_rules": rules, **parts})


def fills(strategy: CanonicalStrategy, *bars: list[float]) -> list[tuple[int, str, float, float]]:
    """Return bar, name of the order, price and size of each fill."""
    events, _ = run_code(strategy, frame({"bars": bars, "strategy": {}}))
    return [(e["bar"], e["order"], e["price"], e["size"]) for e in events if e["do"] == "filled"]


# As the oracle --------------------------------------------------------------------------------


@pytest.mark.parametrize("given", CASES, ids=[given["id"] for given in CASES])
def test_a_case_gives_its_events_and_equity(given: dict[str, Any]) -> None:
    strategy = canonical(given)

    events, equity = run_code(strategy, frame(given))
    events = told(given, events)

    differs = [(want, got) for want, got in zip(given["events"], events, strict=False) if not equal(want, got)]
    assert not differs, f"first difference: wanted {differs[0][0]}, got {differs[0][1]}"
    assert len(events) == len(given["events"]), f"told {events}"
    assert equity[-1] == pytest.approx(given["equity"], abs=MONEY)
    _, best = run_code(strategy, frame(given), "best")
    assert best[-1] == pytest.approx(given.get("equity_best_path", given["equity"]), abs=MONEY)


@given(random_cases.cases(), st.sampled_from(PATHS))
@settings(max_examples=examples(100), deadline=None)
def test_random_cases_give_the_events_and_the_equity_of_the_oracle(drawn: dict[str, Any], path: Any) -> None:
    wanted = run(case(drawn), path)

    events, equity = run_code(canonical(drawn), frame(drawn), path)

    events = told(drawn, events)
    differs = [(want, got) for want, got in zip(wanted.events, events, strict=False) if not equal(want, got)]
    assert not differs, f"first difference: wanted {differs[0][0]}, got {differs[0][1]}"
    assert len(events) == len(wanted.events)
    assert equity[-len(wanted.equity) :] == pytest.approx(wanted.equity, abs=MONEY)


# What the oracle does not play ------------------------------------------------------------------


def test_a_fixed_commission_is_paid_once_an_order_and_its_parts_by_the_trades() -> None:
    every = {"type": "points", "value": 1}
    risk = {"position_size": {"type": "fixed_units", "value": 10}, "adds": [{"every": every}], "max_bars": 3}
    several = strategy({}, risk=risk, execution={"commission_fixed": 6})

    _, equity = run_code(several, frame({"bars": BARS, "strategy": {}}))

    # 10 at 100 and 10 at 101, both left at 103: 50 less three orders at $6.
    assert equity[-1] == pytest.approx(100_000 + 10 * 3 + 10 * 2 - 18)


BARS = [[100, 101, 99, 100, 1], [100, 100.5, 100, 100.5, 9], [101, 102, 100.5, 102, 9], [102, 103, 101, 103, 9],
        [103, 104, 102, 103.5, 9]]  # fmt: skip


def test_a_share_of_the_equity_is_that_at_the_fill_times_the_leverage() -> None:
    half = {"position_size": {"type": "percent_of_equity", "value": 50}, "max_bars": 1}
    order = {"order": {"type": "limit", "price": price("Close", -1)}}
    rows = [[100, 101, 99, 100, 1], [100, 100.5, 98.5, 99, 9], [99, 100, 98, 99, 9], [99, 99, 99, 99, 9]]

    assert fills(strategy(order, risk=half), *rows)[0] == (1, "entry1", 99, 505)
    assert fills(strategy(order, risk=half, execution={"margin": 0.5}), *rows)[0] == (1, "entry1", 99, 1010)


def test_prices_of_fractions_are_those_that_are_quoted() -> None:
    risk = {
        "position_size": {"type": "fixed_units", "value": 0.5},
        "stop_loss": {"type": "price", "price": price("Low")},
        "targets": [{"level": {"type": "points", "value": 2}}],
    }
    order = {"order": {"type": "stop", "price": price("High", 1)}}
    rows = [[100, 101, 99, 100, 1], [100, 102.5, 100, 102, 9], [102, 104.5, 101, 103, 9], [103, 104, 102, 103, 9]]
    found = fills(strategy(order, risk=risk, execution={"fractional_unit": 0.01}), *rows)

    assert [(bar, name) for bar, name, *_ in found] == [(1, "entry1"), (2, "target")]
    assert [price / 0.01 for *_, price, _ in found] == pytest.approx([102, 104])
    assert [size for *_, size in found] == [50, 50]


def test_an_exit_may_ask_what_is_known_of_the_entry() -> None:
    asked = {
        "type": "math",
        "left": {"type": "position", "what": "highest"},
        "op": "-",
        "right": {"type": "value", "value": 2},
    }
    below = {"type": "compare", "left": price("Close"), "op": "<", "right": asked}
    chandelier = strategy({}, exit_rules=[{"when": below}], risk={"position_size": {"type": "fixed_units", "value": 1}})
    rows = [
        [100, 101, 99, 100, 1],
        [100, 103, 99.5, 102, 9],
        [102, 102, 100.5, 100.9, 9],
        [100, 101, 99, 100, 9],
        [100] * 5,
    ]

    assert fills(chandelier, *rows) == [(1, "entry1", 100, 1), (3, "exit1", 100, 1)]


@pytest.mark.parametrize(
    ("what", "level", "leaves"),
    [
        ("entry_price", 100, True),
        ("entry_price", 99, False),
        ("signal_low", 98, True),
        ("risk", 4, True),
        ("lowest", 95.5, True),
    ],
)
def test_what_is_known_of_the_entry(what: str, level: float, leaves: bool) -> None:
    same = {
        "type": "compare",
        "left": {"type": "position", "what": what},
        "op": "==",
        "right": {"type": "value", "value": level},
    }
    stop = {"type": "points", "value": 4}
    order = {"order": {"type": "limit", "price": price("Close")}}
    one = {"position_size": {"type": "fixed_units", "value": 1}, "stops": [{"level": stop, "after_bars": 9}]}
    rows = [[100, 102, 98, 100, 1], [101, 105, 94, 96, 9], [96, 97, 95.5, 96, 9], [96, 96, 95.9, 96, 9], [96] * 5]
    leaving = strategy(order, exit_rules=[{"when": same}], risk=one)

    assert (fills(leaving, *rows)[1][1] == "exit1") is leaves  # the Low of the bar of the fill is older than the fill


def test_an_entry_is_taken_so_often_a_session() -> None:
    risk = {"position_size": {"type": "fixed_units", "value": 1}, "max_bars": 1}
    rows = [[100, 101, 99, 100, 1]] * 8
    once = strategy({"most_per_session": 1}, timeframe="1h", risk=risk)
    prices = frame({"bars": rows, "strategy": {}, "sessions": [[0, 1, 2, 3], [4, 5, 6, 7]]})

    events, _ = run_code(once, prices)

    entered = [e["bar"] for e in events if e["do"] == "filled" and e["reason"] == "entry"]
    assert entered == [1, 4]


def test_a_unit_may_be_a_multiple_of_the_one_before() -> None:
    against = {"every": {"type": "points", "value": 1}, "direction": "against", "factor": 2, "most": 2}
    risk = {"position_size": {"type": "fixed_units", "value": 5}, "adds": [against], "max_bars": 2}
    rows = [[100, 101, 99, 100, 1], [100, 100, 97.5, 98, 9], [98, 98, 98, 98, 9], [98, 98, 98, 98, 9], [98] * 5]

    assert [size for *_, size in fills(strategy({}, risk=risk), *rows)] == [5, 10, 20, 35]


def test_sizes_by_kelly_lots_and_cash() -> None:
    rows = [[100, 101, 99, 100, 1], [101, 101, 99, 100, 9], [100, 101, 99, 100, 9], [100] * 5]
    sizes = {
        "kelly": ({"type": "kelly", "chance": 0.6, "payoff": 1, "cap": 10}, 99),  # 10% of 100,000 at 101
        "lots": ({"type": "lots", "value": 0.5, "contract_size": 100}, 50),
        "cash": ({"type": "fixed_cash", "value": 5_050}, 50),  # over the close of the signal
    }
    for size, units in sizes.values():
        sized = strategy({}, risk={"position_size": size, "max_bars": 1, "session_exit": 5})
        assert fills(sized, *rows)[0][3] == units


def test_a_size_by_volatility_is_that_of_daily_returns() -> None:
    risk = {"position_size": {"type": "volatility_target", "value": 10, "timeperiod": 2}, "max_bars": 1}
    rows = [[100] * 4 + [9], [102, 102, 102, 102, 9], [101, 101, 101, 101, 1], [101] * 4 + [9], [101] * 5]

    units = fills(strategy({}, risk=risk), *rows)[0][3]

    deviation = np.std([102 / 100 - 1, 101 / 102 - 1], ddof=1) * np.sqrt(252)
    assert units == int(100_000 * 10 / 100 / deviation / 101)


def test_a_stop_that_waits_for_a_gain_begins_after_it() -> None:
    later = {"level": {"type": "points", "value": 1}, "after": {"type": "points", "value": 2}}
    risk = {"position_size": {"type": "fixed_units", "value": 1}, "stops": [later]}
    rows = [[100] * 4 + [1], [100, 101, 98, 101, 9], [101, 102, 98, 100, 9], [100, 100, 98.5, 99, 9], [99] * 5]
    assert fills(strategy({}, risk=risk), *rows)[1] == (3, "stop", 99, 1)


def test_an_atr_that_is_not_there_yet_lets_no_order_be_sent() -> None:
    risk = {
        "position_size": {"type": "fixed_units", "value": 1},
        "stops": [{"level": {"type": "atr", "multiple": 1, "timeperiod": 2}}],
    }
    rows = [[100, 101, 99, 100, 1]] * 4
    assert next(bar for bar, *_ in fills(strategy({}, risk=risk), *rows)) == 3


def test_all_money_lost_ends_the_run() -> None:
    risk = {"position_size": {"type": "percent_of_equity", "value": 100}, "session_exit": 0}
    rows = [[100, 101, 99, 100, 1], [100, 101, 99, 100, 9], [40, 41, 30, 31, 9], [31, 500, 31, 400, 1], [400] * 5]
    prices = frame({"bars": rows, "strategy": {}, "sessions": [[0, 1, 2, 3, 4]]})

    events, equity = run_code(strategy({}, timeframe="1h", risk=risk, execution={"margin": 0.5}), prices)

    assert list(equity[2:]) == [0, 0, 0]
    assert (events[-1]["bar"], events[-1]["reason"], events[-1]["price"]) == (2, "ruined", 31)


# The file ---------------------------------------------------------------------------------------


def test_the_files_of_cases_and_of_random_strategies_are_formatted_and_linted(tmp_path: Path) -> None:
    made = (*(canonical(said) for said in CASES[::3]), *map(random_orders.strategy, range(100)))
    assert_clean(made, tmp_path, ignore="ANN401")


def test_the_check_finds_nothing_in_the_files_of_random_strategies() -> None:
    for seed in range(40):
        assert check_code(generate_code(random_orders.strategy(seed)).code) == []
    changed = generate_code(canonical(CASES[0])).code.replace("self.cash -= self.fixed", "self.cash += self.fixed")
    assert "private" in {issue.pattern for issue in check_code(changed)}  # what is changed is the author's own


def test_a_file_runs_without_algoagent(tmp_path: Path) -> None:
    path = tmp_path / "strategy.py"
    path.write_text(generate_code(canonical(CASES[0])).code, encoding="utf-8")
    script = (
        "import runpy, sys\n"
        f"found = runpy.run_path({str(path)!r}, run_name='strategy')\n"
        "from backtesting.test import GOOG\n"
        "print(found['backtest'](GOOG).run()['# Trades'], 'Backtest' in sys.modules)\n"
    )
    command = [sys.executable, "-I", "-W", "ignore", "-c", script]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["0", "False"]


@pytest.mark.parametrize("said", CASES[::5], ids=[said["id"] for said in CASES[::5]])
def test_every_number_of_rules_orders_and_levels_is_a_class_attribute(said: dict[str, Any]) -> None:
    made = canonical(said)
    generated = generate_code(made)

    for path, attribute in generated.parameters.items():
        assert f"    {attribute} = " in generated.code
        assert path in numbers(made)
    kept = {path for path in numbers(made) if path.startswith(("risk.", "entry_rules")) and "value" in path}
    kept = {path for path in kept if ".when." not in path and not path.startswith("risk.position_size")}
    assert kept <= set(generated.parameters)


def test_other_numbers_make_other_fills() -> None:
    risk = {"position_size": {"type": "fixed_units", "value": 1}, "max_bars": 1}
    order = {"order": {"type": "limit", "price": price("Close", -1)}}
    made = strategy(order, risk=risk)
    lower = with_values(made, {"entry_rules[0].order.price.right.value": -2})

    assert fills(made, *BARS[:1], [100, 101, 97, 98, 9], [98] * 5, [98] * 5)[0][2] == 99
    assert fills(lower, *BARS[:1], [100, 101, 97, 98, 9], [98] * 5, [98] * 5)[0][2] == 98


def test_plain_strategies_are_written_as_before() -> None:
    for name, wanted in BEFORE.items():
        sayings = yaml.load(Path(f"tests/corpus/{name}.yaml").read_text(), Loader=yaml.CSafeLoader)[::4]
        written = hashlib.sha256()
        for parsed in (parse_strategy(said["say"]).strategy for said in sayings):
            if parsed is not None:
                written.update(re.sub(r'""".*?"""', "", generate_code(parsed).code, flags=re.DOTALL).encode())
        assert written.hexdigest()[:16] == wanted, name


def test_rules_may_be_called_what_the_class_has_already() -> None:
    risk = {"position_size": {"type": "fixed_units", "value": 1}, "max_bars": 1}
    rules = [
        {"id": name, "when": volume_is(1), "risk": risk}
        for name in ("next", "data", "book", "units", "max_bars", "buy")
    ]
    named = CanonicalStrategy.model_validate({"entry_rules": rules})
    assert fills(named, *BARS)[0] == (1, "next", 100, 1)
