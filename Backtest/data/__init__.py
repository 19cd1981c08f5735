"""Where prices come from: one protocol, several providers, one frame form."""

from Backtest.data.prices import PriceData, PriceRequest, Provider

__all__ = ["PriceData", "PriceRequest", "Provider"]
