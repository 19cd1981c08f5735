"""Charts as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from Backtest.backtesting_adapter import BacktestResult

MOST_POINTS = 800  # of a line in a page, about as many as its pixels


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


@dataclass(frozen=True)
class CurveDrawing:
    """Equity curves as lines of an SVG picture, in its units: (0, 0) is the upper left corner.

    `ticks` are values of the account with how far down they are.
    """

    width: int
    height: int
    equity: str
    holding: str
    ticks: tuple[tuple[float, float], ...]


def curve_drawing(equity: pd.Series, holding: pd.Series | None, *, width: int = 800, height: int = 240) -> CurveDrawing:
    """Return the lines of equity and of buy-and-hold, which has the same bars, on one scale."""
    curves = [equity] if holding is None else [equity, holding]
    low, high = min(float(c.min()) for c in curves), max(float(c.max()) for c in curves)
    room = (high - low) or 1.0

    def down(value: float) -> float:
        return round(height - (value - low) / room * height, 1)

    def line(curve: pd.Series) -> str:
        values = curve.to_numpy(dtype=np.float64)
        last = max(len(values) - 1, 1)
        return " ".join(f"{k / last * width:.1f},{down(float(values[k]))}" for k in _outline(values))

    ticks = tuple((value, down(value)) for value in np.linspace(high, low, 4).tolist())
    return CurveDrawing(width, height, line(equity), "" if holding is None else line(holding), ticks)


def _outline(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[int]:
    """Return the places of few enough points of a curve, its highs and lows among them."""
    if len(values) <= MOST_POINTS:
        return list(range(len(values)))
    kept = {0, len(values) - 1}
    for part in np.array_split(np.arange(len(values)), MOST_POINTS // 2):
        kept |= {int(part[np.argmin(values[part])]), int(part[np.argmax(values[part])])}
    return sorted(kept)
