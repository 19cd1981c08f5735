"""What each figure is, in words: `docs/figures.md` and the report of a backtest are written from these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["Return", "Risk", "Trades"]


@dataclass(frozen=True)
class Definition:
    """A figure by its name in `Backtest.kernel.figures.NAMES`; `source` is empty where it is arithmetic alone."""

    name: str
    group: Group
    text: str
    source: str = ""


_TWO_UNITS = ("Expectancy [$]", "Expectancy [%]")  # their names alone would not tell them apart


def label(name: str) -> str:
    """Return a figure's name as people read it, such as `Max. Drawdown` of `Max. Drawdown [%]`."""
    return name if name in _TWO_UNITS else name.partition(" [")[0]


# The letters that stand in definitions.
NOTATION = {
    "r": "the returns of trading days: equity at the last close of a day over that of the day before, less 1; where bars are "
    "weeks, months, quarters or years, those of bars. The first day has none",
    "n": "how many r there are",
    "P": "the periods of a year by the calendar of the bars: 252 or 365 days, 52 weeks, 12 months, 4 quarters, 1 year",
    "f": "the risk-free rate of a period: (1 + the rate of a year)^(1/P) − 1",
}

DEFINITIONS = (
    Definition("Return [%]", "Return", "last equity over cash, less 1"),
    Definition(
        "Buy & Hold Return [%]",
        "Return",
        "bought with all cash at the first graded close, sold at the last, at the same spread and commissions, in fractions",
    ),
    Definition(
        "CAGR [%]",
        "Return",
        "(last equity / cash)^(1 / years) − 1, years of 365.25 days from the first to the last bar's time",
        "empyrical `annual_return` with as many periods a year as there were",
    ),
    Definition("Return (Ann.) [%]", "Return", "the same as CAGR, under backtesting.py's name"),
    Definition(
        "Alpha [%]", "Return", "(mean(r − f) − Beta × mean(market − f)) × P", "Jensen (1968); QuantStats `greeks`"
    ),
    Definition(
        "Beta",
        "Return",
        "covariance of r with the closes' returns of the same days, over their variance",
        "QuantStats `greeks`, empyrical `beta`",
    ),
    Definition(
        "Exposure Time [%]",
        "Return",
        "bars in which a position was held; not the bar that is left at its open, nor that of an entry at its close",
    ),
    Definition("Equity Final [$]", "Return", "what the account is worth at the last close"),
    Definition("Equity Peak [$]", "Return", "the most it was worth at a close"),
    Definition("Commissions [$]", "Return", "all commissions that were paid"),
    Definition(
        "Max. Drawdown [%]",
        "Risk",
        "lowest equity over the highest before it, less 1, at every close",
        "QuantStats, empyrical `max_drawdown`",
    ),
    Definition("Avg. Drawdown [%]", "Risk", "mean depth of all drawdowns"),
    Definition(
        "Max. Drawdown Duration",
        "Risk",
        "the longest of all drawdowns, each from its peak to the close that regains it, or to the last",
    ),
    Definition("Avg. Drawdown Duration", "Risk", "their mean duration"),
    Definition(
        "Volatility (Ann.) [%]",
        "Risk",
        "standard deviation of r (n − 1) × √P",
        "QuantStats `volatility`, empyrical `annual_volatility`",
    ),
    Definition(
        "Sharpe Ratio",
        "Risk",
        "mean(r − f) / standard deviation of r × √P",
        "Sharpe (1994); QuantStats and empyrical `sharpe`",
    ),
    Definition(
        "Sortino Ratio",
        "Risk",
        "mean(r − f) / √(mean(min(r − f, 0)²)) × √P",
        "Sortino and Price (1994); QuantStats, empyrical",
    ),
    Definition("Calmar Ratio", "Risk", "CAGR over the greatest drawdown, without its sign", "Young (1991)"),
    Definition(
        "# Trades", "Trades", "how many trades were closed; what is open at the end is closed at the last close"
    ),
    Definition("Win Rate [%]", "Trades", "trades that made money after costs"),
    Definition("Profit Factor", "Trades", "money won by winners over money lost by losers, after costs"),
    Definition("Expectancy [$]", "Trades", "mean profit of a trade, after costs"),
    Definition("Best Trade [%]", "Trades", "the highest return of a trade"),
    Definition("Worst Trade [%]", "Trades", "the lowest return of a trade"),
    Definition("Avg. Trade [%]", "Trades", "mean return of a trade: one of 10 shares counts as much as one of 1,000"),
    Definition("Expectancy [%]", "Trades", "the same as Avg. Trade"),
    Definition("Profit Factor (Returns)", "Trades", "percentages won by winners over percentages lost by losers"),
    Definition("SQN", "Trades", "√trades × mean profit / standard deviation of profits (n − 1)", "Tharp (1998)"),
    Definition(
        "Kelly Criterion",
        "Trades",
        "W − (1 − W) / (mean win / mean loss), W the share of winners, in money",
        "Kelly (1956)",
    ),
    Definition("Max. Trade Duration", "Trades", "the longest time from an entry to its exit"),
    Definition("Avg. Trade Duration", "Trades", "the mean of it"),
)
