"""Prices of Yahoo Finance, kept in a cache."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from Backtest.data import CachedProvider, Provider, YahooProvider


def provider() -> Provider:
    folder = Path(settings.DATA_CACHE_DIR)
    return CachedProvider(YahooProvider(timeout_s=settings.YAHOO_TIMEOUT_S, state_folder=folder / "yfinance"), folder)
