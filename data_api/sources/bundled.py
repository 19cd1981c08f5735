"""Prices that come with installed packages."""

from __future__ import annotations

from Backtest.data import Provider
from Backtest.data.bundled import BundledProvider


def provider() -> Provider:
    return BundledProvider()
