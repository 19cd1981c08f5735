"""Indicators of indicators: of one output of several, and of a series of one's own, made of prices and indicators."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from Backtest.backtesting_adapter import check_data
from Backtest.canonical import CanonicalStrategy, history_bars, used_indicators
from Backtest.code.parameters import numbers, resolve, with_values
from Backtest.data import PriceData
from Backtest.data_manager import add_indicators
from Backtest.decision import compute_indicators
from Backtest.diagnostics import load_canonical
from Backtest.errors import InvalidInput
from Backtest.kernel import Kernel
from tests.Backtest.parity import difference
from tests.Backtest.test_indicators import frame_of
from tests.explore import examples
from tests.random_strategies import frames
from tests.written import assert_clean

Node = dict[str, Any]


def price(column: str, offset: int = 0) -> Node:
    return {"type": "price", "column": column, "offset": offset}


def math(left: Node, op: str, right: Node) -> Node:
    return {"type": "math", "left": left, "op": op, "right": right}


def ref(name: str, output: str | None = None, offset: int = 0) -> Node:
    return {"type": "indicator", "id": name, "output": output, "offset": offset}


def value(number: float) -> Node:
    return {"type": "value", "value": number}


RANGE = {"name": "SERIES", "id": "Range", "operand": math(price("High"), "-", price("Low"))}


def data(indicators: list[Node], left: Node, right: Node, **more: Any) -> Node:
    rule = {"when": {"type": "compare", "left": left, "op": ">", "right": right}}
    return {"indicators": indicators, "entry_rules": [rule], "risk": {"max_bars": 3, "stop_loss": {"type": "percent", "value": 5}}, **more}  # fmt: skip


def strategy(*args: Any, **more: Any) -> CanonicalStrategy:
    return load_canonical(data(*args, **more)).require()


WIDE = [RANGE, {"name": "SMA", "id": "mean", "source": "Range", "timeperiod": 25}]


# -- Values ------------------------------------------------------------------------------------


def test_the_mean_of_the_range() -> None:
    frame = frame_of()
    found = compute_indicators(strategy(WIDE, ref("Range"), ref("mean")), frame)
    width = frame["High"] - frame["Low"]
    np.testing.assert_array_equal(found["Range"][0], width)
    np.testing.assert_allclose(found["mean"][0], width.rolling(25).mean(), rtol=1e-9)


def test_the_mean_of_the_weekly_range_is_that_of_complete_weeks() -> None:
    frame = frame_of(bars=300)
    weekly = [{**item, "timeframe": "1wk"} for item in WIDE]
    weekly[1]["timeperiod"] = 4
    found = compute_indicators(strategy(weekly, ref("Range"), ref("mean")), frame)
    bars = frame.groupby(frame.index.to_period("W-SUN")).agg({"High": "max", "Low": "min"})
    width = (bars["High"] - bars["Low"])[1:]  # the first week lacks its Monday
    for i, stamp in enumerate(frame.index):
        week = stamp.to_period("W-SUN") - (0 if stamp.day_name() == "Sunday" else 1)
        assert found["Range"][0][i] == pytest.approx(width.get(week, np.nan), nan_ok=True)
        assert found["mean"][0][i] == pytest.approx(width.rolling(4).mean().get(week, np.nan), nan_ok=True)


def test_operands_with_offsets_functions_and_indicators() -> None:
    frame = frame_of()
    gap = math(price("Open"), "-", price("Close", 1))
    operand = {"type": "function", "name": "max", "operands": [gap, {"type": "function", "name": "abs", "operands": [gap]}, math(ref("ATR_14", None, 2), "/", value(2))]}  # fmt: skip
    indicators = [{"name": "ATR"}, {"name": "SERIES", "id": "s", "operand": operand}]
    found = compute_indicators(strategy(indicators, ref("s"), value(1)), frame)
    jump = frame["Open"] - frame["Close"].shift(1)
    atr = add_indicators(frame, ["ATR"], "1d")["ATR_14"]
    expected = np.maximum(jump, np.maximum(jump.abs(), atr.shift(2) / 2))
    np.testing.assert_allclose(found["s"][0], expected, rtol=1e-12)


def test_a_division_by_zero_has_no_value() -> None:
    frame = frame_of(bars=30)
    frame.loc[frame.index[10], ["Open", "High", "Low", "Close"]] = 50.0
    operand = math(math(price("Close"), "-", price("Low")), "/", math(price("High"), "-", price("Low")))
    found = compute_indicators(
        strategy([{"name": "SERIES", "id": "s", "operand": operand}], ref("s"), value(0.5)), frame
    )
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found["s"][0])), [10])


def test_an_average_that_a_gap_ends_is_said() -> None:
    frame = frame_of(bars=120)
    frame.loc[frame.index[60], ["Open", "High", "Low", "Close"]] = 50.0
    operand = math(math(price("Close"), "-", price("Low")), "/", math(price("High"), "-", price("Low")))
    indicators = [
        {"name": "SERIES", "id": "s", "operand": operand},
        {"name": "EMA", "id": "e", "source": "s", "timeperiod": 5},
    ]
    notes = check_data(strategy(indicators, ref("e"), value(0.5)), PriceData("X", "1d", frame, "test"))
    assert "e has no value at the end, since s has none on 2020-03-01 00:00:00" in notes


@pytest.mark.parametrize(("name", "output", "column"), [("HEIKIN_ASHI", "close", "HA_CLOSE"), ("BB", "upper", "BB_UPPER_20_2"), ("MACD", "signal", "MACD_SIGNAL_12_26_9"), ("CDL_DOJI", "", "CDL_DOJI")])  # fmt: skip
def test_one_output_of_several_is_a_source(name: str, output: str, column: str) -> None:
    frame = frame_of()
    source = f"{load_canonical(data([{'name': name}], price('Close'), value(1))).require().indicators[0].id}.{output}".rstrip(
        "."
    )
    columns = add_indicators(frame, [{"name": name}, {"name": "SMA", "timeperiod": 5, "source": source}], "1d")
    expected = columns[column].rolling(5).mean()
    np.testing.assert_allclose(columns[f"SMA_5_{source}"], expected, rtol=1e-9)


def test_add_indicators_takes_a_series() -> None:
    frame = frame_of()
    columns = add_indicators(frame, WIDE, "1d")
    assert {"Range", "SMA_25_Range"} <= set(columns)


# -- What is said of one that cannot be ----------------------------------------------------------


@pytest.mark.parametrize(
    ("indicators", "said"),
    [
        ([{"name": "BB"}, {"name": "SMA", "source": "BB_20_2"}], "has several outputs: name one of upper, middle, lower, as 'BB_20_2.upper'"),
        ([{"name": "BB"}, {"name": "SMA", "source": "BB_20_2.top"}], "has no output 'top': name one of upper, middle, lower"),
        ([{"name": "RSI"}, {"name": "SMA", "source": "RSI_14.value"}], "has one output, so none is named"),
        ([{"name": "SMA", "source": "BB_20_2.upper"}, {"name": "BB"}], "neither a price column nor an indicator listed before it"),
        ([{"name": "SERIES", "id": "s", "operand": ref("RSI_14")}, {"name": "RSI"}], "nor an indicator listed before it"),
        ([{"name": "SERIES", "id": "s", "operand": value(3)}], "has only numbers in it"),
        ([{"name": "SERIES", "id": "s", "operand": math(price("Close"), "-", {"type": "position", "what": "entry_price"})}], "nothing of the position"),
        ([{"name": "RSI", "timeframe": "1wk"}, {"name": "SERIES", "id": "s", "operand": ref("RSI_14@1wk")}], "is computed on another time frame"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_source(indicators: list[Node], said: str) -> None:
    loaded = load_canonical(data(indicators, price("Close"), value(1)))
    assert loaded.strategy is None
    assert said in " ".join(d.message for d in loaded.errors)


def test_a_series_needs_a_name() -> None:
    loaded = load_canonical(data([{"name": "SERIES", "operand": price("High")}], price("Close"), value(1)))
    assert any("id" in d.field for d in loaded.errors)


def test_the_numbers_of_a_series_are_fixed_and_that_is_said() -> None:
    half = {"name": "SERIES", "id": "half", "operand": math(price("Close"), "/", value(2))}
    found = strategy([half, {"name": "SMA", "id": "mean", "source": "half"}], ref("half"), ref("mean"))
    assert not any(path.startswith("indicators.half") for path in numbers(found))
    with pytest.raises(InvalidInput, match="those in the operand of half are fixed"):
        resolve(found, "indicators.half.operand.right.value")


# -- What follows from it ------------------------------------------------------------------------


def test_it_round_trips_and_is_described() -> None:
    found = strategy(WIDE, ref("Range"), ref("mean"))
    assert "(High - Low) is above SMA(25) of (High - Low)" in found.describe()
    again = load_canonical(found.model_dump(mode="json")).require()
    assert again == found
    assert again.content_hash() == found.content_hash()


def test_history_and_use_follow_sources() -> None:
    found = strategy([*WIDE, {"name": "RSI"}], price("Close"), ref("mean"))
    assert [i.id for i in used_indicators(found)] == ["Range", "mean"]
    assert history_bars(found) >= 10 * 26
    assert [d.code for d in load_canonical(data([*WIDE, {"name": "RSI"}], price("Close"), ref("mean"))).warnings].count("unused_indicator") == 1  # fmt: skip


def test_a_varied_number_of_a_source_changes_what_is_made_of_it() -> None:
    indicators = [{"name": "BB"}, {"name": "SMA", "source": "BB_20_2.upper", "timeperiod": 5}]
    found = strategy(indicators, price("High"), ref("SMA_5_BB_20_2.upper"))
    changed = with_values(found, {"indicators.BB_20_2.timeperiod": 10})
    assert changed.indicators[1].source_name == "BB_10_2.upper"
    frame = frame_of(bars=400)
    kernel = Kernel(found, frame, ["indicators.BB_20_2.timeperiod"])
    alone = Kernel(changed, frame).run()
    swept = kernel.run({"indicators.BB_20_2.timeperiod": 10})
    assert swept.trades.equals(alone.trades)
    assert not swept.trades.equals(Kernel(found, frame).run().trades)


# -- Both engines --------------------------------------------------------------------------------


class Maker:
    """Random series, and indicators of them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.listed: list[Node] = [
            {"name": "ATR"},
            {"name": "BB", "timeperiod": 5},
            {"name": "HEIKIN_ASHI"},
            {"name": "CDL_DOJI"},
        ]
        self.known = [ref("ATR_14"), ref("BB_5_2", "upper"), ref("HEIKIN_ASHI", "open"), ref("CDL_DOJI")]

    def operand(self, depth: int = 0) -> Node:
        kind = self.chance.random()
        if depth > 2 or kind < 0.4:
            return price(
                self.chance.choice(["Open", "High", "Low", "Close", "Volume"]), self.chance.choice([0, 0, 1, 3])
            )
        if kind < 0.5:
            return {**self.chance.choice(self.known), "offset": self.chance.choice([0, 2])}
        if kind < 0.8:
            right = value(self.chance.choice([0, 2, -1.5])) if self.chance.random() < 0.3 else self.operand(depth + 1)
            return math(self.operand(depth + 1), self.chance.choice("+-*/"), right)
        name = self.chance.choice(["min", "max", "abs"])
        count = 1 if name == "abs" else self.chance.randint(2, 4)
        return {"type": "function", "name": name, "operands": [self.operand(depth + 1) for _ in range(count)]}

    def strategy(self) -> Node:
        timeframe = {"timeframe": "1wk"} if self.chance.random() < 0.25 else {}
        self.listed = [
            {**item, **timeframe, "id": known["id"]} for item, known in zip(self.listed, self.known, strict=True)
        ]
        for k in range(self.chance.randint(1, 3)):
            self.listed.append({"name": "SERIES", "id": f"s{k}", "operand": self.operand(), **timeframe})
            self.known.append(ref(f"s{k}"))
            name = self.chance.choice(["SMA", "EMA", "RSI", "HIGHEST", "ZSCORE"])
            self.listed.append({"name": name, "id": f"i{k}", "source": f"s{k}", "timeperiod": 4, **timeframe})
            self.known.append(ref(f"i{k}"))
        more: Node = {"execution": {"fractional_unit": 1e-6}} if self.chance.random() < 0.2 else {}
        left, right = self.chance.sample(self.known[4:], 2)
        return data(self.listed, left, self.chance.choice([right, price("Close"), value(0)]), **more)


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**9), frame=frames())
def test_engines_trade_alike(seed: int, frame: pd.DataFrame) -> None:
    loaded = load_canonical(Maker(seed).strategy())
    if loaded.strategy is not None:
        assert not difference(loaded.strategy, frame, seed)


def test_the_code_is_formatted_and_linted(tmp_path: Path) -> None:
    made = [load_canonical(Maker(seed).strategy()).strategy for seed in range(80)]
    assert_clean((m for m in made if m is not None), tmp_path)
