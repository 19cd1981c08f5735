"""The compiled engine beside backtesting.py's own optimiser and vectorbt, on the same work in one run.

Run it with `make bench`. Medians of rounds in which each takes its turn.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

warnings.simplefilter("ignore")
ROOT = Path(__file__).resolve().parent.parent
SENTENCE = "Buy GOOG when SMA(10) crosses above SMA(30), sell when SMA(10) crosses below SMA(30), stop 5%"
FAST, SLOW, STOP = "indicators.SMA_10.timeperiod", "indicators.SMA_30.timeperiod", "risk.stop_loss.value"
PAIRS = np.array([(a, b) for a in range(2, 42) for b in range(45, 95, 2)], dtype=float)


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def goog() -> pd.DataFrame:
    from Backtest.data import BundledProvider, PriceRequest

    return BundledProvider().fetch(PriceRequest("GOOG")).frame


def drawn(bars: int) -> pd.DataFrame:
    draw = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.0015, bars)))
    open_ = np.r_[100, close[:-1]]
    high, low = np.maximum(open_, close) * 1.0005, np.minimum(open_, close) * 0.9995
    index = pd.date_range("2015-01-01", periods=bars, freq="min", unit="us")
    columns = {"Open": open_, "High": high, "Low": low, "Close": close, "Volume": 1000.0}
    return pd.DataFrame(columns, index=index)


@cache
def strategy() -> Any:
    from Strategy.reading import parse_strategy

    return parse_strategy(SENTENCE).require()


def ours(frame: pd.DataFrame, sets: np.ndarray[Any, Any] = PAIRS, threads: int = 1) -> Any:
    from Backtest.kernel import Kernel

    return Kernel(strategy(), frame, [FAST, SLOW], threads=threads).sweep(sets)


def backtesting_py(frame: pd.DataFrame) -> Any:
    """The same grid with Backtest.optimize, which uses every core."""
    import backtesting.backtesting
    from backtesting import Backtest

    from Backtest.backtesting_adapter import create_strategy_from_canonical

    backtesting.backtesting._tqdm = lambda bars, **_: bars
    base = create_strategy_from_canonical(strategy())
    test = Backtest(frame, base, cash=100_000, finalize_trades=True)

    return test.optimize(
        sma_10_period=range(2, 42), sma_30_period=range(45, 95, 2), maximize="Return [%]", return_heatmap=True
    )[1]


def vectorbt(frame: pd.DataFrame) -> Any:
    """Return, Sharpe ratio and drawdown of the same pairs; its trades are not quite the same."""
    import vectorbt as vbt

    close, open_ = frame["Close"], frame["Open"]
    fast = vbt.MA.run(close, window=PAIRS[:, 0].astype(int), short_name="fast", per_column=False)
    slow = vbt.MA.run(close, window=PAIRS[:, 1].astype(int), short_name="slow", per_column=False)
    entries, exits = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
    found = vbt.Portfolio.from_signals(
        close, entries.vbt.fshift(1), exits.vbt.fshift(1), price=open_, sl_stop=0.05, open=open_, high=frame["High"],
        low=frame["Low"], freq="1D", init_cash=100_000,
    )  # fmt: skip
    return found.total_return(), found.sharpe_ratio(), found.max_drawdown()


def compare() -> None:
    frame = goog()
    peers: dict[str, Callable[[pd.DataFrame], Any]] = {"vectorbt": vectorbt, "Backtest.optimize": backtesting_py}
    try:
        import vectorbt as _
    except ImportError:
        print("vectorbt is not installed: pip install -r requirements-bench.txt")
        del peers["vectorbt"]
    sweep = ours(frame)
    heat = backtesting_py(frame)
    returns = sweep.frame()["Return [%]"].to_numpy()
    same = sum(abs(heat[(int(a), int(b))] - r) <= 1e-9 * abs(r) for (a, b), r in zip(PAIRS, returns, strict=True))
    print(f"1,000 SMA pairs with a 5% stop on GOOG; {same} of 1,000 returns are backtesting.py's")
    for name, peer in peers.items():
        peer(frame)
        threads = 1 if name == "vectorbt" else cores_here()
        mine, theirs = [], []
        for _ in range(5 if name == "vectorbt" else 2):
            mine += [seconds(lambda: ours(frame, threads=threads)) for _ in range(5)]  # noqa: B023 - run at once
            theirs.append(seconds(lambda: peer(frame)))  # noqa: B023
        a, b = statistics.median(mine), statistics.median(theirs)
        said = "one core" if threads == 1 else f"{threads} cores, as it has"
        print(f"  {name:<20}{b:>9.3f} s   ours, all statistics, {said} {a:.4f} s   {b / a:>8.0f} times as fast")
    one, two = (statistics.median(seconds(lambda: ours(frame, threads=n)) for _ in range(25)) for n in (1, 2))  # noqa: B023
    print(
        f"  {one / len(PAIRS) / len(frame) * 1e9:.1f} ns a bar a combination on one core (budget 12), {two * 1000:.1f} ms on two"
    )


def cores_here() -> int:
    from Backtest.search.sweeping import cores

    return cores()


def growth() -> None:
    from Backtest.kernel import Kernel

    print(f"{'bars':>10}{'combinations':>14}{'first, s':>10}{'again, s':>10}{'ns a bar a combination':>25}")
    whole = drawn(1_000_000)
    for bars, count in (
        (2_000, 1000), (20_000, 1000), (200_000, 100), (1_000_000, 20), (1_000_000, 100), (20_000, 100), (20_000, 300),
    ):  # fmt: skip
        frame, sets = whole.iloc[:bars], PAIRS[:count]
        kernel = Kernel(strategy(), frame, [FAST, SLOW])
        first = seconds(lambda: kernel.sweep(sets))  # noqa: B023 - run at once; with the indicators
        again = statistics.median(seconds(lambda: kernel.sweep(sets)) for _ in range(7))  # noqa: B023
        print(f"{bars:>10,}{count:>14,}{first:>10.3f}{again:>10.3f}{again / bars / count * 1e9:>25.1f}")


def with_orders() -> dict[str, Any]:
    """Return the strategy with parts that it needs a book for: named alone, and with what traders add to it."""
    from Backtest.canonical import CanonicalStrategy

    data = strategy().model_dump(mode="json")
    data["entry_rules"][0]["id"] = "cross"
    named = CanonicalStrategy.model_validate(data)
    data["risk"]["targets"] = [
        {"level": {"type": "risk_reward", "ratio": 1}, "portion": 0.5},
        {"level": {"type": "risk_reward", "ratio": 3}},
    ]
    targets = CanonicalStrategy.model_validate(data)
    data["entry_rules"][0]["order"] = {"type": "stop", "price": {"type": "price", "column": "High"}, "bars": 5}
    data["risk"]["adds"] = [{"every": {"type": "percent", "value": 2}, "most": 2}]
    orders = CanonicalStrategy.model_validate(data)
    data["risk"]["break_even"] = {"after": {"type": "target", "target": 1}}
    data["risk"]["stops"] = [{"level": {"type": "atr", "multiple": 3}, "follow": "extreme"}]
    return {
        "the same in the book": named,
        "two targets": targets,
        "stop entry, adds, targets": orders,
        "and break-even, chandelier": CanonicalStrategy.model_validate(data),
    }


def orders() -> None:
    """Sweeps of strategies that need a book beside that of the plain one, each in turn."""
    from Backtest.kernel import Kernel

    for bars in (0, 20_000):
        frame = drawn(bars) if bars else goog()
        plain = Kernel(strategy(), frame, [FAST, SLOW])
        print(f"1,000 SMA pairs on {len(frame):,} bars, beside the plain strategy (budget 4 times)")
        for name, made in with_orders().items():
            kernel = Kernel(made, frame, [FAST, SLOW])
            kernel.sweep(PAIRS)
            plain.sweep(PAIRS)
            mine, theirs = [], []
            for _ in range(9):
                mine.append(seconds(lambda: kernel.sweep(PAIRS)))  # noqa: B023 - run at once
                theirs.append(seconds(lambda: plain.sweep(PAIRS)))  # noqa: B023
            a, b = statistics.median(mine), statistics.median(theirs)
            print(f"  {name:<30}{a:>8.3f} s   plain {b:.3f} s   {a / b:>6.2f} times")


def cores() -> None:
    from Backtest.search.space import Range, Space
    from Backtest.search.sweeping import Work, figures, run_chunks

    wanted = {FAST: Range(min=2, max=101), SLOW: Range(min=105, max=204), STOP: Range(min=1, max=50)}
    work = Work(strategy(), goog(), Space.of(strategy(), wanted))
    chunks = work.chunks(np.arange(work.space.size))

    def run(threads: int) -> float:
        kernel = work.kernel(threads)
        return seconds(lambda: [figures(kernel, work.space.sets(chunk)) for chunk in some])

    some = chunks[: len(chunks) // 3]
    pairs = [(run(1), run(2)) for _ in range(9)]
    one, two = (statistics.median(p[k] for p in pairs) for k in (0, 1))
    print(
        f"{sum(map(len, some)):,} combinations: one core {one:.2f} s, two {two:.2f} s, {one / two:.2f} times (1.7 wanted)"
    )
    apart = seconds(lambda: [None for _ in run_chunks(work, chunks, workers=2)])
    print(f"  {work.space.size:,} as two processes, their start included: {apart:.1f} s")


MILLION = """
import json, tempfile, time
from pathlib import Path
from bench.engine import FAST, SLOW, STOP, goog, peak_mib, strategy
from Backtest.data import PriceData
from Backtest.search.optimiser import SearchRequest, plan, search
started = time.perf_counter()
request = SearchRequest(parameters={FAST: {"min": 2, "max": 101}, SLOW: {"min": 105, "max": 204}, STOP: {"min": 1, "max": 50.5, "step": 0.5}})
work, objectives = plan(strategy(), PriceData("GOOG", "1d", goog(), "bundled"), request)
with tempfile.TemporaryDirectory() as folder:
    found = search(work, request, objectives, folder=Path(folder))
    size = (Path(folder) / "table.parquet").stat().st_size
