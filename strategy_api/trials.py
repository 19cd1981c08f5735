"""How often was this tried? Every backtest, search and measured suggestion counts, without being asked to.

Trials of one lineage on one data set compete: the best of them looks better than it is. A lineage is a stored strategy
through all its versions, or, where none is stored, all strategies that differ in nothing but their numbers.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Sum

from Backtest.canonical import CanonicalStrategy
from strategy_api.models import Strategy, Trial

if TYPE_CHECKING:
    from auth_api.models import User
    from Backtest.backtesting_adapter import BacktestResult
    from Backtest.data import PriceData
    from Backtest.search.assessment import Earlier

KEPT = 16
MOST_EARLIER = 2000
MOST_SERIES = 200


def lineage_of(strategy: Strategy | None, canonical: CanonicalStrategy | None, code: str = "") -> str:
    """Return what a trial is a trial of."""
    if strategy is not None:
        return f"strategy:{strategy.pk}"
    if canonical is None:
        names = re.sub(r"\d+(\.\d+)?", "#", code)
        return f"code:{hashlib.sha256(names.encode()).hexdigest()[:40]}"
    core = {k: v for k, v in canonical.trading_core().items() if k not in ("execution", "symbols", "timeframe")}
    text = re.sub(r"\d+(\.\d+)?", "#", json.dumps(core, sort_keys=True))
    return f"form:{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def daily_returns(result: BacktestResult) -> Any:
    """Return a backtest's returns of days from the first bar that was asked for, float64 of shape (days - 1,).

    Before the first decision they are 0, so that trials with other warm-ups, and those of searches, have the same days.
    """
    import pandas as pd

    from Backtest.market.sessions import TradingSession

    index, first = pd.DatetimeIndex(result.prices.frame.index), result.prices.first
    last = TradingSession.of(index).last_bars(index)
    equity = result.equity["Equity"].to_numpy(dtype=float)
    curve = np.concatenate([np.full(result.begin, equity[0]), equity])
    ends = curve[last[np.searchsorted(last, first) :]]
    with np.errstate(all="ignore"):
        return np.nan_to_num(ends[1:] / ends[:-1] - 1)


def record(
    *, user: User, lineage: str, prices: PriceData, kind: Trial.Kind, what: str, returns: Any, count: int = 1
) -> Trial:
    """Keep a trial; the same one again is none.

    Args:
        what: what was tried, for instance a content hash.
        returns: of days, float64 of shape (kept, days).
    """
    from Backtest.statistics.sharpe import sharpe_ratio

    content = hashlib.sha256(f"{what} {prices.sha256()}".encode()).hexdigest()
    kept = np.atleast_2d(np.asarray(returns, dtype=float))[:KEPT]
    trial, _ = Trial.objects.get_or_create(
        user=user, lineage=lineage, content=content,
        defaults={
            "symbol": prices.symbol, "timeframe": prices.timeframe, "kind": kind, "count": count,
            "sharpe_ratios": [float(s) for s in np.atleast_1d(sharpe_ratio(kept))] if kept.shape[1] > 2 else [],
            "returns": kept.astype("<f4").tobytes(), "days": kept.shape[1],
        },
    )  # fmt: skip
    return trial


def trials_of(*, user: User, lineage: str, symbol: str, timeframe: str) -> Any:
    return Trial.objects.filter(user=user, lineage=lineage, symbol=symbol, timeframe=timeframe)


def returns_of(trial: Trial) -> Any:
    """Return a trial's returns, float64 of shape (kept, days)."""
    return np.frombuffer(bytes(trial.returns), dtype="<f4").astype(float).reshape(-1, max(trial.days, 1))


def earlier(*, user: User, lineage: str, prices: PriceData, what: str) -> Earlier:
    """Return the trials made before this one."""
    from Backtest.search.assessment import Earlier

    content = hashlib.sha256(f"{what} {prices.sha256()}".encode()).hexdigest()
    before = trials_of(user=user, lineage=lineage, symbol=prices.symbol, timeframe=prices.timeframe).exclude(
        content=content
    )
    count = before.aggregate(total=Sum("count"))["total"] or 0
    ratios = [s for row in before.order_by("-id").values_list("sharpe_ratios", flat=True)[:MOST_EARLIER] for s in row]
    days = before.order_by("-id").values_list("days", flat=True).first() or 0
    rows = [returns_of(t) for t in before.filter(days=days).order_by("-id")[:MOST_SERIES]] if days else []
    return Earlier(count, tuple(ratios[:MOST_EARLIER]), np.concatenate(rows) if rows else None)


def standing(*, trial: Trial, returns: Any, days_a_year: float) -> dict[str, Any]:
    """Return what a backtest's Sharpe ratio is worth, given all trials of its lineage on its data.

    `number` counts up to this trial. Values that need a spread of several trials are None for the first.
    """
    from Backtest.statistics import overfitting, sharpe

    upto = trials_of(user=trial.user, lineage=trial.lineage, symbol=trial.symbol, timeframe=trial.timeframe).filter(
        pk__lte=trial.pk
    )
    number = upto.aggregate(total=Sum("count"))["total"] or 1
    ratios = [s for row in upto.order_by("-id").values_list("sharpe_ratios", flat=True)[:MOST_EARLIER] for s in row]
    series = np.asarray(returns, dtype=float)
    same = [returns_of(t) for t in upto.filter(days=len(series)).order_by("-id")[:MOST_SERIES]] if len(series) else []
    matrix = np.concatenate(same) if same else np.zeros((0, 0))
    independent = sharpe.independent_trials(matrix, number) if len(matrix) > 1 else float(number)
    deviation = float(np.std(ratios, ddof=1)) if len(ratios) > 1 else 0.0
    enough = len(matrix) > 1 and matrix.shape[1] >= 4 * overfitting.BLOCKS
    years = len(series) / days_a_year
    needed = sharpe.minimum_backtest_length(independent)
    text = f"This is the {_ordinal(number)} try on {trial.symbol} {trial.timeframe}, counting yours {_counted(trial.lineage)}."
    if number > 1 and needed > years:
        text += f" The best of so many reaches a Sharpe ratio of 1 by luck in {years:.1f} years of data."
    return {
        "number": number,
        "independent": round(independent, 1),
        "probabilistic_sharpe": sharpe.probabilistic_sharpe(series) if len(series) > 2 else None,
        "deflated_sharpe": sharpe.deflated_sharpe(series, trials=independent, deviation=deviation)
        if number > 1 and len(series) > 2
        else None,
        "pbo": overfitting.cross_validate(matrix).pbo if enough else None,
        "minimum_backtest_years": needed,
        "years": round(years, 2),
        "text": text,
    }


def _counted(lineage: str) -> str:
    return {
        "strategy": "of this strategy in all its versions",
        "form": "of strategies that differ in their numbers alone",
        "code": "of code that differs in its numbers alone",
    }[lineage.partition(":")[0]]


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"
