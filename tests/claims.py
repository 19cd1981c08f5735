"""What generated code that trades through a Book claims of a run, made in this process as a worker makes it."""

from __future__ import annotations

import sys
import warnings

import backtesting.backtesting
import numpy as np
import pandas as pd

from Backtest.backtesting_adapter import create_strategy_from_canonical, engine_settings
from Backtest.canonical import CanonicalStrategy
from Backtest.code.generator import generate_code
from Backtest.sandbox import worker
from Backtest.sandbox.audit import Claim
from Backtest.sandbox.job import SandboxJob


def claim_of(strategy: CanonicalStrategy, prices: pd.DataFrame, first: int = 0) -> tuple[Claim, SandboxJob]:
    """Return what the code of a strategy claims, and the job it would have been given."""
    made = create_strategy_from_canonical(strategy)
    running: list[object] = []
    decisions = worker.Decisions()
    actions = worker.Actions(decisions)
    book = worker.Actions.book_of(sys.modules[made.__module__])
    assert book is not None
    actions.watch(book)
    settings = engine_settings(strategy)
    before = backtesting.backtesting._tqdm, backtesting.backtesting.compute_stats
    backtesting.backtesting._tqdm = worker.bars_to_decide(running, first, lambda _: None, decisions)
    backtesting.backtesting.compute_stats = worker.without_statistics
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            cls = worker.through_a_book(made, len(prices), running)
            stats = worker.backtest(cls, prices, settings.model_dump()).run()
    finally:
        backtesting.backtesting._tqdm, backtesting.backtesting.compute_stats = before
    trades = stats["_trades"]
    numbers = [pd.to_numeric(trades[name], errors="coerce").astype(float) for name in worker.TRADE_COLUMNS]
    claim = Claim(
        decisions=np.array(decisions.rows).reshape(-1, worker.DECISION),
        trades=np.column_stack(numbers),
        equity=np.asarray(stats["_equity_curve"]["Equity"], dtype=float),
        begin=running[0],  # type: ignore[arg-type]
        tickets=np.array(actions.tickets).reshape(-1, worker.TICKET),
    )
    return claim, SandboxJob(generate_code(strategy).code, prices, settings, first=first, generated=True)
