"""Canonical strategy → Pine Script v6, as TradingView runs it, with what differs there said in its head."""

from Backtest.pine.export import PineScript, to_pine

__all__ = ["PineScript", "to_pine"]
