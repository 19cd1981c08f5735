"""What a search is after."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import numpy as np

from Backtest.errors import InvalidInput
from Backtest.kernel import NAMES
from Backtest.kernel.definitions import label
from Backtest.search.space import Floats

API_NAMES = {
    "total_return_pct": "Return [%]", "sharpe_ratio": "Sharpe Ratio", "sortino_ratio": "Sortino Ratio",
    "calmar_ratio": "Calmar Ratio", "cagr": "CAGR [%]", "max_drawdown": "Max. Drawdown [%]", "win_rate": "Win Rate [%]",
    "profit_factor": "Profit Factor", "total_trades": "# Trades", "sqn": "SQN", "kelly_criterion": "Kelly Criterion",
    "expectancy": "Expectancy [%]", "volatility": "Volatility (Ann.) [%]", "equity_final": "Equity Final [$]",
    "exposure": "Exposure Time [%]", "alpha": "Alpha [%]", "beta": "Beta", "commissions": "Commissions [$]",
}  # fmt: skip
# Less of these is better; drawdowns are negative already.
SMALLER = {n for n in NAMES if "Duration" in n} | {
    "Volatility (Ann.) [%]", "Exposure Time [%]", "Commissions [$]", "Beta",
}  # fmt: skip


@dataclass(frozen=True)
class Objective:
    """A figure to make as good as possible: a column of NAMES and the direction that is better, 1 or -1."""

    name: str
    column: str
    sign: int

    @classmethod
    def of_name(cls, name: str) -> Objective:
        """Take a figure's name, the API's or backtesting.py's; a leading - turns its direction round.

        Raises:
            InvalidInput: there is no such figure.
        """
        wanted = name.strip().removeprefix("-")
        folded = {n.casefold(): n for n in (*API_NAMES, *NAMES)}
        found = folded.get(wanted.casefold())
        if found is None:
            near = difflib.get_close_matches(wanted.casefold(), folded, n=2, cutoff=0.5)
            raise InvalidInput(
                f"There is no figure {wanted[:60]!r} to optimise",
                suggestions=[f"Use {', '.join(folded[n] for n in near) or ', '.join(API_NAMES)}"],
            ).at("objective")
        column = API_NAMES.get(found, found)
        sign = (-1 if column in SMALLER else 1) * (-1 if name.strip().startswith("-") else 1)
        return cls(name, column, sign)

    @property
    def label(self) -> str:
        """The name people read, such as `Sharpe Ratio`."""
        return label(self.column) + (" (turned round)" if self.name.strip().startswith("-") else "")

    def of(self, table: Floats) -> Floats:
        """Return the objective of each row of figures, greater being better; NaN where it has no value, the run failed or
        nothing was traded: no drawdown at all is no merit of what never trades."""
        values = table[:, NAMES.index(self.column)] * self.sign
        return np.where(np.isfinite(values) & (table[:, NAMES.index("# Trades")] > 0), values, np.nan)

    def shown(self, goal: Any) -> Any:
        """Return an objective as the figure people know."""
        return goal * self.sign


def pareto_front(goals: Floats) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the rows of (runs, objectives) that no other row beats in one objective without losing in another."""
    known = np.flatnonzero(~np.isnan(goals).any(axis=1))
    order = known[np.lexsort([*(-goals[known, j] for j in range(goals.shape[1] - 1, -1, -1))])]
    front: list[int] = []
    kept = np.empty((0, goals.shape[1]))
    for row in order:
        dominated = (kept >= goals[row]).all(axis=1) & (kept > goals[row]).any(axis=1)
        if not dominated.any():
            front.append(int(row))
            kept = np.vstack([kept, goals[row]])
    return np.array(front, dtype=np.int64)
