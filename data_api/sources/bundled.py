"""Prices that come with installed packages."""

from __future__ import annotations

from Backtest.data import BundledProvider, Provider


def provider() -> Provider:
    return BundledProvider()
