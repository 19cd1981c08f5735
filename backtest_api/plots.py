"""Charts as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from Backtest.backtesting_adapter import BacktestResult


def equity_plot(path: Path, result: BacktestResult, *, title: str) -> None:
    """Draw equity against buy-and-hold, and the drawdown below it, as a PNG of 1200 by 700."""
    from matplotlib.figure import Figure

    equity, close = result.equity["Equity"], result.prices.frame["Close"]
    hold = close / close.iloc[0] * equity.iloc[0]
    figure = Figure(figsize=(12, 7), dpi=100, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.plot(hold.index, hold.to_numpy(), color="0.6", linewidth=1, label="Buy and hold")
    above.plot(equity.index, equity.to_numpy(), color="tab:blue", linewidth=1.4, label="Strategy")
    above.set_title(title, fontsize=11, loc="left", parse_math=False, wrap=True)
    above.set_ylabel("Equity")
    above.legend(loc="upper left", frameon=False)
    below.fill_between(
        equity.index, -100 * result.equity["DrawdownPct"].to_numpy(), color="tab:red", alpha=0.4, linewidth=0
    )
    below.set_ylabel("Drawdown [%]")
    for axes in (above, below):
        axes.grid(alpha=0.25)
    figure.savefig(path, format="png")
