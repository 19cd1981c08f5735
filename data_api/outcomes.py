"""What looking at prices gives."""

from __future__ import annotations

from pydantic import Field

from actions.outcomes import Outcome


class KnownSymbol(Outcome):
    """A symbol whose prices are here, without a network."""

    symbol: str
    timeframe: str = Field(description="Its finest bars; coarser ones are made of them")
    source: str = Field(description="uploaded, or bundled with installed packages")


class KnownSymbols(Outcome):
    """The symbols whose prices are here: the user's own first, then the bundled ones."""

    symbols: list[KnownSymbol]
