"""Strategies named on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auth_api.models import User
    from Backtest.canonical import CanonicalStrategy
    from Backtest.errors import Diagnostic
    from Strategy.reading import ParseResult
    from strategy_api.models import Strategy


class Named(NamedTuple):
    """A strategy and where it came from: a stored one has `stored`, one in words has `parsed`."""

    canonical: CanonicalStrategy
    stored: Strategy | None = None
    parsed: ParseResult | None = None

    @property
    def findings(self) -> Sequence[Diagnostic | dict[str, str]]:
        """What was found when it was read, or stored."""
        if self.parsed is not None:
            return self.parsed.diagnostics
        return list(self.stored.warnings) if self.stored is not None else []


def load_strategy(source: str, user: User) -> Named:
    """Return the strategy of an id, a .json or .txt file, or a sentence.

    Raises:
        NotFound: the user has no strategy of this id.
        InvalidInput: the file cannot be read.
        StrategyError: it is no possible strategy.
    """
    from Backtest.diagnostics import load_canonical
    from Backtest.errors import InvalidInput
    from Strategy.reading import canonical_json_of
    from strategy_api.selectors import canonical_of, strategy_get
    from strategy_api.services import understand

    if source.isdigit():
        stored = strategy_get(user=user, strategy_id=int(source))
        return Named(canonical_of(stored), stored=stored)
    text = source
    if source.endswith((".json", ".txt")) and "\n" not in source:
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{source} cannot be read: {error}") from error
        if source.endswith(".json"):
            try:
                data = json.loads(text)
            except json.JSONDecodeError as error:
                raise InvalidInput(f"{source} is not JSON: {error}") from error
            return Named(load_canonical(canonical_json_of(data)).require())
    parsed = understand(user=user, text=text).parsed
    return Named(parsed.require(), parsed=parsed)
