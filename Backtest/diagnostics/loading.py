"""From JSON to a strategy, with everything that is found out about it on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from Backtest.canonical import MAX_JSON_BYTES, CanonicalStrategy, IndicatorList, upgrade
from Backtest.diagnostics.findings import diagnose, of_indicator
from Backtest.diagnostics.form import findings_of, given_twice
from Backtest.errors import Diagnosed, Diagnostic, StrategyError


@dataclass(frozen=True)
class Loaded(Diagnosed):
    """A strategy, None when it has errors, and everything found out about it."""

    strategy: CanonicalStrategy | None
    diagnostics: tuple[Diagnostic, ...]

    def require(self) -> CanonicalStrategy:
        """Return the strategy. StrategyError with all findings when there is none."""
        if self.strategy is None or self.errors:
            first = self.errors[0].message if self.errors else "The strategy is not valid"
            raise StrategyError(
                f"Strategy validation failed: {first}",
                details=self.diagnostics,
                suggestions=[d.suggestion for d in self.errors if d.suggestion],
            )
        return self.strategy


@dataclass(frozen=True)
class LoadedIndicators(Diagnosed):
    """Indicators, none when one of them has an error, and everything found out about them."""

    listed: IndicatorList | None
    diagnostics: tuple[Diagnostic, ...]


def load_canonical(data: Mapping[str, Any]) -> Loaded:
    """Validate canonical JSON: form first, then meaning. Never raises for bad content."""
    if unfit := _no_json(data):
        return Loaded(None, (unfit,))
    twice = tuple(given_twice(data))
    try:
        strategy = CanonicalStrategy.model_validate(
            upgrade({k: v for k, v in data.items() if k not in {d.field for d in twice}})
        )
    except ValidationError as error:
        return Loaded(None, (*twice, *findings_of(error)))
    found = (*twice, *diagnose(strategy))
    return Loaded(None if any(d.severity == "error" for d in found) else strategy, found)


def load_indicators(indicators: Sequence[Any], timeframe: str) -> LoadedIndicators:
    """Validate indicators alone, as people list them: `["rsi", {"name": "SMA", "period": 50}]`."""
    data = {"timeframe": timeframe, "indicators": list(indicators)}
    if unfit := _no_json(data):
        return LoadedIndicators(None, (unfit,))
    try:
        listed = IndicatorList.model_validate(data)
    except ValidationError as error:
        return LoadedIndicators(None, tuple(findings_of(error)))
    found = tuple(
        finding
        for i, indicator in enumerate(listed.indicators)
        for finding in of_indicator(indicator, f"indicators[{i}]", indicator.timeframe or timeframe)
    )
    return LoadedIndicators(None if any(d.severity == "error" for d in found) else listed, found)


def _no_json(data: Mapping[str, Any]) -> Diagnostic | None:
    """Return the finding of what is no plain JSON, or too much of it; None of anything else."""
    try:
        size = len(json.dumps(data, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        return Diagnostic("error", "malformed", "", f"The strategy is not plain JSON: {error}")
    if size <= MAX_JSON_BYTES:
        return None
    message = f"The strategy is {size} bytes of JSON, at most {MAX_JSON_BYTES} are taken"
    return Diagnostic("error", "too_large", "", message, "Use fewer indicators and conditions")
