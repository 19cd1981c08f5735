"""What the evidence says, in one word and its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Word = Literal["robust", "fragile", "likely overfit"]

# The best of luck passes a test at 5% once in twenty; it has to pass all of the first three.
LUCK = 0.02
SKILL = 0.95
LUCKY_PBO = 0.5
MOST_PBO = 0.4
LEAST_EFFICIENCY = 0.3
LEAST_TRADES = 10
LEAST_KEPT = 0.5


@dataclass(frozen=True)
class Evidence:
    """What was measured about the best of the trials.

    `permuted` is the share of shuffled prices on which the same search found at least as much; `deflated_sharpe` the
    probability that its Sharpe ratio is above what the best of as many lucky trials reaches; `pbo` the probability of
    backtest overfitting; `out_of_sample_sharpe` that of the walk-forward, annual, and `efficiency` its ratio to what was
    reached in sample; `kept` what the worst neighbour keeps of the objective, a fraction; `margin` how often the costs fit
    into what is earned: break-even commission over the commission in use, None for no limit found.
    """

    permuted: float
    deflated_sharpe: float
    pbo: float
    out_of_sample_sharpe: float
    efficiency: float
    kept: float
    trades: int
    margin: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The word, a sentence, and each reason with its figure."""

    word: Word
    text: str
    reasons: tuple[str, ...]


def judge(evidence: Evidence) -> Verdict:
    """Weigh the evidence.

    Likely overfit: luck explains it. That is so unless the shuffled prices, the deflated Sharpe ratio and the cross-validation
    all say otherwise. Fragile: it is more than luck, but it does not hold over time, beside its numbers, or with few trades.
    """
    luck: list[str] = []
    if evidence.permuted > LUCK:
        luck.append(f"the same search found as much in {evidence.permuted:.0%} of shuffled prices")
    if evidence.deflated_sharpe < SKILL:
        luck.append(
            f"the best of so many trials without skill would do as well: deflated Sharpe {evidence.deflated_sharpe:.0%}, "
            f"{SKILL:.0%} is needed"
        )
    weak: list[str] = []
    if evidence.pbo > MOST_PBO:
        (luck if evidence.pbo >= LUCKY_PBO else weak).append(
            f"what was best in one half of the data was below the median in the other {evidence.pbo:.0%} of the time"
        )
    if evidence.out_of_sample_sharpe <= 0 or evidence.efficiency < LEAST_EFFICIENCY:
        weak.append(
            f"chosen on the past, it had a Sharpe ratio of {evidence.out_of_sample_sharpe:.2f} on what came after, "
            f"{evidence.efficiency:.0%} of the mean in-sample Sharpe of its windows"
        )
    if evidence.kept < LEAST_KEPT:
        weak.append(f"one step beside its numbers only {max(evidence.kept, 0):.0%} of the objective is left")
    if evidence.trades < LEAST_TRADES:
        weak.append(f"{evidence.trades} trades are few to judge by")
    if evidence.margin is not None and evidence.margin < 1.5:
        weak.append(f"costs {evidence.margin:.1f} times as high would take all profit")
    if luck:
        return Verdict("likely overfit", "Likely overfit: luck explains the result.", (*luck, *weak))
    if weak:
        return Verdict("fragile", "Fragile: more than luck, but it does not hold everywhere.", tuple(weak))
    good = (
        f"only {evidence.permuted:.0%} of shuffled prices gave as much",
        f"deflated Sharpe {evidence.deflated_sharpe:.0%}",
        f"probability of overfitting {evidence.pbo:.0%}",
        f"Sharpe ratio out of sample {evidence.out_of_sample_sharpe:.2f}",
        f"one step beside its numbers {evidence.kept:.0%} of the objective is left",
    )
    return Verdict("robust", "Robust: luck does not explain it, and it holds over time and beside its numbers.", good)
