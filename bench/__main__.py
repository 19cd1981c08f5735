"""How fast the main job is, as ratios against plain backtesting.py on the same work in the same run.

Run it with `make bench`. Medians of several runs after a warm-up; times in milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = tempfile.TemporaryDirectory(prefix="algoagent-bench-")
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "algoagent_api.settings",
    "VAR_DIR": FOLDER.name,
    "DATA_PROVIDERS": "bundled",
    "LOG_LEVEL": "ERROR",
}
warnings.simplefilter("ignore")

SENTENCE = "Buy GOOG when the 10-day SMA crosses above the 20-day SMA, sell when it crosses below. Stop loss 5%."
PARAGRAPH = (
    "Trade GOOG on daily bars. Buy when RSI(14) is below 40 and rising, the close is above the "
    "200-day moving average and the 50-day average is above the 200-day average, unless volume is below half its 20-day average. "
    "Sell when RSI is above 70 for 2 days or the close crosses below the 50-day average. Use a stop loss of 2 ATR, take profit at "
    "3 times the risk and risk 1% of equity per trade. Wait 3 days after an exit. Commission 0.1%, start with $50,000."
)


def median_ms(work: Callable[[], Any], runs: int) -> float:
    work()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def process_ms(arguments: list[str], runs: int = 3) -> float:
    return median_ms(lambda: subprocess.run(arguments, cwd=ROOT, capture_output=True, check=True), runs)


ROWS: list[tuple[str, float, str, float]] = []


def row(name: str, ours: float, peer: str, theirs: float) -> None:
    ROWS.append((name, ours, peer, theirs))
    print(f"{name:<44}{ours:>10.1f}   {peer:<34}{theirs:>10.1f}{ours / theirs:>9.2f}x", flush=True)


def _refused(parse: Callable[[str], Any], text: str) -> None:
    from Backtest.errors import StrategyError

    with contextlib.suppress(StrategyError):
        parse(text)


PAUSE_S = 1.5


def once_ms(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def isolation(frame: Any, code: str, engine: Callable[[], Any]) -> None:
    """What isolation adds to a run: with an interpreter waiting, and with none; each beside a run of the engine."""
    from Backtest.sandbox import EngineSettings, SandboxJob, choose_sandbox

    job = SandboxJob(code, frame, EngineSettings(), generated=True)
    for backend in ("process", "bubblewrap", "docker"):
        box = choose_sandbox(backend, ready=1)
        if problem := box.problem():
            print(f"{backend}: {problem.partition(':')[0]}")
            continue
        box.warm_up()
        added = []
        for _ in range(11):
            time.sleep(PAUSE_S)  # until one is imported and waits
            plain = once_ms(engine)
            added.append(once_ms(lambda box=box: box.run(job)) - plain)
        row(f"{backend}, an interpreter waiting: it adds", statistics.median(added[1:]), "budget", 50)
        box.close()
        cold = choose_sandbox(backend)
        added = [once_ms(lambda: cold.run(job)) - once_ms(engine) for _ in range(8)]  # noqa: B023 - run at once
        row(f"{backend}, none waiting: it adds", statistics.median(added[1:]), "budget", 700)
        together, alone = (
            once_ms(lambda: list(cold.run_many([job] * 20))),  # noqa: B023 - run at once
            once_ms(lambda: [cold.run(job) for _ in range(20)]),  # noqa: B023 - run at once
        )
        row(f"{backend}, 20 jobs of one code", together, "20 interpreters", alone)
        cold.close()


def main() -> None:
    """Print the table."""
    import django

    django.setup()
    from backtesting import Backtest
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from auth_api.cli import local_user
    from Backtest.backtesting_adapter import create_strategy_from_canonical, fetch_and_prepare_data
    from Backtest.code import generate_code
    from Backtest.data_manager import DataManager
    from backtest_api.services import quick_run
    from Strategy.reading import parse_strategy
    from strategy_api.engine import get_sandbox

    print(f"{'':<44}{'ms':>10}   {'against':<34}{'ms':>10}{'ratio':>10}")
    frame = fetch_and_prepare_data(DataManager(), "GOOG").frame
    strategy = parse_strategy(SENTENCE).require()
    test = Backtest(frame, create_strategy_from_canonical(strategy), cash=100_000, finalize_trades=True)
    engine = median_ms(test.run, 15)
    paragraph = parse_strategy(PARAGRAPH).require()
    row("parse a paragraph", median_ms(lambda: parse_strategy(PARAGRAPH), 30), "budget", 20)
    row("generate its code", median_ms(lambda: generate_code(paragraph), 30), "budget", 10)
    prose = (
        "I have watched technology companies for years and believe that patience matters more than timing. " * 110
    )[:10_000]
    row("parse 10,000 characters of prose", median_ms(lambda: parse_strategy(prose), 3), "budget", 1000)

    row(
        "refuse 10,000 characters of brackets",
        median_ms(lambda: _refused(parse_strategy, "((RSI < 30) and " * 600), 3),
        "budget",
        1000,
    )

    get_sandbox().warm_up()
    user = local_user("bench")
    pairs = []
    for _ in range(11):
        time.sleep(PAUSE_S)  # a person reads before asking again
        pairs.append((once_ms(test.run), once_ms(lambda: quick_run(user=user, user_description=SENTENCE))))
    row("quick-run of a sentence on GOOG", statistics.median(q for _, q in pairs[1:]), "Backtest.run()", engine)
    row("  what it adds to the engine", statistics.median(q - e for e, q in pairs[1:]), "budget", 150)
    row(
        "quick-runs without a pause, each",
        median_ms(lambda: quick_run(user=user, user_description=SENTENCE), 15),
        "Backtest.run()",
        engine,
    )
    get_sandbox().close()

    isolation(frame, generate_code(strategy).code, test.run)

    script = (
        "import warnings; warnings.simplefilter('ignore')\nimport talib\nfrom backtesting import Backtest, Strategy\nfrom backtesting.test import GOOG\n"
        "class Cross(Strategy):\n"
        "    def init(self):\n        self.fast = self.I(talib.SMA, self.data.Close, 10); self.slow = self.I(talib.SMA, self.data.Close, 20)\n"
        "    def next(self):\n"
        "        for trade in self.trades: trade.sl = trade.entry_price * 0.95\n"
        "        if self.position:\n            if self.fast[-2] >= self.slow[-2] and self.fast[-1] < self.slow[-1]: self.position.close()\n"
        "        elif self.fast[-2] <= self.slow[-2] and self.fast[-1] > self.slow[-1]: self.buy(sl=self.data.Close[-1] * 0.95)\n"
        "print(Backtest(GOOG, Cross, cash=100_000, finalize_trades=True).run())\n"
    )
    plain = process_ms([sys.executable, "-c", script])
    manage = [sys.executable, "manage.py", "backtest"]
    row(
        "manage.py backtest, without a report",
        process_ms([*manage, SENTENCE, "--no-report"]),
        "the same by hand, a process",
        plain,
    )
    row("manage.py backtest, with a report", process_ms([*manage, SENTENCE]), "budget", 2500)
    row("manage.py backtest --help", process_ms([*manage, "--help"]), "budget", 1000)
    row("manage.py --help", process_ms([sys.executable, "manage.py", "--help"]), "budget", 1000)
    tester = [sys.executable, "Strategy/interactive_strategy_tester.py", "--help"]
    row("interactive_strategy_tester.py --help", process_ms(tester), "budget", 1000)


if __name__ == "__main__":
    main()
