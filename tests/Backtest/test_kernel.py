"""The compiled engine: backtesting.py's trades and figures, parameter sets, and what it says of the impossible."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from numba.core.dispatcher import Dispatcher

from Backtest import kernel
from Backtest.backtesting_adapter import BacktestResult
from Backtest.canonical import CanonicalStrategy
from Backtest.code.parameters import numbers, resolve, with_values
from Backtest.data import PriceRequest
from Backtest.data.bundled import BundledProvider
from Backtest.errors import ExecutionError, InvalidInput, StrategyError
from Backtest.kernel import NAMES, Kernel, warm_up
from Backtest.kernel.masks import BLOCK
from Backtest.search.ranges import ranges
from Strategy.text_parser import parse_strategy
from tests.Backtest.parity import difference
from tests.Backtest.test_meaning import FLAT, OHLC, SIGNAL, bars
from tests.random_strategies import rough_frames, strategies

EXAMPLES = int(os.environ.get("PARITY_EXAMPLES", "100"))
FIRST_SEED = int(os.environ.get("PARITY_SEED", "0"))  # another one gives other examples
BATCHES = 10
FINAL = NAMES.index("Equity Final [$]")


@pytest.fixture(scope="module")
def goog() -> pd.DataFrame:
    return BundledProvider().fetch(PriceRequest("GOOG")).frame


def strategy(text: str) -> CanonicalStrategy:
    return parse_strategy(text).require()


@pytest.mark.parametrize("batch", range(BATCHES))
def test_parity_with_backtesting_py(batch: int) -> None:
    seen = 0

    @seed(FIRST_SEED + batch)
    @settings(
        max_examples=EXAMPLES // BATCHES, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategies(wide=batch % 3 == 0, rough=True), rough_frames(), st.integers(0, 10**9))
    def check(made: CanonicalStrategy, frame: pd.DataFrame, chance: int) -> None:
        nonlocal seen
        seen += 1
        assert not difference(made, frame, chance), made.model_dump_json()

    check()
    assert seen >= EXAMPLES // BATCHES


def test_parity_on_the_better_path() -> None:
    """The sandbox reaches a target before the stop of the same bar as the engine does, in whatever a trade is otherwise in."""
    better = 0

    @seed(FIRST_SEED)
    @settings(
        max_examples=max(60, EXAMPLES // 10), deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategies(rough=True).filter(has_both_levels), rough_frames(), st.integers(0, 10**9))
    def check(made: CanonicalStrategy, frame: pd.DataFrame, chance: int) -> None:
        nonlocal better
        assert not difference(made, frame, chance, target_first=True), made.model_dump_json()
        finals = [Kernel(made, frame, target_first=f).sweep(np.empty((1, 0))).table[0, FINAL] for f in (False, True)]
        better += finals[0] != finals[1]

    check()
    assert better > 0


def has_both_levels(made: CanonicalStrategy) -> bool:
    return bool(made.risk.take_profit and (made.risk.stop_loss or made.risk.trailing_stop))


def test_parity_over_many_blocks() -> None:
    """Long prices are judged block by block; what a block leaves to the next is what it would be without."""
    bars = 2 * BLOCK + 500
    traded = []

    @seed(FIRST_SEED)
    @settings(
        max_examples=max(8, EXAMPLES // 50), deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(
        st.booleans().flatmap(lambda wide: strategies(wide=wide, rough=True)), rough_frames(bars), st.integers(0, 10**9)
    )
    def check(made: CanonicalStrategy, frame: pd.DataFrame, chance: int) -> None:
        assert not difference(made, frame, chance), made.model_dump_json()
        traded.append(Kernel(made, frame).sweep(np.empty((1, 0))).table[0, NAMES.index("# Trades")])

    check()
    assert np.nanmax(traded) > 50


def test_an_order_at_an_open_that_leaves_nothing_to_pay_it() -> None:
    """$61 buy one at $40; at $15 it is turned round: closing it pays $20 again, and for the short there is less than nothing."""
    made = strategy(
        "Trade on daily bars. Buy when Close is above 30. Sell short when Close is below 20. Exit long when Close is below 20. "
        "Start with $61 in cash. Fixed commission: $20."
    )
    close = np.array([40.0] * 4 + [15.0] * 4)
    frame = pd.DataFrame(
        {"Open": close, "High": close + 1, "Low": close - 1, "Close": close, "Volume": 1.0},
        pd.date_range("2024-01-01", periods=8, unit="us"),
    )
    assert difference(made, frame) == ""
    run = Kernel(made, frame, []).run({})
    assert run.trades["PnL"].tolist() == [15 - 40 - 2 * 20]
    assert run.equity.tolist() == [61, 41, 41, 41, 16, 0, 0, 0]


def long_frame(seed: int) -> pd.DataFrame:
    """A random walk over three blocks of minutes."""
    draw = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.002, 3 * BLOCK - 7)))
    open_ = np.r_[100, close[:-1]] * np.exp(draw.normal(0, 0.0005, len(close)))
    high, low = np.maximum(open_, close) * 1.001, np.minimum(open_, close) * 0.999
    index = pd.date_range("2015-01-01", periods=len(close), freq="min", unit="us")
    return pd.DataFrame({"Open": open_, "High": high, "Low": low, "Close": close, "Volume": 1.0}, index)


@pytest.mark.parametrize("bars", [2, 500])
def test_windows_of_bars_reach_over_blocks(bars: int) -> None:
    made = strategy("Buy when the close is above 1 for 2 bars in a row, sell when RSI(2) was below 5 within 2 bars")
    paths = [path for path in numbers(made) if path.endswith(".bars")]
    assert len(paths) == 2
    assert not difference(with_values(made, dict.fromkeys(paths, bars)), long_frame(bars))


SIDE_BY_SIDE = [
    "Buy when SMA(10) crosses above SMA(30), sell when SMA(10) crosses below SMA(30), stop 1%, target 2%",
    "Buy when the close is above 1.01 times SMA(30), sell when the close is below 0.99 times SMA(30)",
    "Short when RSI(3) > 80 for 2 bars in a row, exit when the trade has lost 1% or RSI(3) < 40, trailing stop 2%",
    "Buy when the close is above yesterday's high, sell after 50 bars",
]


@pytest.mark.parametrize("text", SIDE_BY_SIDE)
def test_sets_side_by_side_are_those_sets_alone(text: str) -> None:
    made, frame = strategy(text), long_frame(1)
    known = {path: value for path, value in numbers(made).items() if not path.startswith("execution.")}
    draw = np.random.default_rng(2)
    sets = np.array([list(known.values())] * 37)
    whole = sets[0] == sets[0].round()
    sets[1:, whole] = (sets[1:, whole] * draw.uniform(1, 1.5, (36, whole.sum()))).round()
    sets[1:, ~whole] *= draw.uniform(0.999, 1.001, (36, (~whole).sum()))
    together = Kernel(made, frame, list(known), threads=2).sweep(sets, returns=True)
    assert np.nanmax(together.table[:, NAMES.index("# Trades")]) > 50
    for row in range(len(sets)):
        alone = Kernel(made, frame, list(known)).sweep(sets[row : row + 1], returns=True)
        assert np.array_equal(alone.table[0], together.table[row], equal_nan=True)
        assert np.array_equal(alone.returns[0], together.returns[row], equal_nan=True)


CROSS = "Buy GOOG when SMA(10) crosses above SMA(30), sell when SMA(10) crosses below SMA(30), stop 5%"
FAST, SLOW = "indicators.SMA_10.timeperiod", "indicators.SMA_30.timeperiod"


def test_a_sweep_is_its_runs(goog: pd.DataFrame) -> None:
    sets = np.array([(a, b) for a in range(3, 30, 4) for b in range(20, 90, 9)], dtype=float)
    sweep = Kernel(strategy(CROSS), goog, [FAST, SLOW]).sweep(sets, returns=True)
    one = Kernel(strategy(CROSS), goog, [FAST, SLOW])
    for row, (fast, slow) in enumerate(sets[::5]):
        alone = one.run({FAST: fast, SLOW: slow})
        again = Kernel(with_values(strategy(CROSS), {FAST: fast, SLOW: slow}), goog).run()
        assert alone.trades.equals(again.trades)
        assert alone.metrics == again.metrics
        for name, value in zip(NAMES, sweep.table[row * 5], strict=True):
            if not name.endswith("Duration") and name in alone.metrics:
                assert alone.metrics[name] == value
        changes = sweep.returns[row * 5]
        assert np.prod(1 + changes) == pytest.approx(alone.equity[-1] / alone.equity[0], rel=1e-12)


def test_a_sweep_too_large_for_memory_is_the_same_in_parts(goog: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = np.array([(a, b) for a in range(3, 30, 4) for b in range(20, 90, 9)], dtype=float)
    whole = Kernel(strategy(CROSS), goog, [FAST, SLOW]).sweep(sets, returns=True)
    monkeypatch.setattr("Backtest.kernel.engine.SERIES_BYTES", len(goog) * 8 * 4)
    parts = Kernel(strategy(CROSS), goog, [FAST, SLOW]).sweep(sets, returns=True)
    for name in ("table", "ended", "orders_lost", "returns"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name), equal_nan=True)


# Each: what is traded, the bars, and the exit price on the worse and on the better path through a bar that has both levels.
BOTH: list[tuple[str, list[OHLC], float, float]] = [
    ("Buy when close > 105, stop 10%, target 10%", [FLAT, SIGNAL, (110, 111, 109, 110), (110, 122, 98, 110), FLAT], 99, 121),
    ("Short when close > 105, stop 10%, target 10%", [FLAT, SIGNAL, (110, 111, 109, 110), (110, 122, 98, 110), FLAT], 121, 99),
    ("Buy when close > 105, stop 10%, target 10%", [FLAT, SIGNAL, (110, 111, 109, 110), (98, 122, 97, 110), FLAT], 98, 98),
]  # fmt: skip


@pytest.mark.parametrize(("text", "rows", "worse", "better"), BOTH)
def test_the_two_paths_through_a_bar(text: str, rows: list[OHLC], worse: float, better: float) -> None:
    frame = bars(FLAT, *rows)
    assert Kernel(strategy(text), frame).run().trades["ExitPrice"].iloc[0] == pytest.approx(worse)
    assert Kernel(strategy(text), frame, target_first=True).run().trades["ExitPrice"].iloc[0] == pytest.approx(better)


def test_an_impossible_order_is_an_error(goog: pd.DataFrame) -> None:
    size = "risk.position_size.value"
    kernel = Kernel(strategy("Buy GOOG when RSI(14) < 40, sell when RSI(14) > 60, 10 shares"), goog, [size])
    with pytest.raises(ExecutionError, match="no possible size"):
        kernel.run({size: 2.5})
    sweep = kernel.sweep(np.array([[2.5], [5.0]]))
    assert np.isnan(sweep.table[0]).all()
    assert np.isfinite(sweep.table[1, 1])


def test_one_bar_is_too_few(goog: pd.DataFrame) -> None:
    with pytest.raises(InvalidInput, match="at least 2"):
        Kernel(strategy(CROSS), goog.iloc[:1])


# -- Numbers by path ---------------------------------------------------------------------------


def test_numbers_have_paths_and_names() -> None:
    made = strategy("Buy when RSI < 30, sell when RSI > 70, stop 5%")
    known = numbers(made)
    assert known["indicators.RSI_14.timeperiod"] == 14
    assert known["entry_rules[0].when.right.value"] == 30
    assert known["risk.stop_loss.value"] == 5
    assert resolve(made, "rsi_period") == "indicators.RSI_14.timeperiod"
    assert resolve(made, "risk.stop_loss.value") == "risk.stop_loss.value"
    with pytest.raises(InvalidInput, match="no number 'rsi_perod'") as caught:
        resolve(made, "rsi_perod")
    assert "rsi_period" in caught.value.suggestions[0]


def test_other_numbers_give_another_strategy() -> None:
    made = strategy("Buy when RSI < 30, sell when RSI > 70, stop 5%")
    other = with_values(made, {"indicators.RSI_14.timeperiod": 21, "risk.stop_loss.value": 7.5})
    assert [i.id for i in other.indicators] == ["RSI_21"]
    assert "RSI(21)" in other.describe()
    assert "7.5%" in other.describe()


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"indicators.RSI_14.timeperiod": 2.5}, InvalidInput, "whole number"),
        ({"indicators.RSI_14.timeperiod": 1}, StrategyError, "timeperiod = 1"),
        ({"risk.stop_loss.value": 150}, StrategyError, "below zero"),
        ({"risk.nothing": 1}, InvalidInput, "no number"),
    ],
)
def test_impossible_numbers_are_named(values: dict[str, float], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        with_values(strategy("Buy when RSI < 30, sell when RSI > 70, stop 5%"), values)


def test_a_fresh_process_finds_everything_compiled(goog: pd.DataFrame) -> None:
    Kernel(strategy(CROSS), goog).run()
    program = (
        "import numba.core.dispatcher as d, sys; from Backtest.kernel import Kernel; from tests.Backtest.test_kernel import *;"
        "Kernel(strategy(CROSS), BundledProvider().fetch(PriceRequest('GOOG')).frame).run();"
        "from Backtest.kernel import sweeps; print(sum(sweeps.run_sets.stats.cache_hits.values()))"
    )
    found: Any = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "1"


def test_every_part_keeps_what_it_compiled_in_the_folder_of_these_sources() -> None:
    """A part that a thread comes to after the others too; elsewhere, an older function it calls would be taken for a new one."""
    program = (
        "import importlib, Backtest.kernel; from Backtest.kernel import broker, figures, order_book;"
        "late = importlib.reload(order_book);"
        "print(*{f._cache.cache_path.split('/numba-')[1][:16] for f in (broker.simulate, figures.follow, late.follow_decisions)})"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"[0-9a-f]{16}", found.stdout.strip())


@pytest.mark.skipif(os.name != "posix", reason="elsewhere folders have no modes")
def test_only_a_private_folder_of_ones_own_holds_what_was_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """numba runs what it finds there, and in a temporary folder anybody may have made one of that name before."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "named"))
    folder = Path(kernel._cache_folder())
    assert (folder.parent, folder.stat().st_mode & 0o777) == (tmp_path / "named", 0o700)
    folder.chmod(0o777)
    assert Path(kernel._cache_folder()) != folder
    (tmp_path / "mine").mkdir(mode=0o700)
    folder.rmdir()
    folder.symlink_to(tmp_path / "mine")
    assert Path(kernel._cache_folder()) != folder
    folder.unlink()
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)  # all there is, is another's
    fresh = Path(kernel._cache_folder())
    assert fresh.parent == temporary
    assert fresh.name != folder.name
    assert fresh.stat().st_mode & 0o777 == 0o700


def test_nothing_is_compiled_after_the_warm_up(run: Callable[..., BacktestResult]) -> None:
    """Whatever prices and figures come, the compiled functions are those the warm-up has made."""
    compiled = [
        function
        for name, module in list(sys.modules.items())
        if name.startswith("Backtest.kernel.")
        for function in vars(module).values()
        if isinstance(function, Dispatcher)
    ]
    warm_up()
    before = [len(function.signatures) for function in compiled]
    result = run("Buy GOOG when RSI < 30 and weekly RSI > 20, sell when RSI > 70 or the trade is up 20%, stop 2 ATR")
    frame = result.prices.frame
    read_only = pd.DataFrame(
        {name: np.frombuffer(frame[name].to_numpy(dtype=float).tobytes()) for name in frame}, frame.index
    )
    Kernel(result.strategy, read_only).run()
    ranges(result.strategy, frame)
    assert len(compiled) > 10
    assert [len(function.signatures) for function in compiled] == before
