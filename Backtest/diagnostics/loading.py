"""From JSON to a strategy, with everything that is found out about it on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import ValidationError

from Backtest.canonical import MAX_JSON_BYTES, CanonicalStrategy, upgrade
from Backtest.diagnostics.findings import diagnose
from Backtest.diagnostics.form import findings_of, given_twice
from Backtest.errors import Diagnosed, Diagnostic, StrategyError

_error = partial(Diagnostic, "error")


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


def load_canonical(data: Mapping[str, Any]) -> Loaded:
    """Validate canonical JSON: form first, then meaning. Never raises for bad content."""
    try:
        size = len(json.dumps(data, allow_nan=False).encode())
    except (TypeError, ValueError, RecursionError) as error:
        return Loaded(None, (_error("malformed", "", f"The strategy is not plain JSON: {error}"),))
    if size > MAX_JSON_BYTES:
        message = f"The strategy is {size} bytes of JSON, at most {MAX_JSON_BYTES} are taken"
        return Loaded(None, (_error("too_large", "", message, "Use fewer indicators and conditions"),))
    twice = tuple(given_twice(data))
    try:
        strategy = CanonicalStrategy.model_validate(
            upgrade({k: v for k, v in data.items() if k not in {d.field for d in twice}})
        )
    except ValidationError as error:
        return Loaded(None, (*twice, *findings_of(error)))
    found = (*twice, *diagnose(strategy))
    return Loaded(None if any(d.severity == "error" for d in found) else strategy, found)


def load_indicators(indicators: Sequence[Any], timeframe: str) -> Loaded:
    """Validate indicators alone: the strategy returned has them, and a rule that has nothing to do with them."""
    rising = {"type": "compare", "left": {"type": "price"}, "op": ">", "right": {"type": "price", "column": "Open"}}
    return load_canonical(
        {
            "timeframe": timeframe,
            "indicators": list(indicators),
            "entry_rules": [{"when": rising}],
            "risk": {"max_bars": 1},
        }
    )