print(json.dumps([len(found.tried), time.perf_counter() - started, peak_mib(), size / 2**20]))
"""
LONG = """
import json, time
from bench.engine import PAIRS, drawn, ours, peak_mib
frame = drawn(1_000_000)
started = time.perf_counter()
ours(frame, PAIRS[::10])
print(json.dumps([100, time.perf_counter() - started, peak_mib(), 0]))
"""
FIRST = """
import time
started = time.perf_counter()
from Backtest.kernel import Kernel
from bench.engine import goog, strategy
Kernel(strategy(), goog()).run()
print(time.perf_counter() - started)
"""


def peak_mib() -> float:
    """The most memory this process had; getrusage would tell that of the process it was started from."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024


def alone(program: str) -> Any:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def sizes() -> None:
    for name, program, budget in (("on GOOG", MILLION, 1024), ("on 1,000,000 bars", LONG, 3072)):
        count, taken, memory, table = alone(program)
        more = f", a table of {table:.0f} MiB" if table else ""
        print(f"{count:,} combinations {name}: {taken:.1f} s, at most {memory:.0f} MiB (budget {budget}){more}")
    first = statistics.median(alone(FIRST) for _ in range(5))
    print(f"first use in a fresh process, imports included: {first:.2f} s (budget 1.5)")


if __name__ == "__main__":
    compare()
    growth()
    orders()
    cores()
    sizes()
