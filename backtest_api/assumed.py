"""What was assumed when a strategy was read, and holds in a run of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from Backtest.canonical import CanonicalStrategy
from backtest_api.models import BacktestRun
from Strategy.changes import told, value_at

if TYPE_CHECKING:
    from Strategy.reading import Assumption


def assumptions_of(run: BacktestRun) -> list[dict[str, str]]:
    """Return what was assumed about the words of a run's strategy, and was not given with the run.

    They are kept with the run. Of a run of a stored strategy that was made before they were, they are the strategy's, while it
    has that version.
    """
    kept: list[dict[str, str]] | None = run.outcome.get("assumptions")
    if kept is not None:
        return kept
    strategy = run.strategy
    if strategy is None or strategy.version != run.strategy_version:
        return []
    return [{**a, "first_difference": ""} for a in still_assumed(run, strategy.canonical_json, strategy.assumptions)]


def still_assumed(
    run: BacktestRun,
    read: CanonicalStrategy | Mapping[str, Any] | None,
    assumptions: Iterable[Assumption | Mapping[str, str]],
) -> list[dict[str, str]]:
    """Return those assumptions about a strategy that hold in a run of it as well.

    What the run was given is not assumed: its symbol, and each setting that is another than that of the strategy as it was read.
    """
    if read is None:
        return []
    before = read if isinstance(read, Mapping) else read.model_dump(mode="json")
    after = run.canonical_json
    found = map(told, assumptions)
    return [a for a in found if a["code"] != "symbol" and _at(before, a["field"]) == _at(after, a["field"])]


def _at(data: Any, path: str) -> Any:
    """Return the value of JSON at a path such as `execution.commission`, rules and their indicators left out."""
    return value_at(data, path) if path.partition(".")[0] in ("execution", "timeframe") else None
