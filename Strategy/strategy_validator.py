"""Validation of a canonical strategy, with recommendations by rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from Backtest.canonical import (
    AnyOf,
    CanonicalStrategy,
    Compare,
    Cross,
    IndicatorRef,
    PercentLevel,
    PercentOfEquity,
    RiskReward,
    Value,
    walk,
)
from Backtest.diagnostics import load_canonical
from Backtest.errors import Diagnostic
from Backtest.market import in_words, is_intraday


@dataclass(frozen=True)
class Recommendation:
    """An improvement to consider. `field` says where it would be made; `patch` makes it (RFC 6902), where one value is as good
    a beginning as another."""

    code: str
    field: str
    message: str
    patch: tuple[dict[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "field": self.field, "message": self.message, "patch": list(self.patch)}


@dataclass(frozen=True)
class Validation:
    """The outcome: the strategy when it is valid, findings, and recommendations."""

    strategy: CanonicalStrategy | None
    diagnostics: tuple[Diagnostic, ...]
    recommendations: tuple[Recommendation, ...]

    @property
    def valid(self) -> bool:
        return self.strategy is not None

    @property
    def errors(self) -> list[dict[str, str]]:
        return [d.as_dict() for d in self.diagnostics if d.severity == "error"]

    @property
    def warnings(self) -> list[dict[str, str]]:
        return [d.as_dict() for d in self.diagnostics if d.severity != "error"]


class StrategyValidator:
    """Validates canonical JSON and recommends by rules."""

    def validate(self, canonical: Mapping[str, Any]) -> Validation:
        """Return what is wrong with a strategy, and what would make it better."""
        loaded = load_canonical(canonical)
        advice = tuple(recommend(loaded.strategy)) if loaded.strategy else ()
        return Validation(loaded.strategy, loaded.diagnostics, advice)


def recommend(strategy: CanonicalStrategy) -> Iterable[Recommendation]:
    """Yield what a careful trader would add or question."""
    risk, execution = strategy.risk, strategy.execution
    if not (risk.stop_loss or risk.trailing_stop):
        yield Recommendation(
            "add_stop",
            "risk.stop_loss",
            "Add a stop loss, such as 5% or 2 ATR: one bad trade has no limit now",
            _replaced("/risk/stop_loss", {"type": "percent", "value": 5.0}),
        )
    if isinstance(risk.position_size, PercentOfEquity) and risk.position_size.value > 50:
        yield Recommendation(
            "size",
            "risk.position_size",
            "Specify a position size, such as 1% risk per trade: each trade takes nearly all equity",
            _replaced(
                "/risk/position_size",
                {"type": "risk_percent", "value": 1.0}
                if risk.stop_loss or risk.trailing_stop
                else {"type": "percent_of_equity", "value": 25.0},
            ),
        )
    if not execution.commission and not execution.commission_fixed and not execution.spread:
        yield Recommendation(
            "costs",
            "execution",
            "Add commission and spread: without costs every result is too good",
            (*_replaced("/execution/commission", 0.001), *_replaced("/execution/spread", 0.0005)),
        )
    if not strategy.symbols:
        yield Recommendation("symbol", "symbols", "Name the symbol the strategy is for")
    if not risk.cooldown_bars and risk.stop_loss:
        yield Recommendation(
            "cooldown",
            "risk.cooldown_bars",
            "Consider a cooldown between trades, so that a stop is not followed by the same entry at once",
            _replaced("/risk/cooldown_bars", 5),
        )
    if isinstance(risk.take_profit, RiskReward) and risk.take_profit.ratio < 1:
        yield Recommendation(
            "ratio",
            "risk.take_profit",
            f"A target of {risk.take_profit.ratio:g} times the risk needs a win rate above 50% to pay",
        )
    if isinstance(risk.stop_loss, PercentLevel) and risk.stop_loss.value < 0.5 and not is_intraday(strategy.timeframe):
        yield Recommendation(
            "tight_stop",
            "risk.stop_loss",
            f"A stop of {risk.stop_loss.value:g}% lies within the noise of {in_words(strategy.timeframe)} bars",
        )
    yield from _overfit(strategy)


def _replaced(path: str, value: Any) -> tuple[dict[str, Any], ...]:
    return ({"op": "replace", "path": path, "value": value},)


def _overfit(strategy: CanonicalStrategy) -> Iterable[Recommendation]:
    for kind, rules in (("entry_rules", strategy.entry_rules), ("exit_rules", strategy.exit_rules)):
        for i, rule in enumerate(rules):
            nodes = list(walk(rule.when))
            for node in nodes:
                if (
                    isinstance(node, Compare | Cross)
                    and isinstance(node.left, IndicatorRef)
                    and isinstance(node.right, Value)
                ):
                    value = node.right.value
                    if not float(value * 2).is_integer():
                        yield Recommendation(
                            "overfit_threshold",
                            f"{kind}[{i}]",
                            f"The threshold {value:g} is so exact that it may be fitted to the past: try {round(value):g}",
                        )
            if sum(isinstance(n, Compare | Cross) for n in nodes) > 5 and not any(isinstance(n, AnyOf) for n in nodes):
                yield Recommendation(
                    "many_conditions",
                    f"{kind}[{i}]",
                    "More than five conditions at once make few trades and fit the past: use fewer",
                )
    for i, indicator in enumerate(strategy.indicators):
        period = indicator.params.get("timeperiod")
        if period and period > 30 and period % 5:
            yield Recommendation(
                "overfit_period",
                f"indicators[{i}]",
                f"The period {period:g} of {indicator.id} is unusual and may be fitted: see whether {5 * round(period / 5):g} does as well",
            )
