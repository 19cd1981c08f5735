"""Strategies that are not plain in the compiled engine: the oracle's cases, random ones, money worked out by hand, and recorded actions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from Backtest.canonical import CanonicalStrategy
from Backtest.errors import ExecutionError
from Backtest.kernel import Kernel, Run, actions, following
from Backtest.kernel.events import as_events
from Backtest.kernel.following import follow_actions
from Backtest.kernel.plans import OrderProgram, account_terms
from tests import engines, random_orders
from tests.explore import examples
from tests.oracle import random_cases
from tests.oracle.reading import case
from tests.oracle.run import run as oracle_run
from tests.oracle.test_cases import CASES, MONEY, equal
from tests.random_strategies import frames, strategies

Json = dict[str, Any]
PATHS = ("worst", "best", "nearest", "high_first", "low_first")
COLUMNS = ["Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "TP", "PnL", "Commission", "ReturnPct"]
random_examples = settings(
    max_examples=examples(60),
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
FIRES = {"type": "compare", "left": {"type": "price", "column": "Volume"}, "op": "==", "right": {"type": "value"}}


def fires(number: float) -> Json:
    """Return a condition that holds where the volume is a number."""
    return {**FIRES, "right": {"type": "value", "value": number}}


def strategy(*, risk: Json, exits: list[Json] | None = None, execution: Json | None = None, **entry: Any) -> Any:
    """Return a strategy that buys where the volume is 1."""
    rule = {"id": "a", "when": fires(1), **entry}
    data = {"entry_rules": [rule], "exit_rules": exits or [], "risk": risk, "execution": execution or {}}
    return CanonicalStrategy.model_validate(data)


def bars(*rows: list[float], freq: str = "D") -> pd.DataFrame:
    index = pd.date_range("2024-01-01 10:00", periods=len(rows), freq=freq, unit="us")
    return pd.DataFrame(np.array(rows, dtype=float), index, ["Open", "High", "Low", "Close", "Volume"])


def flat(price: float, *volumes: float) -> list[list[float]]:
    """Return bars of one price, a volume each."""
    return [[price, price, price, price, volume] for volume in volumes]


def run(made: CanonicalStrategy, frame: pd.DataFrame) -> Run:
    return Kernel(made, frame).run()


def fills(found: Run) -> list[tuple[Any, ...]]:
    return [(e["bar"], e["side"], e["price"], e["size"], e["reason"]) for e in found.events if e["do"] == "filled"]


# The oracle ----------------------------------------------------------------------------------


@pytest.mark.parametrize("given", CASES, ids=[given["id"] for given in CASES])
def test_case_gives_its_events_and_equity(given: Json) -> None:
    made, frame = engines.canonical(given), engines.frame(given)
    found = run(made, frame)
    told = engines.told(given, found.events)

    assert len(told) == len(given["events"])
    assert all(map(equal, given["events"], told))
    assert found.equity[-1] == pytest.approx(given["equity"], abs=MONEY)
    best = Kernel(made, frame, target_first=True).run().equity[-1]
    assert best == pytest.approx(given.get("equity_best_path", given["equity"]), abs=MONEY)


COSTS: tuple[Json, ...] = ({}, {"commission": 0.001}, {"spread": 0.002}, {"commission": 0.001, "spread": 0.002})
SIZES: tuple[Json, ...] = ({"units": 80}, {"percent_of_equity": 100}, {"percent_of_equity": 60}, {"risk_percent": 0.1})


@pytest.mark.parametrize("first", range(2))
def test_random_cases_are_traded_as_by_the_oracle(first: int) -> None:
    @seed(first)
    @random_examples
    @given(
        random_cases.cases(),
        st.sampled_from(PATHS),
        st.sampled_from(COSTS),
        st.sampled_from(SIZES),
        st.booleans(),
    )
    def check(given: Json, path: str, costs: Json, size: Json, through: bool) -> None:
        given = json.loads(json.dumps(given))
        options = {"path": path} | ({"limit_fill": "through", "tick": 0.25} if through else {})
        given["strategy"] |= {"costs": costs, "options": options}
        for entry in given["strategy"]["entries"]:
            entry["size"] = size if "risk_percent" not in size or entry["risk"].get("stop") else SIZES[0]
        wanted = oracle_run(case(given))
        found = run(engines.canonical(given), engines.frame(given))

        told, events = engines.told(given, found.events), [dict(event) for event in wanted.events]
        assert len(told) == len(events)
        assert all(equal(want, got) and equal(got, want) for want, got in zip(events, told, strict=True))
        # The curve begins with the cash: an order that is filled at the very first close does not count yet.
        assert found.equity[1:] == pytest.approx(np.array(wanted.equity[1:]), abs=MONEY)

    check()


@given(random_cases.cases())
@settings(random_examples, max_examples=examples(40))
def test_worst_and_best_bound_each_way_through_a_bar(given: Json) -> None:
    given = {**given, "bars": given["bars"][:2]}
    made, frame = engines.canonical({**given, "sessions": [[0, 1]]}), engines.frame({**given, "sessions": [[0, 1]]})
    ends = {}
    for path in PATHS:
        execution = made.execution.model_copy(update={"path": path})
        ends[path] = run(made.model_copy(update={"execution": execution}), frame).equity[-1]
    assert ends["worst"] - MONEY <= min(ends.values())
    assert max(ends.values()) <= ends["best"] + MONEY


# What version 1 could --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["worst", "best"])
def test_plain_strategy_trades_as_by_the_engine_of_plain_ones(path: str) -> None:
    traded = 0

    @seed(len(path))
    @settings(random_examples, max_examples=examples(40))
    @given(strategies(wide=False), frames())
    def check(made: CanonicalStrategy, frame: pd.DataFrame) -> None:
        nonlocal traded
        data = made.model_dump(mode="json")
        if data["execution"]["commission"]:
            data["execution"]["spread"] = 0  # here the commission is counted on the spread, too, when an order is sized
        if data["execution"]["trade_on_close"]:
            data["execution"] |= {
                "commission": 0,
                "commission_fixed": 0,
            }  # here the exit is paid before the next order is sized
        if data["risk"]["stop_loss"] and data["risk"]["trailing_stop"]:
            data["risk"]["trailing_stop"] = None  # here the risk is the distance of the nearer of the two
        plain = CanonicalStrategy.model_validate(data)
        data["entry_rules"][0]["id"] = "named"
        named = CanonicalStrategy.model_validate(data)
        assert plain.is_plain
        assert not named.is_plain
        first = path == "best"
        wanted, found = Kernel(plain, frame, target_first=first).run(), Kernel(named, frame, target_first=first).run()
        assert len(wanted.trades) == len(found.trades)
        # Here 159.9999999999 units are 160, so that a size may differ by the smallest unit, which is a millionth where coins are traded.
        for name in COLUMNS:
            assert np.allclose(wanted.trades[name], found.trades[name], rtol=1e-7, atol=1e-5, equal_nan=True), name
        assert np.allclose(wanted.equity, found.equity, rtol=1e-7)
        assert wanted.orders_lost == found.orders_lost
        assert wanted.metrics["Exposure Time [%]"] == found.metrics["Exposure Time [%]"]
        traded += len(found.trades)

    check()
    assert traded > 300


# Money, by hand ----------------------------------------------------------------------------------


def test_fixed_commission_is_paid_once_an_order_and_shared_by_its_units() -> None:
    adds = {"adds": [{"when": fires(2), "size": {"type": "fixed_units", "value": 50}}]}
    risk = {"position_size": {"type": "fixed_units", "value": 100}, **adds}
    made = strategy(risk=risk, exits=[{"when": fires(9)}], execution={"commission_fixed": 6})
    found = run(made, bars(*flat(10, 1, 2, 9, 5, 5)))

    # Three orders at $6: entry, add, and one exit of 150 units, which costs the first unit $4 and the second $2.
    assert found.trades["Commission"].tolist() == [10.0, 8.0]
    assert found.equity[-1] == 100_000 - 18


def test_leverage_holds_what_the_margin_allows_and_no_more() -> None:
    risk = {
        "position_size": {"type": "percent_of_equity", "value": 100},
        "stops": [{"level": {"type": "percent", "value": 50}}],
    }
    found = run(
        strategy(risk=risk, execution={"cash": 1000, "margin": 0.5}), bars(*flat(10, 1, 5), [10, 11, 10, 11, 5])
    )
    assert fills(found)[0] == (1, "buy", 10.0, 200, "entry")
    assert found.equity[-1] == 1200

    risk["position_size"] = {"type": "fixed_units", "value": 201}
    found = run(strategy(risk=risk, execution={"cash": 1000, "margin": 0.5}), bars(*flat(10, 1, 5, 5)))
    assert [e["reason"] for e in found.events if e["do"] == "cancelled"] == ["no_cash"]
    assert found.orders_lost == 1


def test_fractions_are_traded_and_told_in_whole_coins_and_quoted_prices() -> None:
    risk = {
        "position_size": {"type": "fixed_units", "value": 0.25},
        "targets": [{"level": {"type": "points", "value": 1000}}],
    }
    frame = bars(*flat(40_000, 1, 5), [40_000, 42_000, 39_000, 41_500, 5])
    found = run(strategy(risk=risk, execution={"fractional_unit": 1e-6}), frame)
    assert found.trades[["Size", "EntryPrice", "ExitPrice", "TP"]].iloc[0].tolist() == pytest.approx(
        [0.25, 40_000, 41_000, 41_000]
    )
    assert [e["targets"] for e in found.events if e["do"] == "levels"] == [[pytest.approx(41_000)]]
    assert found.equity[-1] == pytest.approx(100_250)


def test_account_without_equity_is_ruined_and_trades_no_more() -> None:
    risk = {"position_size": {"type": "percent_of_equity", "value": 100}}
    made = strategy(risk=risk, execution={"cash": 1000, "margin": 0.2})
    found = run(made, bars(*flat(10, 1, 5), [10, 10, 7, 7, 1], *flat(20, 1, 5)))
    # 500 units of $10; at 7 they have lost $1,500 of $1,000.
    assert fills(found) == [(1, "buy", 10.0, 500, "entry"), (2, "sell", 7.0, 500, "ruined")]
    assert found.equity.tolist() == [1000, 1000, 0, 0, 0]


def test_money_level_is_shared_by_the_units_of_the_fill() -> None:
    risk = {"position_size": {"type": "fixed_units", "value": 40}, "stop_loss": {"type": "money", "value": 100}}
    found = run(strategy(risk=risk), bars(*flat(10, 1, 5), [10, 10, 5, 6, 5]))
    assert fills(found)[1] == (2, "sell", 7.5, 40, "stop")


def test_size_that_comes_to_more_than_the_account_is_all_of_it() -> None:
    risk = {
        "position_size": {"type": "risk_percent", "value": 5},
        "stops": [{"level": {"type": "points", "value": 0.1}}],
    }
    found = run(strategy(risk=risk), bars(*flat(10, 1, 5, 5)))
    assert found.events[0]["size"] == "all"
    assert fills(found)[0] == (1, "buy", 10.0, 10_000, "entry")


def test_units_by_volatility() -> None:
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 40)))
    frame = bars(*[[c, c, c, c, 1 if k == 35 else 5] for k, c in enumerate(close)])
    risk = {"position_size": {"type": "volatility_target", "value": 10, "timeperiod": 20}}
    found = run(strategy(risk=risk), frame)
    returns = close[16:36] / close[15:35] - 1
    periods = Kernel(strategy(risk=risk), frame).calendar.periods
    deviation = np.std(returns, ddof=1) * np.sqrt(periods)
    assert found.events[0]["size"] == int(100_000 * 0.1 / deviation / close[35])


# Rules, by hand ----------------------------------------------------------------------------------


def test_rule_is_filled_so_often_in_a_session() -> None:
    risk = {"position_size": {"type": "fixed_units", "value": 1}, "max_bars": 1}
    frame = bars(*flat(10, *[1] * 48), freq="h")
    many = run(strategy(risk=risk), frame)
    few = run(strategy(risk=risk, most_per_session=2), frame)
    days = [frame.index[bar].day for bar, _, _, _, reason in fills(few) if reason == "entry"]
    assert days == [1, 1, 2, 2, 3, 3][: len(days)]
    assert len(days) < sum(reason == "entry" for *_, reason in fills(many))


def test_each_add_buys_up_to_its_own_number_and_by_a_factor() -> None:
    adds = [
        {"when": fires(2), "most": 2, "factor": 2},
        {"when": fires(3), "most": 1, "size": {"type": "fixed_units", "value": 5}},
    ]
    risk = {"position_size": {"type": "fixed_units", "value": 10}, "adds": adds}
    found = run(strategy(risk=risk), bars(*flat(10, 1, 2, 2, 2, 3, 3, 5, 5)))
    assert [size for _, _, _, size, reason in fills(found) if reason in ("entry", "add")] == [10, 20, 40, 5]


def test_exit_asks_of_the_position() -> None:
    entry = {"type": "position", "what": "entry_price"}
    fell = {
        "type": "compare",
        "left": {"type": "price"},
        "op": "<",
        "right": {"type": "math", "left": entry, "op": "-", "right": {"type": "position", "what": "risk"}},
    }
    risk = {
        "position_size": {"type": "fixed_units", "value": 10},
        "stops": [{"level": {"type": "points", "value": 2}, "after_bars": 50}],
    }
    found = run(
        strategy(risk=risk, exits=[{"when": fell}]),
        bars(*flat(10, 1, 5), [8, 8, 8, 8, 5], [7, 7, 7, 7, 5], *flat(7, 5, 5)),
    )
    assert fills(found)[1] == (4, "sell", 7.0, 10, "rule")  # at 8 the close is not below 10 - 2


def test_followed_stop_asks_for_the_best_price_of_the_position() -> None:
    best = {
        "type": "math",
        "left": {"type": "position", "what": "highest"},
        "op": "-",
        "right": {"type": "value", "value": 3},
    }
    stop = {"level": {"type": "price", "price": best}, "follow": "level"}
    risk = {"position_size": {"type": "fixed_units", "value": 10}, "stops": [stop]}
    found = run(strategy(risk=risk), bars(*flat(10, 1), [10, 14, 10, 13, 5], [13, 13, 10, 10, 5], *flat(10, 5)))
    assert fills(found)[1] == (2, "sell", 11.0, 10, "followed")


def test_stop_that_begins_after_a_gain_stands_where_the_fill_puts_it() -> None:
    stop = {"level": {"type": "points", "value": 1}, "after": {"type": "points", "value": 2}}
    risk = {"position_size": {"type": "fixed_units", "value": 10}, "stops": [stop]}
    found = run(
        strategy(risk=risk), bars(*flat(10, 1), [10, 10, 8, 10, 5], [10, 12, 10, 11, 5], [11, 11, 8, 8, 5], *flat(8, 5))
    )
    assert fills(found)[1] == (3, "sell", 9.0, 10, "stop")


def test_too_many_ways_through_a_bar_are_refused() -> None:
    targets = [{"level": {"type": "points", "value": k + 1}, "portion": 0.1} for k in range(8)]
    every = {
        "every": {"type": "points", "value": 0.5},
        "direction": "with",
        "size": {"type": "fixed_units", "value": 10},
        "most": 15,
    }
    risk = {
        "position_size": {"type": "fixed_units", "value": 10},
        "stop_loss": {"type": "points", "value": 30},
        "targets": targets,
        "adds": [every],
    }
    rows = [*flat(100, 1), [100, 109, 99, 108, 5], [108, 160, 60, 100, 5], *flat(100, 5)]
    with pytest.raises(ExecutionError, match="ways"):
        run(strategy(risk=risk, execution={"cash": 1e9}), bars(*rows))


# Sweeps --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 5000)))
    open_ = np.r_[100, close[:-1]]
    high, low = np.maximum(open_, close) * 1.004, np.minimum(open_, close) * 0.996
    index = pd.date_range("2020-01-01", periods=5000, freq="h", unit="us")
    volume = rng.integers(1, 30, 5000).astype(float)
    return pd.DataFrame({"Open": open_, "High": high, "Low": low, "Close": close, "Volume": volume}, index)


def swept() -> CanonicalStrategy:
    risk = {
        "position_size": {"type": "percent_of_equity", "value": 20},
        "stops": [{"level": {"type": "percent", "value": 2}}, {"level": {"type": "atr", "multiple": 3}, "follow": "extreme"}],
        "targets": [{"level": {"type": "risk_reward", "ratio": 1}, "portion": 0.5}, {"level": {"type": "percent", "value": 6}}],
        "break_even": {"after": {"type": "target", "target": 1}},
        "adds": [{"every": {"type": "percent", "value": 1}, "most": 2}],
    }  # fmt: skip
    order = {"type": "stop", "price": {"type": "price", "column": "High"}, "bars": 3}
    return strategy(risk=risk, order=order, exits=[{"when": fires(9), "portion": 0.5}])


VARIED = (
    "risk.stops[0].level.value",
    "risk.stops[1].level.multiple",
    "risk.targets[0].portion",
    "entry_rules[0].order.bars",
)


@pytest.mark.parametrize("threads", [1, 2])
def test_sweep_gives_what_each_run_does(many: pd.DataFrame, threads: int) -> None:
    sets = np.array([[a, b, c, d] for a in (1.0, 2.0) for b in (2.0, 4.0) for c in (0.3, 0.5) for d in (1, 3)])
    found = Kernel(swept(), many, VARIED, threads=threads).sweep(sets, returns=True)
    for k in (0, 5, 15):
        data = swept().model_dump(mode="json")
        data["risk"]["stops"][0]["level"]["value"], data["risk"]["stops"][1]["level"]["multiple"] = sets[k, :2]
        data["risk"]["targets"][0]["portion"], data["entry_rules"][0]["order"]["bars"] = sets[k, 2], int(sets[k, 3])
        alone = run(CanonicalStrategy.model_validate(data), many)
        assert found.frame().iloc[k]["Equity Final [$]"] == alone.equity[-1]
        assert found.frame().iloc[k]["# Trades"] == len(alone.trades) > 100
    assert len(np.unique(found.frame()["Equity Final [$]"])) > 8


# Recorded actions ------------------------------------------------------------------------------------


def followed(
    kernel: Kernel, found: Run, rows: Any = None, tickets: Any = None, most: int = 10_000
) -> following.Followed:
    return follow_actions(
        found.actions if rows is None else rows, found.tickets if tickets is None else tickets, found.begin, kernel.prices,
        account_terms(kernel.strategy.execution), most_trades=most, most_events=10_000,
    )  # fmt: skip


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_recorded_actions_come_to_the_same(first: int) -> None:
    for number in range(first, first + 20):
        kernel = Kernel(random_orders.strategy(number), random_orders.bars(number))
        found = kernel.run()
        again = followed(kernel, found)
        assert again.ended in (0, 1)
        assert isinstance(kernel.program, OrderProgram)
        assert as_events(again.events, kernel.program.names, kernel.unit) == found.events
        assert np.array_equal(again.equity, found.equity)
        assert len(again.trades) == len(found.trades)


@pytest.fixture(scope="module")
def recorded() -> tuple[Kernel, Run]:
    risk = {
        "position_size": {"type": "fixed_units", "value": 10}, "trailing_stop": {"type": "points", "value": 2},
        "targets": [{"level": {"type": "points", "value": 50}}],
    }  # fmt: skip
    kernel = Kernel(
        strategy(risk=risk, exits=[{"when": fires(9)}]), bars(*flat(10, 1, 5), [10, 12, 10, 12, 5], *flat(12, 9, 5, 5))
    )
    return kernel, kernel.run()


def test_what_is_recorded(recorded: tuple[Kernel, Run]) -> None:
    kernel, found = recorded
    assert found.actions[:, actions.DO].tolist() == [actions.PLACE, actions.MOVE, actions.CLOSE]
    assert followed(kernel, found).ended == 0


ROWS: dict[str, tuple[int, int, float, int]] = {
    "no such unit": (2, actions.WHICH, 7, following.NO_SUCH),
    "no such set": (1, actions.WHICH, 2, following.NO_SUCH),
    "no such stop": (1, actions.STOP_NUMBER, 5, following.NO_SUCH),
    "a stop beyond all": (1, actions.STOP_NUMBER, 9, following.IMPOSSIBLE),
    "a price below zero": (1, actions.AMOUNT, -3, following.IMPOSSIBLE),
    "no price": (1, actions.AMOUNT, np.nan, following.IMPOSSIBLE),
    "part of a unit": (2, actions.AMOUNT, 0.5, following.IMPOSSIBLE),
    "no known action": (2, actions.DO, 17, following.IMPOSSIBLE),
    "half an action": (2, actions.DO, 2.5, following.IMPOSSIBLE),
    "a reason nobody has": (2, actions.REASON, -9, following.IMPOSSIBLE),
    "too late": (2, actions.BAR, 1, following.OUT_OF_TURN),
    "after the end": (2, actions.BAR, 5, following.OUT_OF_TURN),
    "before the beginning": (0, actions.BAR, -1, following.OUT_OF_TURN),
    "between two bars": (1, actions.BAR, 2.5, following.OUT_OF_TURN),
    "never": (0, actions.BAR, np.nan, following.OUT_OF_TURN),
}  # fmt: skip


@pytest.mark.parametrize("what", ROWS)
def test_action_that_cannot_be_is_refused(recorded: tuple[Kernel, Run], what: str) -> None:
    kernel, found = recorded
    at, column, value, why = ROWS[what]
    rows = found.actions.copy()
    rows[at, column] = value
    ended = followed(kernel, found, rows=rows)
    assert ended.ended == why
    assert ended.ended in following.WHY


TICKETS = {
    "no size": (actions.SIZE, np.nan), "an infinite size": (actions.SIZE, np.inf), "nothing": (actions.SIZE, 0), "a part of a unit": (actions.SIZE, 1.5),
    "no side": (actions.SIDE, 0), "a type nobody knows": (actions.TYPE, 9), "a stop order without price": (actions.TYPE, actions.STOP_ORDER),
    "a rule nobody has": (actions.RULE, 16), "a signal of tomorrow": (actions.SIGNAL, 4), "an add to nothing": (actions.ADD_OF, 1),
    "too many units": (actions.MOST_UNITS, 17), "no end": (actions.LAST_BAR, np.nan), "a group of another kind": (actions.GROUP, -1),
    "a portion above one": (actions.FIRST_TARGET + actions.PORTION, 2), "a measure nobody knows": (actions.FIRST_STOP + actions.MEASURE, 8),
    "a stop before its fill": (actions.FIRST_STOP + actions.AFTER, -1), "a stop at an infinite distance": (actions.FIRST_STOP + actions.NUMBER, np.inf),
    "an add of more than there may be": (actions.FIRST_ADD + actions.MOST, 99),
}  # fmt: skip


@pytest.mark.parametrize("what", TICKETS)
def test_ticket_that_cannot_be_is_refused(recorded: tuple[Kernel, Run], what: str) -> None:
    kernel, found = recorded
    column, value = TICKETS[what]
    tickets = found.tickets.copy()
    tickets[0, column] = value
    assert followed(kernel, found, tickets=tickets).ended in (following.IMPOSSIBLE, following.OUT_OF_TURN)


def test_more_or_fewer_than_claimed_are_refused(recorded: tuple[Kernel, Run]) -> None:
    kernel, found = recorded
    assert followed(kernel, found, most=0).ended == following.TOO_MANY
    assert followed(kernel, found, tickets=found.tickets[:0]).ended == following.TOO_MANY
    assert followed(kernel, found, tickets=np.repeat(found.tickets, 2, axis=0)).ended == following.OUT_OF_TURN
    crowd = np.repeat(found.actions[:1], 300, axis=0)
    assert (
        followed(kernel, found, rows=crowd, tickets=np.repeat(found.tickets, 300, axis=0)).ended == following.TOO_MANY
    )


def test_random_claims_end_with_a_reason(recorded: tuple[Kernel, Run]) -> None:
    kernel, found = recorded
    rng = np.random.default_rng(3)
    odd = [np.nan, np.inf, -np.inf, -1, 0, 0.5, 1, 2, 3, 16, 1e300]
    for _ in range(300):
        rows, tickets = found.actions.copy(), found.tickets.copy()
        for table in (rows, tickets):
            for _ in range(rng.integers(0, 3)):
                table[rng.integers(len(table)), rng.integers(table.shape[1])] = rng.choice(odd)
        ended = followed(kernel, found, rows=rows, tickets=tickets)
        assert ended.ended in {0, 1, *following.WHY}
        assert not np.isnan(ended.equity[: found.begin + 1]).any()
